// toError(), messageOf(): whatever foreign code throws, as an `Error` whose message can be read. Runtime neutral.

import { toText } from "./options.ts";

/**
 * Makes an `Error` of whatever was thrown: symbols, objects without a prototype and revoked proxies too. Never throws.
 *
 * @param fault What was thrown, or what a promise was rejected with.
 * @returns The fault itself if it is an `Error`, else one that has it as `cause`.
 */
export function toError(fault: unknown): Error {
  try {
    if (fault instanceof Error) return fault;
  } catch {
    // A proxy that refuses to be looked at.
  }
  return new Error(toText(fault), { cause: fault });
}

/**
 * Reads the message of an error as text, even if it is not a string or its getter throws. Never throws or reads `stack`.
 *
 * @param error The error.
 * @returns Its message.
 */
export function messageOf(error: Error): string {
  try {
    return toText(error.message);
  } catch {
    return "an error whose message cannot be read";
  }
}

// Admission: who may come in. Asked before anything is made for a connection. Runtime neutral.

import { describeValue } from "../options.ts";
import type { Address } from "../transport/address.ts";

/** A connection that has come, and has no session yet. */
export interface AdmissionRequest {
  /** The peer. */
  readonly remoteAddress: Address;
  /** Where it came in. */
  readonly listener: Address;
  /** How many sessions there are; dialled ones, handshakes under way and connections whose PROXY header has not come included. */
  readonly sessions: number;
}

/**
 * A part that decides who may come in. Parts are asked in their order, until one refuses.
 *
 * @example One connection for each address
 * ```ts
 * import { type Admission, TcpService } from "@laster/net";
 *
 * const addresses = new Set<string>();
 * const nameOf = (address: { kind: string; hostname?: string }) => address.hostname ?? "";
 * const onceEach: Admission = {
 *   admit({ remoteAddress }) {
 *     if (addresses.has(nameOf(remoteAddress))) return "one-per-address";
 *     addresses.add(nameOf(remoteAddress));
 *   },
 *   release: ({ remoteAddress }) => void addresses.delete(nameOf(remoteAddress)),
 * };
 * new TcpService({ admission: [onceEach] });
 * ```
 */
export interface Admission {
  /**
   * Decides about one connection, synchronously: there is no session, no codec and no memory for it yet. If it throws, the
   * error is reported and this part refuses nobody.
   *
   * @param request Who comes, and where.
   * @returns Nothing to let it in; a word to refuse it. Refusals are counted by that word: it must not hold the peer's address.
   */
  admit(request: AdmissionRequest): string | void;
  /**
   * A connection that this part let in is gone: its session is over, or another part refused it. Comes once for each.
   *
   * @param request What `admit` was given, the same object.
   */
  release?(request: AdmissionRequest): void;
}

/**
 * Makes the part behind `maxConnections`.
 *
 * @param bounds The most sessions at the same time; read anew for each connection.
 * @returns The part.
 */
export function boundSessions(bounds: { readonly maxConnections: number }): Admission {
  return { admit: ({ sessions }) => sessions >= bounds.maxConnections ? "max-connections" : undefined };
}

/**
 * Checks parts that decide.
 *
 * @param what What they are an option of.
 * @param parts The option.
 * @throws {TypeError} if it is not an array of objects with `admit()`.
 */
export function checkAdmission(what: string, parts: readonly Admission[] | undefined): void {
  if (parts === undefined) return;
  const isSound = Array.isArray(parts) && parts.every((part) => typeof part?.admit === "function");
  if (isSound) return;
  throw new TypeError(
    `Cannot create ${what} as admission must be an array of objects with admit(): current value is ${
      describeValue(parts)
    }`,
  );
}

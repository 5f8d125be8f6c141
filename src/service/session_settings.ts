// SessionSettings: what may differ from listener to listener, and from dial to dial, so that one service has several kinds of
// players. Runtime neutral.

import type { Codec } from "../codec/codec.ts";
import { describeValue } from "../options.ts";
import type { SessionLimits } from "../session/limits.ts";
import type { Transport } from "../transport/transport.ts";

/** What a listener or a dial may have of its own; what it does not name is as the service's options say. */
export interface SessionSettings extends Omit<SessionLimits, "turnMs" | "flush" | "flushIntervalMs"> {
  /** How frames are cut and made. A broadcast is encoded for each session whose codec is not that of the service. */
  readonly codec?: Codec | undefined;
  /** How to listen or dial. */
  readonly transport?: Transport | undefined;
}

/** Every name there is; a missing or wrong one does not compile. */
export const SETTING_NAMES: Readonly<Record<keyof SessionSettings, true>> = {
  codec: true,
  transport: true,
  highWaterMarkBytes: true,
  lowWaterMarkBytes: true,
  highWaterMarkFrames: true,
  lowWaterMarkFrames: true,
  maxQueuedBytes: true,
  maxQueuedFrames: true,
  whenFull: true,
  pauseWhenFull: true,
  allowHalfOpen: true,
  maxInFlightBytes: true,
  maxInFlightMs: true,
  heartbeat: true,
  idleTimeoutMs: true,
  closeTimeoutMs: true,
  framesPerTurn: true,
  handlerTimeoutMs: true,
};

/** Picks the settings that are given; undefined if none is. */
export function findSettings(options: SessionSettings): SessionSettings | undefined {
  const given = Object.keys(SETTING_NAMES).filter((name) => options[name as keyof SessionSettings] !== undefined);
  if (given.length === 0) return undefined;
  return Object.fromEntries(given.map((name) => [name, options[name as keyof SessionSettings]]));
}

/** What an application may bring, by the methods that are called on it. */
const PARTS = {
  codec: ["createDecoder", "createEncoder"],
  transport: ["listen", "connect"],
  clock: ["now", "setTimer", "clearTimer", "defer"],
  logger: ["debug", "info", "warn", "error"],
} as const;

/**
 * Checks that the parts that an application brings can do what they are for.
 *
 * @param what What is being created, such as `"service"`.
 * @param options The options as given.
 * @throws {TypeError} if one cannot.
 */
export function checkParts(what: string, options: { readonly [Name in keyof typeof PARTS]?: unknown }): void {
  for (const [name, methods] of Object.entries(PARTS)) {
    const value = options[name as keyof typeof PARTS];
    const missing = methods.find((method) => typeof (value as Record<string, unknown> | null)?.[method] !== "function");
    if (value === undefined || missing === undefined) continue;
    throw new TypeError(
      `Cannot create ${what} as ${name} must be an object with ${missing}(): current value is ${describeValue(value)}` +
        (typeof value === "function" ? ", which is to be called" : ""),
    );
  }
}

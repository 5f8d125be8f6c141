// SessionSettings: what may differ from listener to listener, and from dial to dial, so that one service has several kinds of
// players. Runtime neutral.

import type { Codec } from "../codec/codec.ts";
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

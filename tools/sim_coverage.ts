// What the seeds of `deno task sim` must reach: a reason that none of them reaches is not tested by any. Runtime neutral.

import type { CloseReason, FullPolicy, SendResult, SessionState } from "@laster/net";
import type { FaultKind } from "@laster/net/testing";

// Records, so that a new name does not compile before it stands here.
const REASONS: Record<CloseReason, true> = {
  "local-closing": true,
  "local-abort": true,
  "remote-closing": true,
  "truncated": true,
  "reset": true,
  "idle-timeout": true,
  "heartbeat-timeout": true,
  "shutdown": true,
  "socket-error": true,
  "decode-error": true,
  "slow-consumer": true,
  "over-budget": true,
  "encode-error": true,
  "handler-error": true,
  "handler-timeout": true,
};
const RESULTS: Record<SendResult, true> = {
  "sent": true,
  "queued": true,
  "congested": true,
  "closed": true,
  "too-large": true,
  "unencodable": true,
  "full": true,
};
const POLICIES: Record<FullPolicy, true> = {
  "refuse": true,
  "drop-oldest": true,
  "latest-per-key": true,
  "close": true,
};
const FAULTS: Record<FaultKind, true> = {
  "reset": true,
  "lost": true,
  "stall": true,
  "accept-error": true,
  "no-answer": true,
  "clock-jump": true,
};
const STATES: Record<Exclude<SessionState, "opening">, true> = { open: true, closing: true, closed: true };

const MUST_REACH: readonly string[] = [
  ...Object.keys(REASONS).map((name) => `closed: ${name}`),
  ...Object.keys(RESULTS).map((name) => `send: ${name}`),
  ...Object.keys(POLICIES).map((name) => `policy: ${name}`),
  ...Object.keys(FAULTS).map((name) => `fault: ${name}`),
  ...Object.keys(STATES).map((name) => `state: ${name}`),
  "dropped: oldest",
  "dropped: superseded",
  "send: waits for the peer to read",
  "flush: manual",
  "flush: interval",
  "flush: turn",
  "refused: max-connections",
  "queue: congested",
  "queue: drained",
  "half open",
];

/** Says what was not reached. */
export function findUnreached(reached: ReadonlyMap<string, number>): string[] {
  return MUST_REACH.filter((what) => !reached.has(what));
}

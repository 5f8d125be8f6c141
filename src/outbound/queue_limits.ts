// The limits of a session's send queue. Runtime neutral.

import { describeValue } from "../options.ts";
import type { InFlightLimits } from "./in_flight.ts";

/** What happens to a message that is sent when the queue is full. See `SessionLimits.whenFull`. */
export type FullPolicy = "refuse" | "drop-oldest" | "latest-per-key" | "close";

/** All policies. */
export const FULL_POLICIES: readonly FullPolicy[] = ["refuse", "drop-oldest", "latest-per-key", "close"];

/** Refuses an unknown policy; undefined stands for the policy of the session. */
export function checkPolicy(whenFull: FullPolicy | undefined): FullPolicy | undefined {
  if (whenFull === undefined || FULL_POLICIES.includes(whenFull)) return whenFull;
  throw new TypeError(
    `Cannot send payload as whenFull must be one of ${FULL_POLICIES.join(", ")}: current value is ${
      describeValue(whenFull)
    }`,
  );
}

/** The limits with every default filled in; see `SessionLimits`. */
export interface QueueLimits extends InFlightLimits {
  /** Queued bytes above which a send is congested. */
  readonly highWaterMarkBytes: number;
  /** Queued bytes down to which the queue must shrink before `drained()` resolves. */
  readonly lowWaterMarkBytes: number;
  /** Queued frames above which a send is congested. */
  readonly highWaterMarkFrames: number;
  /** Queued frames down to which the queue must shrink before `drained()` resolves. */
  readonly lowWaterMarkFrames: number;
  /** Queued bytes above which a send is refused. */
  readonly maxQueuedBytes: number;
  /** Queued frames above which a send is refused. */
  readonly maxQueuedFrames: number;
  /** What happens to a message then. */
  readonly whenFull: FullPolicy;
  /** When frames are written; see `SessionLimits.flush`. */
  readonly flush: "turn" | "manual" | "interval";
  /** How long frames are gathered under `"interval"`; 0 otherwise. */
  readonly flushIntervalMs: number;
}

// The limits of what a session may have to send. Types only. Runtime neutral.

/** What happens to a message that is sent when the queue is full. See `SessionLimits.whenFull`. */
export type FullPolicy = "refuse" | "drop-oldest" | "latest-per-key" | "close";

/** The limits with every default filled in; see `SessionLimits`. */
export interface QueueLimits {
  /** Queued bytes above which a send is congested. */
  readonly highWaterMarkBytes: number;
  /** Queued bytes down to which the queue must shrink. */
  readonly lowWaterMarkBytes: number;
  /** Queued frames above which a send is congested. */
  readonly highWaterMarkFrames: number;
  /** Queued frames down to which the queue must shrink. */
  readonly lowWaterMarkFrames: number;
  /** Queued bytes above which a send is refused. */
  readonly maxQueuedBytes: number;
  /** Queued frames above which a send is refused. */
  readonly maxQueuedFrames: number;
  /** What happens then. */
  readonly whenFull: FullPolicy;
  /** When frames are written; see `SessionLimits.flush`. */
  readonly flush: "turn" | "manual" | "interval";
  /** How long frames are gathered, under `"interval"`. */
  readonly flushIntervalMs: number;
}

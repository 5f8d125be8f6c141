// What a session remembers of its end: nothing while it is open, so thousands of open ones are the smaller. Runtime neutral.

import type { CloseEvent, CloseReason } from "./close_reason.ts";
import type { Clock } from "../clock.ts";
import { TimeoutEntry, type TimeoutOwner, type TimeoutQueue } from "./timeout_queue.ts";

/** A peer that shows signs of life may draw an orderly end out to this many close timeouts. */
const MOST_CLOSE_TIMEOUTS = 12;

/** What a session lends to its end: the clock, the timeouts of all orderly ends, and how long they are. */
export interface EndingContext {
  /** Whose time counts. */
  readonly clock: Clock;
  /** The timeouts of orderly ends. */
  readonly closeTimeouts: TimeoutQueue;
  /** How long one is. */
  readonly limits: { readonly closeTimeoutMs: number };
}

/** What a session had not sent when its connection went. */
export interface Unsent {
  /** Frames accepted and not taken by the system. */
  readonly queuedFrames: number;
  /** Bytes of those. */
  readonly queuedBytes: number;
}

/** How far a session's end has come. */
export class SessionEnding {
  /** Why it ends. */
  reason: CloseReason | undefined = undefined;
  /** What was wrong. */
  error: Error | undefined = undefined;
  /** What `onClose` is told; set once the connection is gone. */
  event: CloseEvent | undefined = undefined;
  /** The close timeout. */
  timeout: TimeoutEntry | undefined = undefined;
  /** When an orderly end is over, signs of life or not. */
  deadlineMs = 0;
  /** Whether this side has ended its sending. */
  hasShutDown = false;
  /** Whether the peer has. */
  hasPeerEnded = false;
  /** Whether the peer ended after this side: it has read all. */
  isConfirmed = false;
  /** Whether the close timeout is over. */
  isOverdue = false;
  /** Whether `onClose` was called. */
  isFinished = false;

  /** The connection is gone: says how it ended. `reason` and `error` count if there were none before. */
  complete(reason: CloseReason, error: Error | undefined, { queuedFrames, queuedBytes }: Unsent): CloseEvent {
    this.reason ??= reason;
    this.error ??= error;
    return this.event = {
      reason: this.reason,
      error: this.error,
      unsentFrames: queuedFrames,
      unsentBytes: queuedBytes,
      isConfirmed: this.isConfirmed && queuedFrames === 0,
    };
  }

  /** Starts the close timeout of `owner`, or puts it off. */
  armTimeout(owner: TimeoutOwner, { clock, closeTimeouts, limits }: EndingContext): void {
    if (this.timeout === undefined) {
      this.timeout = new TimeoutEntry(owner);
      this.deadlineMs = clock.now() + (MOST_CLOSE_TIMEOUTS - 1) * limits.closeTimeoutMs;
    } else if (this.isOverdue || clock.now() > this.deadlineMs) return;
    closeTimeouts.arm(this.timeout);
  }
}

/** The ending of all sessions that are open; never written to. */
export const NO_ENDING: Readonly<SessionEnding> = Object.freeze(new SessionEnding());

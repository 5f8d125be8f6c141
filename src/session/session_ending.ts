// What a session remembers of its end: nothing while it is open, so thousands of open ones are the smaller. Runtime neutral.

import type { CloseEvent, CloseReason } from "./close_reason.ts";
import type { TimeoutEntry } from "./timeout_queue.ts";

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
}

/** The ending of all sessions that are open; never written to. */
export const NO_ENDING: Readonly<SessionEnding> = Object.freeze(new SessionEnding());

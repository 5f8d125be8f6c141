// Why a session ended, and what its end says. Runtime neutral.

import { type ConnectionError, FrameError, PoolError } from "../errors.ts";

/**
 * Why a session ended; the first cause counts.
 *
 * - `"local-closing"`: `session.close()`.
 * - `"local-abort"`: `session.abort()`.
 * - `"remote-closing"`: the peer ended its side, between frames. Its detail is `"after-silence"` if this side has a heartbeat, and
 *   had heard nothing for its interval and timeout: this process stood still, or the network did, and the peer may have given up.
 * - `"truncated"`: the peer ended its side inside a frame.
 * - `"reset"`: the peer reset the connection, or it broke while bytes were on their way.
 * - `"idle-timeout"`: nothing was received for `idleTimeoutMs`.
 * - `"heartbeat-timeout"`: nothing was received for the `timeoutMs` of the heartbeat after a ping.
 * - `"shutdown"`: the service stopped.
 * - `"socket-error"`: the network or the runtime gave up on the connection.
 * - `"decode-error"`: the bytes received are not frames of the codec; its detail says what was wrong, as the `FrameError` does:
 *   `"too-large"`, or of a stage `"tampered"`.
 * - `"slow-consumer"`: the peer does not read, and the queue is full, under `whenFull: "close"`.
 * - `"over-budget"`: a frame came in pieces, and the service's pool had no room left to keep them.
 * - `"encode-error"`: the codec could not make a frame of a payload.
 * - `"handler-error"`: a handler threw or rejected.
 * - `"handler-timeout"`: a handler's promise took longer than `handlerTimeoutMs`.
 */
export type CloseReason =
  | "local-closing"
  | "local-abort"
  | "remote-closing"
  | "truncated"
  | "reset"
  | "idle-timeout"
  | "heartbeat-timeout"
  | "shutdown"
  | "socket-error"
  | "decode-error"
  | "slow-consumer"
  | "over-budget"
  | "encode-error"
  | "handler-error"
  | "handler-timeout";

/**
 * The reason by which what a decoder threw is to close a session: a frame that is wrong, or that there is no memory for.
 * Never throws, whatever the error is made of.
 */
export function reasonOfFrame(error: Error): CloseReason {
  return error instanceof PoolError && codeOf(error) === "over-budget" ? "over-budget" : "decode-error";
}

/** What a fault says about itself: the code of a `FrameError`, undefined for any other. Never throws. */
export function detailOf(error: Error | undefined): string | undefined {
  return error instanceof FrameError ? codeOf(error) : undefined;
}

function codeOf(error: FrameError | PoolError): string | undefined {
  try {
    return typeof error.code === "string" ? error.code : undefined;
  } catch {
    return undefined; // A code that refuses to be read.
  }
}

/** Whether an end is due to what the peer sent: then it is not waited for long. */
export function isPeerFault(reason: CloseReason | undefined): boolean {
  return reason === "decode-error" || reason === "over-budget";
}

/** The reason of a connection that is gone without this side's doing. */
export function reasonOfEnd(error: ConnectionError | undefined, isInsideFrame: boolean): CloseReason {
  if (error !== undefined) return error.code === "reset" ? "reset" : "socket-error";
  return isInsideFrame ? "truncated" : "remote-closing";
}

/**
 * Says whether an end is no fault: a loop over the messages then just ends.
 *
 * @param reason Why the session ended.
 * @returns true if one side closed it, or the service stopped.
 */
export function isOrderly(reason: CloseReason): boolean {
  return reason === "local-closing" || reason === "remote-closing" || reason === "shutdown";
}

/** What a session's end says. */
export interface CloseEvent {
  /** Why it ended. */
  readonly reason: CloseReason;
  /**
   * What is behind the reason: the `detail` that `session.close()` was given, or of a `"decode-error"` what was wrong with the
   * frame, such as `"tampered"`.
   */
  readonly detail: string | undefined;
  /** The error behind the reason, or the one that cut an orderly end short. */
  readonly error: Error | undefined;
  /** Frames that were accepted by `send` and never wholly given to the system. */
  readonly unsentFrames: number;
  /** Bytes of those frames. */
  readonly unsentBytes: number;
  /**
   * Whether all was given to the system and the peer then ended its side after ours: it has read everything, if it is
   * well-behaved; one that was closing of its own accord at that moment has dropped what came last. False says nothing against the
   * delivery when the peer ended first.
   */
  readonly isConfirmed: boolean;
}

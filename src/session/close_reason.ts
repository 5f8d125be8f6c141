// Why a session ended, and the event that reports it. Runtime neutral.

import { type ConnectionError, FrameError, messageOf, PoolError } from "../errors.ts";

/**
 * Why a session ended; the first cause counts.
 *
 * - `"local-closing"`: `session.close()`.
 * - `"local-abort"`: `session.abort()`.
 * - `"remote-closing"`: the peer ended its side, between frames. The detail is `"after-silence"` if this side has a heartbeat
 *   and had received nothing for `intervalMs + timeoutMs`: the peer may have taken this side for dead.
 * - `"truncated"`: the peer ended its side inside a frame.
 * - `"reset"`: the peer reset the connection, or it broke while bytes were in transit.
 * - `"idle-timeout"`: nothing was received for `idleTimeoutMs`.
 * - `"heartbeat-timeout"`: nothing was received for the `timeoutMs` of the heartbeat after a ping.
 * - `"shutdown"`: the service stopped.
 * - `"socket-error"`: the network or the runtime gave up on the connection.
 * - `"decode-error"`: the bytes received are not frames of the codec. The detail is the code of the `FrameError`, such as
 *   `"too-large"`, or `"tampered"` from a stage.
 * - `"slow-consumer"`: the peer does not read, and the queue is full, under `whenFull: "close"`.
 * - `"over-budget"`: the service's pool had no memory left for a frame of this session, or the service ran short and this
 *   session held more than its share.
 * - `"encode-error"`: the codec failed to make a frame of a payload. The detail is the code of the `FrameError`, if any.
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
 * Gives the close reason for an error that a decoder threw: an ill-formed frame, or no memory for one. Never throws, whatever
 * the error is made of.
 */
export function reasonOfFrame(error: Error): CloseReason {
  return error instanceof PoolError && codeOf(error) === "over-budget" ? "over-budget" : "decode-error";
}

/** Gives an error that a decoder threw as one with a code: an error of any other kind is a fault of the codec. */
export function toFrameError(cause: Error): Error {
  if (cause instanceof FrameError || cause instanceof PoolError) return cause;
  return new FrameError("codec-fault", `Cannot decode frame as the decoder failed: ${messageOf(cause)}`, { cause });
}

/** The code of a `FrameError`, undefined for any other error. Never throws. */
export function detailOf(error: Error | undefined): string | undefined {
  return error instanceof FrameError ? codeOf(error) : undefined;
}

function codeOf(error: FrameError | PoolError): string | undefined {
  try {
    return typeof error.code === "string" ? error.code : undefined;
  } catch {
    return undefined; // A getter that throws.
  }
}

/** Whether the peer's input caused the end: the close timeout is then short. */
export function isPeerFault(reason: CloseReason | undefined): boolean {
  return reason === "decode-error" || reason === "over-budget";
}

/** The close reason when the connection is gone and this side did not close it. */
export function reasonOfEnd(error: ConnectionError | undefined, isInsideFrame: boolean): CloseReason {
  if (error !== undefined) return error.code === "reset" ? "reset" : "socket-error";
  return isInsideFrame ? "truncated" : "remote-closing";
}

/**
 * Says whether an end is orderly: a loop over the messages then finishes instead of throwing.
 *
 * @param reason Why the session ended.
 * @returns true if one side closed it, or the service stopped.
 */
export function isOrderly(reason: CloseReason): boolean {
  return reason === "local-closing" || reason === "remote-closing" || reason === "shutdown";
}

/** How a session ended. */
export interface CloseEvent {
  /** Why it ended. */
  readonly reason: CloseReason;
  /**
   * More about the reason: the `detail` given to `session.close()`, the code of a `FrameError` such as `"tampered"`, or
   * `"after-silence"`; see `CloseReason`. Otherwise undefined.
   */
  readonly detail: string | undefined;
  /** The error behind the reason, or the one that cut an orderly end short. */
  readonly error: Error | undefined;
  /** Frames that `send` accepted and the system did not take whole. All frames of a write that is pending count. */
  readonly unsentFrames: number;
  /** Bytes of those frames that the system did not take. A write that is pending, of up to 520 KiB, counts as a whole. */
  readonly unsentBytes: number;
  /**
   * Whether the system took all frames, this side ended its sending, and the peer ended its side after that. A well-behaved
   * peer has then read everything; a peer that was closing by itself at that moment may have dropped the last bytes. False
   * means "not known" if the peer ended first.
   */
  readonly isConfirmed: boolean;
}

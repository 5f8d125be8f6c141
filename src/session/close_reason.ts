// Why a session ended, and what its end says. Runtime neutral.

/**
 * Why a session ended; the first cause counts.
 *
 * - `"local-closing"`: `session.close()`.
 * - `"local-abort"`: `session.abort()`.
 * - `"remote-closing"`: the peer ended its side, between frames.
 * - `"truncated"`: the peer ended its side inside a frame.
 * - `"reset"`: the peer reset the connection, or it broke while bytes were on their way.
 * - `"idle-timeout"`: nothing was received for `idleTimeoutMs`.
 * - `"shutdown"`: the service stopped.
 * - `"socket-error"`: the network or the runtime gave up on the connection.
 * - `"decode-error"`: the bytes received are not frames of the codec.
 * - `"encode-error"`: the codec could not make a frame of a payload.
 * - `"handler-error"`: a handler threw or rejected.
 */
export type CloseReason =
  | "local-closing"
  | "local-abort"
  | "remote-closing"
  | "truncated"
  | "reset"
  | "idle-timeout"
  | "shutdown"
  | "socket-error"
  | "decode-error"
  | "encode-error"
  | "handler-error";

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
  /** The error behind the reason, or the one that cut an orderly end short. */
  readonly error: Error | undefined;
  /** Frames that were accepted by `send` and never wholly given to the system. */
  readonly unsentFrames: number;
  /** Bytes of those frames. */
  readonly unsentBytes: number;
  /**
   * Whether all was given to the system and the peer then ended its side after ours: it has read everything, if it is
   * well-behaved. False says nothing against the delivery when the peer ended first.
   */
  readonly isConfirmed: boolean;
}

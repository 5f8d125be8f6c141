// The error classes of the package: everything a caller may want to catch. Wrong arguments are a TypeError or a
// RangeError instead. Runtime neutral.

export {
  atCaller,
  ConnectError,
  type ConnectErrorCode,
  ConnectionError,
  type ConnectionErrorCode,
  ListenError,
  type ListenErrorCode,
} from "./network_errors.ts";
export { messageOf, toError } from "./to_error.ts";

/** What was wrong with a frame: the `code` of a {@linkcode FrameError}. */
export type FrameErrorCode =
  | "negative-length"
  | "too-large"
  | "malformed"
  | "unencodable"
  | "codec-fault"
  | "incomplete"
  | "checksum-mismatch"
  | "tampered"
  | "replayed"
  | "inflated-too-large";

/**
 * A stream of bytes that the codec cannot cut into frames, or a payload that it cannot make a frame of.
 *
 * Ends the session with the reason `"decode-error"` or `"encode-error"`, and its code as the detail. One exception: for a
 * payload that is `"unencodable"`, `send` answers so, and the session stays open. The error is in the close event. The codes from `"incomplete"` on are those of stages.
 *
 * @example Refuse a frame in a decoder
 * ```ts
 * import { FrameError } from "@laster/net";
 * import { assertEquals } from "@std/assert";
 *
 * const error = new FrameError("malformed", "Cannot decode frame as its version must be 1: current value is 9");
 * assertEquals(error.code, "malformed");
 * ```
 */
export class FrameError extends Error {
  /** The class name. */
  override readonly name = "FrameError";
  /** What was wrong. */
  readonly code: FrameErrorCode;

  /**
   * Makes a frame error.
   *
   * @param code What was wrong.
   * @param message A sentence that names the rule and the value.
   * @param options The `cause`, if another error led here.
   */
  constructor(code: FrameErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** What was wrong with a release or a rent: the `code` of a {@linkcode PoolError}. */
export type PoolErrorCode = "double-release" | "foreign-buffer" | "over-budget";

/**
 * A buffer that was given back twice, or to a pool that it does not come from: always a bug in the calling code. Or a buffer
 * that the pool's budget has no room for (`"over-budget"`).
 *
 * @example Read the code
 * ```ts
 * import { BufferPool } from "@laster/net/buffer";
 * import { PoolError } from "@laster/net";
 * import { assertThrows } from "@std/assert";
 *
 * const rented = new BufferPool().rent(100);
 * rented.release();
 * assertThrows(() => rented.release(), PoolError);
 * ```
 */
export class PoolError extends Error {
  /** The class name. */
  override readonly name = "PoolError";
  /** What was wrong. */
  readonly code: PoolErrorCode;

  /**
   * Makes a pool error.
   *
   * @param code What was wrong.
   * @param message A sentence that names the rule and the value.
   */
  constructor(code: PoolErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * A call on a session that has ended: `drained()`, `switchCodec()`, or a loop or `receive()` when the session ended by a fault.
 * Also the reason of `session.signal`.
 *
 * @example Read the reason
 * ```ts
 * import { SessionClosedError } from "@laster/net";
 * import { assertEquals } from "@std/assert";
 *
 * const error = new SessionClosedError(7, "reset");
 * assertEquals(error.message, "Cannot use session 7 as it is closed: reason is reset");
 * ```
 */
export class SessionClosedError extends Error {
  /** The class name. */
  override readonly name = "SessionClosedError";
  /** The session's id. */
  readonly sessionId: number;
  /** Why it was closed: a `CloseReason`. */
  readonly reason: string;

  /**
   * Makes a session closed error.
   *
   * @param sessionId The session's id.
   * @param reason Why it was closed.
   * @param options The error behind the reason as `cause`.
   */
  constructor(sessionId: number, reason: string, options?: ErrorOptions) {
    super(`Cannot use session ${sessionId} as it is closed: reason is ${reason}`, options);
    this.sessionId = sessionId;
    this.reason = reason;
  }
}

/**
 * A message that did not come in time, from `session.receive({ timeoutMs })`. The session is as before; the message may still
 * come.
 *
 * @example Read the time
 * ```ts
 * import { ReceiveTimeoutError } from "@laster/net";
 * import { assertEquals } from "@std/assert";
 *
 * const error = new ReceiveTimeoutError(7, 5_000);
 * assertEquals(error.message, "Cannot receive message of session 7 as none came in time: the limit is 5000 ms");
 * ```
 */
export class ReceiveTimeoutError extends Error {
  /** The class name. */
  override readonly name = "ReceiveTimeoutError";
  /** The session's id. */
  readonly sessionId: number;
  /** How long the call waited, in milliseconds. */
  readonly timeoutMs: number;

  /**
   * Makes a receive timeout error.
   *
   * @param sessionId The session's id.
   * @param timeoutMs How long the call waited, in milliseconds.
   */
  constructor(sessionId: number, timeoutMs: number) {
    super(`Cannot receive message of session ${sessionId} as none came in time: the limit is ${timeoutMs} ms`);
    this.sessionId = sessionId;
    this.timeoutMs = timeoutMs;
  }
}

/**
 * A call that a service's state does not allow, such as `connect()` before `start()`.
 *
 * @example Dial before the start
 * ```ts
 * import { ServiceStateError, TcpService } from "@laster/net";
 * import { assertRejects } from "@std/assert";
 *
 * const service = new TcpService();
 * await assertRejects(() => service.connect({ hostname: "127.0.0.1", port: 9 }), ServiceStateError);
 * ```
 */
export class ServiceStateError extends Error {
  /** The class name. */
  override readonly name = "ServiceStateError";
  /** The state the service was in. */
  readonly state: string;

  /**
   * Makes a service state error.
   *
   * @param action The call that was refused, such as `"connect"`.
   * @param state The state the service was in.
   */
  constructor(action: string, state: string) {
    super(`Cannot ${action} as the service must be running: current state is ${state}`);
    this.state = state;
  }
}

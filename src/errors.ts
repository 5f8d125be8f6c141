// The error classes of the package: everything a caller may want to catch. Wrong arguments are a TypeError or a
// RangeError instead. Runtime neutral.

import { toText } from "./options.ts";

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
 * Ends the session with the reason `"decode-error"` or `"encode-error"`; what stages find wrong with a frame (the last five
 * codes) is a reason of its own. The error is in the close event.
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

/** What was wrong with a returned buffer: the `code` of a {@linkcode PoolError}. */
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

/** Why a listener could not be opened: the `code` of a {@linkcode ListenError}. */
export type ListenErrorCode =
  | "address-in-use"
  | "address-not-available"
  | "permission-denied"
  | "host-not-found"
  | "folder-not-found"
  | "path-too-long"
  | "too-many-files"
  | "unsupported"
  | "unknown";

/**
 * An address that cannot be listened on, or an accept that failed (`"too-many-files"`).
 *
 * @example Report a port in use
 * ```ts
 * import { ListenError, TcpService } from "@laster/net";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * await using first = new TcpService();
 * await first.start();
 * const { address } = await first.listen({ hostname: "127.0.0.1", port: 0 });
 * const port = address.kind === "tcp" ? address.port : 0;
 *
 * await using second = new TcpService({ listeners: [{ hostname: "127.0.0.1", port }] });
 * const error = await assertRejects(() => second.start(), ListenError);
 * assertEquals(error.code, "address-in-use");
 * ```
 */
export class ListenError extends Error {
  /** The class name. */
  override readonly name = "ListenError";
  /** Why it failed. */
  readonly code: ListenErrorCode;
  /** The address as text, such as `"127.0.0.1:11110"`. */
  readonly address: string;

  /**
   * Makes a listen error.
   *
   * @param code Why it failed.
   * @param address The address as text.
   * @param options The runtime's error as `cause`.
   */
  constructor(code: ListenErrorCode, address: string, options?: ErrorOptions) {
    super(`Cannot listen on ${address} as ${LISTEN_REASONS[code]}${causeText(code, options)}`, options);
    this.code = code;
    this.address = address;
  }
}

const LISTEN_REASONS: Record<ListenErrorCode, string> = {
  "address-in-use": "the address is in use",
  "address-not-available": "this machine has no such address",
  "permission-denied": "the permission is denied",
  "host-not-found": "the host name does not resolve",
  "folder-not-found": "the folder of the path is not there",
  "path-too-long": "the path of a Unix socket is too long",
  "too-many-files": "the process has too many open files",
  "unsupported": "an option cannot be had",
  "unknown": "the runtime refused",
};

/** Why a dial failed: the `code` of a {@linkcode ConnectError}. */
export type ConnectErrorCode =
  | "refused"
  | "timeout"
  | "aborted"
  | "host-not-found"
  | "path-too-long"
  | "unreachable"
  | "too-many-files"
  | "permission-denied"
  | "reset"
  | "handshake-failed"
  | "certificate-untrusted"
  | "certificate-expired"
  | "certificate-name"
  | "limit"
  | "unsupported"
  | "unknown";

/**
 * A dial that did not become a connection. After retries it is the error of the last attempt.
 *
 * @example Read why
 * ```ts
 * import { ConnectError, TcpService } from "@laster/net";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * await using service = new TcpService();
 * await service.start();
 * const error = await assertRejects(() => service.connect({ hostname: "127.0.0.1", port: 1 }), ConnectError);
 * assertEquals(error.code, "refused");
 * ```
 */
export class ConnectError extends Error {
  /** The class name. */
  override readonly name = "ConnectError";
  /** Why it failed. */
  readonly code: ConnectErrorCode;
  /** The address as text, such as `"127.0.0.1:11110"`. */
  readonly address: string;

  /**
   * Makes a dial error.
   *
   * @param code Why it failed.
   * @param address The address as text.
   * @param options The runtime's error as `cause`.
   */
  constructor(code: ConnectErrorCode, address: string, options?: ErrorOptions) {
    super(`Cannot connect to ${address} as ${DIAL_REASONS[code]}${causeText(code, options)}`, options);
    this.code = code;
    this.address = address;
  }
}

const DIAL_REASONS: Record<ConnectErrorCode, string> = {
  "refused": "the connection was refused",
  "timeout": "no answer came in time",
  "aborted": "the dial was aborted",
  "host-not-found": "the host name does not resolve",
  "path-too-long": "the path of a Unix socket is too long",
  "unreachable": "the host cannot be reached",
  "too-many-files": "the process has too many open files",
  "unsupported": "an option cannot be had",
  "permission-denied": "the permission is denied",
  "reset": "the peer reset the connection",
  "handshake-failed": "the TLS handshake failed",
  "certificate-untrusted": "no known authority has signed the server's certificate",
  "certificate-expired": "the server's certificate is not valid at this time",
  "certificate-name": "the server's certificate is for another name",
  "limit": "the service is at its limit",
  "unknown": "the runtime refused",
};

/**
 * Makes the error of a listener or a dial anew, where the caller's line is in its stack: the runtime made it in a callback.
 *
 * @param error Any error; one of other classes is given back as it is.
 */
export function atCaller(error: unknown): unknown {
  if (error instanceof ListenError) return new ListenError(error.code, error.address, { cause: error.cause });
  if (error instanceof ConnectError) return new ConnectError(error.code, error.address, { cause: error.cause });
  return error;
}

/** How a connection broke: the `code` of a {@linkcode ConnectionError}. */
export type ConnectionErrorCode =
  | "reset"
  | "timeout"
  | "handshake-failed"
  | "handshake-timeout"
  | "too-many-handshakes"
  | "certificate-refused"
  | "unknown";

/**
 * A connection that broke: the peer reset it, the network gave up on it, or the runtime failed.
 *
 * @example Read the code
 * ```ts
 * import { ConnectionError } from "@laster/net";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(new ConnectionError("reset").message, "Cannot use connection as the peer reset it");
 * ```
 */
export class ConnectionError extends Error {
  /** The class name. */
  override readonly name = "ConnectionError";
  /** How it broke. */
  readonly code: ConnectionErrorCode;

  /**
   * Makes a connection error.
   *
   * @param code How it broke.
   * @param options The runtime's error as `cause`.
   */
  constructor(code: ConnectionErrorCode, options?: ErrorOptions) {
    super(`Cannot use connection as ${CONNECTION_REASONS[code]}${causeText(code, options)}`, options);
    this.code = code;
  }
}

const CONNECTION_REASONS: Record<ConnectionErrorCode, string> = {
  "reset": "the peer reset it",
  "timeout": "the network gave up on it",
  "handshake-failed": "its TLS handshake failed",
  "handshake-timeout": "its TLS handshake took too long",
  "too-many-handshakes": "there are too many TLS handshakes",
  "certificate-refused": "a certificate was refused",
  "unknown": "the runtime failed",
};

/**
 * A call that waits on a session which ended first: `drained()`, or a loop over its messages that did not end cleanly.
 *
 * @example Read the reason
 * ```ts
 * import { SessionClosedError } from "@laster/net";
 * import { assertEquals } from "@std/assert";
 *
 * const error = new SessionClosedError(7, "reset");
 * assertEquals(error.message, "Cannot wait for session 7 as it is closed: reason is reset");
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
    super(`Cannot wait for session ${sessionId} as it is closed: reason is ${reason}`, options);
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
  /** How long it was waited for, in milliseconds. */
  readonly timeoutMs: number;

  /**
   * Makes a receive timeout error.
   *
   * @param sessionId The session's id.
   * @param timeoutMs How long it was waited for.
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
   * @param action What was asked, such as `"connect"`.
   * @param state The state the service was in.
   */
  constructor(action: string, state: string) {
    super(`Cannot ${action} as the service must be running: current state is ${state}`);
    this.state = state;
  }
}

/**
 * Makes an `Error` of whatever was thrown: symbols, objects without a prototype and revoked proxies too. Never throws.
 *
 * @param fault What was thrown, or what a promise was rejected with.
 * @returns The fault itself if it is an `Error`, else one that has it as `cause`.
 */
export function toError(fault: unknown): Error {
  try {
    if (fault instanceof Error) return fault;
  } catch {
    // A proxy that refuses to be looked at.
  }
  return new Error(toText(fault), { cause: fault });
}

/**
 * Reads the message of an error, as text even if that is something else, or throws. Never throws, and never reads `stack`.
 *
 * @param error The error.
 * @returns Its message.
 */
export function messageOf(error: Error): string {
  try {
    return toText(error.message);
  } catch {
    return "an error whose message cannot be read";
  }
}

function causeText(code: string, options: ErrorOptions | undefined): string {
  const cause = options?.cause;
  return (code === "unknown" || code === "unsupported") && cause instanceof Error ? `: ${messageOf(cause)}` : "";
}

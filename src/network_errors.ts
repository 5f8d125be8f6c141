// The errors of listening, dialling and connections, the same on every runtime. Runtime neutral.

import { messageOf } from "./to_error.ts";

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
 * Creates a `ListenError` or `ConnectError` again, so that its stack names the caller: the first one was made in a callback.
 *
 * @param error Any error; errors of other classes are returned unchanged.
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
  | "certificate-missing"
  | "certificate-untrusted"
  | "certificate-expired"
  | "certificate-refused"
  | "tls-failed"
  | "proxy-header-invalid"
  | "proxy-header-timeout"
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
  "certificate-missing": "the client showed no certificate",
  "certificate-untrusted": "no known authority has signed the client's certificate",
  "certificate-expired": "the client's certificate is not valid at this time",
  "certificate-refused": "a certificate was refused",
  "tls-failed": "what came was no sound TLS record, or too many without data, or an alert of TLS ended it",
  "proxy-header-invalid": "it did not begin with a PROXY header",
  "proxy-header-timeout": "its PROXY header took too long",
  "unknown": "the runtime failed",
};

function causeText(code: string, options: ErrorOptions | undefined): string {
  const cause = options?.cause;
  return (code === "unknown" || code === "unsupported") && cause instanceof Error ? `: ${messageOf(cause)}` : "";
}

// Translates what a runtime throws into the error classes of the package. Runtime neutral: knows the names by heart.

import {
  ConnectError,
  type ConnectErrorCode,
  ConnectionError,
  type ConnectionErrorCode,
  ListenError,
  type ListenErrorCode,
} from "../errors.ts";

/** POSIX codes (`error.code` on Node and Bun, mostly on Deno too) and Deno's class names (`error.name`). */
const LISTEN_CODES: Record<string, ListenErrorCode> = {
  EADDRINUSE: "address-in-use",
  AddrInUse: "address-in-use",
  EADDRNOTAVAIL: "address-not-available",
  AddrNotAvailable: "address-not-available",
  EINVAL: "address-not-available", // Deno's node:net.
  ENOENT: "folder-not-found",
  NotFound: "folder-not-found",
  EACCES: "permission-denied",
  EPERM: "permission-denied",
  PermissionDenied: "permission-denied",
  NotCapable: "permission-denied",
  ERR_ACCESS_DENIED: "permission-denied", // Node under --permission.
  ENOTFOUND: "host-not-found",
  EAI_AGAIN: "host-not-found",
  URIError: "host-not-found", // Deno, for a name with characters that no host name has.
  ERR_INVALID_ARG_VALUE: "host-not-found", // Node, for a name with a NUL or of no characters.
  EMFILE: "too-many-files",
  ENFILE: "too-many-files",
};

const DIAL_CODES: Record<string, ConnectErrorCode> = {
  ECONNREFUSED: "refused",
  ConnectionRefused: "refused",
  ENOENT: "refused",
  NotFound: "refused",
  ECONNRESET: "reset",
  ConnectionReset: "reset",
  EPIPE: "reset",
  ETIMEDOUT: "timeout",
  TimedOut: "timeout",
  ABORT_ERR: "aborted",
  AbortError: "aborted",
  ENOTFOUND: "host-not-found",
  EAI_AGAIN: "host-not-found",
  URIError: "host-not-found", // Deno, for a name with characters that no host name has.
  ERR_INVALID_ARG_VALUE: "host-not-found", // Node, for a name with a NUL.
  EINVAL: "unreachable", // A Unix path that has a NUL.
  RangeError: "refused", // Deno, for port 0.
  EHOSTUNREACH: "unreachable",
  ENETUNREACH: "unreachable",
  NetworkUnreachable: "unreachable",
  HostUnreachable: "unreachable",
  EADDRNOTAVAIL: "unreachable",
  AddrNotAvailable: "unreachable",
  EMFILE: "too-many-files",
  ENFILE: "too-many-files",
  EACCES: "permission-denied",
  EPERM: "permission-denied",
  PermissionDenied: "permission-denied",
  NotCapable: "permission-denied",
  ERR_ACCESS_DENIED: "permission-denied", // Node under --permission.
};

const CONNECTION_CODES: Record<string, ConnectionErrorCode> = {
  ECONNRESET: "reset",
  ConnectionReset: "reset",
  EPIPE: "reset",
  BrokenPipe: "reset",
  ECONNABORTED: "reset",
  ConnectionAborted: "reset",
  ENOTCONN: "reset",
  NotConnected: "reset",
  ETIMEDOUT: "timeout",
  TimedOut: "timeout",
};

/** What is wrong with a server's certificate: the codes of OpenSSL on Node and Bun, and what rustls says on Deno. */
const CERTIFICATE_CODES: readonly (readonly [RegExp, ConnectErrorCode])[] = [
  [
    /CERT_HAS_EXPIRED|CERT_NOT_YET_VALID|certificate has expired|not yet valid|Expired|NotValidYet/,
    "certificate-expired",
  ],
  [
    /ALTNAME_INVALID|HOSTNAME_MISMATCH|NotValidForName|not valid for name|does not match certificate/,
    "certificate-name",
  ],
  [
    /SELF_SIGNED|UNABLE_TO_(?:VERIFY|GET)|CERT_UNTRUSTED|UnknownIssuer|self.signed|unable to verify|CaUsedAsEndEntity|InvalidCertificate|invalid peer certificate/,
    "certificate-untrusted",
  ],
  [/ERR_SSL|EPROTO|handshake|HandshakeFailure|AlertReceived|received fatal alert|tls|TLS|SSL/, "handshake-failed"],
];

/** Deno reports a failed lookup as a plain `Error`, and Node one of a name that is too long as EINVAL. */
const LOOKUP_MESSAGE = /getaddrinfo EINVAL|failed to lookup address|name resolution|No address associated/i;

/**
 * Translates what `listen` or `accept` threw.
 *
 * @param cause The runtime's error.
 * @param address The address as text.
 * @returns Our error, with the runtime's as cause.
 */
export function toListenError(cause: unknown, address: string): ListenError {
  const code = isLookupFailure(cause) ? "host-not-found" : lookUp(LISTEN_CODES, cause) ?? "unknown";
  return new ListenError(code, address, { cause });
}

/**
 * Translates what `connect` threw.
 *
 * @param cause The runtime's error.
 * @param address The address as text.
 * @returns Our error, with the runtime's as cause.
 */
export function toConnectError(cause: unknown, address: string): ConnectError {
  const code = isLookupFailure(cause) ? "host-not-found" : lookUp(DIAL_CODES, cause) ?? findCertificateFault(cause);
  return new ConnectError(code ?? "unknown", address, { cause });
}

/**
 * Translates what ended the TLS handshake of an accepted connection.
 *
 * @param cause The runtime's error; undefined if the connection was just gone.
 * @returns Our error, with the runtime's as cause.
 */
export function toTlsError(cause: unknown): ConnectionError {
  const text = textOf(cause);
  if (/PEER_DID_NOT_RETURN|NoCertificatesPresented|sent no certificates/i.test(text)) {
    return new ConnectionError("certificate-missing", { cause });
  }
  return /CERT|certificate/i.test(text)
    ? toCertificateError(cause)
    : new ConnectionError("handshake-failed", { cause });
}

/**
 * Says what is wrong with the certificate that a client showed.
 *
 * @param cause The runtime's error, or its code as text.
 * @returns Our error, with the runtime's as cause.
 */
export function toCertificateError(cause: unknown): ConnectionError {
  const fault = findCertificateFault(cause);
  const isNamed = fault === "certificate-untrusted" || fault === "certificate-expired";
  return new ConnectionError(isNamed ? fault : "certificate-refused", { cause });
}

function findCertificateFault(cause: unknown): ConnectErrorCode | undefined {
  const text = textOf(cause);
  return CERTIFICATE_CODES.find(([pattern]) => pattern.test(text))?.[1];
}

function textOf(cause: unknown): string {
  if (typeof cause === "string") return cause;
  return cause instanceof Error ? `${(cause as { code?: unknown }).code} ${cause.message}` : "";
}

/**
 * Translates what a read or a write threw.
 *
 * @param cause The runtime's error.
 * @returns Our error, with the runtime's as cause.
 */
export function toConnectionError(cause: unknown): ConnectionError {
  return new ConnectionError(lookUp(CONNECTION_CODES, cause) ?? findTlsFault(textOf(cause)) ?? "unknown", { cause });
}

/** After the handshake: a server may refuse a certificate only then. */
function findTlsFault(text: string): ConnectionErrorCode | undefined {
  if (/certificate|unknown.?ca/i.test(text)) return "certificate-refused";
  return /ERR_SSL|ERR_TLS|alert/i.test(text) ? "tls-failed" : undefined;
}

function lookUp<Code>(codes: Record<string, Code>, cause: unknown): Code | undefined {
  if (typeof cause !== "object" || cause === null) return undefined;
  const { code, name } = cause as { code?: unknown; name?: unknown };
  for (const key of [String(code), String(name)]) {
    if (Object.hasOwn(codes, key)) return codes[key];
  }
  return undefined;
}

function isLookupFailure(cause: unknown): boolean {
  return cause instanceof Error && LOOKUP_MESSAGE.test(cause.message);
}

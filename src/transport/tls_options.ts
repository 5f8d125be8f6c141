// The options of TLS, as listeners and dials are given them, and what is known of a peer. Types only. Runtime neutral.

/** A certificate and its key. */
export interface TlsIdentity {
  /** The certificate, PEM text, with those between it and its authority behind it. */
  readonly cert: string;
  /** Its private key, PEM text, without a passphrase. */
  readonly key: string;
}

/** The oldest version of TLS that is spoken. */
export type TlsVersion = "TLSv1.2" | "TLSv1.3";

/** How a listener speaks TLS. */
export interface TlsListenOptions extends TlsIdentity {
  /** Other certificates, by the name that a client asks for (SNI): `"game.example.com"`, or `"*.example.com"` for one label. */
  readonly serverNames?: Readonly<Record<string, TlsIdentity>> | undefined;
  /** Authorities that client certificates must come from, PEM text; needed if those are asked for. */
  readonly ca?: string | readonly string[] | undefined;
  /**
   * Whether clients are asked for a certificate. `"asked"`: a client may have none, but one that is not trusted is refused.
   * `"required"`: a client without a trusted certificate is refused.
   *
   * @default {"none"}
   */
  readonly clientCertificates?: "none" | "asked" | "required" | undefined;
  /**
   * Protocols that are spoken inside, best first, each of 1 to 255 bytes, and 2,048 in all with one more for each (ALPN). A client
   * that asks for others only is refused.
   */
  readonly alpn?: readonly string[] | undefined;
  /**
   * The oldest version.
   *
   * @default {"TLSv1.2"}
   */
  readonly minVersion?: TlsVersion | undefined;
  /**
   * Milliseconds that a handshake may take, 1 to 2^31 - 1.
   *
   * @default {10000}
   */
  readonly handshakeTimeoutMs?: number | undefined;
  /**
   * Handshakes at the same time, 1 to 2^31 - 1. At the bound the oldest client that has sent nothing makes way for a new one;
   * if all have begun, the oldest one after its first second. The new one is closed otherwise.
   *
   * @default {1024}
   */
  readonly maxHandshakes?: number | undefined;
}

/** How a dial speaks TLS. */
export interface TlsDialOptions extends Partial<TlsIdentity> {
  /**
   * Authorities that the server's certificate must come from, PEM text.
   *
   * @default {those that the runtime knows}
   */
  readonly ca?: string | readonly string[] | undefined;
  /**
   * The name that the certificate must be for, and that is asked for (SNI).
   *
   * @default {the hostname of the dial}
   */
  readonly serverName?: string | undefined;
  /** Protocols that are spoken inside, best first, each of 1 to 255 bytes, and 2,048 in all with one more for each (ALPN). */
  readonly alpn?: readonly string[] | undefined;
  /**
   * The oldest version.
   *
   * @default {"TLSv1.2"}
   */
  readonly minVersion?: TlsVersion | undefined;
}

/** What a peer's certificate says, once it is verified. */
export interface TlsPeerCertificate {
  /**
   * Its subject, as `CN=ann,O=players`: in the order of the certificate, `,` and the like escaped by `\` (RFC 4514), an attribute
   * that is not known as `1.2.3=#0c0178`.
   */
  readonly subject: string;
  /**
   * Its alternative names, as `DNS:game.example.com, IP Address:192.0.2.1`; undefined if it has none. One with a comma, quotes or
   * anything but ASCII is in quotes, with a `\u002c` for each comma: `DNS:"x\u002c DNS:root"`.
   */
  readonly subjectAltName: string | undefined;
  /** Its SHA-256, in hexadecimal with colons. */
  readonly fingerprint256: string;
}

/** What TLS tells of a connection. */
export interface TlsInfo {
  /** The version: `"TLSv1.3"`. */
  readonly protocol: string;
  /** The protocol that was agreed on; undefined if none was. */
  readonly alpn: string | undefined;
  /** The name that the client asked for; undefined if it asked for none, and at the dialling end. */
  readonly serverName: string | undefined;
  /** The peer's certificate; undefined if it has shown none. */
  readonly peerCertificate: TlsPeerCertificate | undefined;
}

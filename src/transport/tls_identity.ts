// Checks certificates and keys before any runtime is given them: Deno takes a broken key in silence, and then refuses every
// dial. Runtime neutral, over `node:crypto`.

import { createPrivateKey, X509Certificate } from "node:crypto";
import { checkKeys, checkObject, describeValue, LARGEST_TIMER_MS, orDefault, requireInteger } from "../options.ts";
import type { TlsDialOptions, TlsIdentity, TlsListenOptions, TlsVersion } from "./tls_options.ts";

const VERSIONS: readonly TlsVersion[] = ["TLSv1.2", "TLSv1.3"];
const CLIENT_CERTIFICATES = ["none", "asked", "required"];
const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;
const PEM_BEGIN = "-----BEGIN CERTIFICATE-----";
const MOST = 2 ** 31 - 1;
/** Of all names together, each with its length: no handshake succeeds on Deno if the client's first message is over 4 KiB. */
const MOST_ALPN_BYTES = 2_048;

const LISTEN_NAMES: Record<keyof TlsListenOptions, true> = {
  cert: true,
  key: true,
  serverNames: true,
  ca: true,
  clientCertificates: true,
  alpn: true,
  minVersion: true,
  handshakeTimeoutMs: true,
  maxHandshakes: true,
};
const IDENTITY_NAMES = { cert: true, key: true, serverNames: true };
const DIAL_NAMES: Record<keyof TlsDialOptions, true> = {
  cert: true,
  key: true,
  ca: true,
  serverName: true,
  alpn: true,
  minVersion: true,
};

/** How a listener speaks TLS, with every default filled in. */
export interface ResolvedTlsListen extends TlsListenOptions {
  /** Whether clients show a certificate. */
  readonly clientCertificates: "none" | "asked" | "required";
  /** The oldest version. */
  readonly minVersion: TlsVersion;
  /** How long a handshake may take, in milliseconds. */
  readonly handshakeTimeoutMs: number;
  /** Handshakes at the same time. */
  readonly maxHandshakes: number;
}

/**
 * Checks how a listener is to speak TLS, and fills in the defaults.
 *
 * @throws {TypeError | RangeError} if an option is wrong: no PEM text, a key of another certificate, authorities that are
 * missing.
 */
export function resolveTlsListen(options: TlsListenOptions): ResolvedTlsListen {
  checkKeys("TLS listener", options, LISTEN_NAMES);
  checkIdentity("cert", options);
  const { serverNames = {} } = options;
  checkObject("use TLS", "serverNames", serverNames);
  for (const [name, identity] of Object.entries(serverNames)) {
    checkKeys("TLS listener", identity, { cert: true, key: true });
    checkIdentity(`serverNames[${JSON.stringify(name)}].cert`, identity);
  }
  checkAuthorities(options.ca);
  checkAlpn(options.alpn);
  const clientCertificates = orDefault(options.clientCertificates, "none");
  checkOneOf("clientCertificates", clientCertificates, CLIENT_CERTIFICATES);
  if (clientCertificates !== "none" && options.ca === undefined) {
    refuse("ca", "given where client certificates are asked for", undefined);
  }
  const minVersion = orDefault(options.minVersion, "TLSv1.2");
  checkOneOf("minVersion", minVersion, VERSIONS);
  const handshakeTimeoutMs = orDefault(options.handshakeTimeoutMs, 10_000);
  const maxHandshakes = orDefault(options.maxHandshakes, 1_024);
  requireInteger("use TLS", "handshakeTimeoutMs", handshakeTimeoutMs, 1, LARGEST_TIMER_MS);
  requireInteger("use TLS", "maxHandshakes", maxHandshakes, 1, MOST);
  return { ...options, clientCertificates, minVersion, handshakeTimeoutMs, maxHandshakes };
}

/**
 * Gives a listener other certificates; its other options stay.
 *
 * @throws {TypeError} if they are wrong, or have another option beside them.
 */
export function replaceIdentities(
  options: ResolvedTlsListen,
  identities: Pick<TlsListenOptions, "cert" | "key" | "serverNames">,
): ResolvedTlsListen {
  checkKeys("TLS identities", identities, IDENTITY_NAMES);
  return resolveTlsListen({ ...options, serverNames: undefined, ...identities });
}

/**
 * Checks how a dial is to speak TLS.
 *
 * @throws {TypeError | RangeError} if an option is wrong.
 */
export function checkTlsDial(options: TlsDialOptions): void {
  checkKeys("TLS dial", options, DIAL_NAMES);
  const { cert, key, serverName } = options;
  if (cert !== undefined || key !== undefined) checkIdentity("cert", { cert, key } as TlsIdentity);
  checkAuthorities(options.ca);
  checkAlpn(options.alpn);
  if (serverName !== undefined && (typeof serverName !== "string" || serverName === "")) {
    refuse("serverName", "a text that is not empty", serverName);
  }
  if (options.minVersion !== undefined) checkOneOf("minVersion", options.minVersion, VERSIONS);
}

/** Gives the certificates of a PEM text, one by one: not every runtime takes several in one. */
export function splitPem(text: string | readonly string[]): readonly string[] {
  const texts = typeof text === "string" ? [text] : text;
  return texts.flatMap((one) => one.match(PEM_CERTIFICATE) ?? []);
}

function checkIdentity(name: string, { cert, key }: TlsIdentity): void {
  checkCertificates(name, "a certificate as PEM text", cert);
  if (typeof key !== "string" || !key.includes("PRIVATE KEY-----")) {
    refuse(keyName(name), "a private key as PEM text", hide(key));
  }
  let isOwn: boolean;
  try {
    isOwn = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch (cause) {
    throw new TypeError(`Cannot use TLS as ${keyName(name)} cannot be read`, { cause });
  }
  if (!isOwn) throw new TypeError(`Cannot use TLS as ${keyName(name)} is not the key of ${name}`);
}

/** Checks all certificates of a text: one of them that was half written would have the runtime refuse, or drop, the others. */
function checkCertificates(name: string, what: string, text: unknown): void {
  if (typeof text !== "string") return refuse(name, what, hide(text));
  const certificates = splitPem(text);
  if (certificates.length === 0) refuse(name, what, hide(text));
  try {
    for (const one of certificates) new X509Certificate(one);
  } catch (cause) {
    throw new TypeError(`Cannot use TLS as ${name} cannot be read`, { cause });
  }
  if (text.split(PEM_BEGIN).length - 1 !== certificates.length) {
    throw new TypeError(`Cannot use TLS as ${name} has a certificate without an end`);
  }
}

function keyName(name: string): string {
  return `${name.slice(0, -"cert".length)}key`;
}

function checkAuthorities(ca: TlsDialOptions["ca"]): void {
  if (ca === undefined) return;
  const texts: readonly unknown[] = Array.isArray(ca) ? ca : [ca];
  for (const text of texts) checkCertificates("ca", "certificates as PEM text", text);
}

function checkAlpn(alpn: unknown): void {
  if (alpn === undefined) return;
  const encoder = new TextEncoder();
  const lengths = Array.isArray(alpn)
    ? Array.from(alpn, (name) => typeof name === "string" ? encoder.encode(name).length : 0)
    : [];
  if (lengths.length === 0 || lengths.some((length) => length === 0 || length > 255)) {
    refuse("alpn", "an array of names of 1 to 255 bytes", alpn);
  }
  const bytes = lengths.reduce((sum, length) => sum + 1 + length, 0);
  if (bytes <= MOST_ALPN_BYTES) return;
  throw new RangeError(
    `Cannot use TLS as alpn must have at most ${MOST_ALPN_BYTES} bytes in all, one more for each name: current value is ${bytes}`,
  );
}

function checkOneOf(name: string, value: unknown, known: readonly string[]): void {
  if (!known.includes(value as string)) refuse(name, `one of ${known.join(", ")}`, value);
}

function refuse(name: string, what: string, value: unknown): never {
  throw new TypeError(`Cannot use TLS as ${name} must be ${what}: current value is ${describeValue(value)}`);
}

/** What is shown of a value in place of PEM text: never a text, which may be the private key. */
function hide(value: unknown): unknown {
  if (typeof value === "string") return value === "" ? "" : "…";
  return typeof value === "object" && value !== null ? Object.prototype.toString.call(value) : value;
}

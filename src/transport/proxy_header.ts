// The PROXY protocol, versions 1 and 2: what a proxy or balancer sends in front of a connection, to tell the client's address.
// As https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt says. Runtime neutral.

import { ConnectionError } from "../errors.ts";
import { type TcpAddress, tcpAddress } from "./address.ts";
import { parseIp } from "./ip_address.ts";

/** What stood in front of a connection. */
export interface ProxyHeader {
  /** How many bytes it took. */
  readonly bytes: number;
  /** The client; undefined if the connection is the proxy's own, for a health check, or the proxy does not know the client. */
  readonly source: TcpAddress | undefined;
}

/** Bytes that a header may have: the longest of version 1 has 107, those of version 2 from balancers have some hundreds. */
export const LONGEST_PROXY_HEADER = 4_096;

const V1_START = "PROXY ";
const LONGEST_V1 = 107;
const V1 = /^PROXY (?:UNKNOWN(?: .*)?|TCP([46]) (\S+) (\S+) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4}))$/;
const V2_START = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];
const V2_FIXED = 16;
const CR = 13;
const LF = 10;

/** Version 2, the byte behind the start: the version in the high four bits, the command in the low four. */
const LOCAL = 0x20;
const PROXY = 0x21;
/** Version 2: the families of addresses that are for TCP over IP, and how long an address is. */
const ADDRESS_BYTES: ReadonlyMap<number, number> = new Map([[0x11, 4], [0x21, 16]]);

/** Reads a header that comes in pieces. */
export class ProxyHeaderReader {
  #begun: Uint8Array = new Uint8Array(0);

  /**
   * Takes the next bytes; they are copied.
   *
   * @param chunk What has come.
   * @returns The client's address, if the header tells it, and what came behind the header; undefined if more has to come.
   * @throws {ConnectionError} `"proxy-header-invalid"` if the bytes are no PROXY header.
   */
  read(chunk: Uint8Array): { readonly source: TcpAddress | undefined; readonly rest: Uint8Array } | undefined {
    const bytes = new Uint8Array(this.#begun.length + chunk.length);
    bytes.set(this.#begun);
    bytes.set(chunk, this.#begun.length);
    this.#begun = bytes;
    const header = parseProxyHeader(bytes);
    return header && { source: header.source, rest: bytes.subarray(header.bytes) };
  }
}

/**
 * Reads the header at the beginning of a connection.
 *
 * @param bytes What has come so far.
 * @returns The header; undefined if more has to come.
 * @throws {ConnectionError} `"proxy-header-invalid"` if the bytes are no PROXY header.
 */
export function parseProxyHeader(bytes: Uint8Array): ProxyHeader | undefined {
  if (bytes.length === 0) return undefined;
  return bytes[0] === V2_START[0] ? parseV2(bytes) : parseV1(bytes);
}

function parseV1(bytes: Uint8Array): ProxyHeader | undefined {
  const seen = Math.min(bytes.length, LONGEST_V1);
  for (let index = 0; index < Math.min(seen, V1_START.length); index++) {
    if (bytes[index] !== V1_START.charCodeAt(index)) throw invalid();
  }
  const end = bytes.subarray(0, seen).indexOf(LF);
  if (end < 0 && bytes.length < LONGEST_V1) return undefined;
  if (end < 1 || bytes[end - 1] !== CR) throw invalid();
  const match = V1.exec(String.fromCharCode(...bytes.subarray(0, end - 1)));
  if (match === null) throw invalid();
  const [, family, source, destination, port, destinationPort] = match;
  if (source === undefined) return { bytes: end + 1, source: undefined };
  const hostname = readIp(source, family === "6");
  const isSound = readIp(destination, family === "6") !== undefined && Number(port) <= 65_535 &&
    Number(destinationPort) <= 65_535;
  if (hostname === undefined || !isSound) throw invalid();
  return { bytes: end + 1, source: tcpAddress(hostname, Number(port)) };
}

/** Reads an address, and writes it as runtimes do, so that it has one form only; undefined if it is not of the family. */
function readIp(text: string, isIpv6: boolean): string | undefined {
  if (text.includes(":") !== isIpv6 || text.includes("%")) return undefined;
  const words = parseIp(text);
  if (words === undefined) return undefined;
  const bytes = new Uint8Array(16);
  for (const [index, word] of words.entries()) new DataView(bytes.buffer).setUint32(4 * index, word);
  return formatIp(bytes);
}

function parseV2(bytes: Uint8Array): ProxyHeader | undefined {
  for (let index = 0; index < Math.min(bytes.length, V2_START.length); index++) {
    if (bytes[index] !== V2_START[index]) throw invalid();
  }
  if (bytes.length < V2_FIXED) return undefined;
  const command = bytes[12];
  const length = V2_FIXED + bytes[14] * 256 + bytes[15];
  if ((command !== LOCAL && command !== PROXY) || length > LONGEST_PROXY_HEADER) throw invalid();
  const addressBytes = ADDRESS_BYTES.get(bytes[13]);
  const isKnown = command === PROXY && addressBytes !== undefined;
  if (isKnown && length < V2_FIXED + 2 * addressBytes + 4) throw invalid();
  if (bytes.length < length) return undefined;
  if (!isKnown) return { bytes: length, source: undefined };
  const port = V2_FIXED + 2 * addressBytes;
  const hostname = formatIp(bytes.subarray(V2_FIXED, V2_FIXED + addressBytes));
  return { bytes: length, source: tcpAddress(hostname, bytes[port] * 256 + bytes[port + 1]) };
}

/** Writes an address as runtimes do: an IPv6 one in the short form (RFC 5952). */
function formatIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  const isMapped = bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
  if (isMapped) return bytes.subarray(12).join(".");
  const groups = Array.from({ length: 8 }, (_, index) => (bytes[2 * index] * 256 + bytes[2 * index + 1]).toString(16));
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
}

function invalid(): ConnectionError {
  return new ConnectionError("proxy-header-invalid");
}

// Packets of IP and TCP, made up around the bytes of a recording, so that a capture file can hold them (RFC 791, 8200, 9293).
// Runtime neutral.

import type { Address } from "../transport/address.ts";
import { type IpWords, isIpv4, parseIp } from "../transport/ip_address.ts";

/** Flags of TCP (RFC 9293, 3.1). */
export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const PSH = 8;
export const ACK = 16;

/** Bytes of payload that a packet has at the most: its total length has 16 bits, and 60 are left for headers. */
export const MOST_PAYLOAD_BYTES = 65_472;

const IPV4_BYTES = 20;
const IPV6_BYTES = 40;
const TCP_BYTES = 20;
/** Window scale by 2^14 (RFC 7323, 2.2), and a no-operation before it: else a reader takes the window for full. */
const SYN_OPTIONS = [1, 3, 3, 14];
const TCP_PROTOCOL = 6;
const HOPS = 64;
const WINDOW = 65_535;
/** Stand in for what is no IP address: paths of Unix sockets, and names of the in-memory transport. */
const LOOPBACK: IpWords = [0, 0, 0xffff, 0x7f000001];
const LOCAL_PORT = 1;
const REMOTE_PORT = 2;

/** One end of the connection. */
interface End {
  readonly words: IpWords;
  readonly port: number;
  /** The number of its next byte. It starts with 0, and its SYN counts as one. */
  sequence: number;
}

/** A packet for a capture file. */
export interface Packet {
  /** Headers and payload. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Its length with the payload bytes that are missing from the recording. */
  readonly originalBytes: number;
  /** Whether this side sent it. */
  readonly isOutbound: boolean;
}

/** Counts the bytes of both ends, and makes their packets. */
export class TcpPackets {
  readonly #local: End;
  readonly #remote: End;
  readonly #isIpv6: boolean;

  /** Makes it. The first byte that is known of each end has the number 1. */
  constructor(localAddress: Address, remoteAddress: Address) {
    this.#local = makeEnd(localAddress, LOCAL_PORT);
    this.#remote = makeEnd(remoteAddress, REMOTE_PORT);
    this.#isIpv6 = !isIpv4(this.#local.words) || !isIpv4(this.#remote.words);
  }

  /** The three packets that open a connection. */
  handshake(isLocalFirst: boolean): Packet[] {
    this.#local.sequence = this.#remote.sequence = 0;
    return [this.make(isLocalFirst, SYN), this.make(!isLocalFirst, SYN | ACK), this.make(isLocalFirst, ACK)];
  }

  /** Packets for the known `bytes` of a chunk; if none is known, packets without payload that tell its `length`. */
  chunk(isOutbound: boolean, bytes: Uint8Array, length: number): Packet[] {
    const packets: Packet[] = [];
    const end = isOutbound ? this.#local : this.#remote;
    for (let at = 0; at < bytes.length; at += MOST_PAYLOAD_BYTES) {
      const payload = bytes.subarray(at, at + MOST_PAYLOAD_BYTES);
      packets.push(this.make(isOutbound, PSH | ACK, payload));
    }
    if (bytes.length > 0) return packets;
    for (let left = length; left > 0; left -= MOST_PAYLOAD_BYTES) {
      const count = Math.min(left, MOST_PAYLOAD_BYTES);
      packets.push(this.make(isOutbound, PSH | ACK, bytes, count));
      end.sequence += count;
    }
    return packets;
  }

  /** Makes a packet, with `lostBytes` of payload missing, and counts the others in the sender's sequence number. */
  make(isOutbound: boolean, flags: number, payload: Uint8Array = new Uint8Array(0), lostBytes = 0): Packet {
    const [from, to] = isOutbound ? [this.#local, this.#remote] : [this.#remote, this.#local];
    const options = (flags & SYN) === 0 ? [] : SYN_OPTIONS;
    const ipBytes = this.#isIpv6 ? IPV6_BYTES : IPV4_BYTES;
    const tcpBytes = TCP_BYTES + options.length;
    const bytes = new Uint8Array(ipBytes + tcpBytes + payload.length);
    const view = new DataView(bytes.buffer);
    const segmentBytes = tcpBytes + payload.length + lostBytes;
    if (this.#isIpv6) writeIpv6(view, from.words, to.words, segmentBytes);
    else writeIpv4(view, from.words, to.words, segmentBytes);
    view.setUint16(ipBytes, from.port);
    view.setUint16(ipBytes + 2, to.port);
    view.setUint32(ipBytes + 4, from.sequence);
    view.setUint32(ipBytes + 8, (flags & ACK) === 0 ? 0 : to.sequence);
    view.setUint8(ipBytes + 12, (tcpBytes / 4) << 4);
    view.setUint8(ipBytes + 13, flags);
    view.setUint16(ipBytes + 14, WINDOW);
    bytes.set(options, ipBytes + TCP_BYTES);
    bytes.set(payload, ipBytes + tcpBytes);
    const pseudo = sumOfWords(from.words, this.#isIpv6) + sumOfWords(to.words, this.#isIpv6) + TCP_PROTOCOL +
      segmentBytes;
    view.setUint16(ipBytes + 16, checksum(bytes, ipBytes, bytes.length, pseudo));
    from.sequence += payload.length + ((flags & (SYN | FIN)) === 0 ? 0 : 1);
    return { bytes, originalBytes: bytes.length + lostBytes, isOutbound };
  }
}

function makeEnd(address: Address, port: number): End {
  const words = address.kind === "tcp" ? parseIp(address.hostname) : undefined;
  return { words: words ?? LOOPBACK, port: address.kind === "tcp" ? address.port : port, sequence: 1 };
}

function writeIpv4(view: DataView, from: IpWords, to: IpWords, payloadBytes: number): void {
  view.setUint8(0, 0x45); // Version 4, a header of five words.
  view.setUint16(2, IPV4_BYTES + payloadBytes);
  view.setUint16(6, 0x4000); // Not to be fragmented.
  view.setUint8(8, HOPS);
  view.setUint8(9, TCP_PROTOCOL);
  view.setUint32(12, from[3]);
  view.setUint32(16, to[3]);
  view.setUint16(10, checksum(new Uint8Array(view.buffer), 0, IPV4_BYTES, 0));
}

function writeIpv6(view: DataView, from: IpWords, to: IpWords, payloadBytes: number): void {
  view.setUint8(0, 0x60);
  view.setUint16(4, payloadBytes);
  view.setUint8(6, TCP_PROTOCOL);
  view.setUint8(7, HOPS);
  for (let index = 0; index < 4; index++) {
    view.setUint32(8 + 4 * index, from[index]);
    view.setUint32(24 + 4 * index, to[index]);
  }
}

/** The sum of an address's words of 16 bits, for the pseudo header. */
function sumOfWords(words: IpWords, isIpv6: boolean): number {
  let sum = 0;
  for (let index = isIpv6 ? 0 : 3; index < 4; index++) sum += (words[index] >>> 16) + (words[index] & 0xffff);
  return sum;
}

/** The internet checksum (RFC 1071) of a range, on top of a sum. */
function checksum(bytes: Uint8Array, start: number, end: number, first: number): number {
  let sum = first;
  for (let index = start; index < end; index += 2) {
    sum += (bytes[index] << 8) | (index + 1 < end ? bytes[index + 1] : 0);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 65_536);
  return ~sum & 0xffff;
}

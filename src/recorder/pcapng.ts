// A recording as a capture file: pcapng, as draft-ietf-opsawg-pcapng of the IETF has it. Runtime neutral.

import { concatenate } from "./concatenate.ts";
import type { RecordingEntry, RecordingParts } from "./recording.ts";
import { ACK, FIN, type Packet, RST, TcpPackets } from "./tcp_packets.ts";

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const ENHANCED_PACKET = 6;
/** The byte-order magic, which is written little-endian, as all numbers of the file. */
const BYTE_ORDER = 0x1a2b3c4d;
/** Packets begin with the header of IP, either version. */
const LINKTYPE_RAW = 101;
const OPTION_COMMENT = 1;
const OPTION_APPLICATION = 4;
const OPTION_FLAGS = 2;
/** The length of an option has 16 bits. */
const MOST_OPTION_BYTES = 65_535;
const INBOUND = 1;
const OUTBOUND = 2;
const US_PER_MS = 1_000;

/** Writes a file of one section. */
export function writePcapng(recording: RecordingParts): Uint8Array<ArrayBuffer> {
  const blocks = [sectionHeader(recording), interfaceDescription()];
  const packets = new TcpPackets(recording.localAddress, recording.remoteAddress);
  const add = (timeMs: number, made: readonly Packet[]) => {
    for (const packet of made) blocks.push(enhancedPacket(recording.startedAtMs + timeMs, packet));
  };
  const isWhole = recording.missingReceivedBytes === 0 && recording.missingSentBytes === 0;
  if (isWhole) add(0, packets.handshake(recording.origin === "connected"));
  const ends = { hasSentEnd: false };
  for (const entry of recording.entries) add(entry.timeMs, packetsOf(entry, packets, recording, ends));
  return concatenate(blocks);
}

function packetsOf(
  { kind, bytes, length }: RecordingEntry,
  packets: TcpPackets,
  { end }: RecordingParts,
  ends: { hasSentEnd: boolean },
): readonly Packet[] {
  if (kind === "received" || kind === "sent") return packets.chunk(kind === "sent", bytes, bytes.length);
  if (kind === "discarded") return packets.chunk(false, bytes, length);
  if (kind === "received-end") return [packets.make(false, FIN | ACK)];
  if (kind === "aborted") return [packets.make(true, RST | ACK)];
  if (kind === "gone") return end?.connectionError === undefined ? [] : [packets.make(false, RST | ACK)];
  // This side's end is one packet, for its shutdown or its close, whichever comes first.
  if (ends.hasSentEnd) return [];
  ends.hasSentEnd = true;
  return [packets.make(true, FIN | ACK)];
}

function sectionHeader({ end, localAddress, remoteAddress }: RecordingParts): Uint8Array<ArrayBuffer> {
  const paths = [localAddress, remoteAddress].flatMap((address) => address.kind === "unix" ? [address.path] : []);
  const comment = [
    ...(paths.length > 0 ? [`Unix socket ${paths.find((path) => path !== "") ?? ""}`] : []),
    ...(end?.reason === undefined ? [] : [`closed: ${end.reason}`]),
    ...(end?.detail === undefined ? [] : [`detail: ${end.detail}`]),
    ...(end?.connectionError === undefined ? [] : [`connection: ${end.connectionError}`]),
  ].join(", ");
  const body = new Uint8Array(16);
  const view = new DataView(body.buffer);
  view.setUint32(0, BYTE_ORDER, true);
  view.setUint16(4, 1, true); // Version 1.0.
  view.setBigInt64(8, -1n, true); // The length of the section is not given.
  const options = [textOption(OPTION_APPLICATION, "@laster/net")];
  if (comment !== "") options.unshift(textOption(OPTION_COMMENT, comment));
  return block(SECTION_HEADER, [body, ...options, endOfOptions()]);
}

/** An interface without options: times are in microseconds, and the length of packets has no limit. */
function interfaceDescription(): Uint8Array<ArrayBuffer> {
  const body = new Uint8Array(8);
  new DataView(body.buffer).setUint16(0, LINKTYPE_RAW, true);
  return block(INTERFACE_DESCRIPTION, [body]);
}

function enhancedPacket(epochMs: number, { bytes, originalBytes, isOutbound }: Packet): Uint8Array<ArrayBuffer> {
  const timeUs = Math.round(epochMs * US_PER_MS);
  const body = new Uint8Array(20);
  const view = new DataView(body.buffer);
  view.setUint32(4, Math.floor(timeUs / 2 ** 32), true);
  view.setUint32(8, timeUs % 2 ** 32, true);
  view.setUint32(12, bytes.length, true);
  view.setUint32(16, originalBytes, true);
  const flags = new Uint8Array([isOutbound ? OUTBOUND : INBOUND, 0, 0, 0]);
  return block(ENHANCED_PACKET, [body, pad(bytes), option(OPTION_FLAGS, flags), endOfOptions()]);
}

/** The type, the length, the parts, and the length again. */
function block(type: number, parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const length = 12 + parts.reduce((sum, part) => sum + part.length, 0);
  const head = new Uint8Array(8);
  new DataView(head.buffer).setUint32(0, type, true);
  new DataView(head.buffer).setUint32(4, length, true);
  return concatenate([head, ...parts, head.subarray(4)]);
}

/** An option of text; too long a text is cut, between two characters. */
function textOption(code: number, text: string): Uint8Array {
  const bytes = new Uint8Array(Math.min(3 * text.length, MOST_OPTION_BYTES));
  return option(code, bytes.subarray(0, new TextEncoder().encodeInto(text, bytes).written));
}

function option(code: number, value: Uint8Array): Uint8Array {
  const head = new Uint8Array(4);
  new DataView(head.buffer).setUint16(0, code, true);
  new DataView(head.buffer).setUint16(2, value.length, true);
  return concatenate([head, pad(value)]);
}

function endOfOptions(): Uint8Array {
  return new Uint8Array(4);
}

/** Fills up to whole words of 32 bits. */
function pad(bytes: Uint8Array): Uint8Array {
  const padded = new Uint8Array((bytes.length + 3) & -4);
  padded.set(bytes);
  return padded;
}

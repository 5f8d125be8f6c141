// A recording as text: one object of JSON a line, and back. Runtime neutral.

import { describeValue } from "../options.ts";
import type { Address } from "../transport/address.ts";
import { concatenate } from "./concatenate.ts";
import type { RecordingEnd, RecordingEntry, RecordingParts, RecordKind } from "./recording.ts";
import { RECORD_KINDS } from "./record_ring.ts";

const FORMAT = "laster-recording";
const VERSION = 1;
const HEX = /^(?:[0-9a-f]{2})*$/;
/** The longest chunk of which a record can tell. */
const LONGEST_CHUNK = 2 ** 32 - 1;
/** The latest time of a `Date`. */
const LATEST_MS = 8.64e15;
const NOTHING = new Uint8Array(0);

/** Writes a recording. */
export function writeJsonLines(recording: RecordingParts): string {
  const { origin, localAddress, remoteAddress, isTls, startedAtMs, missingReceivedBytes, missingSentBytes, end } =
    recording;
  const startedAt = new Date(startedAtMs).toISOString();
  const head = {
    format: FORMAT,
    version: VERSION,
    origin,
    localAddress,
    remoteAddress,
    isTls,
    startedAt,
    startedAtMs,
    missingReceivedBytes,
    missingSentBytes,
    end,
  };
  return [head, ...recording.entries.map(entryToJson)].map((line) => `${JSON.stringify(line)}\n`).join("");
}

/**
 * Reads a recording.
 *
 * @throws {TypeError} if the text is no recording.
 */
export function readJsonLines(text: string): RecordingParts {
  const lines = String(text).split("\n").filter((line) => line.trim() !== "").map(parseLine);
  const head: Record<string, unknown> = lines[0] ?? refuse(1, "be the head of a recording", "nothing");
  if (head.format !== FORMAT) refuse(1, `have the format ${FORMAT}`, head.format);
  if (head.version !== VERSION) refuse(1, `have the version ${VERSION}`, head.version);
  if (head.origin !== "accepted" && head.origin !== "connected") refuse(1, "have an origin", head.origin);
  if (head.end !== undefined && !isObject(head.end)) refuse(1, "have an end that is an object", head.end);
  const entries = lines.slice(1).map((line, index) => readEntry(line, index + 2));
  return {
    origin: head.origin as RecordingParts["origin"],
    localAddress: readAddress(head.localAddress),
    remoteAddress: readAddress(head.remoteAddress),
    isTls: head.isTls === true,
    startedAtMs: readNumber(head.startedAtMs, 1, "startedAtMs"),
    missingReceivedBytes: readNumber(head.missingReceivedBytes, 1, "missingReceivedBytes"),
    missingSentBytes: readNumber(head.missingSentBytes, 1, "missingSentBytes"),
    end: head.end as RecordingEnd | undefined,
    ...joinBytes(entries),
  };
}

/** Joins the bytes of each direction in one array, and makes the bytes of the entries views of it. */
export function joinBytes(entries: readonly RecordingEntry[]): Pick<RecordingParts, "received" | "sent" | "entries"> {
  const join = (kind: RecordKind) => concatenate(entries.flatMap((entry) => entry.kind === kind ? [entry.bytes] : []));
  const streams = { received: join("received"), sent: join("sent") };
  const offsets = { received: 0, sent: 0 };
  const joined = entries.map((entry) => {
    const { kind, bytes } = entry;
    if (kind !== "received" && kind !== "sent") return entry;
    const start = offsets[kind];
    offsets[kind] += bytes.length;
    return { ...entry, bytes: streams[kind].subarray(start, start + bytes.length) };
  });
  return { ...streams, entries: joined };
}

function entryToJson({ timeMs, kind, bytes, length }: RecordingEntry): object {
  if (kind === "discarded") return { timeMs, kind, length };
  if (kind !== "received" && kind !== "sent") return { timeMs, kind };
  return length === bytes.length
    ? { timeMs, kind, bytes: toHex(bytes) }
    : { timeMs, kind, length, bytes: toHex(bytes) };
}

function readEntry(line: Record<string, unknown>, number: number): RecordingEntry {
  const { kind, bytes = "", length } = line;
  if (!RECORD_KINDS.includes(kind as RecordKind)) refuse(number, `have a kind of ${RECORD_KINDS.join(", ")}`, kind);
  if (typeof bytes !== "string" || !HEX.test(bytes)) refuse(number, "have bytes in hexadecimal digits", bytes);
  const all = bytes === "" ? NOTHING : fromHex(bytes as string);
  return {
    timeMs: readNumber(line.timeMs, number, "timeMs"),
    kind: kind as RecordKind,
    bytes: all,
    length: length === undefined ? all.length : readLength(length, number, all.length),
  };
}

/** Reads how long a chunk was: what a record of the ring can say, and no less than the bytes that are there. */
function readLength(value: unknown, number: number, least: number): number {
  if (Number.isInteger(value) && value as number >= least && value as number <= LONGEST_CHUNK) return value as number;
  return refuse(number, `have length, an integer from ${least} to ${LONGEST_CHUNK}`, value);
}

/** Reads a time in milliseconds, or a number of bytes. */
function readNumber(value: unknown, number: number, name: string): number {
  if (typeof value === "number" && value >= 0 && value <= LATEST_MS) return value;
  return refuse(number, `have ${name}, a number from 0 to ${LATEST_MS}`, value);
}

function readAddress(value: unknown): Address {
  if (isObject(value)) {
    const { kind, hostname, port, path } = value;
    if (kind === "tcp" && typeof hostname === "string" && typeof port === "number") return { kind, hostname, port };
    if (kind === "unix" && typeof path === "string") return { kind, path };
  }
  return refuse(1, "have two addresses", value);
}

function parseLine(line: string, index: number): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    // Refused below, with the line's number.
  }
  return isObject(value) ? value : refuse(index + 1, "be an object of JSON", line.slice(0, 40));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function refuse(line: number, rule: string, value: unknown): never {
  throw new TypeError(`Cannot read recording as line ${line} must ${rule}: current value is ${describeValue(value)}`);
}

function toHex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return text;
}

function fromHex(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length / 2);
  for (let index = 0; index < bytes.length; index++) {
    bytes[index] = parseInt(text.slice(2 * index, 2 * index + 2), 16);
  }
  return bytes;
}

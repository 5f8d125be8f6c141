// RecordRing: one array that holds the last chunks of all connections, each as a record with its time. Overwrites the oldest.
// Runtime neutral.

import type { RecordKind } from "./recording.ts";

/** Sizes of records, and places of headers, are multiples of this many bytes. */
const UNIT_BYTES = 16;
/** What stands in front of the bytes of a record. */
export const HEADER_BYTES = 16;
/** Up to here a loop is faster than a view and `set()`. */
const LOOP_BYTES = 48;
/** Four bytes at a time are faster than one, where there is a view of the source. */
const WORD_BYTES = 4;
/** Bits of a header's second word that say what the record is. */
const KIND_BITS = 4;
const KIND_MASK = 15;

/** What happened on a connection, by the number that stands for it in the ring. */
export const RECORD_KINDS: readonly RecordKind[] = [
  "received",
  "sent",
  "received-end",
  "sent-end",
  "discarded",
  "closed",
  "aborted",
  "gone",
];

/** The places of {@linkcode RECORD_KINDS}. Only the first two have bytes. */
export const RECEIVED = 0;
export const SENT = 1;
export const RECEIVED_END = 2;
export const SENT_END = 3;
export const DISCARDED = 4;
export const CLOSED = 5;
export const ABORTED = 6;
export const GONE = 7;

const NOTHING: Uint8Array = new Uint8Array(0);

/** What a header says. */
export interface RecordHeader {
  /** Which of {@linkcode RECORD_KINDS}. */
  readonly kind: number;
  /** Bytes that came, went or were dropped. */
  readonly length: number;
  /** How many of those bytes are in the record: the last ones. */
  readonly kept: number;
  /** When, by the clock. */
  readonly timeMs: number;
  /** Where the record before of the same connection is; negative if it is gone, or there is none. */
  readonly previous: number;
}

/**
 * Records one behind the other. Positions are never used again, so a position tells whether its record was written over: those
 * from `#head - capacity` on are there.
 *
 * ```text
 *  0       4                8             16
 * +-------+----------------+-------------+----------------+---------+
 * | length| kind, distance | time, ms    | bytes          | to a    |
 * |       | to the previous| as a float  |                | multiple|
 * +-------+----------------+-------------+----------------+---------+
 * ```
 *
 * The distance is in units of 16 bytes. A header never wraps at the end of the array, as all records are multiples of it; the
 * bytes behind a header may.
 *
 * Invariant: `#offset` is `#head % capacity`, and both are multiples of 16.
 */
export class RecordRing {
  /** Bytes of memory. */
  readonly capacity: number;
  readonly #mostKept: number;
  readonly #bytes: Uint8Array;
  readonly #words: Uint32Array;
  readonly #times: Float64Array;
  readonly #view: DataView;
  /** The last source of each kind, received and sent: on most runtimes the same two arrays come again and again. */
  readonly #sources: readonly ViewedSource[] = [new ViewedSource(), new ViewedSource()];
  #head = 0;
  #offset = 0;

  /**
   * Makes it, and takes all its memory.
   *
   * @param maxBytes Bytes of memory, 32 to 2^30; rounded down to a multiple of 16.
   * @param mostKept Bytes that a record has at the most; longer chunks lose their front.
   */
  constructor(maxBytes: number, mostKept: number) {
    this.capacity = maxBytes - maxBytes % UNIT_BYTES;
    this.#mostKept = Math.min(mostKept, this.capacity - HEADER_BYTES);
    const memory = new ArrayBuffer(this.capacity);
    this.#bytes = new Uint8Array(memory);
    this.#view = new DataView(memory);
    this.#words = new Uint32Array(memory);
    this.#times = new Float64Array(memory);
  }

  /**
   * Writes a record without bytes, or with `length` bytes of `source` from `start` on, which are copied.
   *
   * @returns Its position.
   */
  append(kind: number, previous: number, timeMs: number, length: number, source = NOTHING, start = 0): number {
    const position = this.#head;
    const at = this.#offset;
    const kept = kind > SENT ? 0 : length > this.#mostKept ? this.#mostKept : length;
    const distance = previous < 0 || position - previous > this.capacity ? 0 : (position - previous) / UNIT_BYTES;
    this.#words[at >>> 2] = length;
    this.#words[(at >>> 2) + 1] = (distance << KIND_BITS) | kind;
    this.#times[(at >>> 3) + 1] = timeMs;
    if (kept > 0) this.#put(kind, at + HEADER_BYTES, source, start + length - kept, kept);
    const size = (HEADER_BYTES + kept + UNIT_BYTES - 1) & -UNIT_BYTES;
    this.#head = position + size;
    const next = at + size;
    this.#offset = next >= this.capacity ? next - this.capacity : next;
    return position;
  }

  /** Whether the record at a position is there. */
  has(position: number): boolean {
    return position >= 0 && this.#head - position <= this.capacity;
  }

  /** Reads the header of a record that is there. */
  read(position: number): RecordHeader {
    const at = position % this.capacity;
    const length = this.#words[at >>> 2];
    const word = this.#words[(at >>> 2) + 1];
    const kind = word & KIND_MASK;
    const distance = (word >>> KIND_BITS) * UNIT_BYTES;
    return {
      kind,
      length,
      kept: kind > SENT ? 0 : Math.min(length, this.#mostKept),
      timeMs: this.#times[(at >>> 3) + 1],
      previous: distance === 0 ? -1 : position - distance,
    };
  }

  /** Copies the last bytes of a record that is there, as many as `target` takes. */
  copy(position: number, kept: number, target: Uint8Array): void {
    const at = (position + HEADER_BYTES + kept - target.length) % this.capacity;
    const room = this.capacity - at;
    target.set(this.#bytes.subarray(at, at + Math.min(room, target.length)));
    if (target.length > room) target.set(this.#bytes.subarray(0, target.length - room), room);
  }

  #put(kind: number, at: number, source: Uint8Array, start: number, length: number): void {
    if (length > LOOP_BYTES || at + length > this.capacity) return this.#putLong(at, source, start, length);
    const known = this.#sources[kind];
    if (length >= WORD_BYTES && (known.viewed === source || known.meetsAgain(source))) {
      return this.#putWords(at, known.view, start, length);
    }
    const bytes = this.#bytes;
    for (let index = 0; index < length; index++) bytes[at + index] = source[start + index];
  }

  /** At least one word; `| 0` spares checks for overflow. */
  #putWords(at: number, source: DataView, start: number, length: number): void {
    const target = this.#view;
    const last = (length - WORD_BYTES) | 0;
    for (let index = 0; index < last; index = (index + WORD_BYTES) | 0) {
      target.setInt32((at + index) | 0, source.getInt32((start + index) | 0, true), true);
    }
    target.setInt32((at + last) | 0, source.getInt32((start + last) | 0, true), true); // Overlaps the word before.
  }

  #putLong(at: number, source: Uint8Array, start: number, length: number): void {
    const bytes = this.#bytes;
    const from = at === this.capacity ? 0 : at;
    const first = Math.min(length, this.capacity - from);
    bytes.set(source.subarray(start, start + first), from);
    if (first < length) bytes.set(source.subarray(start + first, start + length), 0);
  }
}

/** The array that was copied from last, with a view of it once it came twice in a row: making a view costs more than a copy. */
class ViewedSource {
  viewed: Uint8Array | undefined = undefined;
  view: DataView = new DataView(NOTHING.buffer);
  #last: Uint8Array = NOTHING;

  /** Whether the array is the last one again: then there is a view of it. */
  meetsAgain(source: Uint8Array): boolean {
    const isAgain = this.#last === source;
    this.#last = source;
    if (!isAgain) return false;
    this.viewed = source;
    this.view = new DataView(source.buffer, source.byteOffset); // Without a length, so that it grows with a resizable buffer.
    return true;
  }
}

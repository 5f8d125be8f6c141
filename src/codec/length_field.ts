// The length field of a frame header: how many bytes it takes, how it is read and written. Used by lengthPrefixed().
// Runtime neutral.

import { FrameError } from "../errors.ts";

/** How wide a length field is: bytes, or `"varint"` for unsigned LEB128 as in protobuf, 1 to 5 bytes. */
export type LengthWidth = 1 | 2 | 3 | 4 | 8 | "varint";

/** The order of a length field's bytes; means nothing for a varint. */
export type ByteOrder = "little" | "big";

/** A varint length has at most this many bytes: 5 x 7 bits hold every length up to 2^31 - 1. */
const LARGEST_VARINT_BYTES = 5;

/** Reads and writes one kind of length field. */
export interface LengthField {
  /** The width in bytes; for a varint the largest. */
  readonly mostBytes: number;
  /** The largest value it holds. */
  readonly largestValue: number;
  /** Tells how many bytes the field at `start` takes; 0 if it is not whole before `end`. */
  measure(input: Uint8Array, start: number, end: number): number;
  /** Reads the value of a whole field. */
  read(input: Uint8Array, start: number): number;
  /** Tells how many bytes `value` takes. */
  bytesOf(value: number): number;
  /** Writes `value`. */
  write(output: Uint8Array, start: number, value: number): void;
}

/**
 * Makes the reader and writer of a length field.
 *
 * @param width How wide it is.
 * @param byteOrder The order of its bytes.
 * @returns The field.
 */
export function lengthField(width: LengthWidth, byteOrder: ByteOrder): LengthField {
  if (width === "varint") return VARINT_FIELD;
  return byteOrder === "little" ? littleEndianField(width) : bigEndianField(width);
}

function littleEndianField(width: number): LengthField {
  return {
    mostBytes: width,
    largestValue: largestValue(width),
    measure: (_input, start, end) => end - start < width ? 0 : width,
    bytesOf: () => width,
    read(input, start) {
      let value = 0;
      for (let index = start + width - 1; index >= start; index--) value = value * 256 + input[index];
      return value;
    },
    write(output, start, value) {
      let rest = value;
      for (let index = start; index < start + width; index++) {
        output[index] = rest % 256;
        rest = Math.floor(rest / 256);
      }
    },
  };
}

function bigEndianField(width: number): LengthField {
  return {
    mostBytes: width,
    largestValue: largestValue(width),
    measure: (_input, start, end) => end - start < width ? 0 : width,
    bytesOf: () => width,
    read(input, start) {
      let value = 0;
      for (let index = start; index < start + width; index++) value = value * 256 + input[index];
      return value;
    },
    write(output, start, value) {
      let rest = value;
      for (let index = start + width - 1; index >= start; index--) {
        output[index] = rest % 256;
        rest = Math.floor(rest / 256);
      }
    },
  };
}

const VARINT_FIELD: LengthField = {
  mostBytes: LARGEST_VARINT_BYTES,
  largestValue: 2 ** (7 * LARGEST_VARINT_BYTES) - 1,
  measure(input, start, end) {
    const last = Math.min(end, start + LARGEST_VARINT_BYTES);
    for (let index = start; index < last; index++) {
      if (input[index] < 0x80) return index - start + 1;
    }
    if (last - start < LARGEST_VARINT_BYTES) return 0;
    throw new FrameError(
      "malformed",
      `Cannot decode frame as its varint length has at most ${LARGEST_VARINT_BYTES} bytes: current value is longer`,
    );
  },
  read(input, start) {
    let value = 0;
    let factor = 1;
    for (let index = start;; index++) {
      value += (input[index] & 0x7f) * factor;
      if (input[index] < 0x80) return value;
      factor *= 128;
    }
  },
  bytesOf(value) {
    let bytes = 1;
    for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) bytes++;
    return bytes;
  },
  write(output, start, value) {
    let rest = value;
    let index = start;
    for (; rest >= 128; rest = Math.floor(rest / 128)) output[index++] = (rest % 128) | 0x80;
    output[index] = rest;
  },
};

function largestValue(width: number): number {
  return Math.min(256 ** width - 1, Number.MAX_SAFE_INTEGER);
}

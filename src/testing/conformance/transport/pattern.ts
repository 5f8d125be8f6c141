// The bytes that the ends of a case send each other: a function of their place in the stream, so that a loss, a swap or a
// repetition shows. Runtime neutral.

import { findDifference, holds } from "../check.ts";

/** Prime, so that no shift by a buffer's size goes unseen. */
const PATTERN_BYTES = 65_521;

/** The longest array that `sharedPattern()` gives. */
const SHARED_BYTES = 16_777_216;

/** All are filled when they are first asked for, and constant from then on. The period begins at each place of a word once. */
let periods: readonly Uint8Array[] | undefined = undefined;
let shared: Uint8Array | undefined = undefined;

/** Makes the bytes of the stream from a position on, which a probe with `checksPattern` expects. */
export function patternBytes(length: number, position: number = 0): Uint8Array {
  const bytes = new Uint8Array(length);
  fillPattern(bytes, position);
  return bytes;
}

/** As `patternBytes()`, but a view of an array that all cases share and must not write to: filling many megabytes is slow. */
export function sharedPattern(length: number, position: number = 0): Uint8Array {
  shared ??= patternBytes(SHARED_BYTES + PATTERN_BYTES);
  const start = position % PATTERN_BYTES;
  holds(start + length <= shared.length, `${length} bytes are more than there are`);
  return shared.subarray(start, start + length);
}

/** Writes the stream's bytes from a place on into an array. */
export function fillPattern(bytes: Uint8Array, position: number): void {
  const [period] = periods ??= makePeriods();
  for (let index = 0; index < bytes.length;) {
    const start = (position + index) % PATTERN_BYTES;
    const part = period.subarray(start, Math.min(PATTERN_BYTES, start + bytes.length - index));
    bytes.set(part, index);
    index += part.length;
  }
}

/** Finds the first place that is wrong; undefined if all are the stream's bytes from that position on. */
export function findWrong(bytes: Uint8Array, position: number): number | undefined {
  periods ??= makePeriods();
  for (let index = 0; index < bytes.length;) {
    const start = (position + index) % PATTERN_BYTES;
    const period = periods[(bytes.byteOffset + index - start) & 3];
    const length = Math.min(PATTERN_BYTES - start, bytes.length - index);
    const place = findDifference(bytes.subarray(index, index + length), period.subarray(start, start + length));
    if (place !== undefined) return position + index + place;
    index += length;
  }
  return undefined;
}

function makePeriods(): readonly Uint8Array[] {
  return [0, 1, 2, 3].map((place) => {
    const bytes = new Uint8Array(new ArrayBuffer(PATTERN_BYTES + place), place);
    for (let index = 0; index < PATTERN_BYTES; index++) bytes[index] = (index * 31 + (index >>> 8) * 7) & 255;
    return bytes;
  });
}

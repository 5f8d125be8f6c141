// Argument checks shared by the buffers: integers in a range, and a range inside an array.
// Runtime neutral.

import { requireInteger } from "../options.ts";

export { requireInteger };

/** The most bytes one buffer may be asked for, 1 GiB: an index stays a 31-bit integer, which engines keep unboxed. */
export const MAX_BUFFER_BYTES = 2 ** 30;

/**
 * Refuses a value that is not a budget of bytes.
 *
 * @param action What was tried, as in "create BufferPool".
 * @param name The argument's name.
 * @param bytes The argument; `Infinity` for no limit.
 * @throws {RangeError} if it is neither an integer of at least 1 nor `Infinity`.
 */
export function requireBudget(action: string, name: string, bytes: number): void {
  if (bytes !== Infinity) requireInteger(action, name, bytes, 1, Number.MAX_SAFE_INTEGER);
}

/**
 * Refuses an `offset` and `length` that do not lie inside `bytes`.
 *
 * @param action What was tried, as in "reset ByteReader".
 * @param bytes The array.
 * @param offset First index.
 * @param length Bytes from there.
 * @throws {RangeError} if either is not an integer of 0 or more, or the range passes the end of `bytes`.
 */
export function requireRange(
  action: string,
  bytes: Uint8Array,
  offset: number,
  length: number,
): void {
  requireInteger(action, "offset", offset, 0, bytes.length);
  requireInteger(action, "length", length, 0, bytes.length - offset);
}

/**
 * Makes the error for a reader or writer with too few bytes left.
 *
 * @param verb "read" or "write".
 * @param what What was to be read or written.
 * @param byteCount Bytes needed.
 * @param remaining Bytes left.
 * @returns The error to throw.
 */
export function roomError(verb: string, what: string, byteCount: number, remaining: number): RangeError {
  return new RangeError(
    `Cannot ${verb} ${what} as remaining bytes must be at least ${byteCount}: current value is ${remaining}`,
  );
}

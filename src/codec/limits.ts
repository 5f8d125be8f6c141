// The payload limit that the codecs share, and its check. Runtime neutral.

import { describeValue } from "../options.ts";

/** The default limit of a payload: a large game message. It bounds the memory of an unfinished frame per session. */
export const DEFAULT_MAX_PAYLOAD_BYTES = 65_536;

/** The largest limit: the largest signed 32-bit length. Longer arrays are slow or refused on some runtimes. */
export const LARGEST_MAX_PAYLOAD_BYTES = 2 ** 31 - 1;

/**
 * Checks a payload limit.
 *
 * @param maxPayloadBytes The limit in bytes.
 * @param leastBytes The smallest that makes sense.
 * @throws {RangeError} if it is not an integer in range.
 */
export function checkMaxPayloadBytes(maxPayloadBytes: number, leastBytes: number): void {
  const isInRange = Number.isInteger(maxPayloadBytes) && maxPayloadBytes >= leastBytes &&
    maxPayloadBytes <= LARGEST_MAX_PAYLOAD_BYTES;
  if (isInRange) return;
  throw new RangeError(
    `Cannot create codec as maxPayloadBytes must be an integer from ${leastBytes} to ${LARGEST_MAX_PAYLOAD_BYTES}: ` +
      `current value is ${describeValue(maxPayloadBytes)}`,
  );
}

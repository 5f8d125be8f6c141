// The result of a send, and the checks of its arguments. Runtime neutral.

import { describeValue } from "../options.ts";

/** What became of a payload given to `send`. See `Session.send`. */
export type SendResult = "sent" | "queued" | "congested" | "closed" | "too-large" | "unencodable" | "full";

/** What the system took since the last event. */
export interface SentEvent {
  /** Frames that the system took whole since the last event. */
  readonly frames: number;
  /** Bytes that it took, framing included. */
  readonly bytes: number;
}

/**
 * Refuses anything but a `Uint8Array`: a string has a length too, and would be sent as zeros.
 *
 * @param payload What is to be sent.
 * @throws {TypeError} if it is not a `Uint8Array`.
 */
export function checkPayload(payload: Uint8Array): void {
  // Not `instanceof`: test runners and `node:vm` have more than one `Uint8Array`.
  if (payload?.BYTES_PER_ELEMENT === 1) return;
  throw new TypeError(`Cannot send payload as it must be a Uint8Array: current value is ${describeValue(payload)}`);
}

/**
 * Refuses a range that is not within an array of bytes.
 *
 * @param buffer What should be an array.
 * @param offset Where the range starts.
 * @param length How long it is.
 * @throws {TypeError} if it is no `Uint8Array`.
 * @throws {RangeError} if the range does not lie within the array, or a number is not an integer.
 */
export function refuseRange(buffer: Uint8Array, offset: number, length: number): void {
  checkPayload(buffer);
  const areWhole = Number.isInteger(offset) && Number.isInteger(length);
  if (areWhole && offset >= 0 && length >= 0 && offset + length <= buffer.length) return;
  throw new RangeError(
    `Cannot send range as it must lie within ${buffer.length} bytes: current value is ${describeValue(offset)} + ${
      describeValue(length)
    }`,
  );
}

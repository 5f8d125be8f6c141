// delimited(): frames that end with a delimiter, such as lines. Runtime neutral.

import { copyBytes } from "../buffer/copy_bytes.ts";
import { FrameError } from "../errors.ts";
import { checkKeys, describeValue } from "../options.ts";
import type { Codec, Frame, FrameDecoder, FrameEncoder } from "./codec.ts";
import { checkMaxPayloadBytes, DEFAULT_MAX_PAYLOAD_BYTES } from "./limits.ts";

/** The longest delimiter: longer ones are surely a mistake. */
const LONGEST_DELIMITER_BYTES = 255;

/** Options of {@linkcode delimited}. */
export interface DelimitedOptions {
  /**
   * What ends a frame: 1 to 255 bytes, or a text that is 1 to 255 bytes long in UTF-8. Copied. Without a delimiter, frames are
   * lines: they end with `"\n"` or `"\r\n"` when received, neither being part of the payload, and are sent with `"\n"`.
   *
   * @default {undefined, which is lines}
   */
  readonly delimiter?: string | Uint8Array | undefined;
  /**
   * Whether the payload includes its delimiter. If true, `send` takes only payloads that end with it; if false, it adds it. A
   * line that ends with `"\r\n"` keeps both. One that is a byte too long and ends with `"\n"` is `"unencodable"` then, not
   * `"too-large"`.
   *
   * @default {false}
   */
  readonly keepDelimiter?: boolean | undefined;
  /**
   * The longest payload, in bytes, inclusive, without its delimiter, 0 to 2^31 - 1.
   *
   * @default {65536}
   */
  readonly maxPayloadBytes?: number | undefined;
}

const NAMES: Record<keyof DelimitedOptions, true> = { delimiter: true, keepDelimiter: true, maxPayloadBytes: true };

/**
 * Makes the codec of frames that end with a delimiter: lines, or records of any protocol whose payloads cannot have the
 * delimiter in them.
 *
 * ```text
 * +------------------+-----------+------------------+-----------+-- - -
 * | payload          | delimiter | payload          | delimiter |
 * +------------------+-----------+------------------+-----------+-- - -
 * ```
 *
 * A payload with a delimiter inside would arrive as two: `send` refuses it as `"unencodable"`. It also refuses a line that ends
 * with `"\r"`, as the receiver would strip that. A frame longer than the limit closes the session with `"decode-error"`, as
 * soon as that many bytes have come without a delimiter. Each byte is searched once, however many chunks a frame comes in.
 *
 * @param options The delimiter and the limit.
 * @returns A codec whose decoders have state: how far the unfinished frame was searched.
 * @throws {RangeError} if an option is out of range.
 * @throws {TypeError} if there is an option of another name or type.
 *
 * @example Lines
 * ```ts
 * import { delimited, Frame } from "@laster/net/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const input = new TextEncoder().encode("hello\r\nwor");
 * const frame = new Frame();
 * const used = delimited({ delimiter: "\r\n" }).createDecoder().decode(input, 0, input.length, frame);
 * assertEquals([used, frame.offset, frame.length], [7, 0, 5]);
 * ```
 */
export function delimited(options: DelimitedOptions = {}): Codec {
  checkKeys("codec", options, NAMES);
  const { keepDelimiter = false, maxPayloadBytes = DEFAULT_MAX_PAYLOAD_BYTES } = options;
  if (typeof keepDelimiter !== "boolean") {
    throw new TypeError(
      `Cannot create codec as keepDelimiter must be a boolean: current value is ${describeValue(keepDelimiter)}`,
    );
  }
  checkMaxPayloadBytes(maxPayloadBytes, 0);
  const isLine = options.delimiter === undefined;
  const delimiter = toBytes(options.delimiter === undefined ? "\n" : options.delimiter);
  const shape = { delimiter, isLine, keepDelimiter, maxPayloadBytes };
  const encoder = new DelimitedEncoder(shape);
  return {
    name: "delimited",
    createDecoder: () => new DelimitedDecoder(shape),
    createEncoder: () => encoder,
  };
}

/** The resolved options. */
interface Shape {
  readonly delimiter: Uint8Array;
  /** Whether a carriage return before the delimiter belongs to it. */
  readonly isLine: boolean;
  readonly keepDelimiter: boolean;
  readonly maxPayloadBytes: number;
}

const CARRIAGE_RETURN = 13;

/**
 * Invariant: no delimiter begins within the first `#lookedBytes` bytes of the unfinished frame. The last
 * `delimiter.length - 1` bytes received are not among them, as a delimiter may begin there.
 */
class DelimitedDecoder implements FrameDecoder {
  readonly maxFrameBytes: number;
  readonly #shape: Shape;
  #lookedBytes = 0;

  constructor(shape: Shape) {
    this.#shape = shape;
    this.maxFrameBytes = shape.maxPayloadBytes + shape.delimiter.length + (shape.isLine ? 1 : 0);
  }

  decode(input: Uint8Array, start: number, end: number, frame: Frame): number {
    const { delimiter, isLine, keepDelimiter, maxPayloadBytes } = this.#shape;
    const limit = Math.min(end, start + this.maxFrameBytes);
    const at = findBytes(input, start + this.#lookedBytes, limit, delimiter);
    const isTooLong = at < 0 && this.#isTooLong(input, start, end);
    const payloadEnd = isLine && at > start && input[at - 1] === CARRIAGE_RETURN ? at - 1 : at;
    if (isTooLong || payloadEnd - start > maxPayloadBytes) {
      throw new FrameError(
        "too-large",
        `Cannot decode frame as it must end within ${maxPayloadBytes} bytes: current value is more`,
      );
    }
    if (at < 0) {
      this.#lookedBytes = Math.max(0, end - start - delimiter.length + 1);
      return 0;
    }
    this.#lookedBytes = 0;
    const frameBytes = at - start + delimiter.length;
    frame.set(input, start, keepDelimiter ? frameBytes : payloadEnd - start);
    return frameBytes;
  }

  /** Whether the bytes so far, without a delimiter, are too many for the longest payload. */
  #isTooLong(input: Uint8Array, start: number, end: number): boolean {
    const { delimiter, isLine, maxPayloadBytes } = this.#shape;
    if (end - start >= this.maxFrameBytes) return true;
    return isLine && end - start >= maxPayloadBytes + delimiter.length &&
      input[start + maxPayloadBytes] !== CARRIAGE_RETURN;
  }
}

class DelimitedEncoder implements FrameEncoder {
  readonly maxPayloadBytes: number;
  readonly #delimiter: Uint8Array;
  readonly #isKept: boolean;
  readonly #isLine: boolean;
  /** Room for the carriage return of the longest line, which is there only if the line has one. */
  readonly #returnBytes: number;

  constructor({ delimiter, isLine, keepDelimiter, maxPayloadBytes }: Shape) {
    this.#delimiter = delimiter;
    this.#isKept = keepDelimiter;
    this.#isLine = isLine;
    this.#returnBytes = isLine && keepDelimiter ? 1 : 0;
    this.maxPayloadBytes = maxPayloadBytes + (keepDelimiter ? delimiter.length + this.#returnBytes : 0);
  }

  frameBytes(length: number): number {
    return this.#isKept ? length : length + this.#delimiter.length;
  }

  encode(payload: Uint8Array, offset: number, length: number, output: Uint8Array, outputOffset: number): number {
    const delimiter = this.#delimiter;
    if (this.#isLine && !this.#isKept && length > 0 && payload[offset + length - 1] === CARRIAGE_RETURN) {
      throw new FrameError(
        "unencodable",
        "Cannot encode payload as a line must not end with a carriage return: it does",
      );
    }
    if (
      this.#returnBytes > 0 && length === this.maxPayloadBytes && payload[offset + length - 2] !== CARRIAGE_RETURN
    ) {
      throw new FrameError(
        "unencodable",
        `Cannot encode payload as a line must have at most ${length - 2} bytes: current value has one more`,
      );
    }
    const frameBytes = this.frameBytes(length);
    copyBytes(payload, offset, output, outputOffset, length);
    const end = outputOffset + frameBytes;
    if (!this.#isKept) copyBytes(delimiter, 0, output, outputOffset + length, delimiter.length);
    // In the output, to find delimiters that straddle the end of the payload too: "\n" + "\n\n".
    const first = findBytes(output, outputOffset, end, delimiter);
    if (first >= 0 && first === end - delimiter.length) return frameBytes;
    throw new FrameError(
      "unencodable",
      first < 0
        ? "Cannot encode payload as it must end with the delimiter: it does not"
        : `Cannot encode payload as it must have no delimiter before its end: there is one at ${first - outputOffset}`,
    );
  }
}

/** Where `sought` first lies whole in `bytes[from]` up to `bytes[end - 1]`, or -1. */
function findBytes(bytes: Uint8Array, from: number, end: number, sought: Uint8Array): number {
  const first = sought[0];
  const last = end - sought.length;
  for (let at = findByte(bytes, from, last, first); at >= 0 && at <= last; at = findByte(bytes, at + 1, last, first)) {
    let count = 1;
    while (count < sought.length && bytes[at + count] === sought[count]) count++;
    if (count === sought.length) return at;
  }
  return -1;
}

/** Where `byte` first is from `bytes[from]` up to `bytes[last]`; else -1, or behind `last`. */
function findByte(bytes: Uint8Array, from: number, last: number, byte: number): number {
  const count = last - from + 1;
  if (count <= 0) return -1;
  // `indexOf` takes no end. Where it could look at more bytes behind `last` than before, a view ends it: else a frame that comes
  // byte by byte would have the rest of the array searched for each.
  if (bytes[last] === byte || bytes.length - last <= count) return bytes.indexOf(byte, from);
  const at = bytes.subarray(from, last + 1).indexOf(byte);
  return at < 0 ? -1 : from + at;
}

function toBytes(delimiter: string | Uint8Array): Uint8Array {
  const bytes = typeof delimiter === "string" ? new TextEncoder().encode(delimiter) : delimiter;
  if (bytes?.BYTES_PER_ELEMENT !== 1) {
    throw new TypeError(
      `Cannot create codec as delimiter must be a text or a Uint8Array: current value is ${describeValue(delimiter)}`,
    );
  }
  if (bytes.length === 0 || bytes.length > LONGEST_DELIMITER_BYTES) {
    throw new RangeError(
      `Cannot create codec as delimiter must have 1 to ${LONGEST_DELIMITER_BYTES} bytes: current value has ${bytes.length}`,
    );
  }
  return Uint8Array.from(bytes); // `slice()` of a Buffer does not copy.
}

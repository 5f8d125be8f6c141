// lengthPrefixed(): the family of codecs whose header says how long the frame is. Runtime neutral.

import { copyBytes } from "../buffer/copy_bytes.ts";
import { FrameError } from "../errors.ts";
import { checkKeys, describeValue, orDefault } from "../options.ts";
import type { Codec, Frame, FrameDecoder, FrameEncoder } from "./codec.ts";
import { type ByteOrder, type LengthField, lengthField, type LengthWidth } from "./length_field.ts";
import { FourByteDecoder, FourByteEncoder, PING_FRAME } from "./four_byte_length.ts";
import { checkMaxPayloadBytes, DEFAULT_MAX_PAYLOAD_BYTES } from "./limits.ts";

/** Bound of `lengthOffset` and `lengthAdjustment`: real headers are shorter. */
const LARGEST_LENGTH_OFFSET = 1024;

/** Options of {@linkcode lengthPrefixed}. */
export interface LengthPrefixedOptions {
  /**
   * How wide the length field is: 1, 2, 3, 4 or 8 bytes, or `"varint"` (unsigned LEB128 of at most 5 bytes).
   *
   * @default {4}
   */
  readonly width?: LengthWidth | undefined;
  /**
   * The order of the length field's bytes.
   *
   * @default {"little"}
   */
  readonly byteOrder?: ByteOrder | undefined;
  /**
   * Whether the length counts the header too (the bytes before the length field and the field itself).
   *
   * @default {false}
   */
  readonly lengthIncludesHeader?: boolean | undefined;
  /**
   * How many bytes stand before the length field, 0 to 1,024.
   *
   * @default {0}
   */
  readonly lengthOffset?: number | undefined;
  /**
   * What to add to the length to get the number of bytes behind the length field, -1,024 to 1,024: 3 if three more header bytes
   * follow that the length does not count, negative if the length counts more than what follows.
   *
   * @default {0}
   */
  readonly lengthAdjustment?: number | undefined;
  /**
   * Whether the payload is the whole frame with its header. `send` then takes whole frames, and fills in their length field. If
   * false, the bytes before the length field are skipped, and sent as zeros. Not for varints.
   *
   * @default {false}
   */
  readonly keepHeader?: boolean | undefined;
  /**
   * The longest payload, in bytes, inclusive, 0 to 2^31 - 1; with `keepHeader` the longest frame, at least the header.
   *
   * @default {65536, or the largest that the length field can say if that is less}
   */
  readonly maxPayloadBytes?: number | undefined;
  /**
   * Whether there are control frames, with which the two ends ping each other: for `heartbeat`, `maxInFlightBytes` and
   * `maxInFlightMs`. Both ends must enable them. A control frame has four bytes of 255 in place of the length, then one byte: 1
   * for a ping, 2 for its answer. Only for the default header, four bytes, little-endian.
   *
   * @default {false}
   */
  readonly controlFrames?: boolean | undefined;
}

const NAMES: Record<keyof LengthPrefixedOptions, true> = {
  width: true,
  byteOrder: true,
  lengthIncludesHeader: true,
  lengthOffset: true,
  lengthAdjustment: true,
  keepHeader: true,
  maxPayloadBytes: true,
  controlFrames: true,
};

/**
 * Makes a codec whose header holds the frame's length, as netty's LengthFieldBasedFrameDecoder and tokio's
 * LengthDelimitedCodec do. Without options: four bytes, little-endian, then the payload; the default codec of a service.
 *
 * ```text
 *  0              lengthOffset      + width
 * +--------------+-----------------+-----------------------------------------------------+
 * | other header | length          | length + lengthAdjustment bytes: the payload        |
 * +--------------+-----------------+-----------------------------------------------------+
 *                                    with lengthIncludesHeader: less lengthOffset + width
 * ```
 *
 * @param options The shape of the header, and the limit.
 * @returns A stateless codec.
 * @throws {RangeError} if an option is out of range.
 * @throws {TypeError} if `keepHeader` is set with a varint or `controlFrames` with another header, a flag is not a boolean, or
 * there is an option of another name.
 *
 * @example Two bytes, big-endian
 * ```ts
 * import { lengthPrefixed } from "@laster/net/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const codec = lengthPrefixed({ width: 2, byteOrder: "big", lengthIncludesHeader: true });
 * const output = new Uint8Array(4);
 * codec.createEncoder().encode(new Uint8Array([104, 105]), 0, 2, output, 0);
 * assertEquals(output, new Uint8Array([0, 4, 104, 105]));
 * ```
 */
export function lengthPrefixed(options: LengthPrefixedOptions = {}): Codec {
  const shape = resolveShape(options);
  const hasControlFrames = orDefault(options.controlFrames, false);
  checkBoolean("controlFrames", hasControlFrames);
  const isPlain = isPlainShape(shape);
  if (hasControlFrames && !isPlain) {
    throw new TypeError(
      "Cannot create codec as controlFrames needs a header of four bytes, little-endian: current value is true",
    );
  }
  const [decoder, encoder] = isPlain
    ? [new FourByteDecoder(shape.maxPayloadBytes, { hasControlFrames }), new FourByteEncoder(shape.maxPayloadBytes)]
    : [new LengthPrefixedDecoder(shape), new LengthPrefixedEncoder(shape)];
  return {
    name: "length-prefixed",
    ...(hasControlFrames ? { ping: PING_FRAME } : {}),
    createDecoder: () => decoder,
    createEncoder: () => encoder,
  };
}

/** Whether the header is four bytes, little-endian, and nothing else, for which there is a faster codec. */
function isPlainShape({ width, byteOrder, lengthOffset, adjustment, includesHeader, keepHeader }: Shape): boolean {
  return width === 4 && byteOrder === "little" && lengthOffset === 0 && adjustment === 0 && !includesHeader &&
    !keepHeader;
}

/** The resolved options. */
interface Shape {
  readonly width: LengthWidth;
  readonly byteOrder: ByteOrder;
  readonly field: LengthField;
  readonly lengthOffset: number;
  /** The length plus this, less the header if `includesHeader`, is the number of bytes behind the length field. */
  readonly adjustment: number;
  readonly includesHeader: boolean;
  readonly keepHeader: boolean;
  readonly maxPayloadBytes: number;
}

class LengthPrefixedDecoder implements FrameDecoder {
  readonly maxFrameBytes: number;
  readonly #shape: Shape;

  constructor(shape: Shape) {
    this.#shape = shape;
    this.maxFrameBytes = shape.maxPayloadBytes + (shape.keepHeader ? 0 : shape.lengthOffset + shape.field.mostBytes);
  }

  decode(input: Uint8Array, start: number, end: number, frame: Frame): number {
    const { field, lengthOffset, adjustment, includesHeader, keepHeader, maxPayloadBytes } = this.#shape;
    const fieldStart = start + lengthOffset;
    const fieldBytes = fieldStart < end ? field.measure(input, fieldStart, end) : 0;
    if (fieldBytes === 0) return 0;
    const headerBytes = lengthOffset + fieldBytes;
    const length = field.read(input, fieldStart);
    const bodyBytes = length + adjustment - (includesHeader ? headerBytes : 0);
    if (bodyBytes < 0) {
      throw new FrameError(
        "negative-length",
        `Cannot decode frame as its length is too small for its header: current value is ${length}`,
      );
    }
    const payloadBytes = keepHeader ? headerBytes + bodyBytes : bodyBytes;
    if (payloadBytes > maxPayloadBytes) {
      throw new FrameError(
        "too-large",
        `Cannot decode frame as its length is at most ${maxPayloadBytes} bytes: current value is ${payloadBytes}`,
      );
    }
    const frameBytes = headerBytes + bodyBytes;
    if (end - start < frameBytes) {
      frame.needBytes = frameBytes;
      return 0;
    }
    frame.set(input, keepHeader ? start : start + headerBytes, payloadBytes);
    return frameBytes;
  }
}

class LengthPrefixedEncoder implements FrameEncoder {
  readonly maxPayloadBytes: number;
  readonly #shape: Shape;

  constructor(shape: Shape) {
    this.#shape = shape;
    this.maxPayloadBytes = shape.maxPayloadBytes;
  }

  frameBytes(length: number): number {
    return this.#shape.keepHeader ? length : this.#shape.lengthOffset + this.#shape.field.mostBytes + length;
  }

  encode(payload: Uint8Array, offset: number, length: number, output: Uint8Array, outputOffset: number): number {
    const { field, lengthOffset, keepHeader } = this.#shape;
    if (keepHeader) {
      const headerBytes = lengthOffset + field.mostBytes;
      if (length < headerBytes) {
        throw new FrameError(
          "unencodable",
          `Cannot encode frame as it must hold its header of ${headerBytes} bytes: current value is ${length}`,
        );
      }
      copyBytes(payload, offset, output, outputOffset, length);
      field.write(output, outputOffset + lengthOffset, lengthValue(this.#shape, length - headerBytes));
      return length;
    }
    const value = lengthValue(this.#shape, length);
    if (lengthOffset > 0) output.fill(0, outputOffset, outputOffset + lengthOffset);
    field.write(output, outputOffset + lengthOffset, value);
    const headerBytes = lengthOffset + field.bytesOf(value);
    copyBytes(payload, offset, output, outputOffset + headerBytes, length);
    return headerBytes + length;
  }
}

/** The value of the length field for `bodyBytes` bytes behind it. */
function lengthValue(shape: Shape, bodyBytes: number): number {
  let value = bodyBytes - shape.adjustment;
  if (shape.includesHeader) {
    value += shape.lengthOffset;
    // A varint that counts itself may become one byte longer by that; a second round is never needed.
    let fieldBytes = shape.field.bytesOf(value);
    fieldBytes = shape.field.bytesOf(value + fieldBytes);
    value += fieldBytes;
  }
  if (value >= 0) return value;
  throw new FrameError(
    "unencodable",
    `Cannot encode frame as its length must not be negative: current value is ${describeValue(value)}`,
  );
}

function resolveShape(options: LengthPrefixedOptions): Shape {
  checkKeys("codec", options, NAMES);
  const width = orDefault(options.width, 4);
  const byteOrder = orDefault(options.byteOrder, "little");
  const lengthOffset = orDefault(options.lengthOffset, 0);
  const adjustment = orDefault(options.lengthAdjustment, 0);
  const includesHeader = orDefault(options.lengthIncludesHeader, false);
  const keepHeader = orDefault(options.keepHeader, false);
  if (![1, 2, 3, 4, 8, "varint"].includes(width)) {
    throw new RangeError(
      `Cannot create codec as width must be 1, 2, 3, 4, 8 or "varint": current value is ${describeValue(width)}`,
    );
  }
  if (byteOrder !== "little" && byteOrder !== "big") {
    throw new RangeError(
      `Cannot create codec as byteOrder must be "little" or "big": current value is ${describeValue(byteOrder)}`,
    );
  }
  checkBoolean("lengthIncludesHeader", includesHeader);
  checkBoolean("keepHeader", keepHeader);
  checkInteger("lengthOffset", lengthOffset, 0, LARGEST_LENGTH_OFFSET);
  checkInteger("lengthAdjustment", adjustment, -LARGEST_LENGTH_OFFSET, LARGEST_LENGTH_OFFSET);
  if (keepHeader && width === "varint") {
    throw new TypeError('Cannot create codec as keepHeader needs a fixed width: current value is "varint"');
  }
  const field = lengthField(width, byteOrder);
  const headerBytes = lengthOffset + field.mostBytes;
  const mostBodyBytes = field.largestValue + adjustment - (includesHeader ? headerBytes : 0);
  const mostPayloadBytes = keepHeader ? mostBodyBytes + headerBytes : mostBodyBytes;
  if (mostBodyBytes < 0) {
    throw new RangeError(
      `Cannot create codec as its length field must be able to say a payload of 0 bytes or more: ` +
        `current value is at most ${mostBodyBytes}`,
    );
  }
  const maxPayloadBytes = orDefault(options.maxPayloadBytes, Math.min(DEFAULT_MAX_PAYLOAD_BYTES, mostPayloadBytes));
  checkMaxPayloadBytes(maxPayloadBytes, keepHeader ? headerBytes : 0);
  if (maxPayloadBytes > mostPayloadBytes) {
    throw new RangeError(
      `Cannot create codec as its length field can say at most ${mostPayloadBytes} bytes: current maxPayloadBytes is ${maxPayloadBytes}`,
    );
  }
  return { width, byteOrder, field, lengthOffset, adjustment, includesHeader, keepHeader, maxPayloadBytes };
}

function checkInteger(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new RangeError(
    `Cannot create codec as ${name} must be an integer from ${least} to ${most}: current value is ${
      describeValue(value)
    }`,
  );
}

function checkBoolean(name: string, value: boolean): void {
  if (typeof value === "boolean") return;
  throw new TypeError(`Cannot create codec as ${name} must be true or false: current value is ${describeValue(value)}`);
}

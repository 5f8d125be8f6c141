// tagged(): frames whose first one or two bytes give their kind, and thereby their length. Runtime neutral.

import { copyBytes } from "../buffer/copy_bytes.ts";
import { FrameError } from "../errors.ts";
import { checkKeys, describeValue, orDefault, requireInteger } from "../options.ts";
import type { Codec, Frame, FrameDecoder, FrameEncoder } from "./codec.ts";
import { type ByteOrder, type LengthField, lengthField } from "./length_field.ts";
import { checkMaxPayloadBytes, DEFAULT_MAX_PAYLOAD_BYTES } from "./limits.ts";

/** The length of the frames of a tag: a fixed number of bytes behind the tag, or the width of a length field behind it. */
export type TaggedSize = number | "uint8" | "uint16" | "uint32";

/** Options of {@linkcode tagged}. */
export interface TaggedOptions {
  /**
   * For each tag the number of bytes behind it, 0 to `maxPayloadBytes - tagBytes`, or the width of the length field behind it.
   * A received tag that is not in the table ends the session with `"decode-error"`.
   */
  readonly sizes: Readonly<Record<number, TaggedSize>>;
  /**
   * How wide a tag is: 1 or 2 bytes.
   *
   * @default {1}
   */
  readonly tagBytes?: 1 | 2 | undefined;
  /**
   * The order of the bytes of a tag, and of a length.
   *
   * @default {"little"}
   */
  readonly byteOrder?: ByteOrder | undefined;
  /**
   * The longest payload, in bytes, inclusive, `tagBytes` to 2^31 - 1: the tag and what is behind it, without a length field.
   *
   * @default {65536}
   */
  readonly maxPayloadBytes?: number | undefined;
}

const NAMES: Record<keyof TaggedOptions, true> = {
  sizes: true,
  tagBytes: true,
  byteOrder: true,
  maxPayloadBytes: true,
};
const WIDTHS = { uint8: 1, uint16: 2, uint32: 4 } as const;

/** The length of the frames of one tag. */
interface Kind {
  /** Bytes behind the tag; undefined if there is a length field. */
  readonly bytes: number | undefined;
  readonly field: LengthField | undefined;
}

/**
 * Makes the codec of protocols whose first one or two bytes select the length from a table, as in many older games. A payload
 * is the tag and what is behind it; a length field between the two is not part of the payload.
 *
 * ```text
 * +-----+------------------------+        +-----+--------+------------------------+
 * | tag | as many as its size    |   or   | tag | length | as many as that says   |
 * +-----+------------------------+        +-----+--------+------------------------+
 * ```
 *
 * @param options The table.
 * @returns A stateless codec. `send` refuses a payload that does not fit its tag, or without a known tag, as `"unencodable"`.
 * @throws {RangeError} if a number is out of range.
 * @throws {TypeError} if there is an option of another name or type.
 *
 * @example Moves of eight bytes, and chat
 * ```ts
 * import { Frame, tagged } from "@laster/net/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const codec = tagged({ sizes: { 0x01: 8, 0x02: "uint16" } });
 * const frame = new Frame();
 * const input = new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0, 9, 2]);
 * assertEquals(codec.createDecoder().decode(input, 0, input.length, frame), 9);
 * const output = new Uint8Array(5);
 * codec.createEncoder().encode(new Uint8Array([2, 104, 105]), 0, 3, output, 0);
 * assertEquals(output, new Uint8Array([2, 2, 0, 104, 105]));
 * ```
 */
export function tagged(options: TaggedOptions): Codec {
  checkKeys("codec", options, NAMES);
  const tagBytes = orDefault(options.tagBytes, 1);
  const byteOrder = orDefault(options.byteOrder, "little");
  const maxPayloadBytes = orDefault(options.maxPayloadBytes, DEFAULT_MAX_PAYLOAD_BYTES);
  if (tagBytes !== 1 && tagBytes !== 2) {
    throw new RangeError(`Cannot create codec as tagBytes must be 1 or 2: current value is ${describeValue(tagBytes)}`);
  }
  if (byteOrder !== "little" && byteOrder !== "big") {
    throw new RangeError(
      `Cannot create codec as byteOrder must be "little" or "big": current value is ${describeValue(byteOrder)}`,
    );
  }
  checkMaxPayloadBytes(maxPayloadBytes, tagBytes);
  const kinds = readTable(options.sizes, tagBytes, byteOrder, maxPayloadBytes);
  const tag = lengthField(tagBytes, byteOrder);
  const decoder = new TaggedDecoder(tag, kinds, maxPayloadBytes);
  const encoder = new TaggedEncoder(tag, kinds, maxPayloadBytes);
  return { name: "tagged", createDecoder: () => decoder, createEncoder: () => encoder };
}

/** Bytes of the widest length field. */
const LONGEST_FIELD_BYTES = 4;

class TaggedDecoder implements FrameDecoder {
  readonly maxFrameBytes: number;
  readonly #tag: LengthField;
  readonly #kinds: ReadonlyMap<number, Kind>;
  readonly #maxPayloadBytes: number;

  constructor(tag: LengthField, kinds: ReadonlyMap<number, Kind>, maxPayloadBytes: number) {
    this.#tag = tag;
    this.#kinds = kinds;
    this.#maxPayloadBytes = maxPayloadBytes;
    this.maxFrameBytes = maxPayloadBytes + LONGEST_FIELD_BYTES;
  }

  decode(input: Uint8Array, start: number, end: number, frame: Frame): number {
    const tagBytes = this.#tag.measure(input, start, end);
    if (tagBytes === 0) return 0;
    const { bytes, field } = findKind(this.#kinds, this.#tag.read(input, start), "malformed");
    const fieldBytes = field === undefined ? 0 : field.measure(input, start + tagBytes, end);
    if (field !== undefined && fieldBytes === 0) return 0;
    const bodyBytes = bytes ?? field?.read(input, start + tagBytes) ?? 0;
    if (tagBytes + bodyBytes > this.#maxPayloadBytes) {
      throw new FrameError(
        "too-large",
        `Cannot decode frame as its length is at most ${this.#maxPayloadBytes} bytes: current value is ${
          tagBytes + bodyBytes
        }`,
      );
    }
    const frameBytes = tagBytes + fieldBytes + bodyBytes;
    if (end - start < frameBytes) {
      frame.needBytes = frameBytes;
      return 0;
    }
    if (field === undefined) frame.set(input, start, frameBytes);
    else {
      // Tag and body must lie in one piece, without the length field between them: copied, as the input must not be changed.
      const payload = new Uint8Array(tagBytes + bodyBytes);
      copyBytes(input, start, payload, 0, tagBytes);
      copyBytes(input, start + tagBytes + fieldBytes, payload, tagBytes, bodyBytes);
      frame.set(payload, 0, payload.length);
    }
    return frameBytes;
  }
}

class TaggedEncoder implements FrameEncoder {
  readonly maxPayloadBytes: number;
  readonly #tag: LengthField;
  readonly #kinds: ReadonlyMap<number, Kind>;

  constructor(tag: LengthField, kinds: ReadonlyMap<number, Kind>, maxPayloadBytes: number) {
    this.#tag = tag;
    this.#kinds = kinds;
    this.maxPayloadBytes = maxPayloadBytes;
  }

  frameBytes(length: number): number {
    return length + LONGEST_FIELD_BYTES;
  }

  encode(payload: Uint8Array, offset: number, length: number, output: Uint8Array, outputOffset: number): number {
    const tagBytes = this.#tag.mostBytes;
    if (length < tagBytes) {
      throw new FrameError(
        "unencodable",
        `Cannot encode payload as it must have its tag: current value has ${length} bytes`,
      );
    }
    const { bytes, field } = findKind(this.#kinds, this.#tag.read(payload, offset), "unencodable");
    const bodyBytes = length - tagBytes;
    if (bytes !== undefined && bytes !== bodyBytes) {
      throw new FrameError(
        "unencodable",
        `Cannot encode payload as there must be ${bytes} bytes behind its tag: current value has ${bodyBytes}`,
      );
    }
    if (field !== undefined && bodyBytes > field.largestValue) {
      throw new FrameError(
        "unencodable",
        `Cannot encode payload as its length field can say ${field.largestValue} bytes: current value has ${bodyBytes}`,
      );
    }
    const fieldBytes = field === undefined ? 0 : field.mostBytes;
    copyBytes(payload, offset, output, outputOffset, tagBytes);
    field?.write(output, outputOffset + tagBytes, bodyBytes);
    copyBytes(payload, offset + tagBytes, output, outputOffset + tagBytes + fieldBytes, bodyBytes);
    return length + fieldBytes;
  }
}

function findKind(kinds: ReadonlyMap<number, Kind>, tag: number, code: "malformed" | "unencodable"): Kind {
  const kind = kinds.get(tag);
  if (kind !== undefined) return kind;
  const action = code === "malformed" ? "decode frame" : "encode payload";
  throw new FrameError(code, `Cannot ${action} as its tag must be in the table: current value is ${tag}`);
}

function readTable(sizes: TaggedOptions["sizes"], tagBytes: 1 | 2, byteOrder: ByteOrder, maxPayloadBytes: number) {
  if (typeof sizes !== "object" || sizes === null || sizes instanceof Map) {
    throw new TypeError(`Cannot create codec as sizes must be a table: current value is ${describeValue(sizes)}`);
  }
  const kinds = new Map<number, Kind>();
  for (const [name, size] of Object.entries(sizes)) {
    const tag = Number(name);
    // A tag has one name: "0x1" would be the tag 1 a second time, and "" the tag 0.
    const isName = String(tag) === name;
    requireInteger("create codec", "a tag of sizes", isName ? tag : name as never, 0, 256 ** tagBytes - 1);
    if (typeof size === "string" && Object.hasOwn(WIDTHS, size)) {
      kinds.set(tag, { bytes: undefined, field: lengthField(WIDTHS[size], byteOrder) });
    } else {
      requireInteger("create codec", `the size of ${tag}`, size as number, 0, maxPayloadBytes - tagBytes);
      kinds.set(tag, { bytes: size as number, field: undefined });
    }
  }
  return kinds;
}

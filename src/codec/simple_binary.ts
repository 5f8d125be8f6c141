// simpleBinary(): laster40Net's SimpleBinaryMessage, a 4-byte little-endian length and the payload. Runtime neutral.

import { copyBytes } from "../buffer/copy_bytes.ts";
import { FrameError } from "../errors.ts";
import { checkKeys, orDefault } from "../options.ts";
import type { Codec, Frame, FrameDecoder, FrameEncoder } from "./codec.ts";
import { checkMaxPayloadBytes, DEFAULT_MAX_PAYLOAD_BYTES } from "./limits.ts";

const HEADER_BYTES = 4;

/** Options of {@linkcode simpleBinary}. */
export interface SimpleBinaryOptions {
  /**
   * The longest payload, in bytes, inclusive, 0 to 2^31 - 1.
   *
   * @default {65536}
   */
  readonly maxPayloadBytes?: number;
}

const NAMES: Record<keyof SimpleBinaryOptions, true> = { maxPayloadBytes: true };

/**
 * Makes the codec of laster40Net: each frame is the payload's length as a signed 32-bit little-endian integer, then
 * the payload, which may be empty.
 *
 * ```text
 *  0               4
 * +---------------+------------------+
 * | length, LE    | payload          |
 * +---------------+------------------+
 * ```
 *
 * It differs from the original in two chosen points: the limit is inclusive, and every negative length is refused at
 * once, where the original waits on -1 to -3 until its buffer is full.
 *
 * @param options The limit.
 * @returns A stateless codec.
 * @throws {RangeError} if an option is out of range.
 * @throws {TypeError} if there is an option of another name.
 *
 * @example Encode
 * ```ts
 * import { simpleBinary } from "@laster/net/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const output = new Uint8Array(6);
 * simpleBinary().createEncoder().encode(new Uint8Array([104, 105]), 0, 2, output, 0);
 * assertEquals(output, new Uint8Array([2, 0, 0, 0, 104, 105]));
 * ```
 */
export function simpleBinary(options: SimpleBinaryOptions = {}): Codec {
  checkKeys("codec", options, NAMES);
  const maxPayloadBytes = orDefault(options.maxPayloadBytes, DEFAULT_MAX_PAYLOAD_BYTES);
  checkMaxPayloadBytes(maxPayloadBytes, 0);
  const decoder = new SimpleBinaryDecoder(maxPayloadBytes);
  const encoder = new SimpleBinaryEncoder(maxPayloadBytes);
  return { name: "simple-binary", createDecoder: () => decoder, createEncoder: () => encoder };
}

class SimpleBinaryDecoder implements FrameDecoder {
  readonly maxFrameBytes: number;
  readonly #maxPayloadBytes: number;

  constructor(maxPayloadBytes: number) {
    this.#maxPayloadBytes = maxPayloadBytes;
    this.maxFrameBytes = HEADER_BYTES + maxPayloadBytes;
  }

  decode(input: Uint8Array, start: number, end: number, frame: Frame): number {
    if (end - start < HEADER_BYTES) return 0;
    const length = input[start] | (input[start + 1] << 8) | (input[start + 2] << 16) | (input[start + 3] << 24);
    if (length < 0 || length > this.#maxPayloadBytes) this.#refuse(length);
    const frameBytes = HEADER_BYTES + length;
    if (end - start < frameBytes) {
      frame.needBytes = frameBytes;
      return 0;
    }
    frame.set(input, start + HEADER_BYTES, length);
    return frameBytes;
  }

  #refuse(length: number): never {
    if (length < 0) {
      throw new FrameError(
        "negative-length",
        `Cannot decode frame as its length is negative: current value is ${length}`,
      );
    }
    throw new FrameError(
      "too-large",
      `Cannot decode frame as its length is at most ${this.#maxPayloadBytes} bytes: current value is ${length}`,
    );
  }
}

class SimpleBinaryEncoder implements FrameEncoder {
  readonly maxPayloadBytes: number;

  constructor(maxPayloadBytes: number) {
    this.maxPayloadBytes = maxPayloadBytes;
  }

  frameBytes(length: number): number {
    return HEADER_BYTES + length;
  }

  encode(payload: Uint8Array, offset: number, length: number, output: Uint8Array, outputOffset: number): number {
    output[outputOffset] = length;
    output[outputOffset + 1] = length >>> 8;
    output[outputOffset + 2] = length >>> 16;
    output[outputOffset + 3] = length >>> 24;
    copyBytes(payload, offset, output, outputOffset + HEADER_BYTES, length);
    return HEADER_BYTES + length;
  }
}

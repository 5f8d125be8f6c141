// simpleBinary(): laster40Net's SimpleBinaryMessage, a 4-byte little-endian length and the payload. Runtime neutral.

import { checkKeys, orDefault } from "../options.ts";
import type { Codec } from "./codec.ts";
import { FourByteDecoder, FourByteEncoder } from "./four_byte_length.ts";
import { checkMaxPayloadBytes, DEFAULT_MAX_PAYLOAD_BYTES } from "./limits.ts";

/** Options of {@linkcode simpleBinary}. */
export interface SimpleBinaryOptions {
  /**
   * The longest payload, in bytes, inclusive, 0 to 2^31 - 1.
   *
   * @default {65536}
   */
  readonly maxPayloadBytes?: number | undefined;
}

const NAMES: Record<keyof SimpleBinaryOptions, true> = { maxPayloadBytes: true };

/**
 * Makes the codec of laster40Net, a library in C#: each frame is the payload's length as a signed 32-bit little-endian integer, then
 * the payload, which may be empty.
 *
 * ```text
 *  0               4
 * +---------------+------------------+
 * | length, LE    | payload          |
 * +---------------+------------------+
 * ```
 *
 * On the wire it is the same as `lengthPrefixed()`, except that a length from 2^31 on counts as negative. It differs from the
 * original on purpose in two points: the limit is inclusive, and every negative length is refused at once, where the original
 * waits on -1 to -3 until its buffer is full.
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
  const decoder = new FourByteDecoder(maxPayloadBytes, { isSigned: true });
  const encoder = new FourByteEncoder(maxPayloadBytes);
  return { name: "simple-binary", createDecoder: () => decoder, createEncoder: () => encoder };
}

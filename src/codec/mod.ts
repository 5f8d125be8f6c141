/**
 * Codecs: how a stream of bytes is cut into frames, and how frames are made of payloads.
 *
 * @example Feed a stream by hand
 * ```ts
 * import { FrameReader, lengthPrefixed } from "@laster/net/codec";
 * import { BufferPool } from "@laster/net/buffer";
 * import { assertEquals } from "@std/assert";
 *
 * const codec = lengthPrefixed({ width: 1 });
 * const reader = new FrameReader(codec.createDecoder(), new BufferPool());
 * const lengths: number[] = [];
 * reader.feed(new Uint8Array([1, 65, 0, 2, 66, 67]));
 * while (reader.next()) lengths.push(reader.frame.length);
 * reader.close();
 * assertEquals(lengths, [1, 0, 2]);
 * ```
 *
 * @module
 */

export { type Codec, Frame, type FrameDecoder, type FrameEncoder } from "./codec.ts";
export { delimited, type DelimitedOptions } from "./delimited.ts";
export { fixedLength, type FixedLengthOptions } from "./fixed_length.ts";
export { FrameReader } from "./frame_reader.ts";
export type { ByteOrder, LengthWidth } from "./length_field.ts";
export { lengthPrefixed, type LengthPrefixedOptions } from "./length_prefixed.ts";
export { raw, type RawOptions } from "./raw.ts";
export { simpleBinary, type SimpleBinaryOptions } from "./simple_binary.ts";
export { tagged, type TaggedOptions, type TaggedSize } from "./tagged.ts";

// raw(): no framing. Every chunk is a message, every payload is sent unchanged. Runtime neutral.

import { copyBytes } from "../buffer/copy_bytes.ts";
import { checkKeys, orDefault } from "../options.ts";
import type { Codec, Frame, FrameDecoder, FrameEncoder } from "./codec.ts";
import { checkMaxPayloadBytes, DEFAULT_MAX_PAYLOAD_BYTES } from "./limits.ts";

/** Options of {@linkcode raw}. */
export interface RawOptions {
  /**
   * The longest message handed out or taken, in bytes, 1 to 2^31 - 1. A longer chunk is handed out in pieces.
   *
   * @default {65536}
   */
  readonly maxPayloadBytes?: number | undefined;
}

const NAMES: Record<keyof RawOptions, true> = { maxPayloadBytes: true };

/**
 * Makes the codec without frames: messages are the bytes as they came, cut wherever the network cut them.
 *
 * @param options The limit.
 * @returns A stateless codec.
 * @throws {RangeError} if an option is out of range.
 * @throws {TypeError} if there is an option of another name.
 *
 * @example Take bytes as they come
 * ```ts
 * import { Frame, raw } from "@laster/net/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const frame = new Frame();
 * assertEquals(raw().createDecoder().decode(new Uint8Array(5), 0, 5, frame), 5);
 * assertEquals(frame.length, 5);
 * ```
 */
export function raw(options: RawOptions = {}): Codec {
  checkKeys("codec", options, NAMES);
  const maxPayloadBytes = orDefault(options.maxPayloadBytes, DEFAULT_MAX_PAYLOAD_BYTES);
  checkMaxPayloadBytes(maxPayloadBytes, 1);
  const decoder: FrameDecoder = {
    maxFrameBytes: maxPayloadBytes,
    decode(input: Uint8Array, start: number, end: number, frame: Frame): number {
      const length = end - start < maxPayloadBytes ? end - start : maxPayloadBytes;
      frame.set(input, start, length);
      return length;
    },
  };
  const encoder: FrameEncoder = {
    maxPayloadBytes,
    frameBytes: (length) => length,
    encode(payload, offset, length, output, outputOffset): number {
      copyBytes(payload, offset, output, outputOffset, length);
      return length;
    },
  };
  return { name: "raw", createDecoder: () => decoder, createEncoder: () => encoder };
}

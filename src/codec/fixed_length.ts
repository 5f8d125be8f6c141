// fixedLength(): every frame has the same length, and no header. Runtime neutral.

import { copyBytes } from "../buffer/copy_bytes.ts";
import { FrameError } from "../errors.ts";
import { checkKeys, describeValue } from "../options.ts";
import type { Codec, Frame, FrameDecoder, FrameEncoder } from "./codec.ts";
import { LARGEST_MAX_PAYLOAD_BYTES } from "./limits.ts";

/** Options of {@linkcode fixedLength}. */
export interface FixedLengthOptions {
  /** How long every frame is, in bytes, 1 to 2^31 - 1. */
  readonly frameBytes: number;
  /**
   * The byte that pads shorter payloads, 0 to 255. Without it, `send` refuses shorter payloads as `"unencodable"`. The padding
   * is not removed: the receiver gets whole frames.
   *
   * @default {undefined}
   */
  readonly fill?: number | undefined;
}

const NAMES: Record<keyof FixedLengthOptions, true> = { frameBytes: true, fill: true };

/**
 * Makes the codec of frames of one fixed length.
 *
 * ```text
 *  0            frameBytes   2 * frameBytes
 * +------------+------------+-- - -
 * | payload    | payload    |
 * +------------+------------+-- - -
 * ```
 *
 * @param options The length and the padding.
 * @returns A stateless codec.
 * @throws {RangeError} if an option is out of range.
 * @throws {TypeError} if there is an option of another name.
 *
 * @example Two bytes a frame
 * ```ts
 * import { fixedLength, Frame } from "@laster/net/codec";
 * import { assertEquals } from "@std/assert";
 *
 * const decoder = fixedLength({ frameBytes: 2 }).createDecoder();
 * const frame = new Frame();
 * assertEquals(decoder.decode(new Uint8Array([1, 2, 3]), 0, 3, frame), 2);
 * assertEquals([frame.offset, frame.length], [0, 2]);
 * ```
 */
export function fixedLength(options: FixedLengthOptions): Codec {
  checkKeys("codec", options, NAMES);
  const { frameBytes, fill } = options;
  checkByteCount("frameBytes", frameBytes, 1, LARGEST_MAX_PAYLOAD_BYTES);
  if (fill !== undefined) checkByteCount("fill", fill, 0, 255);
  const decoder: FrameDecoder = {
    maxFrameBytes: frameBytes,
    decode(input: Uint8Array, start: number, end: number, frame: Frame): number {
      if (end - start < frameBytes) {
        frame.needBytes = frameBytes;
        return 0;
      }
      frame.set(input, start, frameBytes);
      return frameBytes;
    },
  };
  const encoder: FrameEncoder = {
    maxPayloadBytes: frameBytes,
    frameBytes: () => frameBytes,
    encode(payload, offset, length, output, outputOffset): number {
      if (length < frameBytes) {
        if (fill === undefined) {
          throw new FrameError(
            "unencodable",
            `Cannot encode payload as it must have ${frameBytes} bytes: current value is ${length}`,
          );
        }
        output.fill(fill, outputOffset + length, outputOffset + frameBytes);
      }
      copyBytes(payload, offset, output, outputOffset, length);
      return frameBytes;
    },
  };
  return { name: "fixed-length", createDecoder: () => decoder, createEncoder: () => encoder };
}

function checkByteCount(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new RangeError(
    `Cannot create codec as ${name} must be an integer from ${least} to ${most}: current value is ${
      describeValue(value)
    }`,
  );
}

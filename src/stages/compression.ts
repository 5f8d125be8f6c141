// compression(): payloads as raw deflate (RFC 1951), each by itself, with a limit on the inflated size. Runtime neutral, over
// `node:zlib`, as the web platform's CompressionStream is only asynchronous.

import { deflateRawSync, inflateRawSync } from "node:zlib";
import { copyBytes } from "../buffer/copy_bytes.ts";
import { plainView } from "../buffer/plain_view.ts";
import type { Frame } from "../codec/codec.ts";
import { checkMaxPayloadBytes, DEFAULT_MAX_PAYLOAD_BYTES } from "../codec/limits.ts";
import { FrameError } from "../errors.ts";
import { checkKeys, describeValue } from "../options.ts";
import type { Stage, StageDecoder, StageEncoder } from "./stage.ts";

/** Deflate saves little on shorter payloads, and a call takes at least 10 us. */
const DEFAULT_LEAST_BYTES = 128;
const MARK_BYTES = 1;
const STORED = 0;
const DEFLATED = 1;

/** Options of {@linkcode compression}. */
export interface CompressionOptions {
  /**
   * The longest payload before compression, in bytes, inclusive, 1 to 2^31 - 1. `send` answers `"too-large"` for a longer one.
   * A frame that inflates to more closes the session with `"decode-error"` and the detail `"inflated-too-large"`; no more than
   * this is ever inflated.
   *
   * @default {65536}
   */
  readonly maxInflatedBytes?: number | undefined;
  /**
   * Payloads shorter than this, in bytes, are sent uncompressed; 0 to 2^31 - 1.
   *
   * @default {128}
   */
  readonly leastBytes?: number | undefined;
  /**
   * The compression level of zlib, 1 (fastest) to 9 (smallest).
   *
   * @default {1}
   */
  readonly level?: number | undefined;
}

const NAMES: Record<keyof CompressionOptions, true> = { maxInflatedBytes: true, leastBytes: true, level: true };

/**
 * Makes the stage that compresses each payload by itself: frames do not depend on each other, so messages may be dropped and a
 * broadcast is compressed once. A payload that would not shrink is sent uncompressed.
 *
 * ```text
 *  0      1
 * +------+---------------------------+
 * | mark | payload                   |   mark 0: uncompressed, 1: raw deflate
 * +------+---------------------------+
 * ```
 *
 * A payload that cannot be inflated closes the session with `"decode-error"`: with the detail `"incomplete"` if it ends too
 * early, `"malformed"` if it is not deflate or has bytes behind its end. Put `encryption` behind this stage in the list, not
 * before it: encrypted bytes do not compress.
 *
 * @param options Limits and level.
 * @returns A stateless stage. Its decoder passes uncompressed payloads on as a view, without a copy.
 * @throws {RangeError} if an option is out of range.
 * @throws {TypeError} if an option is unknown.
 *
 * @example A thousand zeros
 * ```ts
 * import { simpleBinary } from "@laster/net";
 * import { compression, staged } from "@laster/net/stages";
 * import { assert } from "@std/assert";
 *
 * const encoder = staged(simpleBinary(), [compression()]).createEncoder();
 * const output = new Uint8Array(encoder.frameBytes(1_000));
 * assert(encoder.encode(new Uint8Array(1_000), 0, 1_000, output, 0) < 50);
 * ```
 */
export function compression(options: CompressionOptions = {}): Stage {
  checkKeys("compression", options, NAMES);
  const { maxInflatedBytes = DEFAULT_MAX_PAYLOAD_BYTES, leastBytes = DEFAULT_LEAST_BYTES, level = 1 } = options;
  checkMaxPayloadBytes(maxInflatedBytes, 1);
  checkInteger("leastBytes", leastBytes, 0, 2 ** 31 - 1);
  checkInteger("level", level, 1, 9);
  const encoder = makeEncoder(leastBytes, level);
  const decoder = makeDecoder(maxInflatedBytes);
  return {
    name: "compression",
    overheadBytes: MARK_BYTES,
    maxPayloadBytes: maxInflatedBytes,
    createEncoder: () => encoder,
    createDecoder: () => decoder,
  };
}

function makeEncoder(leastBytes: number, level: number): StageEncoder {
  return {
    encode(payload, offset, length, output, outputOffset) {
      const at = outputOffset + MARK_BYTES;
      if (length >= leastBytes) {
        const deflated = deflateRawSync(payload.subarray(offset, offset + length), { level });
        if (deflated.length < length) {
          output[outputOffset] = DEFLATED;
          output.set(deflated, at);
          return MARK_BYTES + deflated.length;
        }
      }
      output[outputOffset] = STORED;
      copyBytes(payload, offset, output, at, length);
      return MARK_BYTES + length;
    },
  };
}

function makeDecoder(maxInflatedBytes: number): StageDecoder {
  return {
    decode(frame: Frame) {
      const { buffer, offset, length } = frame;
      const mark = length === 0 ? undefined : buffer[offset];
      const isStored = mark === STORED;
      if (isStored && length - MARK_BYTES > maxInflatedBytes) refuseInflated(maxInflatedBytes);
      if (isStored) return frame.set(buffer, offset + MARK_BYTES, length - MARK_BYTES);
      if (mark !== DEFLATED) {
        throw new FrameError(
          mark === undefined ? "incomplete" : "malformed",
          `Cannot decode frame as its mark is ${STORED} or ${DEFLATED}: current value is ${mark}`,
        );
      }
      const inflated = inflate(buffer.subarray(offset + MARK_BYTES, offset + length), maxInflatedBytes);
      frame.set(inflated, 0, inflated.length);
    },
  };
}

function inflate(deflated: Uint8Array, maxInflatedBytes: number): Uint8Array {
  // With `info` the result also tells how many bytes were read, which Node's types do not declare.
  let result: unknown;
  try {
    result = inflateRawSync(deflated, { maxOutputLength: maxInflatedBytes, info: true });
  } catch (cause) {
    const { code } = cause as { code?: unknown };
    if (code === "ERR_BUFFER_TOO_LARGE") refuseInflated(maxInflatedBytes, cause);
    const isCut = code === "Z_BUF_ERROR";
    throw new FrameError(
      isCut ? "incomplete" : "malformed",
      `Cannot decode frame as it must be raw deflate: ${isCut ? "it ends too early" : "it is something else"}`,
      { cause },
    );
  }
  const { buffer, engine } = result as { buffer: Uint8Array; engine: { bytesWritten: number } };
  const rest = deflated.length - engine.bytesWritten;
  if (rest === 0) return plainView(buffer, 0, buffer.length);
  throw new FrameError(
    "malformed",
    `Cannot decode frame as nothing may stand behind the end of the deflate: current value is ${rest} bytes`,
  );
}

function refuseInflated(maxInflatedBytes: number, cause?: unknown): never {
  throw new FrameError(
    "inflated-too-large",
    `Cannot decode frame as it inflates to at most ${maxInflatedBytes} bytes: current value is more`,
    { cause },
  );
}

function checkInteger(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new RangeError(
    `Cannot create compression as ${name} must be an integer from ${least} to ${most}: current value is ${
      describeValue(value)
    }`,
  );
}

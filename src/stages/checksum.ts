// checksum(): a CRC-32 behind each payload, to detect accidental corruption; no protection against an attacker.
// Runtime neutral, over `node:zlib`.

import { crc32 } from "node:zlib";
import type { Frame } from "../codec/codec.ts";
import { copyBytes } from "../buffer/copy_bytes.ts";
import { FrameError } from "../errors.ts";
import type { Stage, StageDecoder, StageEncoder } from "./stage.ts";

const SUM_BYTES = 4;

/**
 * Makes the stage that puts a CRC-32 (IEEE 802.3, as in zip and PNG) behind each payload, 4 bytes little-endian, and checks
 * it. A wrong checksum closes the session with `"decode-error"` and the detail `"checksum-mismatch"`; a payload shorter than a
 * checksum with the detail `"incomplete"`.
 *
 * @returns A stateless stage. Its decoder passes the payload on as a view, without a copy.
 *
 * @example Detect a flipped bit
 * ```ts
 * import { Frame, FrameError, simpleBinary } from "@laster/net";
 * import { checksum, staged } from "@laster/net/stages";
 * import { assertThrows } from "@std/assert";
 *
 * const codec = staged(simpleBinary(), [checksum()]);
 * const frame = new Uint8Array(11);
 * codec.createEncoder().encode(new Uint8Array([1, 2, 3]), 0, 3, frame, 0);
 * frame[5] ^= 1;
 * assertThrows(() => codec.createDecoder().decode(frame, 0, 11, new Frame()), FrameError, "checksum");
 * ```
 */
export function checksum(): Stage {
  return { name: "checksum", overheadBytes: SUM_BYTES, createEncoder: () => ENCODER, createDecoder: () => DECODER };
}

const ENCODER: StageEncoder = {
  encode(payload, offset, length, output, outputOffset) {
    copyBytes(payload, offset, output, outputOffset, length);
    const sum = crc32(payload.subarray(offset, offset + length));
    const end = outputOffset + length;
    output[end] = sum;
    output[end + 1] = sum >>> 8;
    output[end + 2] = sum >>> 16;
    output[end + 3] = sum >>> 24;
    return length + SUM_BYTES;
  },
};

const DECODER: StageDecoder = {
  decode(frame: Frame) {
    const { buffer, offset } = frame;
    const length = frame.length - SUM_BYTES;
    if (length < 0) {
      throw new FrameError(
        "incomplete",
        `Cannot decode frame as a checksum takes ${SUM_BYTES} bytes: current value is ${frame.length}`,
      );
    }
    const end = offset + length;
    const said = (buffer[end] | (buffer[end + 1] << 8) | (buffer[end + 2] << 16) | (buffer[end + 3] << 24)) >>> 0;
    const sum = crc32(buffer.subarray(offset, end));
    if (said !== sum) {
      throw new FrameError(
        "checksum-mismatch",
        `Cannot decode frame as its checksum is ${sum}: current value is ${said}`,
      );
    }
    frame.length = length;
  },
};

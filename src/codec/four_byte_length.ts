// The header of the default codec: four bytes, little-endian, that say how long the payload is. Runtime neutral.

import { copyBytes } from "../buffer/copy_bytes.ts";
import { FrameError } from "../errors.ts";
import type { Frame, FrameDecoder, FrameEncoder } from "./codec.ts";

const HEADER_BYTES = 4;
/** The length field of a control frame; the byte behind it is `PING` or `PONG`. */
const CONTROL = -1;
const PING = 1;
const PONG = 2;
const CONTROL_BYTES = HEADER_BYTES + 1;
const PONG_FRAME = new Uint8Array([255, 255, 255, 255, PONG]);

/** The control frame that pings the peer. */
export const PING_FRAME: Uint8Array = new Uint8Array([255, 255, 255, 255, PING]);

/** How length fields above `maxPayloadBytes` are read. */
export interface SpecialLengths {
  /** Whether lengths from 2^31 on are reported as `"negative-length"` rather than `"too-large"`. */
  readonly isSigned?: boolean;
  /** Whether there are control frames. */
  readonly hasControlFrames?: boolean;
}

/** Decodes frames with a header of four bytes, the payload's length. Stateless. */
export class FourByteDecoder implements FrameDecoder {
  readonly maxFrameBytes: number;
  readonly #maxPayloadBytes: number;

  readonly #special: SpecialLengths;

  /** Makes a decoder. */
  constructor(maxPayloadBytes: number, special: SpecialLengths) {
    this.#special = special;
    this.#maxPayloadBytes = maxPayloadBytes;
    this.maxFrameBytes = Math.max(HEADER_BYTES + maxPayloadBytes, special.hasControlFrames ? CONTROL_BYTES : 0);
  }

  decode(input: Uint8Array, start: number, end: number, frame: Frame): number {
    if (end - start < HEADER_BYTES) return 0;
    const length = input[start] | (input[start + 1] << 8) | (input[start + 2] << 16) | (input[start + 3] << 24);
    if (length < 0 || length > this.#maxPayloadBytes) return this.#decodeSpecial(length, input, start, end, frame);
    const frameBytes = HEADER_BYTES + length;
    if (end - start < frameBytes) {
      frame.needBytes = frameBytes;
      return 0;
    }
    frame.set(input, start + HEADER_BYTES, length);
    return frameBytes;
  }

  #decodeSpecial(length: number, input: Uint8Array, start: number, end: number, frame: Frame): number {
    if (length !== CONTROL || this.#special.hasControlFrames !== true) this.#refuse(length);
    if (end - start < CONTROL_BYTES) {
      frame.needBytes = CONTROL_BYTES;
      return 0;
    }
    const kind = input[start + HEADER_BYTES];
    if (kind !== PING && kind !== PONG) {
      throw new FrameError(
        "malformed",
        `Cannot decode frame as its kind must be ${PING} or ${PONG}: current value is ${kind}`,
      );
    }
    if (kind === PING) frame.consume(PONG_FRAME);
    else frame.acknowledge();
    return CONTROL_BYTES;
  }

  #refuse(length: number): never {
    if (length < 0 && this.#special.isSigned === true) {
      throw new FrameError(
        "negative-length",
        `Cannot decode frame as its length is negative: current value is ${length}`,
      );
    }
    throw new FrameError(
      "too-large",
      `Cannot decode frame as its length is at most ${this.#maxPayloadBytes} bytes: current value is ${length >>> 0}`,
    );
  }
}

/** Encodes frames with a header of four bytes, the payload's length. Stateless. */
export class FourByteEncoder implements FrameEncoder {
  readonly maxPayloadBytes: number;

  /** Makes an encoder. */
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

// The header that most games have: four bytes, little-endian, that say how long the payload is. Runtime neutral.

import { copyBytes } from "../buffer/copy_bytes.ts";
import { FrameError } from "../errors.ts";
import type { Frame, FrameDecoder, FrameEncoder } from "./codec.ts";

const HEADER_BYTES = 4;

/** Cuts frames whose header is their payload's length, in four bytes. */
export class FourByteDecoder implements FrameDecoder {
  readonly maxFrameBytes: number;
  readonly #maxPayloadBytes: number;

  readonly #isSigned: boolean;

  /** Makes one; whether the length is signed decides what is said of one from 2^31 on. */
  constructor(maxPayloadBytes: number, isSigned: boolean) {
    this.#isSigned = isSigned;
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
    if (length < 0 && this.#isSigned) {
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

/** Makes them. */
export class FourByteEncoder implements FrameEncoder {
  readonly maxPayloadBytes: number;

  /** Makes one. */
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

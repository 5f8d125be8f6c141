// Decoders for tests: one that counts its calls, one of frames that end with a zero byte, and one that says what it is
// told to. Runtime neutral.

import { FrameError } from "../../src/errors.ts";
import type { Frame, FrameDecoder } from "../../src/codec/codec.ts";

/** Passes on to another decoder and counts the calls. */
export class CountingDecoder implements FrameDecoder {
  readonly maxFrameBytes: number;
  calls = 0;
  readonly #decoder: FrameDecoder;

  constructor(decoder: FrameDecoder) {
    this.#decoder = decoder;
    this.maxFrameBytes = decoder.maxFrameBytes;
  }

  decode(input: Uint8Array, start: number, end: number, frame: Frame): number {
    this.calls++;
    return this.#decoder.decode(input, start, end, frame);
  }
}

/** Frames that end with a zero byte: their size is not known before. */
export function zeroEnded(maxFrameBytes: number): FrameDecoder {
  return {
    maxFrameBytes,
    decode(input, start, end, frame) {
      for (let index = start; index < end; index++) {
        if (index - start >= maxFrameBytes) {
          throw new FrameError("too-large", `Cannot decode frame past ${maxFrameBytes}`);
        }
        if (input[index] !== 0) continue;
        frame.set(input, start, index - start);
        return index - start + 1;
      }
      return 0;
    },
  };
}

/** What a decoder says at one call. */
export interface Answer {
  readonly used: number;
  readonly needBytes?: number;
}

/** Gives the answers one after another, the last one for ever. */
export function scripted(maxFrameBytes: number, answers: readonly Answer[]): FrameDecoder {
  let call = 0;
  return {
    maxFrameBytes,
    decode(input, start, end, frame) {
      const { used, needBytes } = answers[Math.min(call++, answers.length - 1)];
      frame.set(input, start, end - start);
      if (needBytes !== undefined) frame.needBytes = needBytes;
      return used;
    },
  };
}

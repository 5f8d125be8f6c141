// A codec of one's own: netstrings, `5:hello,` (D. J. Bernstein, 1997). custom_codec.ts shows it at work.

import { type Codec, type Frame, FrameError } from "@laster/net";

const COLON = 58;
const COMMA = 44;
const ZERO = 48;
const MAX_PAYLOAD_BYTES = 1_000;
/** The digits of the largest length, and the colon. */
const MAX_HEADER_BYTES = 5;

/** Netstrings keep no state between frames, so one decoder and one encoder serve all sessions. */
export const netstring: Codec = {
  name: "netstring",
  createDecoder: () => ({ maxFrameBytes: MAX_HEADER_BYTES + MAX_PAYLOAD_BYTES + 1, decode }),
  createEncoder: () => ({
    maxPayloadBytes: MAX_PAYLOAD_BYTES,
    frameBytes: (length) => MAX_HEADER_BYTES + length + 1,
    encode,
  }),
};

function decode(input: Uint8Array, start: number, end: number, frame: Frame): number {
  let length = 0;
  let position = start;
  for (; position < end && input[position] !== COLON; position++) {
    const digit = input[position] - ZERO;
    if (digit < 0 || digit > 9) {
      throw new FrameError("malformed", `Cannot decode netstring as it starts with digits: found ${digit + ZERO}`);
    }
    length = length * 10 + digit;
    if (length > MAX_PAYLOAD_BYTES) throw new FrameError("too-large", `Cannot decode netstring of ${length} bytes`);
  }
  if (position === end) return 0; // The length is not whole yet.
  if (position === start) throw new FrameError("malformed", "Cannot decode netstring as it has no length");
  const frameBytes = position - start + 1 + length + 1;
  frame.needBytes = frameBytes;
  if (end - start < frameBytes) return 0;
  if (input[start + frameBytes - 1] !== COMMA) {
    throw new FrameError("malformed", "Cannot decode netstring as no comma ends it");
  }
  frame.set(input, position + 1, length);
  return frameBytes;
}

function encode(payload: Uint8Array, offset: number, length: number, output: Uint8Array, outputOffset: number): number {
  const head = `${length}:`;
  for (let index = 0; index < head.length; index++) output[outputOffset + index] = head.charCodeAt(index);
  output.set(payload.subarray(offset, offset + length), outputOffset + head.length);
  output[outputOffset + head.length + length] = COMMA;
  return head.length + length + 1;
}

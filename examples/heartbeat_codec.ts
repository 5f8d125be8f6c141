// A codec of one's own with heartbeats: the peer is asked for a sign of life, and answers without the application.
//
//  message  00 LENGTH(u16 LE) PAYLOAD        ping  01        pong  02

import { type Codec, type Frame, FrameError } from "@laster/net";

const MESSAGE = 0;
const PING = 1;
const PONG = 2;
const HEADER_BYTES = 3;
const PONG_FRAME = new Uint8Array([PONG]);

/** Send it with `session.sendEncoded()`. */
export const PING_FRAME: Uint8Array = new Uint8Array([PING]);

/** Makes the codec; `onPong` hears of each answer to a ping. */
export function heartbeat({ maxPayloadBytes = 65_535, onPong = () => {} } = {}): Codec {
  function decode(input: Uint8Array, start: number, end: number, frame: Frame): number {
    const kind = input[start];
    if (kind === PING) {
      frame.consume(PONG_FRAME);
      return 1;
    }
    if (kind === PONG) {
      frame.consume();
      onPong();
      return 1;
    }
    if (kind !== MESSAGE) throw new FrameError("malformed", `Cannot decode frame of the unknown kind ${kind}`);
    if (end - start < HEADER_BYTES) return 0;
    const length = input[start + 1] | (input[start + 2] << 8);
    if (length > maxPayloadBytes) throw new FrameError("too-large", `Cannot decode frame of ${length} bytes`);
    frame.needBytes = HEADER_BYTES + length;
    if (end - start < frame.needBytes) return 0;
    frame.set(input, start + HEADER_BYTES, length);
    return HEADER_BYTES + length;
  }

  function encode(payload: Uint8Array, offset: number, length: number, output: Uint8Array, at: number): number {
    output.set([MESSAGE, length & 255, length >> 8], at);
    output.set(payload.subarray(offset, offset + length), at + HEADER_BYTES);
    return HEADER_BYTES + length;
  }

  return {
    name: "heartbeat",
    createDecoder: () => ({ maxFrameBytes: HEADER_BYTES + maxPayloadBytes, decode }),
    createEncoder: () => ({ maxPayloadBytes, frameBytes: (length) => HEADER_BYTES + length, encode }),
  };
}

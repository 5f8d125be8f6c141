// A codec that keeps its contract, and codecs that break it, each in one way. Runtime neutral.
//
//  message  00 LENGTH(u16 LE) PAYLOAD        ping  01        pong  02

import { type Codec, type Frame, type FrameDecoder, type FrameEncoder, FrameError } from "@laster/net";

const MESSAGE = 0;
const PING = 1;
const PONG = 2;
const HEADER_BYTES = 3;
const MASK = 0x55;

/** The codec that keeps it. */
export function soundCodec(maxPayloadBytes: number): Codec {
  function decode(input: Uint8Array, start: number, end: number, frame: Frame): number {
    if (input[start] === PING) {
      frame.consume(Uint8Array.of(PONG));
      return 1;
    }
    if (input[start] === PONG) {
      frame.acknowledge();
      return 1;
    }
    if (end - start < HEADER_BYTES) return 0;
    const length = lengthAt(input, start);
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
    name: "sound",
    ping: Uint8Array.of(PING),
    createDecoder: () => ({ maxFrameBytes: HEADER_BYTES + maxPayloadBytes, decode }),
    createEncoder: () => ({ maxPayloadBytes, frameBytes: (length) => HEADER_BYTES + length, encode }),
  };
}

/** A codec that breaks its contract. */
export interface BrokenCodec {
  /** The case that must find it: group and name. */
  readonly foundBy: string;
  readonly makeCodec: (maxPayloadBytes: number) => Codec;
}

type Decode = FrameDecoder["decode"];
type Encode = FrameEncoder["encode"];

/** What breaks it, by what is wrong. */
export const BROKEN_CODECS: Readonly<Record<string, BrokenCodec>> = {
  "loses the last byte": {
    foundBy: "cuts: decodes frames that come one by one",
    makeCodec: withDecode((decode) => (input, start, end, frame) => {
      const used = decode(input, start, end, frame);
      if (frame.length > 0) frame.length--;
      return used;
    }),
  },
  "takes a chunk for a frame": {
    foundBy: "cuts: decodes several frames in one chunk",
    makeCodec: withDecode((decode) => (input, start, end, frame) =>
      decode(input, start, end, frame) > 0 ? end - start : 0
    ),
  },
  "keeps a view of a begun frame": {
    foundBy: "cuts: decodes frames that come byte by byte",
    makeCodec: withDecoder((decoder) => {
      let begun: Uint8Array | undefined;
      return {
        ...decoder,
        decode(input, start, end, frame) {
          begun ??= input.subarray(start, end);
          if (begun.length < end - start && begun[0] !== input[start]) throw new Error("its bytes have changed");
          const used = decoder.decode(input, start, end, frame);
          if (used > 0) begun = undefined;
          return used;
        },
      };
    }),
  },
  "misses a frame whose header comes in two parts": {
    foundBy: "cuts: decodes frames cut at random",
    makeCodec: withDecode((decode) => (input, start, end, frame) => {
      if (input[start] === MESSAGE && end - start === 2) {
        throw new FrameError("malformed", "Cannot decode half a header");
      }
      return decode(input, start, end, frame);
    }),
  },
  "takes an empty payload for none": {
    foundBy: "payloads: brings an empty payload across",
    makeCodec: withDecode((decode) => (input, start, end, frame) => {
      const used = decode(input, start, end, frame);
      return used > 0 && frame.length === 0 ? 0 : used;
    }),
  },
  "refuses the limit itself": {
    foundBy: "payloads: brings the longest payload across",
    makeCodec: (maxPayloadBytes) => ({
      ...soundCodec(maxPayloadBytes),
      createDecoder: () => soundCodec(maxPayloadBytes - 1).createDecoder(),
    }),
  },
  "has no limit": {
    foundBy: "payloads: refuses a frame one byte past the limit",
    makeCodec: (maxPayloadBytes) => ({
      ...soundCodec(maxPayloadBytes),
      createDecoder: () => soundCodec(65_535).createDecoder(),
    }),
  },
  "keeps all of a frame before it refuses it": {
    foundBy: "payloads: refuses a frame one byte past the limit",
    makeCodec: withDecoder(({ decode }) => ({
      maxFrameBytes: 65_535 + HEADER_BYTES,
      decode(input, start, end, frame) {
        const isMessage = input[start] === MESSAGE;
        return isMessage && end - start < HEADER_BYTES + lengthAt(input, start) ? 0 : decode(input, start, end, frame);
      },
    })),
  },
  "refuses with an error of another class": {
    foundBy: "payloads: refuses a frame one byte past the limit",
    makeCodec: withDecode((decode) => (input, start, end, frame) => {
      try {
        return decode(input, start, end, frame);
      } catch {
        throw new RangeError("Cannot decode frame");
      }
    }),
  },
  "hands an unfinished frame over": {
    foundBy: "decoder: hands no unfinished frame over",
    makeCodec: withDecode((decode) => (input, start, end, frame) => {
      const used = decode(input, start, end, frame);
      if (used > 0 || end - start < HEADER_BYTES) return used;
      frame.set(input, start + HEADER_BYTES, end - start - HEADER_BYTES);
      return end - start;
    }),
  },
  "looks at the end of the array": {
    foundBy: "decoder: looks at nothing behind the end of its input",
    makeCodec: withDecode((decode) => (input, start, _end, frame) => decode(input, start, input.length, frame)),
  },
  "takes the payload from the start of the array": {
    foundBy: "decoder: takes a frame that lies anywhere in its array",
    makeCodec: withDecode((decode) => (input, start, end, frame) => {
      const used = decode(input, start, end, frame);
      if (!frame.isConsumed && used > 0) frame.offset = HEADER_BYTES;
      return used;
    }),
  },
  "does not count its header": {
    foundBy: "decoder: takes a frame, and leaves what is behind it",
    makeCodec: withDecode((decode) => (input, start, end, frame) => {
      const used = decode(input, start, end, frame);
      return used > HEADER_BYTES ? used - HEADER_BYTES : used;
    }),
  },
  "says the size before it knows": {
    foundBy: "decoder: says how many bytes a frame takes, if it says so",
    makeCodec: withDecode((decode) => (input, start, end, frame) => {
      const used = decode(input, start, end, frame);
      if (used === 0 && end - start < HEADER_BYTES) frame.needBytes = HEADER_BYTES + lengthAt(input, start);
      return used;
    }),
  },
  "takes the mask off in its input": {
    foundBy: "decoder: leaves its input as it is",
    makeCodec: (maxPayloadBytes) => {
      const masked = withEncode((encode) => (payload, offset, length, output, at) => {
        const bytes = payload.slice(offset, offset + length).map((byte) => byte ^ MASK);
        return encode(bytes, 0, length, output, at);
      })(maxPayloadBytes);
      const unmask: Decode = (input, start, end, frame) => {
        const used = masked.createDecoder().decode(input, start, end, frame);
        for (let index = 0; index < frame.length; index++) input[frame.offset + index] ^= MASK;
        return used;
      };
      return { ...masked, createDecoder: () => ({ ...masked.createDecoder(), decode: unmask }) };
    },
  },
  "has no room for its header": {
    foundBy: "decoder: has room for the longest frame in maxFrameBytes",
    makeCodec: withDecoder((decoder) => ({ ...decoder, maxFrameBytes: decoder.maxFrameBytes - HEADER_BYTES })),
  },
  "has one state for all sessions": {
    foundBy: "decoder: keeps the streams of two sessions apart",
    makeCodec(maxPayloadBytes) {
      let begunBytes = 0;
      return withDecode((decode) => (input, start, end, frame) => {
        if (end - start < begunBytes) throw new FrameError("malformed", "Cannot decode frame as it has become shorter");
        const used = decode(input, start, end, frame);
        begunBytes = used > 0 ? 0 : end - start + 1;
        return used;
      })(maxPayloadBytes);
    },
  },
  "needs more than frameBytes() says": {
    foundBy: "encoder: keeps within frameBytes(), and writes nothing around it",
    makeCodec: withEncoder((encoder) => ({ ...encoder, frameBytes: (length) => length + HEADER_BYTES - 1 })),
  },
  "ends its frame with a byte that it does not count": {
    foundBy: "encoder: keeps within frameBytes(), and writes nothing around it",
    makeCodec: withEncode((encode) => (payload, offset, length, output, at) => {
      const written = encode(payload, offset, length, output, at);
      output[at + written] = 0;
      return written;
    }),
  },
  "takes the payload from the start of its array": {
    foundBy: "encoder: takes a payload from the middle of an array, and leaves it as it is",
    makeCodec: withEncode((encode) => (payload, _offset, length, output, at) => encode(payload, 0, length, output, at)),
  },
  "changes the payload": {
    foundBy: "encoder: takes a payload from the middle of an array, and leaves it as it is",
    makeCodec: withEncode((encode) => (payload, offset, length, output, at) => {
      const written = encode(payload, offset, length, output, at);
      payload.fill(0, offset, offset + length);
      return written;
    }),
  },
  "writes to the start of the output": {
    foundBy: "encoder: writes a frame to the middle of an array",
    makeCodec: withEncode((encode) => (payload, offset, length, output) => encode(payload, offset, length, output, 0)),
  },
  "clears a byte before its frame": {
    foundBy: "encoder: writes a frame to the middle of an array",
    makeCodec: withEncode((encode) => (payload, offset, length, output, at) => {
      if (at > 0) output[at - 1] = 0;
      return encode(payload, offset, length, output, at);
    }),
  },
  "does not say how long a payload may be": {
    foundBy: "encoder: says how long a payload may be",
    makeCodec: withEncoder((encoder) => ({ ...encoder, maxPayloadBytes: NaN })),
  },
  "hands its pings to the application": {
    foundBy: "ping: keeps its ping from the application",
    makeCodec: withDecode((decode) => (input, start, end, frame) => {
      if (input[start] !== PING) return decode(input, start, end, frame);
      frame.set(input, start, 1);
      return 1;
    }),
  },
  "does not answer its pings": {
    foundBy: "ping: answers its ping, and knows the answer",
    makeCodec: withDecode((decode) => (input, start, end, frame) => {
      const used = decode(input, start, end, frame);
      frame.reply = undefined;
      return used;
    }),
  },
  "does not know the answers to its pings": {
    foundBy: "ping: answers its ping, and knows the answer",
    makeCodec: withDecode((decode) => (input, start, end, frame) => {
      const used = decode(input, start, end, frame);
      frame.isAnswer = false;
      return used;
    }),
  },
  "takes what is behind a ping for part of it": {
    foundBy: "ping: takes pings and their answers between messages, byte by byte too",
    makeCodec: withDecode((decode) => (input, start, end, frame) => {
      const used = decode(input, start, end, frame);
      return frame.isConsumed ? end - start : used;
    }),
  },
};

function lengthAt(input: Uint8Array, start: number): number {
  return input[start + 1] | (input[start + 2] << 8);
}

function withDecoder(change: (decoder: FrameDecoder) => FrameDecoder): (maxPayloadBytes: number) => Codec {
  return (maxPayloadBytes) => {
    const codec = soundCodec(maxPayloadBytes);
    return { ...codec, createDecoder: () => change(codec.createDecoder()) };
  };
}

function withDecode(change: (decode: Decode) => Decode): (maxPayloadBytes: number) => Codec {
  return withDecoder((decoder) => ({ ...decoder, decode: change(decoder.decode) }));
}

function withEncoder(change: (encoder: FrameEncoder) => FrameEncoder): (maxPayloadBytes: number) => Codec {
  return (maxPayloadBytes) => {
    const codec = soundCodec(maxPayloadBytes);
    return { ...codec, createEncoder: () => change(codec.createEncoder()) };
  };
}

function withEncode(change: (encode: Encode) => Encode): (maxPayloadBytes: number) => Codec {
  return withEncoder((encoder) => ({ ...encoder, encode: change(encoder.encode) }));
}

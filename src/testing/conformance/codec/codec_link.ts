// CodecLink: the two codecs of a case, one for each end, and the payloads that go between them. Runtime neutral.

import { type Codec, Frame, type FrameDecoder, type FrameEncoder } from "../../../codec/codec.ts";
import { SeededRandom } from "../../simulation/seeded_random.ts";
import { equals, holds } from "../check.ts";
import type { CodecSettings } from "./settings.ts";

/** Lengths around the limits at which the length in a header takes one more byte, or a buffer is full. */
const LENGTHS = [0, 1, 2, 3, 7, 31, 32, 33, 127, 128, 129, 255, 256, 257, 4_096, 65_535, 65_536];
/** The byte around the range that a codec may read or write: shows if it goes outside. */
const GUARD = 0xee;

/** A payload and its frame. */
export interface Message {
  readonly payload: Uint8Array;
  readonly frame: Uint8Array;
}

/** What a decoder said at one call. */
export interface Decoded {
  readonly used: number;
  readonly needBytes: number;
  /** The payload, copied; undefined without a frame, and if it was consumed. */
  readonly payload: Uint8Array | undefined;
  readonly isConsumed: boolean;
  readonly reply: Uint8Array | undefined;
  readonly isAnswer: boolean;
}

/** Where a frame is written, and what it is made of. */
export interface EncodePlace {
  /** Bytes before the payload in its array. */
  readonly before?: number;
  /** Bytes before the frame in its array. */
  readonly outputBefore?: number;
  /** Bytes behind the frame's room. */
  readonly outputBehind?: number;
}

/** Both ends, from codecs of their own. */
export class CodecLink {
  readonly settings: CodecSettings;
  readonly near: Codec;
  readonly far: Codec;
  readonly encoder: FrameEncoder;
  readonly random: SeededRandom;

  constructor(settings: CodecSettings) {
    this.settings = settings;
    this.near = settings.makeCodec(settings.maxPayloadBytes);
    this.far = settings.makePeerCodec(settings.maxPayloadBytes);
    this.encoder = this.near.createEncoder();
    this.random = new SeededRandom(settings.seed);
  }

  /** The longest payload, as the codec has it. */
  get limit(): number {
    return this.encoder.maxPayloadBytes;
  }

  /** Makes a payload; undefined if none has that length. */
  payload(length: number): Uint8Array | undefined {
    const payload = this.settings.makePayload(length, this.random);
    if (payload !== undefined) equals(payload.length, length, "the length of what makePayload(length) gives");
    return payload;
  }

  /** Makes payloads of many lengths, the shortest and the longest among them. */
  payloads(): readonly Uint8Array[] {
    const { minPayloadBytes: least, payloads } = this.settings;
    const drawn = [this.random.integer(least, this.limit), this.random.integer(least, this.limit)];
    const lengths = [...LENGTHS, least, least + 1, ...drawn, this.limit - 1, this.limit, least];
    const made = lengths.filter((length) => length >= least && length <= this.limit).flatMap((length) =>
      this.payload(length) ?? []
    );
    holds(made.length > 0, "makePayload() gives no payload of any length");
    return [...made, ...payloads];
  }

  /** Makes a short payload: of 20 bytes if there is one. */
  shortPayload(): Uint8Array {
    const { minPayloadBytes: least } = this.settings;
    for (let length = Math.min(Math.max(20, least), this.limit); length >= least; length--) {
      const payload = this.payload(length);
      if (payload !== undefined) return payload;
    }
    const [payload] = this.payloads().toSorted((one, other) => one.length - other.length);
    return payload;
  }

  /** Encodes payloads one behind the other. */
  messages(payloads: readonly Uint8Array[] = this.payloads()): readonly Message[] {
    return payloads.map((payload) => ({ payload, frame: encodeFrame(this.encoder, payload) }));
  }

  /** The payloads that must arrive for these messages. */
  arriving(messages: readonly Message[]): readonly Uint8Array[] {
    return messages.map(({ payload }) => this.settings.arrives(payload));
  }

  /** Makes a decoder that has seen nothing, of a codec that has made none. */
  freshDecoder(): FrameDecoder {
    return this.settings.makePeerCodec(this.settings.maxPayloadBytes).createDecoder();
  }
}

/** Encodes, with guards around input and output, and checks what the contract says of an encoder. */
export function encodeFrame(encoder: FrameEncoder, payload: Uint8Array, place: EncodePlace = {}): Uint8Array {
  const { before = 0, outputBefore = 0, outputBehind = 0 } = place;
  const what = `of a payload of ${payload.length} bytes`;
  const input = joinBytes([guards(before), payload, guards(before)]);
  const copy = input.slice();
  const roomBytes = encoder.frameBytes(payload.length);
  holds(Number.isInteger(roomBytes) && roomBytes >= 0, `frameBytes() ${what} is ${roomBytes}`);
  const output = guards(outputBefore + roomBytes + outputBehind);
  const written = encoder.encode(input, before, payload.length, output, outputBefore);
  holds(Number.isInteger(written) && written >= 0, `encode() ${what} answers ${written}`);
  holds(written <= roomBytes, `encode() ${what} answers ${written} bytes, and frameBytes() ${roomBytes}`);
  equals(input, copy, `the array ${what} after encode()`);
  equals(output.subarray(0, outputBefore), guards(outputBefore), `the output before the frame ${what}`);
  const behind = output.subarray(outputBefore + roomBytes);
  equals(behind, guards(outputBehind), `the output behind the room for the frame ${what}`);
  return output.slice(outputBefore, outputBefore + written);
}

/** Decodes once, and checks what the contract says of the answer. */
export function decodeOnce(decoder: FrameDecoder, input: Uint8Array, start: number, end: number): Decoded {
  const frame = new Frame();
  const used = decoder.decode(input, start, end, frame);
  holds(Number.isInteger(used) && used >= 0, `decode() answers ${used}`);
  holds(used <= end - start, `decode() uses ${used} bytes of ${end - start}`);
  const { needBytes, reply, isAnswer } = frame;
  if (used === 0) return { used, needBytes, payload: undefined, isConsumed: false, reply, isAnswer };
  const { isConsumed, buffer, offset, length } = frame;
  if (isConsumed) return { used, needBytes, payload: undefined, isConsumed, reply, isAnswer };
  holds(
    offset >= 0 && offset + length <= buffer.length,
    `the payload at ${offset}, ${length} bytes, is outside its array`,
  );
  return { used, needBytes, payload: buffer.slice(offset, offset + length), isConsumed, reply, isAnswer };
}

/** Bytes that nobody may look at or write to. */
export function guards(count: number): Uint8Array {
  return new Uint8Array(count).fill(GUARD);
}

/** Puts arrays behind each other. */
export function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let position = 0;
  for (const part of parts) {
    joined.set(part, position);
    position += part.length;
  }
  return joined;
}

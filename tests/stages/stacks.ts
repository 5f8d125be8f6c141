// Stacks of stages around codecs, drawn at random, and both of their ends; and stages run by hand, for peers that lie.
// Runtime neutral.

import { concat } from "@std/bytes";
import fc from "fast-check";
import { type Codec, Frame, lengthPrefixed, type LengthPrefixedOptions, simpleBinary } from "@laster/net/codec";
import { checksum, compression, encryption, type Stage, staged, type StageEncoder } from "@laster/net/stages";

/** What a stage adds, in bytes. */
const OVERHEAD_BYTES = { checksum: 4, compression: 1, encryption: 24 } as const;

/** How to make a stage. */
export interface StageShape {
  readonly kind: "checksum" | "compression" | "encryption";
  /** Of compression. */
  readonly maxInflatedBytes: number;
  readonly leastBytes: number;
  /** Of encryption. */
  readonly keyBytes: 16 | 32;
}

/** How to make a codec with stages. */
export interface StackShape {
  /** Options of lengthPrefixed(); undefined for simpleBinary(). */
  readonly prefix: LengthPrefixedOptions | undefined;
  readonly maxPayloadBytes: number;
  readonly stages: readonly StageShape[];
}

/** Which end of a session. */
export type End = "near" | "far";

const stageShapes: fc.Arbitrary<StageShape> = fc.record({
  kind: fc.constantFrom("checksum", "compression", "encryption"),
  maxInflatedBytes: fc.constantFrom(250, 400, 65_536),
  leastBytes: fc.constantFrom(0, 16, 128),
  keyBytes: fc.constantFrom(16, 32),
});

const prefixes: fc.Arbitrary<LengthPrefixedOptions | undefined> = fc.option(
  fc.record({
    width: fc.constantFrom(2, 3, 4, 8, "varint"),
    byteOrder: fc.constantFrom("little", "big"),
    lengthIncludesHeader: fc.boolean(),
    lengthOffset: fc.constantFrom(0, 3),
    lengthAdjustment: fc.constantFrom(0, -2),
  }) as fc.Arbitrary<LengthPrefixedOptions>,
  { nil: undefined },
);

/** Any order and number of stages around any codec with a length in front. */
export const stackShapes: fc.Arbitrary<StackShape> = fc.record({
  prefix: prefixes,
  maxPayloadBytes: fc.integer({ min: 200, max: 600 }),
  stages: fc.array(stageShapes, { maxLength: 6 }),
});

/** Makes the codec of one end, with keys that fit those of the other end. */
export function makeCodec(shape: StackShape, end: End): Codec {
  const { prefix, maxPayloadBytes, stages } = shape;
  const inner = prefix === undefined
    ? simpleBinary({ maxPayloadBytes })
    : lengthPrefixed({ ...prefix, maxPayloadBytes });
  return staged(inner, stages.map((stage, index) => makeStage(stage, index, end)));
}

/** The longest payload that a stack should take: what the codec takes less what is added, and what each deflate may see. */
export function expectedLimit({ maxPayloadBytes, stages }: StackShape): number {
  let addedBytes = 0;
  let limit = Infinity;
  for (const { kind, maxInflatedBytes } of stages) {
    if (kind === "compression") limit = Math.min(limit, maxInflatedBytes - addedBytes);
    addedBytes += OVERHEAD_BYTES[kind];
  }
  return Math.min(limit, maxPayloadBytes - addedBytes);
}

/** Two keys, seen from one end. */
export function makeKeys(end: End, seed: number = 0, keyBytes: number = 32): Parameters<typeof encryption>[0] {
  const toFar = new Uint8Array(keyBytes).fill(2 * seed + 1);
  const toNear = new Uint8Array(keyBytes).fill(2 * seed + 2);
  return end === "near" ? { sendKey: toFar, receiveKey: toNear } : { sendKey: toNear, receiveKey: toFar };
}

/** Runs the encoder of a stage by hand: what it makes of the payload, for more than one payload. */
export class StageRun {
  readonly #encoder: StageEncoder;
  readonly #overheadBytes: number;

  constructor(stage: Stage) {
    this.#encoder = stage.createEncoder();
    this.#overheadBytes = stage.overheadBytes;
  }

  encode(payload: Uint8Array): Uint8Array {
    const output = new Uint8Array(payload.length + this.#overheadBytes);
    const written = this.#encoder.encode(payload, 0, payload.length, output, 0);
    return output.slice(0, written);
  }
}

/** Points a new frame record into the middle of a larger array, and gives both. */
export function frameOf(payload: Uint8Array): Frame {
  const frame = new Frame();
  frame.set(concat([Uint8Array.of(9, 9, 9), payload, Uint8Array.of(9)]), 3, payload.length);
  return frame;
}

/** What a frame record points at, copied. */
export function bytesOf({ buffer, offset, length }: Frame): Uint8Array {
  return buffer.slice(offset, offset + length);
}

/** Bytes that do not deflate, from a seed. */
export function noise(length: number, seed: number = 1): Uint8Array {
  let state = seed | 1;
  return Uint8Array.from({ length }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state;
  });
}

function makeStage({ kind, maxInflatedBytes, leastBytes, keyBytes }: StageShape, index: number, end: End): Stage {
  if (kind === "checksum") return checksum();
  if (kind === "compression") return compression({ maxInflatedBytes, leastBytes });
  return encryption(makeKeys(end, index, keyBytes));
}

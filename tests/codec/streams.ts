// Feeds a stream of bytes to a codec, whole, byte by byte and cut at random, and says what came out. Checks after every
// stream that all memory is back. Runtime neutral.

import { assertEquals } from "@std/assert";
import { concat } from "@std/bytes";
import fc from "fast-check";
import { BufferPool } from "../../src/buffer/buffer_pool.ts";
import type { Codec, FrameDecoder } from "../../src/codec/codec.ts";
import { FrameReader } from "../../src/codec/frame_reader.ts";
import { FrameError, type FrameErrorCode } from "../../src/errors.ts";
import { check } from "../property.ts";

/** What a used chunk is filled with, so that whoever reads it too late shows. */
const SPENT = 0xee;

/** The classes of the pool of every stream. The first is as far as a reader looks for a header that is cut. */
export const POOL_CLASSES = [32, 128, 4096, 65_540];

/** What came of a stream. */
export interface Outcome {
  readonly messages: readonly Uint8Array[];
  /** The code of the FrameError that ended it. */
  readonly refusal: FrameErrorCode | undefined;
  /** Whether it ended inside a frame. */
  readonly isInsideFrame: boolean;
  /** How many chunks were fed, the refused one too. */
  readonly fedChunks: number;
  /** The sizes of the pool's classes that were used; 0 for above all. */
  readonly rentedClasses: readonly number[];
}

/** Reads a stream to its end, or to the FrameError that ends it. */
export function readStream(decoder: FrameDecoder, chunks: readonly Uint8Array[]): Outcome {
  const pool = new BufferPool({ classes: POOL_CLASSES });
  const reader = new FrameReader(decoder, pool);
  const messages: Uint8Array[] = [];
  let refusal: FrameErrorCode | undefined;
  let fedChunks = 0;
  try {
    for (const chunk of chunks) {
      const loan = chunk.slice();
      fedChunks++;
      reader.feed(loan);
      while (reader.next()) messages.push(payloadOf(reader));
      loan.fill(SPENT);
    }
  } catch (error) {
    if (!(error instanceof FrameError)) throw error;
    refusal = error.code;
  }
  const { isInsideFrame } = reader;
  reader.close();
  assertEquals(pool.outstanding, 0);
  return { messages, refusal, isInsideFrame, fedChunks, rentedClasses: rentedClasses(pool) };
}

/** Calls `verify` with the stream whole, byte by byte, and cut at random places, empty chunks too. */
export function forEveryCut(stream: Uint8Array, verify: (chunks: readonly Uint8Array[]) => void, runs = 20): void {
  verify([stream]);
  verify(cutAt(stream, [...stream.keys()]));
  const places = fc.array(fc.integer({ min: 0, max: stream.length }), { maxLength: 12 });
  check(fc.property(places, (cuts) => verify(cutAt(stream, cuts))), runs);
}

/** Checks that a stream gives these messages and ends cleanly, however it is cut. */
export function assertMessages(codec: Codec, stream: Uint8Array, messages: readonly Uint8Array[], runs?: number): void {
  forEveryCut(stream, (chunks) => {
    const outcome = readStream(codec.createDecoder(), chunks);
    assertEquals([outcome.refusal, outcome.isInsideFrame], [undefined, false]);
    assertEquals(outcome.messages, messages);
  }, runs);
}

/** Checks that a stream is refused with this code, and that nothing was rented but for its header, however it is cut. */
export function assertRefused(codec: Codec, stream: Uint8Array, refusal: FrameErrorCode): void {
  forEveryCut(stream, (chunks) => {
    const outcome = readStream(codec.createDecoder(), chunks);
    assertEquals([outcome.refusal, outcome.messages.length], [refusal, 0]);
    assertEquals(outcome.rentedClasses.filter((bytes) => bytes !== POOL_CLASSES[0]), []);
  });
}

/** Encodes a payload by a codec's encoder, with guards around its input and output. */
export function encodeFrame(codec: Codec, payload: Uint8Array): Uint8Array {
  const encoder = codec.createEncoder();
  const input = concat([Uint8Array.of(SPENT, SPENT), payload, Uint8Array.of(SPENT)]);
  const roomBytes = encoder.frameBytes(payload.length);
  const output = new Uint8Array(roomBytes + 4).fill(SPENT);
  const written = encoder.encode(input, 2, payload.length, output, 3);
  if (written > roomBytes) {
    throw new Error(`frameBytes(${payload.length}) is ${roomBytes}, but encode wrote ${written}`);
  }
  const around = [...output.subarray(0, 3), ...output.subarray(3 + written)];
  assertEquals(around.filter((byte) => byte !== SPENT), []);
  return output.slice(3, 3 + written);
}

/** The payload that a reader stands at, copied. */
export function payloadOf(reader: FrameReader): Uint8Array {
  const { buffer, offset, length } = reader.frame;
  return buffer.slice(offset, offset + length);
}

/** Cuts a stream at the given places, in any order and any number of times. */
export function cutAt(stream: Uint8Array, places: readonly number[]): Uint8Array[] {
  const edges = [0, ...[...places].sort((left, right) => left - right), stream.length];
  return edges.slice(1).map((end, index) => stream.subarray(edges[index], end));
}

/** Bytes that are a function of their place, so that a loss or a swap shows. */
export function pattern(length: number, seed = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 31 + (index >>> 8) * 7 + seed) & 0xff);
}

/** How many buffers a pool has lent so far. */
export function rentCount(pool: BufferPool): number {
  const { hits, misses, oversize } = pool.stats();
  return hits + misses + oversize;
}

function rentedClasses(pool: BufferPool): number[] {
  const { classes, oversize } = pool.stats();
  const used = classes.filter(({ hits, misses }) => hits + misses > 0).map(({ bytes }) => bytes);
  return oversize > 0 ? [...used, 0] : used;
}

// Reads a stream that comes in chunks, as a session does, and cuts streams. Runtime neutral.

import { BufferPool } from "../../../buffer/buffer_pool.ts";
import type { FrameDecoder } from "../../../codec/codec.ts";
import { FrameReader } from "../../../codec/frame_reader.ts";
import { FrameError, type FrameErrorCode } from "../../../errors.ts";
import type { SeededRandom } from "../../simulation/seeded_random.ts";
import { guards } from "./codec_link.ts";

/** The most places at which a stream is cut at random. */
const MOST_CUTS = 12;

/** What came of a stream. */
export interface Outcome {
  readonly payloads: readonly Uint8Array[];
  readonly replies: readonly Uint8Array[];
  /** The FrameError that ended it. */
  readonly refusal: FrameErrorCode | undefined;
  /** Whether it ended inside a frame. */
  readonly isInsideFrame: boolean;
}

/** Reads to the end, or to the FrameError that comes before. Each chunk is overwritten once it is used up. */
export function readStream(decoder: FrameDecoder, chunks: readonly Uint8Array[]): Outcome {
  const replies: Uint8Array[] = [];
  const reader = new FrameReader(decoder, new BufferPool(), undefined, (reply) => replies.push(reply.slice()));
  const payloads: Uint8Array[] = [];
  let refusal: FrameErrorCode | undefined;
  try {
    for (const chunk of chunks) {
      const loan = chunk.slice();
      reader.feed(loan);
      while (reader.next()) {
        const { buffer, offset, length } = reader.frame;
        payloads.push(buffer.slice(offset, offset + length));
      }
      loan.set(guards(loan.length));
    }
  } catch (error) {
    if (!(error instanceof FrameError)) throw error;
    refusal = error.code;
  }
  const { isInsideFrame } = reader;
  reader.close();
  return { payloads, replies, refusal, isInsideFrame };
}

/** Cuts a stream at the given places, in any order and any number of times. */
export function cutAt(stream: Uint8Array, places: readonly number[]): Uint8Array[] {
  const edges = [0, ...places.toSorted((one, other) => one - other), stream.length];
  return edges.slice(1).map((end, index) => stream.subarray(edges[index], end));
}

/** Cuts a stream into single bytes. */
export function cutBytes(stream: Uint8Array): Uint8Array[] {
  return cutAt(stream, [...stream.keys()].slice(1));
}

/** Cuts a stream at random places; a place may come twice, which makes an empty chunk. */
export function cutAtRandom(stream: Uint8Array, random: SeededRandom): Uint8Array[] {
  return cutAt(stream, Array.from({ length: random.integer(0, MOST_CUTS) }, () => random.integer(0, stream.length)));
}

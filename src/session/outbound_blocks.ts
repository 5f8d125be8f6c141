// The memory of what is on its way out: blocks of encoded frames, and the segments of blocks that a session's queue is
// made of. A block may be shared by many sessions (a broadcast). Runtime neutral.

import type { BufferPool } from "../buffer/buffer_pool.ts";
import type { RentedBuffer } from "../buffer/rented_buffer.ts";
import type { FrameEncoder } from "../codec/codec.ts";
import { FrameError } from "../errors.ts";

const EMPTY = new Uint8Array(0);

/** Free objects kept for the next turn; the buffers themselves are the pool's. */
const MOST_FREE_OBJECTS = 4_096;

/** A rented buffer that is filled from the front, with a count of those who hold it. */
export class OutboundBlock {
  /** The memory. */
  bytes: Uint8Array = EMPTY;
  /** Where the next frame goes. */
  end = 0;
  /** How many hold the block: segments, and a broadcaster that may still add to it. */
  holders = 0;
  /** The handle to give back. */
  rented: RentedBuffer | undefined = undefined;
}

/** A run of whole frames in a block: one piece of a session's queue. */
export class OutboundSegment {
  /** The block that the bytes are in. */
  block: OutboundBlock | undefined = undefined;
  /** Where the first unsent byte is. */
  start = 0;
  /** Behind the last byte. */
  end = 0;
  /** How many unsent frames it holds. */
  frames = 0;
  /** Whether the block is this session's alone, to be added to. */
  isOwn = false;
  /** The segment behind it. */
  next: OutboundSegment | undefined = undefined;
}

/**
 * Encodes a payload behind what the block holds. A wrong count from the encoder would spoil all that follows, so it is
 * checked.
 *
 * @returns The bytes written.
 * @throws {FrameError} if the encoder says it wrote less than nothing or more than it asked room for.
 */
export function encodeInto(
  block: OutboundBlock,
  encoder: FrameEncoder,
  payload: Uint8Array,
  offset: number,
  length: number,
  roomBytes: number,
): number {
  const written = encoder.encode(payload, offset, length, block.bytes, block.end);
  if (!(written >= 0 && written <= roomBytes && Number.isInteger(written))) {
    throw new FrameError(
      "codec-fault",
      `Cannot encode frame as the encoder must write 0 to ${roomBytes} bytes: current value is ${written}`,
    );
  }
  block.end += written;
  return written;
}

/** Where the blocks and segments of a service come from; nothing is allocated once it is warm. */
export class OutboundBlocks {
  readonly #pool: BufferPool;
  readonly #freeBlocks: OutboundBlock[] = [];
  readonly #freeSegments: OutboundSegment[] = [];

  /** Makes an empty store over a pool. */
  constructor(pool: BufferPool) {
    this.#pool = pool;
  }

  /** Takes a block of at least `bytes`, held by nobody yet. */
  takeBlock(bytes: number): OutboundBlock {
    const block = this.#freeBlocks.pop() ?? new OutboundBlock();
    const rented = this.#pool.rent(bytes);
    block.rented = rented;
    block.bytes = rented.bytes;
    return block;
  }

  /** Lets one holder go; the last one's leaving gives the memory back. */
  dropBlock(block: OutboundBlock): void {
    if (--block.holders > 0) return;
    block.rented?.release();
    block.rented = undefined;
    block.bytes = EMPTY;
    block.end = 0;
    block.holders = 0;
    if (this.#freeBlocks.length < MOST_FREE_OBJECTS) this.#freeBlocks.push(block);
  }

  /** Takes a segment over `block` from `start` to `end`, and holds the block. */
  takeSegment(block: OutboundBlock, start: number, end: number, isOwn: boolean): OutboundSegment {
    const segment = this.#freeSegments.pop() ?? new OutboundSegment();
    block.holders++;
    segment.block = block;
    segment.start = start;
    segment.end = end;
    segment.isOwn = isOwn;
    return segment;
  }

  /** Takes a segment back, and lets its block go. */
  dropSegment(segment: OutboundSegment): void {
    if (segment.block !== undefined) this.dropBlock(segment.block);
    segment.block = segment.next = undefined;
    segment.start = segment.end = segment.frames = 0;
    if (this.#freeSegments.length < MOST_FREE_OBJECTS) this.#freeSegments.push(segment);
  }
}

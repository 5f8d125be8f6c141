// The memory of outgoing frames: blocks of encoded frames, and the segments of blocks that make up a session's queue. A block
// may be shared by many sessions (a broadcast). Runtime neutral.

import type { BufferPool } from "../buffer/buffer_pool.ts";
import { copyBytes } from "../buffer/copy_bytes.ts";
import type { RentedBuffer } from "../buffer/rented_buffer.ts";
import { FrameError } from "../errors.ts";
import { describeValue } from "../options.ts";
import type { FullPolicy } from "./queue_limits.ts";

/** A block grows up to this size and is then followed by another one: eight 64 KiB frames with their headers fit. */
export const LARGEST_BLOCK_BYTES = 532_480;
/** Segments up to this size are copied together into one write: a write costs 6 us, copying 4 KiB a tenth of that. */
export const LARGEST_GATHERED_BYTES = 4_096;
const EMPTY = new Uint8Array(0);

/** Size of the service's own block: the small answers of a batch of turns fit, or those to one chunk of most games. */
const OWN_BYTES = 49_152;

/** Free objects kept for the next turn; the buffers themselves are the pool's. */
const MOST_FREE_OBJECTS = 4_096;

/** A rented buffer that is filled from the front, with a count of its holders. */
export class OutboundBlock {
  /** The memory. */
  bytes: Uint8Array = EMPTY;
  /** Where the next frame goes. */
  end = 0;
  /** The number of holders: segments, and a broadcaster that may still add to it. */
  holders = 0;
  /** The handle to give back; undefined for the service's own block. */
  rented: RentedBuffer | undefined = undefined;
}

/** An encoded frame in a block, with its payload and its policy in case it has to wait. */
export type SharedFrame = readonly [
  block: OutboundBlock,
  start: number,
  end: number,
  payload?: Uint8Array,
  key?: unknown,
  whenFull?: FullPolicy | undefined,
];

/** The block of segments on the free list. */
const NO_BLOCK = new OutboundBlock();

/** A run of whole frames in a block: one piece of a session's queue. */
export class OutboundSegment {
  /** The block that the bytes are in. */
  block: OutboundBlock = NO_BLOCK;
  /** Where the first unsent byte is. */
  start = 0;
  /** Index behind the last byte. */
  end = 0;
  /** How many unsent frames it holds. */
  frames = 0;
  /** Whether the block belongs to this session alone, so that frames may be appended. */
  isOwn = false;
  /** The segment behind it. */
  next: OutboundSegment | undefined = undefined;
}

/**
 * Checks the byte count that an encoder returned: a wrong one would corrupt the stream.
 *
 * @throws {FrameError} `"codec-fault"` if it is not an integer from 0 to `roomBytes`.
 */
export function checkWritten(written: number, roomBytes: number): void {
  if (written >= 0 && written <= roomBytes && Number.isInteger(written)) return;
  throw new FrameError(
    "codec-fault",
    `Cannot encode frame as the encoder must write 0 to ${roomBytes} bytes: current value is ${describeValue(written)}`,
  );
}

/** The source of a service's blocks and segments; allocates nothing in the steady state. */
export class OutboundBlocks {
  /** Writes to connections so far, without those of broadcasts. */
  writes = 0;
  readonly #pool: BufferPool;
  readonly #freeBlocks: OutboundBlock[] = [];
  /**
   * A block that is not rented. Where writes complete at once, as on Bun and Node, all sessions use it in turn, which is
   * cheaper than renting. Undefined while it is in use.
   */
  #own: OutboundBlock | undefined = undefined;
  /** The own block while turns that are written together add frames to it. */
  #turn: OutboundBlock | undefined = undefined;
  readonly #freeSegments: OutboundSegment[] = [];

  /** Makes a source over a pool. */
  constructor(pool: BufferPool) {
    this.#pool = pool;
    this.#own = new OutboundBlock();
    this.#own.bytes = new Uint8Array(OWN_BYTES);
  }

  /** Whether there is room for a block of `bytes`. */
  canTake(bytes: number): boolean {
    return this.#pool.canRent(bytes);
  }

  /** Whether the budget has room for a block of any size; free buffers count for the largest only: others may be of another. */
  get canTakeAny(): boolean {
    return this.#pool.outstandingBytes + LARGEST_BLOCK_BYTES <= this.#pool.maxBytes &&
      this.canTake(LARGEST_BLOCK_BYTES);
  }

  /** Takes a block of at least `bytes`, with no holder yet. */
  takeBlock(bytes: number): OutboundBlock {
    const block = this.#freeBlocks.pop() ?? new OutboundBlock();
    const rented = this.#pool.rent(bytes);
    block.rented = rented;
    block.bytes = rented.bytes;
    return block;
  }

  /** Gives the shared block of this turn; undefined if a session still holds it, or it has no room for `bytes`. */
  openTurn(bytes: number): OutboundBlock | undefined {
    if (this.#turn === undefined && bytes <= OWN_BYTES) {
      this.#turn = this.#own;
      this.#own = undefined;
    }
    const block = this.#turn;
    return block !== undefined && block.bytes.length - block.end >= bytes ? block : undefined;
  }

  /** Ends the use of the turn's block before a flush: segments that stay in it after that are its only users. */
  closeTurn(): void {
    const block = this.#turn;
    this.#turn = undefined;
    if (block !== undefined && block.holders === 0) this.#own = block;
  }

  /** Removes one holder; without a holder the memory goes back. */
  dropBlock(block: OutboundBlock): void {
    if (--block.holders > 0) return;
    block.end = 0;
    block.holders = 0;
    if (block.rented === undefined) {
      if (block !== this.#turn) this.#own = block;
      return;
    }
    block.rented.release();
    block.rented = undefined;
    block.bytes = EMPTY;
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

  /** Takes a segment back, and drops its hold on the block. */
  dropSegment(segment: OutboundSegment): void {
    this.dropBlock(segment.block);
    segment.block = NO_BLOCK;
    segment.next = undefined;
    segment.start = segment.end = segment.frames = 0;
    if (this.#freeSegments.length < MOST_FREE_OBJECTS) this.#freeSegments.push(segment);
  }
}

/**
 * Moves the unsent bytes of a segment to a larger block with room for `roomBytes` more.
 *
 * @returns The segment.
 */
export function growSegment(blocks: OutboundBlocks, segment: OutboundSegment, roomBytes: number): OutboundSegment {
  const old = segment.block;
  const usedBytes = segment.end - segment.start;
  const larger = blocks.takeBlock(Math.min(LARGEST_BLOCK_BYTES, Math.max(usedBytes + roomBytes, 4 * usedBytes)));
  copyBytes(old.bytes, segment.start, larger.bytes, 0, usedBytes);
  larger.end = usedBytes;
  larger.holders = 1;
  segment.block = larger;
  segment.start = 0;
  segment.end = usedBytes;
  blocks.dropBlock(old);
  return segment;
}

/**
 * Copies small segments that follow each other into one block, so that they leave in one write.
 *
 * @param blocks Where the block comes from.
 * @param head The first of at least two.
 * @returns The new head; the old one if the first two are not both small, or the budget has no room for a block.
 */
export function gatherSegments(blocks: OutboundBlocks, head: OutboundSegment): OutboundSegment {
  const second = head.next;
  const isSmall = (segment: OutboundSegment) => segment.end - segment.start <= LARGEST_GATHERED_BYTES;
  if (second === undefined || !isSmall(head) || !isSmall(second)) return head;
  if (!blocks.canTake(LARGEST_GATHERED_BYTES * 4)) return head;
  const block = blocks.takeBlock(LARGEST_GATHERED_BYTES * 4);
  const gathered = blocks.takeSegment(block, 0, 0, true);
  let segment: OutboundSegment | undefined = head;
  while (segment !== undefined) {
    const bytes = segment.end - segment.start;
    if (bytes > LARGEST_GATHERED_BYTES || block.end + bytes > block.bytes.length) break;
    copyBytes(segment.block.bytes, segment.start, block.bytes, block.end, bytes);
    block.end += bytes;
    gathered.frames += segment.frames;
    const next: OutboundSegment | undefined = segment.next;
    blocks.dropSegment(segment);
    segment = next;
  }
  gathered.end = block.end;
  gathered.next = segment;
  return gathered;
}

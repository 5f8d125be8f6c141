// SegmentQueue: the frames of one session in their order, in segments of blocks. Knows no limit and no connection: the base
// of SendQueue, and one object with it, since each message touches both. Runtime neutral.

import { copyBytes } from "../buffer/copy_bytes.ts";
import type { FrameEncoder } from "../codec/codec.ts";
import {
  checkWritten,
  gatherSegments,
  growSegment,
  LARGEST_BLOCK_BYTES,
  LARGEST_GATHERED_BYTES,
  type OutboundBlock,
  type OutboundBlocks,
  type OutboundSegment,
} from "./outbound_blocks.ts";

/** The first block of a session that has not sent before. */
const FIRST_BLOCK_BYTES = 256;

/**
 * What is encoded and not sent yet; its members are for `SendQueue` alone.
 *
 * Invariant: `bytes` and `frames` are the sums over the segments from `head` to `tail`; while `isWriting`, the first
 * `writingBytes` of `head` are on loan to the connection.
 */
export class SegmentQueue {
  // What a queue that holds nothing is asked for comes last, next to the fields of SendQueue: they are fetched together.
  readonly #blocks: OutboundBlocks;
  writingFrames = 0;
  bytes = 0;
  frames = 0;
  tail: OutboundSegment | undefined = undefined;
  /** What of the head is on loan: 0 while no write waits for the peer. */
  writingBytes = 0;
  /** The size of the next own block: what the last ones held when they left, so that it need seldom grow. */
  #blockBytes = FIRST_BLOCK_BYTES;
  head: OutboundSegment | undefined = undefined;

  /** Makes an empty queue. */
  constructor(blocks: OutboundBlocks) {
    this.#blocks = blocks;
  }

  /** Whether a write waits for the peer. */
  get isWriting(): boolean {
    return this.writingBytes > 0;
  }

  /** Encodes a payload behind all that is queued. */
  addEncoded(encoder: FrameEncoder, payload: Uint8Array, offset: number, length: number, roomBytes: number): void {
    const segment = this.#openSegment(roomBytes);
    const { block } = segment;
    const written = encoder.encode(payload, offset, length, block.bytes, block.end);
    if (written !== roomBytes) checkWritten(written, roomBytes);
    segment.end = block.end += written;
    segment.frames++;
    this.bytes += written;
    this.frames++;
  }

  /** Adds frames that stand encoded in a shared block. */
  addShared(block: OutboundBlock, start: number, end: number, frames: number): void {
    const bytes = end - start;
    const tail = this.tail;
    this.bytes += bytes;
    this.frames += frames;
    if (tail !== undefined && tail.block === block && tail.end === start) {
      tail.end = end;
      tail.frames += frames;
    } else if (
      tail !== undefined && tail.isOwn && bytes <= LARGEST_GATHERED_BYTES && this.#blocks.canTake(LARGEST_BLOCK_BYTES)
    ) {
      const segment = this.#openSegment(bytes);
      const own = segment.block;
      copyBytes(block.bytes, start, own.bytes, own.end, bytes);
      own.end += bytes;
      segment.end = own.end;
      segment.frames += frames;
    } else {
      const segment = this.#blocks.takeSegment(block, start, end, false);
      segment.frames = frames;
      this.#append(segment);
    }
  }

  /** Counts the frames that came behind the last one, up to `end`. */
  extendTail(end: number, frames: number): void {
    const tail = this.tail;
    if (tail === undefined) return;
    this.bytes += end - tail.end;
    this.frames += frames;
    tail.end = tail.block.end = end;
    tail.frames += frames;
  }

  /** How large a block should be for a session that has nothing queued. */
  ownBytes(roomBytes: number): number {
    return Math.max(roomBytes, this.#blockBytes);
  }

  /** Gives the next segment to write, with the small ones behind it gathered in. */
  nextToWrite(): OutboundSegment | undefined {
    if (this.head === undefined || this.head.next === undefined) return this.head;
    this.head = gatherSegments(this.#blocks, this.head);
    if (this.head.next === undefined) this.tail = this.head;
    return this.head;
  }

  /** The first bytes of the head are on loan to the connection. */
  startWriting(bytes: number, frames: number): void {
    this.writingBytes = bytes;
    this.writingFrames = frames;
  }

  /** Takes what the connection took off the head, and drops the head if that was all of it. Gives how many frames that was. */
  retire(bytes: number, frames: number): number {
    const head = this.head;
    if (head === undefined) return 0;
    // Frames of no bytes may have come behind those that were on loan: they leave with the last byte.
    const retired = head.start + bytes === head.end ? head.frames : frames;
    this.bytes -= bytes;
    this.frames -= retired;
    head.start += bytes;
    head.frames -= retired;
    if (head.start < head.end) return retired;
    if (head.isOwn) this.#adaptBlockBytes(Math.min(bytes, LARGEST_BLOCK_BYTES));
    this.head = head.next;
    if (head.next === undefined) this.tail = undefined;
    this.#blocks.dropSegment(head);
    return retired;
  }

  /** Gives all memory back; the sums stay, and say what was lost. */
  dropAll(): void {
    this.writingBytes = 0;
    for (let segment = this.head; segment !== undefined; segment = this.head) {
      this.head = segment.next;
      this.#blocks.dropSegment(segment);
    }
    this.tail = undefined;
  }

  /** Follows what blocks hold: up at once, down an eighth of the way, for a block that grows is copied. */
  #adaptBlockBytes(bytes: number): void {
    const above = this.#blockBytes - bytes;
    this.#blockBytes = above > 0 ? Math.max(FIRST_BLOCK_BYTES, this.#blockBytes - Math.ceil(above / 8)) : bytes;
  }

  /** Gives the segment that the next frame of `roomBytes` goes into. */
  #openSegment(roomBytes: number): OutboundSegment {
    const tail = this.tail;
    if (tail !== undefined && tail.isOwn) {
      const { block } = tail;
      if (block.bytes.length - block.end >= roomBytes) return tail;
      const isOnLoan = this.isWriting && tail === this.head;
      if (!isOnLoan && tail.end - tail.start + roomBytes <= LARGEST_BLOCK_BYTES) {
        return growSegment(this.#blocks, tail, roomBytes);
      }
    }
    const block = this.#blocks.takeBlock(Math.max(roomBytes, this.#blockBytes));
    return this.#append(this.#blocks.takeSegment(block, 0, 0, true));
  }

  #append(segment: OutboundSegment): OutboundSegment {
    if (this.tail === undefined) this.head = segment;
    else this.tail.next = segment;
    this.tail = segment;
    return segment;
  }
}

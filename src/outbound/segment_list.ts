// SegmentList: the encoded frames of one session in order, in segments of blocks, and the only counters of what a session
// sends. Knows no limits. Runtime neutral.

import { copyBytes } from "../buffer/copy_bytes.ts";
import type { FrameEncoder } from "../codec/codec.ts";
import type { Connection } from "../transport/transport.ts";
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
import type { QueueLimits } from "./queue_limits.ts";
import type { SentEvent } from "./send_result.ts";

/** The first block of a session that has not sent before. */
const FIRST_BLOCK_BYTES = 256;

/**
 * The frames that are encoded and not sent yet.
 *
 * Invariant: `queuedBytes` and `queuedFrames` are the sums over the segments from `head` to `tail`; while `isWriting`, the
 * first `writingBytes` of `head` are on loan to the connection. No count is negative, and no more is reported than was sent.
 */
export class SegmentList {
  /** The first segment, which is written next. */
  head: OutboundSegment | undefined = undefined;
  /** The last one. */
  tail: OutboundSegment | undefined = undefined;
  /** Bytes of the head that are on loan to the connection; 0 while no write is pending. */
  writingBytes = 0;
  #writingFrames = 0;
  /** Bytes that the connection has not taken yet. */
  queuedBytes = 0;
  /** Frames that it has not wholly taken yet. */
  queuedFrames = 0;
  /** Bytes that it has taken so far. */
  sentBytes = 0;
  /** Frames that it has wholly taken so far. */
  sentFrames = 0;
  /** The size of the next own block: follows the size of the last ones when written, so that blocks seldom grow. */
  #blockBytes = FIRST_BLOCK_BYTES;
  #isOver = false;
  readonly #blocks: OutboundBlocks;
  #reportedBytes = 0;
  #reportedFrames = 0;

  /** Makes an empty list. */
  constructor(blocks: OutboundBlocks) {
    this.#blocks = blocks;
  }

  /** Whether a write is pending. */
  get isWriting(): boolean {
    return this.writingBytes > 0;
  }

  /** Bytes of memory that they take: whole blocks of the session's own, and its part of shared ones. */
  get heldBytes(): number {
    let bytes = 0;
    for (let segment = this.head; segment !== undefined; segment = segment.next) {
      bytes += segment.isOwn ? segment.block.bytes.length : segment.end - segment.start;
    }
    return bytes;
  }

  /**
   * Gives the block that the next frame goes into, behind all that is queued. The last segment then ends at `block.end`.
   *
   * @param isTurnBlockFree Whether no cursor is open in the block of the turn.
   */
  openBlock(roomBytes: number, isTurnBlockFree: boolean): OutboundBlock {
    const tail = this.tail;
    if (!this.isWriting && (tail === undefined || !tail.isOwn)) {
      const block = isTurnBlockFree ? this.#blocks.openTurn(Math.max(roomBytes, this.#blockBytes)) : undefined;
      if (block !== undefined) {
        if (tail?.block === block && tail.end === block.end) return block;
        this.#append(this.#blocks.takeSegment(block, block.end, block.end, false));
        return block;
      }
    }
    return this.#openOwn(roomBytes).block;
  }

  /** Whether a frame fits within the limits of a queue, besides what waits elsewhere. */
  hasRoomFor(
    bytes: number,
    { maxQueuedBytes, maxQueuedFrames }: Pick<QueueLimits, "maxQueuedBytes" | "maxQueuedFrames">,
    waiting?: { readonly bytes: number; readonly frames: number },
  ): boolean {
    return this.queuedBytes + (waiting?.bytes ?? 0) + bytes <= maxQueuedBytes &&
      this.queuedFrames + (waiting?.frames ?? 0) < maxQueuedFrames;
  }

  /** Adds a copy of a frame behind all that is queued. */
  addFrame(frame: Uint8Array): void {
    const segment = this.#openOwn(frame.length);
    const { block } = segment;
    copyBytes(frame, 0, block.bytes, block.end, frame.length);
    this.#extend(segment, block.end + frame.length, 1);
  }

  /** Encodes a payload behind all that is queued, into a block of the session's own. */
  addEncoded(encoder: FrameEncoder, payload: Uint8Array, offset: number, length: number, roomBytes: number): void {
    const segment = this.#openOwn(roomBytes);
    const { block } = segment;
    const written = encoder.encode(payload, offset, length, block.bytes, block.end);
    if (written !== roomBytes) checkWritten(written, roomBytes);
    this.#extend(segment, block.end + written, 1);
  }

  /**
   * Adds frames that are encoded in a shared block. Up to `LARGEST_GATHERED_BYTES` are copied to the session's own block if
   * they follow its own frames or a write is pending; otherwise each would keep a whole shared block in memory.
   */
  addShared(block: OutboundBlock, start: number, end: number, frames: number): void {
    const bytes = end - start;
    const tail = this.tail;
    const isCopied = bytes <= LARGEST_GATHERED_BYTES && (this.isWriting || tail?.isOwn === true);
    if (tail !== undefined && tail.block === block && tail.end === start) {
      tail.end = end;
      tail.frames += frames;
      this.#count(bytes, frames);
    } else if (isCopied && this.#blocks.canTakeAny) {
      const segment = this.#openOwn(bytes);
      const own = segment.block;
      copyBytes(block.bytes, start, own.bytes, own.end, bytes);
      this.#extend(segment, own.end + bytes, frames);
    } else {
      const segment = this.#append(this.#blocks.takeSegment(block, start, end, false));
      segment.frames = frames;
      this.#count(bytes, frames);
    }
  }

  /** Adds frames that were encoded behind the last segment, up to `end`. */
  extendTail(end: number, frames: number): void {
    if (this.tail !== undefined) this.#extend(this.tail, end, frames);
  }

  /** Writes the segments, as far as the connection takes them. The only place that writes a session's queue. */
  writeTo(connection: Connection): void {
    for (let head = this.#nextToWrite(); head !== undefined; head = this.#nextToWrite()) {
      // A frame larger than a block is written in pieces, as each piece taken is a sign of life. It counts with the last piece.
      const bytes = Math.min(head.end - head.start, LARGEST_BLOCK_BYTES);
      const frames = bytes === head.end - head.start ? head.frames : 0;
      if (bytes > 0) {
        this.#blocks.writes++;
        if (!connection.write(head.block.bytes, head.start, bytes)) return this.#lend(bytes, frames);
      }
      this.#take(bytes, frames);
    }
  }

  /** Gives the next segment to write, merged with small ones behind it. */
  #nextToWrite(): OutboundSegment | undefined {
    if (this.head === undefined || this.head.next === undefined) return this.head;
    this.head = gatherSegments(this.#blocks, this.head);
    if (this.head.next === undefined) this.tail = this.head;
    return this.head;
  }

  /** The first bytes of the head are on loan to the connection, unless the write itself led to `dropAll()`. */
  #lend(bytes: number, frames: number): void {
    if (this.head === undefined) return;
    this.writingBytes = bytes;
    this.#writingFrames = frames;
  }

  /** Frames in a shared block, counted as sent, are on loan to the connection: queues them again in front of all others. */
  lendShared(block: OutboundBlock, start: number, end: number, frames: number): void {
    if (this.#isOver) return;
    this.#countTaken(start - end, -frames);
    const segment = this.#blocks.takeSegment(block, start, end, false);
    segment.frames = frames;
    segment.next = this.head;
    this.head = segment;
    this.tail ??= segment;
    this.#lend(end - start, frames);
  }

  /** The connection has taken what it had on loan. */
  takeLent(): void {
    const bytes = this.writingBytes;
    this.writingBytes = 0;
    this.#take(bytes, this.#writingFrames);
  }

  /** The connection has taken `bytes` of the head, which is dropped when it is empty. */
  #take(bytes: number, frames: number): void {
    const head = this.head;
    if (head === undefined) return;
    // Frames of 0 bytes may have been added behind those on loan: they leave with the last byte.
    const taken = head.start + bytes === head.end ? head.frames : frames;
    this.#countTaken(bytes, taken);
    head.start += bytes;
    head.frames -= taken;
    if (head.start < head.end) return;
    if (head.isOwn) this.#adaptBlockBytes(Math.min(bytes, LARGEST_BLOCK_BYTES));
    this.head = head.next;
    if (head.next === undefined) this.tail = undefined;
    this.#blocks.dropSegment(head);
  }

  /** Gives what the connection took since the last call; undefined if that is nothing. */
  report(): SentEvent | undefined {
    const bytes = this.sentBytes - this.#reportedBytes;
    const frames = this.sentFrames - this.#reportedFrames;
    if (bytes === 0 && frames === 0) return undefined;
    this.#reportedBytes = this.sentBytes;
    this.#reportedFrames = this.sentFrames;
    return { frames, bytes };
  }

  /** Gives all memory back; the counts stay, and tell what was lost. */
  dropAll(): void {
    this.#isOver = true;
    this.writingBytes = 0;
    for (let segment = this.head; segment !== undefined; segment = this.head) {
      this.head = segment.next;
      this.#blocks.dropSegment(segment);
    }
    this.tail = undefined;
  }

  /** Adapts the block size: up at once, down by an eighth of the difference, as growing a block copies it. */
  #adaptBlockBytes(bytes: number): void {
    const above = this.#blockBytes - bytes;
    this.#blockBytes = above > 0 ? Math.max(FIRST_BLOCK_BYTES, this.#blockBytes - Math.ceil(above / 8)) : bytes;
  }

  /** Gives the segment in a block of the session's own that the next frame of `roomBytes` goes into. */
  #openOwn(roomBytes: number): OutboundSegment {
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

  #extend(segment: OutboundSegment, end: number, frames: number): void {
    this.#count(end - segment.end, frames);
    segment.end = segment.block.end = end;
    segment.frames += frames;
  }

  #count(bytes: number, frames: number): void {
    this.queuedBytes += bytes;
    this.queuedFrames += frames;
  }

  #countTaken(bytes: number, frames: number): void {
    this.#count(-bytes, -frames);
    this.sentBytes += bytes;
    this.sentFrames += frames;
  }

  #append(segment: OutboundSegment): OutboundSegment {
    if (this.tail === undefined) this.head = segment;
    else this.tail.next = segment;
    this.tail = segment;
    return segment;
  }

  /** For tests: throws if the invariant does not hold. */
  checkInvariants(): void {
    let bytes = 0;
    let frames = 0;
    let last: OutboundSegment | undefined;
    for (let segment = this.head; segment !== undefined; segment = segment.next) {
      const { block, start, end } = segment;
      const isSound = block.holders > 0 && start <= end && end <= block.end && block.end <= block.bytes.length;
      if (!isSound) throw new Error(`SegmentList: ${start} to ${end} in a block up to ${block.end}`);
      bytes += end - start;
      frames += segment.frames;
      last = segment;
    }
    const { queuedBytes, queuedFrames } = this;
    const isSound = bytes === queuedBytes && frames === queuedFrames && last === this.tail &&
      this.sentBytes >= this.#reportedBytes && this.sentFrames >= this.#reportedFrames &&
      this.writingBytes <= (this.head === undefined ? 0 : this.head.end - this.head.start);
    if (!isSound) throw new Error(`SegmentList: ${bytes} of ${queuedBytes} bytes, ${frames} of ${queuedFrames} frames`);
  }
}

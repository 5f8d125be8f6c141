// SendQueue: what one session has still to send. Frames are encoded straight into its last block, and leave in as few
// writes as they fit in. Knows nothing of the session's life. Runtime neutral.

import { copyBytes } from "../buffer/copy_bytes.ts";
import type { FrameEncoder } from "../codec/codec.ts";
import type { Connection } from "../transport/transport.ts";
import type { Flushable, FlushScheduler } from "./flush_scheduler.ts";
import type { SentEvent } from "./handlers.ts";
import type { ResolvedSessionLimits } from "./limits.ts";
import { checkWritten, type OutboundBlock, type OutboundBlocks, type OutboundSegment } from "./outbound_blocks.ts";

/** A block grows up to this and is then followed by another: four 64 KiB frames with their headers fit. */
const LARGEST_BLOCK_BYTES = 266_240;
/** The first block of a session that has not sent before. */
const FIRST_BLOCK_BYTES = 256;
/** Segments up to this size are copied together into one write: a write costs 6 us, copying 4 KiB a tenth of that. */
const LARGEST_GATHERED_BYTES = 4_096;

/** What became of a payload given to `send`. See `Session.send`. */
export type SendResult = "sent" | "queued" | "congested" | "closed" | "too-large" | "full";

/**
 * Refuses what is no array of bytes: a text has a length too, and would go out as zeros.
 *
 * @param payload What is to be sent.
 * @throws {TypeError} if it is not a `Uint8Array`.
 */
export function checkPayload(payload: Uint8Array): void {
  // Not `instanceof`: test runners and `node:vm` have more than one `Uint8Array`.
  if (payload?.BYTES_PER_ELEMENT === 1) return;
  throw new TypeError(`Cannot send payload as it must be a Uint8Array: current value is ${payload}`);
}

/** What a queue shares with the others of its service. */
export interface SendQueueContext {
  /** Where blocks come from. */
  readonly blocks: OutboundBlocks;
  /** Who flushes. */
  readonly scheduler: FlushScheduler;
  /** The limits. */
  readonly limits: ResolvedSessionLimits;
}

/** The session behind a queue. */
export interface SendQueueOwner {
  /** The connection took something, or all; runs inside `send` at times, so it must not call the application. */
  handleProgress(): void;
}

/**
 * The outgoing side of a session.
 *
 * Invariant: `queuedBytes` and `queuedFrames` are the sums over the segments from `#head` to `#tail`; while
 * `#isWriting`, the first `#writingBytes` of `#head` are on loan to the connection.
 */
export class SendQueue implements Flushable {
  // What each message touches comes first: with thousands of sessions the time goes into fetching their memory.
  /** Bytes that the connection has not taken yet. */
  queuedBytes = 0;
  /** Frames that the connection has not wholly taken yet. */
  queuedFrames = 0;
  /** Bytes taken by the connection so far. */
  sentBytes = 0;
  /** Frames taken by the connection so far. */
  sentFrames = 0;
  #head: OutboundSegment | undefined = undefined;
  #tail: OutboundSegment | undefined = undefined;
  #isWriting = false;
  #isScheduled = false;
  #isDisposed = false;
  nextDue: Flushable | undefined = undefined;
  /** What the last own block held when it left: the size of the next. */
  #blockBytes = FIRST_BLOCK_BYTES;
  readonly #connection: Connection;
  readonly #encoder: FrameEncoder;
  readonly #context: SendQueueContext;
  readonly #owner: SendQueueOwner;
  readonly #limits: ResolvedSessionLimits;
  /** Up to so many queued bytes a send is neither refused nor congested. */
  readonly #easyBytes: number;
  #writingBytes = 0;
  #writingFrames = 0;
  #reportedBytes = 0;
  #reportedFrames = 0;

  /** Makes an empty queue. */
  constructor(context: SendQueueContext, connection: Connection, encoder: FrameEncoder, owner: SendQueueOwner) {
    this.#context = context;
    this.#limits = context.limits;
    this.#easyBytes = Math.min(context.limits.highWaterMarkBytes, context.limits.maxQueuedBytes);
    this.#connection = connection;
    this.#encoder = encoder;
    this.#owner = owner;
  }

  /** The encoder that frames are made with. */
  get encoder(): FrameEncoder {
    return this.#encoder;
  }

  /** Whether a write waits for the peer. */
  get isWriting(): boolean {
    return this.#isWriting;
  }

  /** Encodes a payload and queues its frame. */
  push(payload: Uint8Array, offset: number, length: number): SendResult {
    const encoder = this.#encoder;
    if (length > encoder.maxPayloadBytes) return "too-large";
    const roomBytes = encoder.frameBytes(length);
    const tail = this.#tail;
    const isEasy = tail !== undefined && tail.isOwn && tail.block.bytes.length - tail.block.end >= roomBytes &&
      this.queuedBytes + roomBytes <= this.#easyBytes && this.queuedFrames < this.#limits.maxQueuedFrames;
    if (!isEasy && this.#isFullFor(roomBytes)) return "full";
    const segment = isEasy ? tail : this.#openSegment(roomBytes);
    const { block } = segment;
    const written = encoder.encode(payload, offset, length, block.bytes, block.end);
    if (written !== roomBytes) checkWritten(written, roomBytes);
    segment.end = block.end += written;
    segment.frames++;
    if (!isEasy) return this.#accept(written);
    // Behind others, in the last block, and far from any limit: all is arranged for.
    this.queuedBytes += written;
    this.queuedFrames++;
    return "queued";
  }

  /** Queues a frame that stands encoded in a shared block; a run of them costs one segment. */
  pushShared(block: OutboundBlock, start: number, end: number): SendResult {
    const bytes = end - start;
    if (this.#isFullFor(bytes)) return "full";
    const tail = this.#tail;
    if (tail !== undefined && tail.block === block && tail.end === start) {
      tail.end = end;
      tail.frames++;
    } else if (tail !== undefined && tail.isOwn && bytes <= LARGEST_GATHERED_BYTES) {
      const segment = this.#openSegment(bytes);
      const own = segment.block;
      copyBytes(block.bytes, start, own.bytes, own.end, bytes);
      own.end += bytes;
      segment.end = own.end;
      segment.frames++;
    } else {
      const segment = this.#context.blocks.takeSegment(block, start, end, false);
      segment.frames = 1;
      this.#append(segment);
    }
    return this.#accept(bytes);
  }

  handleFlush(): void {
    this.#isScheduled = false;
    this.flush();
  }

  /** Hands all that is queued to the connection, as far as it takes it. */
  flush(): void {
    if (this.#isWriting || this.#head === undefined) return;
    this.#writeAll();
    this.#owner.handleProgress();
  }

  /** The connection has taken what it had on loan. */
  handleDrain(): void {
    if (!this.#isWriting) return;
    this.#isWriting = false;
    this.#retire(this.#writingBytes, this.#writingFrames);
    this.#writeAll();
    this.#owner.handleProgress();
  }

  /** Gives what the connection took since the last call; undefined if that is nothing. */
  takeSent(): SentEvent | undefined {
    const frames = this.sentFrames - this.#reportedFrames;
    const bytes = this.sentBytes - this.#reportedBytes;
    if (bytes === 0 && frames === 0) return undefined;
    this.#reportedFrames += frames;
    this.#reportedBytes += bytes;
    return { frames, bytes };
  }

  /** Gives all memory back; what is queued is lost. The connection must be closed. */
  dispose(): void {
    this.#isDisposed = true;
    this.#isWriting = false;
    for (let segment = this.#head; segment !== undefined; segment = this.#head) {
      this.#head = segment.next;
      this.#context.blocks.dropSegment(segment);
    }
    this.#tail = undefined;
  }

  #isFullFor(bytes: number): boolean {
    const { maxQueuedBytes, maxQueuedFrames } = this.#limits;
    if (this.queuedBytes + bytes <= maxQueuedBytes && this.queuedFrames < maxQueuedFrames) return false;
    this.flush(); // A turn that sends a lot may have filled the queue before its end.
    return this.queuedBytes + bytes > maxQueuedBytes || this.queuedFrames >= maxQueuedFrames;
  }

  #accept(bytes: number): SendResult {
    this.queuedBytes += bytes;
    this.queuedFrames++;
    if (this.queuedBytes > this.#limits.highWaterMarkBytes) return this.#acceptCongested();
    if (!this.#isScheduled && !this.#isWriting) this.#schedule();
    return "queued";
  }

  #acceptCongested(): SendResult {
    this.flush();
    if (this.queuedBytes > this.#limits.highWaterMarkBytes) return "congested";
    if (this.queuedBytes === 0) return "sent";
    if (!this.#isScheduled && !this.#isWriting) this.#schedule();
    return "queued";
  }

  #schedule(): void {
    this.#isScheduled = true;
    this.#context.scheduler.add(this);
  }

  /** Gives the segment that the next frame of `roomBytes` goes into. */
  #openSegment(roomBytes: number): OutboundSegment {
    const tail = this.#tail;
    if (tail !== undefined && tail.isOwn) {
      const { block } = tail;
      if (block.bytes.length - block.end >= roomBytes) return tail;
      const isOnLoan = this.#isWriting && tail === this.#head;
      if (!isOnLoan && tail.end - tail.start + roomBytes <= LARGEST_BLOCK_BYTES) return this.#growTail(tail, roomBytes);
    }
    const block = this.#context.blocks.takeBlock(Math.max(roomBytes, this.#blockBytes));
    return this.#append(this.#context.blocks.takeSegment(block, 0, 0, true));
  }

  #growTail(tail: OutboundSegment, roomBytes: number): OutboundSegment {
    const { blocks } = this.#context;
    const old = tail.block;
    const usedBytes = tail.end - tail.start;
    const larger = blocks.takeBlock(Math.min(LARGEST_BLOCK_BYTES, Math.max(usedBytes + roomBytes, 4 * usedBytes)));
    copyBytes(old.bytes, tail.start, larger.bytes, 0, usedBytes);
    larger.end = usedBytes;
    larger.holders = 1;
    tail.block = larger;
    tail.start = 0;
    tail.end = usedBytes;
    blocks.dropBlock(old);
    return tail;
  }

  #append(segment: OutboundSegment): OutboundSegment {
    if (this.#tail === undefined) this.#head = segment;
    else this.#tail.next = segment;
    this.#tail = segment;
    return segment;
  }

  #writeAll(): void {
    for (let head = this.#head; head !== undefined && !this.#isDisposed; head = this.#head) {
      if (head.next !== undefined) head = this.#gather(head, head.next);
      // A frame larger than a block leaves in pieces: each that the peer takes is a sign of life. It counts with the last.
      const bytes = Math.min(head.end - head.start, LARGEST_BLOCK_BYTES);
      const frames = bytes === head.end - head.start ? head.frames : 0;
      if (bytes > 0 && !this.#connection.write(head.block.bytes, head.start, bytes)) {
        this.#isWriting = true;
        this.#writingBytes = bytes;
        this.#writingFrames = frames;
        return;
      }
      this.#retire(bytes, frames);
    }
  }

  /** Counts what the connection took off the head, and drops the head if that was all of it. */
  #retire(bytes: number, frames: number): void {
    const head = this.#head;
    if (head === undefined) return;
    // Frames of no bytes may have come behind those that were on loan: they leave with the last byte.
    const retired = head.start + bytes === head.end ? head.frames : frames;
    this.queuedBytes -= bytes;
    this.queuedFrames -= retired;
    this.sentBytes += bytes;
    this.sentFrames += retired;
    head.start += bytes;
    head.frames -= retired;
    if (head.start < head.end) return;
    if (head.isOwn) this.#blockBytes = Math.min(LARGEST_BLOCK_BYTES, Math.max(bytes, FIRST_BLOCK_BYTES));
    this.#head = head.next;
    if (head.next === undefined) this.#tail = undefined;
    this.#context.blocks.dropSegment(head);
  }

  /** Copies the small segments at the head into one block, so that they leave in one write. */
  #gather(head: OutboundSegment, second: OutboundSegment): OutboundSegment {
    if (head.end - head.start > LARGEST_GATHERED_BYTES || second.end - second.start > LARGEST_GATHERED_BYTES) {
      return head;
    }
    const { blocks } = this.#context;
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
    this.#head = gathered;
    if (segment === undefined) this.#tail = gathered;
    return gathered;
  }
}

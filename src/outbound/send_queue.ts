// SendQueue: what one session has still to send: what is taken and refused, and when it is written. Where it lies is in
// segment_queue.ts. Knows nothing of the session's life. Runtime neutral.

import type { FrameEncoder } from "../codec/codec.ts";
import type { Connection } from "../transport/transport.ts";
import type { Flushable } from "./flush_scheduler.ts";
import { Backlog, type DropCounts } from "./backlog.ts";
import { LARGEST_BLOCK_BYTES, type OutboundBlock } from "./outbound_blocks.ts";
import { RunMember } from "./run_member.ts";
import type { RunTaker, RunTakers } from "./run_takers.ts";
import type { LaneOwner } from "./send_lane.ts";
import type { SendQueueContext } from "./send_queue_context.ts";
import type { SendResult, SentEvent } from "./send_result.ts";

/** What has waited is encoded in portions of this. */
const REFILL_BYTES = 65_536;

/** The session behind a queue. */
export interface SendQueueOwner {
  /** The connection took something, or all; runs inside `send` at times, so it must not call the application. */
  handleProgress(): void;
  /** The queue is full, and the policy is to close. */
  handleOverflow(): void;
  /** A message cannot be encoded, which ends the session. */
  handleEncodeFault(fault: unknown): void;
}

/**
 * The outgoing side of a session.
 *
 * Invariant: while the lane is this queue's there is no broadcast that it has still to take.
 */
export class SendQueue extends RunMember implements Flushable, LaneOwner, RunTaker {
  // What each message touches comes first: with thousands of sessions the time goes into fetching their memory.
  readonly #context: SendQueueContext;
  readonly #connection: Connection;
  readonly #owner: SendQueueOwner;
  encoder: FrameEncoder;
  batchIndex = -1;
  hasLane = false;
  #isScheduled = false;
  /** Whether broadcasts need not ask this queue one by one; see `prepareForRun`. */
  isInRun = false;
  nextDue: Flushable | undefined = undefined;
  #isDisposed = false;
  /** What waits behind the write under way, under a policy that may drop some of it; made when first needed. */
  #backlog: Backlog | undefined = undefined;
  #reportedBytes = 0;
  #reportedFrames = 0;

  /** Makes an empty queue. */
  constructor(context: SendQueueContext, connection: Connection, encoder: FrameEncoder, owner: SendQueueOwner) {
    super(context.blocks, context.run);
    this.#context = context;
    context.run.uncount();
    this.#connection = connection;
    this.encoder = encoder;
    this.#owner = owner;
  }

  /** Bytes that the connection has not taken yet. */
  get queuedBytes(): number {
    this.#gather();
    return this.bytes + (this.#backlog?.bytes ?? 0);
  }

  /** Frames that the connection has not wholly taken yet. */
  get queuedFrames(): number {
    this.#gather();
    return this.frames + (this.#backlog?.frames ?? 0);
  }

  /** Whether the queue has shrunk to the low-water marks. */
  get isDrained(): boolean {
    const { lowWaterMarkBytes, lowWaterMarkFrames } = this.#context.limits;
    return this.queuedBytes <= lowWaterMarkBytes && this.queuedFrames <= lowWaterMarkFrames;
  }

  /** What the policy dropped; undefined if nothing has waited. */
  get drops(): DropCounts | undefined {
    return this.#backlog?.drops;
  }

  /** Has the frames that come next made by another encoder. */
  switchEncoder(encoder: FrameEncoder): void {
    this.#step();
    // What was sent before goes out as it would have.
    if (this.#backlog !== undefined) this.#refill(this.#backlog, Infinity);
    this.encoder = encoder;
    this.run.uncount();
  }

  /**
   * Encodes a payload that the lane did not take, and queues its frame.
   *
   * @param key Which one it may take the place of, if the policy is that.
   */
  push(payload: Uint8Array, offset: number, length: number, key?: unknown): SendResult {
    const { encoder } = this;
    if (length > encoder.maxPayloadBytes) return "too-large";
    const roomBytes = encoder.frameBytes(length);
    if (!this.#openOwnLane(roomBytes)) return this.#pushSegment(payload, offset, length, roomBytes, key);
    return this.#context.lane.take(this, payload, offset, length) ? "queued" : "closed";
  }

  /** Encodes a payload that the lane does not take. */
  #pushSegment(payload: Uint8Array, offset: number, length: number, roomBytes: number, key: unknown): SendResult {
    this.#step();
    const isFull = this.#isFullFor(roomBytes);
    if (this.#mayDrop) return this.#pushLater(payload, offset, length, roomBytes, key);
    if (isFull) return this.#refuse();
    this.addEncoded(this.encoder, payload, offset, length, roomBytes);
    const result = this.#accept();
    if (this.tail !== undefined && this.tail.isOwn) this.#openLane(this.tail.block);
    return result;
  }

  /**
   * Queues a frame that stands encoded in a shared block.
   *
   * @param payload What it was made of, for a queue that may have to drop it.
   */
  pushShared(block: OutboundBlock, start: number, end: number, payload: Uint8Array, key?: unknown): SendResult {
    this.#step();
    const bytes = end - start;
    const isFull = this.#isFullFor(bytes);
    if (this.#mayDrop) return this.#pushLater(payload, 0, payload.length, bytes, key);
    if (isFull) return this.#refuse();
    this.addShared(block, start, end, 1);
    return this.#accept();
  }

  /**
   * Says whether the next broadcasts can be taken without a look at the limits, up to what a run of them may hold.
   *
   * @param encoder What the broadcasts are encoded with.
   */
  prepareForRun(encoder: FrameEncoder): boolean {
    this.settle();
    this.leaveStep();
    const { easyBytes, limits } = this.#context;
    const { frames, bytes } = this.run.limits;
    return this.isInRun = encoder === this.encoder && !this.#mayDrop && this.bytes + bytes <= easyBytes &&
      this.frames + frames <= limits.highWaterMarkFrames;
  }

  /** Takes the broadcasts of the run that came since the last call. */
  takeRun(): void {
    this.leaveStep();
    const { run } = this;
    if (this.seen >= run.serial) return;
    const first = run.findStart(this.seen);
    const frames = run.serial - Math.max(this.seen, run.startSerial);
    this.seen = run.serial;
    if (frames === 0 || !run.audience.has(this.#owner)) return;
    this.addShared(run.block, first, run.block.end, frames);
    this.#accept();
  }

  /** Passes the last broadcast by. Those before must be taken. */
  skipRun(): void {
    this.seen = this.run.serial;
  }

  joinStep(takers: RunTakers, index: number): Connection | undefined {
    const { handlers, inFlightBytes } = this.#context;
    const isHeard = handlers.onSend !== undefined || inFlightBytes >= 0; // Else writes are not over at once anyway.
    if (isHeard || this.head !== undefined || this.seen > this.run.startSerial) return undefined;
    this.enterStep(takers, index);
    return this.#connection;
  }

  fallBehind(block: OutboundBlock, start: number, end: number, frames: number): void {
    this.leaveStep();
    this.countedBytes -= end - start;
    this.countedFrames -= frames;
    this.#lend(block, start, end, frames);
    this.#owner.handleProgress();
  }

  flushRun(): boolean {
    const { block, frames, serial, start, startSerial } = this.run;
    const bytes = block.end - start;
    if (this.head !== undefined || this.seen > startSerial || frames === 0 || bytes === 0) this.flush();
    else {
      this.seen = serial;
      this.writeShared(block, start, block.end, frames);
    }
    return this.head === undefined;
  }

  /** The session closes: takes the last broadcasts that are its own. */
  seal(): void {
    this.#gather();
    this.run.uncount();
  }

  handleEncodeError(error: unknown): void {
    this.#owner.handleEncodeFault(error);
  }

  handleFlush(): void {
    this.#isScheduled = false;
    this.flush();
  }

  /** Hands all that is queued to the connection, as far as it takes it. */
  flush(): void {
    const { lane } = this.#context;
    if (this.hasLane && lane.block !== undefined) return lane.flush();
    this.settle();
    this.takeRun();
    if (this.isWriting || this.head === undefined) return;
    this.#writeAll();
    this.#owner.handleProgress();
  }

  /** The connection has taken what it had on loan. */
  handleDrain(): void {
    if (!this.isWriting) return;
    this.settle();
    const bytes = this.writingBytes;
    this.writingBytes = 0;
    this.#retire(bytes, this.writingFrames);
    this.#writeAll();
    while (!this.isWriting && this.#backlog !== undefined && this.#backlog.frames > 0) {
      this.#refill(this.#backlog, REFILL_BYTES);
      this.#writeAll();
    }
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
    this.settle();
    this.#isDisposed = true;
    this.dropAll();
    this.#backlog?.clear();
  }

  /** Whether what comes now may be dropped later: the peer has not taken what was written before. */
  get #mayDrop(): boolean {
    return this.isWriting && this.#isDropping &&
      (this.bytes - this.writingBytes > this.#context.inFlightBytes || (this.#backlog?.frames ?? 0) > 0);
  }

  get #isDropping(): boolean {
    const { whenFull } = this.#context.limits;
    return whenFull === "drop-oldest" || whenFull === "latest-per-key";
  }

  #refuse(): SendResult {
    if (this.#context.limits.whenFull === "close") this.#owner.handleOverflow();
    return "full";
  }

  /** Puts a payload behind the write under way. */
  #pushLater(payload: Uint8Array, offset: number, length: number, roomBytes: number, key: unknown): SendResult {
    this.#backlog ??= new Backlog(this.#context.pool, this.#context.limits);
    return this.#backlog.add(payload, offset, length, roomBytes, key, this);
  }

  /** Encodes what has waited, as much as makes a good write. */
  #refill(backlog: Backlog, mostBytes: number): void {
    const encode = (payload: Uint8Array, offset: number, length: number) => {
      this.addEncoded(this.encoder, payload, offset, length, this.encoder.frameBytes(length));
    };
    while (this.bytes < mostBytes && backlog.shift(encode));
  }

  /** Lets the frames that come next gather outside of the queue, if it is empty and they are far from any limit. */
  #openOwnLane(roomBytes: number): boolean {
    const { batch, easyBytes, lane, limits, scheduler } = this.#context;
    const isTaken = this.head !== undefined || lane.block !== undefined || this.batchIndex >= 0;
    if (isTaken || roomBytes > easyBytes || limits.highWaterMarkFrames === 0) return false;
    if (this.seen < this.run.serial || this.isInRun) {
      this.#step();
      if (this.head !== undefined) return false; // A broadcast had come.
    }
    const block = batch.takeBlock(this.ownBytes(roomBytes));
    if (block === undefined) return false;
    lane.open(this, block, easyBytes, limits.highWaterMarkFrames);
    lane.block = block;
    scheduler.handleLaneOpen();
    return true;
  }

  /** Lets the frames that come next follow in `block`, as long as nothing but their place has to be looked after. */
  #openLane(block: OutboundBlock): void {
    if (this.isWriting && this.#isDropping) return;
    const { easyBytes, lane, limits } = this.#context;
    lane.open(this, block, easyBytes - this.bytes, limits.highWaterMarkFrames - this.frames);
  }

  settle(): void {
    const { batch, lane } = this.#context;
    if (!this.hasLane) return batch.remove(this);
    const { block, end, frames } = lane;
    lane.close();
    if (block === undefined) return this.extendTail(end, frames);
    const start = block.end;
    block.end = end;
    this.takeBack(block, start, end, frames);
  }

  takeBack(block: OutboundBlock, start: number, end: number, frames: number): void {
    this.addShared(block, start, end, frames);
    if (!this.#isScheduled) this.#schedule();
  }

  writeShared(block: OutboundBlock, start: number, end: number, frames: number): void {
    const bytes = end - start;
    if (bytes === 0 || this.#connection.write(block.bytes, start, bytes)) {
      this.countedBytes += bytes;
      this.countedFrames += frames;
      if (this.#context.handlers.onSend === undefined) return; // Nobody waits for a queue to shrink that was empty.
    } else this.#lend(block, start, end, frames);
    this.#owner.handleProgress();
  }

  /** The connection has what stands in a shared block on loan, in front of all else. */
  #lend(block: OutboundBlock, start: number, end: number, frames: number): void {
    if (this.#isDisposed) return;
    this.addShared(block, start, end, frames);
    this.startWriting(end - start, frames);
  }

  /** Has all that is queued counted: what went down the lane, and broadcasts that are still to be taken. */
  #gather(): void {
    this.settle();
    this.takeRun();
  }

  /** Before a frame goes anywhere but down the lane: it comes behind those before it, and may use up room. */
  #step(): void {
    this.#gather();
    if (this.isInRun) this.run.uncount();
  }

  #isFullFor(bytes: number): boolean {
    const { maxQueuedBytes, maxQueuedFrames } = this.#context.limits;
    if (this.bytes + bytes <= maxQueuedBytes && this.frames < maxQueuedFrames) return false;
    this.flush(); // A turn that sends a lot may have filled the queue before its end.
    return this.bytes + bytes > maxQueuedBytes || this.frames >= maxQueuedFrames;
  }

  /** Whether it is above a high-water mark. */
  get isCongested(): boolean {
    const { highWaterMarkBytes, highWaterMarkFrames } = this.#context.limits;
    return this.bytes > highWaterMarkBytes || this.frames > highWaterMarkFrames;
  }

  #accept(): SendResult {
    if (this.isCongested) return this.#acceptCongested();
    if (!this.#isScheduled && !this.isWriting) this.#schedule();
    return "queued";
  }

  #acceptCongested(): SendResult {
    this.flush();
    if (this.isCongested) return "congested";
    if (this.bytes === 0) return "sent";
    if (!this.#isScheduled && !this.isWriting) this.#schedule();
    return "queued";
  }

  #schedule(): void {
    this.#isScheduled = true;
    this.#context.scheduler.add(this);
  }

  #writeAll(): void {
    for (let head = this.nextToWrite(); head !== undefined && !this.#isDisposed; head = this.nextToWrite()) {
      // A frame larger than a block leaves in pieces: each that the peer takes is a sign of life. It counts with the last.
      const bytes = Math.min(head.end - head.start, LARGEST_BLOCK_BYTES);
      const frames = bytes === head.end - head.start ? head.frames : 0;
      if (bytes > 0 && !this.#connection.write(head.block.bytes, head.start, bytes)) {
        return this.startWriting(bytes, frames);
      }
      this.#retire(bytes, frames);
    }
  }

  #retire(bytes: number, frames: number): void {
    this.countedFrames += this.retire(bytes, frames);
    this.countedBytes += bytes;
  }
}

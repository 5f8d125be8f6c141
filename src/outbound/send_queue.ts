// SendQueue: the send queue of one session: decides what is accepted or refused, and when it is written. The frames lie in
// segment_list.ts. Knows nothing of the session's state. Runtime neutral.

import type { FrameEncoder } from "../codec/codec.ts";
import type { Connection } from "../transport/transport.ts";
import { mayDrop } from "./backlog.ts";
import { BroadcastReader } from "./broadcast_reader.ts";
import type { FanOut, Subscriber } from "./fan_out.ts";
import type { Flushable } from "./flush_scheduler.ts";
import { Holdback } from "./holdback.ts";
import type { OutboundBlock, SharedFrame } from "./outbound_blocks.ts";
import { SegmentList } from "./segment_list.ts";
import type { CursorOwner } from "./send_cursor.ts";
import type { FullPolicy } from "./queue_limits.ts";
import type { SendQueueContext, SendQueueOwner } from "./send_queue_context.ts";
import type { SendResult, SentEvent } from "./send_result.ts";

/**
 * The outgoing side of a session: the only writer of its connection, except for its fan-out.
 *
 * Invariant: while it has the cursor, it has taken all broadcasts.
 */
export class SendQueue implements Flushable, CursorOwner, Subscriber {
  // Fields that each message touches come first, to share cache lines: with thousands of sessions, cache misses dominate.
  readonly #context: SendQueueContext;
  readonly #connection: Connection;
  readonly #owner: SendQueueOwner;
  readonly #segments: SegmentList;
  encoder: FrameEncoder;
  hasCursor = false;
  isDue = false;
  /** Whether it takes the next broadcasts without a check of its limits. */
  isSubscribed = false;
  nextDue: Flushable | undefined = undefined;
  readonly #broadcasts: BroadcastReader;
  /** What is not encoded yet; undefined until something has to wait, unless there is a ping. */
  holdback: Holdback | undefined = undefined;

  /** Makes an empty queue. */
  constructor(context: SendQueueContext, connection: Connection, encoder: FrameEncoder, owner: SendQueueOwner) {
    this.#context = context;
    this.#segments = new SegmentList(context.blocks);
    this.#broadcasts = new BroadcastReader(context.broadcasts, owner);
    context.broadcasts.invalidate();
    this.#connection = connection;
    this.encoder = encoder;
    this.#owner = owner;
    if (context.ping !== undefined) this.holdBack();
  }

  /** Bytes that the connection has not taken yet. */
  get queuedBytes(): number {
    const { tail } = this.#segments;
    const atCursor = this.hasCursor && tail !== undefined ? this.#context.cursor.end - tail.end : 0;
    return this.#segments.queuedBytes + atCursor + this.#broadcasts.bytes + (this.holdback?.bytes ?? 0);
  }

  /** Frames that the connection has not wholly taken yet. */
  get queuedFrames(): number {
    const atCursor = this.hasCursor ? this.#context.cursor.frames : 0;
    return this.#segments.queuedFrames + atCursor + this.#broadcasts.frames + (this.holdback?.frames ?? 0);
  }

  /** Bytes that the connection has taken so far. */
  get sentBytes(): number {
    return this.#segments.sentBytes + this.#broadcasts.sentBytes;
  }

  /** Frames that the connection has wholly taken so far. */
  get sentFrames(): number {
    return this.#segments.sentFrames + this.#broadcasts.sentFrames;
  }

  /** Bytes of memory that what is encoded, and what waits, takes. */
  get heldBytes(): number {
    return this.#segments.heldBytes + (this.holdback?.bytes ?? 0);
  }

  /** Bytes of the write that is pending; 0 if none is. */
  get writingBytes(): number {
    return this.#segments.writingBytes;
  }

  /** Whether it has shrunk to the low-water marks. */
  get isDrained(): boolean {
    const { limits } = this.#context;
    return this.queuedBytes <= limits.lowWaterMarkBytes && this.queuedFrames <= limits.lowWaterMarkFrames;
  }

  /** Whether it is above a high-water mark. */
  get isCongested(): boolean {
    const { highWaterMarkBytes, highWaterMarkFrames } = this.#context.limits;
    return this.queuedBytes > highWaterMarkBytes || this.queuedFrames > highWaterMarkFrames;
  }

  /** Switches to another encoder, from the next frame on. */
  switchEncoder(encoder: FrameEncoder): void {
    this.takeBroadcasts();
    this.holdback?.refillAll(); // Messages sent before belong to the old encoder.
    this.encoder = encoder;
    if (this.#segments.queuedFrames > 0) this.#schedule();
    this.#context.broadcasts.invalidate();
  }

  /** Encodes a payload that the cursor did not take, and queues its frame. Throws a `PoolError` if the budget is used up. */
  push(payload: Uint8Array, offset: number, length: number, key?: unknown, whenFull?: FullPolicy): SendResult {
    if (length > this.encoder.maxPayloadBytes) return "too-large";
    const roomBytes = this.encoder.frameBytes(length);
    const diverted = this.#divert(roomBytes, whenFull, payload, offset, length, key);
    if (diverted !== undefined) return diverted;
    const { cursor, limits, uncongestedBytes } = this.#context;
    const block = this.#segments.openBlock(roomBytes, cursor.owner === undefined);
    const marginBytes = uncongestedBytes - this.#segments.queuedBytes;
    // Without Infinity in the common case: V8 would compute with doubles from here on.
    const freeBytes = this.holdback === undefined ? marginBytes : Math.min(marginBytes, this.holdback.roomBytes);
    const freeFrames = limits.highWaterMarkFrames - this.#segments.queuedFrames;
    cursor.open(this, block, Math.max(roomBytes, freeBytes), Math.max(1, freeFrames));
    const isTaken = cursor.take(this, payload, offset, length);
    if (!isTaken) this.#schedule(); // The cursor stays open, and frames that it takes do not schedule a flush.
    if (!isTaken) return cursor.isRefused ? "unencodable" : "closed";
    const isFar = roomBytes <= freeBytes && freeFrames > 0 &&
      (this.writingBytes === 0 || (this.holdback === undefined && !mayDrop(limits.whenFull)));
    if (!isFar) this.settle();
    return isFar ? this.#schedule() : this.#accept();
  }

  /** Queues a frame that is encoded in a shared block. Without a payload it is a control frame, which never waits. */
  pushShared(...[block, start, end, payload, key, whenFull]: SharedFrame): SendResult {
    const diverted = this.#divert(end - start, whenFull, payload, 0, payload?.length ?? 0, key);
    if (diverted !== undefined) return diverted;
    this.#segments.addShared(block, start, end, 1);
    if (payload === undefined) this.holdback?.passControl(end - start);
    return this.#accept();
  }

  /** What waits; made on first use. */
  holdBack(): Holdback {
    return this.holdback ??= new Holdback(this.#context, this.#segments, this);
  }

  /** Subscribes, and returns true, if broadcasts need no check: same encoder, same right to drop, room for a whole batch. */
  subscribe(encoder: FrameEncoder, whenFull: FullPolicy): boolean {
    this.settle();
    this.#broadcasts.leaveFanOut(this.#segments);
    const { broadcasts: { limits: { bytes, frames } }, limits, uncongestedBytes } = this.#context;
    return this.isSubscribed = encoder === this.encoder && mayDrop(whenFull) === mayDrop(limits.whenFull) &&
      this.holdback?.inFlight?.isBounded !== true && !this.#mustWait(limits.whenFull, 0) &&
      this.#segments.queuedBytes + bytes <= uncongestedBytes &&
      this.#segments.queuedFrames + frames <= limits.highWaterMarkFrames;
  }

  /** Takes the broadcasts that came since the last call. */
  takeBroadcasts(): void {
    if (this.#gather()) this.#accept();
  }

  /** Skips the last broadcast. The ones before must have been taken. */
  skipBroadcasts(): void {
    this.#broadcasts.skip(this.#segments);
  }

  joinFanOut(fanOut: FanOut, index: number): Connection | undefined {
    const { handlers, writeAheadBytes } = this.#context;
    const isHeard = handlers.onSend !== undefined || writeAheadBytes >= 0; // From 0 on, every write is pending for a moment.
    if (isHeard || this.#segments.head !== undefined || this.#broadcasts.hasBegun) return undefined;
    this.#broadcasts.joinFanOut(fanOut, index);
    return this.#connection;
  }

  fallBehind(block: OutboundBlock, start: number, end: number, frames: number): void {
    this.#broadcasts.leaveFanOut(this.#segments);
    this.#segments.lendShared(block, start, end, frames);
    this.#owner.handleProgress();
  }

  /** The session closes: takes the broadcasts so far, lifts the in-flight bounds, and tries nothing again. */
  seal(): void {
    this.#gather();
    this.#context.broadcasts.invalidate();
    this.holdback?.seal();
  }

  handleEncodeError(error: unknown): void {
    this.#owner.handleEncodeFault(error);
  }

  handleFlush(): void {
    this.isDue = false;
    this.flush();
  }

  /** Writes the queue, as far as the connection takes it. */
  flush(): void {
    this.#gather();
    if (this.writingBytes > 0 || (this.#segments.head === undefined && this.holdback?.refill() !== true)) return;
    this.#write();
  }

  /** The connection has taken what it had on loan. */
  handleDrain(): void {
    if (this.writingBytes === 0) return;
    this.settle();
    this.#segments.takeLent();
    this.#write();
  }

  /** Gives what the connection took since the last call; undefined if that is nothing. */
  takeSent(): SentEvent | undefined {
    return this.#segments.report();
  }

  /** Gives all memory back; what is queued is lost. The connection must be closed. */
  dispose(): void {
    this.settle();
    this.#segments.dropAll();
    this.holdback?.clear();
  }

  settle(): void {
    if (!this.hasCursor) return;
    const { cursor, cursor: { end, frames } } = this.#context;
    cursor.close();
    this.#segments.extendTail(end, frames);
  }

  /** For tests: throws if an invariant does not hold. Not to be called after `dispose()`. */
  checkInvariants(): void {
    this.#segments.checkInvariants();
    const { cursor } = this.#context;
    const { head, tail } = this.#segments;
    const isSound = this.hasCursor === (cursor.owner === this) &&
      (!this.hasCursor || (this.#broadcasts.frames === 0 && tail?.block.bytes === cursor.bytes)) &&
      (!this.#broadcasts.isInFanOut || (head === undefined && !this.#broadcasts.hasBegun));
    if (!isSound) throw new Error("SendQueue: it has the cursor, or is written to, without being ready for it");
  }

  /** Whether a message has to wait: others wait, too much is in flight, or it may be dropped and a write is pending. */
  #mustWait(whenFull: FullPolicy, frameBytes: number): boolean {
    if (this.holdback?.mustWait(frameBytes) === true) return true;
    if (this.writingBytes === 0 || !mayDrop(whenFull)) return false;
    return this.#segments.queuedBytes - this.#segments.writingBytes > this.#context.writeAheadBytes;
  }

  /** Takes the broadcasts so far. Holds a payload back, or refuses it, and gives the result; undefined: it may be queued now. */
  #divert(
    frameBytes: number,
    own: FullPolicy | undefined,
    payload: Uint8Array | undefined,
    offset: number,
    length: number,
    key: unknown,
  ): SendResult | undefined {
    this.takeBroadcasts();
    if (this.isSubscribed) this.#context.broadcasts.invalidate(); // It may use up the room that `subscribe()` found.
    const whenFull = own ?? this.#context.limits.whenFull;
    const waiting = payload === undefined ? this.holdback : undefined; // A payload is counted with them when it joins them.
    let result: SendResult | undefined = this.#isFullFor(frameBytes, waiting) ? "full" : undefined;
    if (payload !== undefined && this.#mustWait(whenFull, frameBytes)) {
      this.#context.broadcasts.invalidate(); // The next broadcasts must wait behind it.
      result = this.holdBack().add({ payload, offset, length, frameBytes, key, whenFull });
      this.#schedule(); // The flush may have to ping the peer.
    }
    if (result === "full" && whenFull === "close") this.#owner.handleOverflow();
    return result;
  }

  #write(): void {
    (this.holdback ?? this.#segments).writeTo(this.#connection);
    this.#owner.handleProgress();
  }

  /** Counts the frames at the cursor and takes the broadcasts so far; says whether there were any broadcasts. */
  #gather(): boolean {
    this.settle();
    if (!this.isSubscribed && this.#context.broadcasts.count === 0) return false; // Saves a cache miss on the reader.
    this.#broadcasts.leaveFanOut(this.#segments);
    return this.#broadcasts.take(this.#segments);
  }

  #isFullFor(bytes: number, waiting: Holdback | undefined): boolean {
    if (this.#segments.hasRoomFor(bytes, this.#context.limits, waiting)) return false;
    this.flush(); // A turn that sends a lot may have filled the queue before its end.
    return !this.#segments.hasRoomFor(bytes, this.#context.limits, waiting);
  }

  /** Schedules a flush for the end of the turn, or flushes now if the queue is above a high-water mark. */
  #accept(): SendResult {
    if (this.isCongested) {
      this.flush();
      if (this.isCongested) return "congested";
      if (this.#segments.queuedBytes === 0) return "sent";
    }
    return this.#schedule();
  }

  #schedule(): "queued" {
    if (!this.isDue && this.writingBytes === 0) this.#context.scheduler.add(this);
    return "queued";
  }
}

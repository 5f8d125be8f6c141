// Holdback: the messages of one session that must wait before they are encoded, as the peer has not taken, or is not known to
// have read, what was sent before. Made on first use. Runtime neutral.

import type { Clock } from "../clock.ts";
import type { FrameEncoder } from "../codec/codec.ts";
import { PoolError } from "../errors.ts";
import type { Connection } from "../transport/transport.ts";
import { Backlog, type DropCounts, type WaitingMessage } from "./backlog.ts";
import { InFlight, type Ping } from "./in_flight.ts";
import type { QueueLimits } from "./queue_limits.ts";
import type { SegmentList } from "./segment_list.ts";
import type { SendQueueContext } from "./send_queue_context.ts";
import type { SendResult } from "./send_result.ts";

/** Waiting messages are encoded in portions of this size. */
const REFILL_BYTES = 65_536;
/** Milliseconds until a control frame that found no memory is tried again, as a pool does not tell when it has memory again. */
const RETRY_MS = 100;

/** The queue of the session. */
export interface HoldbackOwner {
  /** The encoder of its frames. */
  readonly encoder: FrameEncoder;
  /** The encoder has thrown, which ends the session. The encoder is not called again. */
  handleEncodeError(error: unknown): void;
  /** Writes the queue, as far as the connection takes it. */
  flush(): void;
}

/** Its messages go out after the segments. The send cursor must be settled before each call that encodes. */
export class Holdback {
  /** The bytes that the peer is not known to have read; undefined without a ping. */
  readonly inFlight: InFlight | undefined;
  #ping: Ping | undefined;
  readonly #clock: Clock;
  readonly #segments: SegmentList;
  readonly #owner: HoldbackOwner;
  readonly #backlog: Backlog;
  readonly #limits: QueueLimits;
  /** A control frame for which there was no room. */
  #owed: Uint8Array | undefined = undefined;
  /** Bytes of control frames so far. */
  #controlBytes = 0;
  /** Whether the encoder has thrown. */
  #isFaulty = false;
  /** The timer of the next try after a shortage of memory. */
  #retry: unknown = undefined;
  #isSealed = false;

  /** Makes an empty holdback. */
  constructor(context: SendQueueContext, segments: SegmentList, owner: HoldbackOwner) {
    this.#owner = owner;
    this.#clock = context.clock;
    this.#segments = segments;
    this.#limits = context.limits;
    this.#backlog = new Backlog(context.pool, context.limits);
    this.#ping = context.ping;
    if (context.ping !== undefined) this.inFlight = new InFlight(context.clock, context.limits);
  }

  /** The most bytes that the frames of the waiting messages take. */
  get bytes(): number {
    return this.#backlog.bytes;
  }

  /** How many messages wait. */
  get frames(): number {
    return this.#backlog.frames;
  }

  /** How many of those can no longer be sent: all of them, once the encoder has thrown. */
  get lostFrames(): number {
    return this.#isFaulty ? this.#backlog.frames : 0;
  }

  /** How many messages were dropped. */
  get drops(): DropCounts {
    return this.#backlog.drops;
  }

  /** How many bytes may be sent before the next answer of the peer. */
  get roomBytes(): number {
    return this.inFlight?.roomAt(this.#place) ?? Infinity;
  }

  /** Whether a frame has to wait under any policy: others wait already, or too much is in flight. May ping the peer. */
  mustWait(frameBytes: number): boolean {
    return this.#backlog.frames > 0 || !this.#mayFly(frameBytes);
  }

  /** Adds a copy of a payload, and drops others for it as its policy says. */
  add(message: WaitingMessage): SendResult {
    try {
      return this.#backlog.add(message, this.#segments);
    } catch (error) {
      if (error instanceof PoolError) return "full"; // The budget of the service is used up.
      throw error;
    }
  }

  /** Queues a copy of a control frame as soon as there is room, in place of another that waits for that. */
  owe(frame: Uint8Array): void {
    this.#owed = frame.slice();
  }

  /** Writes the queue and the waiting messages, as far as the connection takes them and the in-flight bound allows. */
  writeTo(connection: Connection): void {
    do {
      if (this.inFlight?.isPingDue(this.#place) === true) this.ping();
      // An encoder that throws ends the session, which flushes what there is: a write may be under way by now.
      if (!this.#segments.isWriting) this.#segments.writeTo(connection);
    } while (!this.#segments.isWriting && this.refill());
  }

  /** Encodes a portion of the waiting messages, within the in-flight bound, or pings; says whether there is more to write. */
  refill(): boolean {
    const { queuedBytes, queuedFrames } = this.#segments;
    if (this.#owed !== undefined && this.#segments.hasRoomFor(this.#owed.length, this.#limits)) {
      this.#sendOwed(this.#owed);
    }
    while (
      this.#backlog.frames > 0 && !this.#isFaulty && this.#segments.queuedBytes < REFILL_BYTES &&
      this.#mayFly(this.#backlog.nextFrameBytes)
    ) this.#encodeNext();
    return this.#segments.queuedBytes > queuedBytes || this.#segments.queuedFrames > queuedFrames; // A frame may have no bytes.
  }

  /** Encodes all waiting messages, and sends a control frame that waits, or drops it without memory: it is of the same codec. */
  refillAll(): void {
    if (this.#owed !== undefined) this.#sendOwed(this.#owed);
    this.#owed = undefined;
    while (this.#backlog.frames > 0 && !this.#isFaulty) this.#encodeNext();
  }

  /** Pings the peer, unless an answer is outstanding. */
  ping(): void {
    const ping = this.#ping;
    if (this.inFlight === undefined || ping === undefined || this.inFlight.isPinged || this.#isFaulty) return;
    const { bytes, isEncoded } = ping;
    const place = this.#place;
    const before = this.#segments.queuedBytes;
    try {
      if (isEncoded) this.#segments.addFrame(bytes);
      else this.#encode(bytes, 0, bytes.length);
    } catch (error) {
      if (!(error instanceof PoolError)) this.#fail(error);
      else if (this.#backlog.frames > 0) this.#retryLater();
      return; // If nothing waits for the answer, the next message tries again.
    }
    this.passControl(this.#segments.queuedBytes - before);
    this.inFlight.ping(place);
  }

  /** The peer has answered; says whether messages wait for it. */
  handleAnswer(): boolean {
    return this.inFlight?.handleAnswer() === true && this.#backlog.frames > 0;
  }

  /** Switches to the ping of another codec; without one, the in-flight bounds are lifted. */
  switchPing(ping: Ping | undefined): void {
    this.#ping = ping;
    if (ping === undefined) this.release();
  }

  /** Lifts the in-flight bounds: no more answers come. */
  release(): void {
    this.inFlight?.release();
  }

  /** The session closes: lifts the in-flight bounds, and tries nothing again. */
  seal(): void {
    this.release();
    this.#isSealed = true;
    if (this.#retry !== undefined) this.#clock.clearTimer(this.#retry);
    this.#retry = undefined;
  }

  /** Drops everything and gives the memory back. */
  clear(): void {
    this.seal();
    this.#backlog.clear();
    this.#owed = undefined;
  }

  /** Counts a control frame apart: if pings counted as in flight, the two sides would ping each other for ever. */
  passControl(bytes: number): void {
    this.#controlBytes += bytes;
  }

  /** Bytes of messages encoded so far, sent or queued. */
  get #place(): number {
    return this.#segments.sentBytes + this.#segments.queuedBytes - this.#controlBytes;
  }

  /** Whether a frame fits within the in-flight bounds; if not, pings the peer. */
  #mayFly(frameBytes: number): boolean {
    if (this.inFlight === undefined || this.inFlight.admits(this.#place, frameBytes)) return true;
    this.ping();
    return false;
  }

  #sendOwed(frame: Uint8Array): void {
    try {
      this.#segments.addFrame(frame);
    } catch (error) {
      if (error instanceof PoolError) return this.#retryLater();
      throw error;
    }
    this.#owed = undefined;
    this.passControl(frame.length);
  }

  #retryLater(): void {
    if (this.#isSealed) return;
    this.#retry ??= this.#clock.setTimer(() => {
      this.#retry = undefined;
      this.#owner.flush();
    }, RETRY_MS);
  }

  #encodeNext(): void {
    try {
      this.#backlog.shift((payload, offset, length) => this.#encode(payload, offset, length));
    } catch (error) {
      this.#fail(error);
    }
  }

  #encode(payload: Uint8Array, offset: number, length: number): void {
    const { encoder } = this.#owner;
    this.#segments.addEncoded(encoder, payload, offset, length, encoder.frameBytes(length));
  }

  #fail(error: unknown): void {
    this.#isFaulty = true;
    this.#owner.handleEncodeError(error);
  }
}

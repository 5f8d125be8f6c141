// Holdback: the messages of one session that are not encoded yet, and why: the peer has not taken, or is not known to have read,
// what was sent before. Made when first needed. Runtime neutral.

import type { FrameEncoder } from "../codec/codec.ts";
import { PoolError } from "../errors.ts";
import type { Connection } from "../transport/transport.ts";
import { Backlog, type DropCounts, type WaitingMessage } from "./backlog.ts";
import { InFlight, type Ping } from "./in_flight.ts";
import type { SegmentList } from "./segment_list.ts";
import type { SendQueueContext } from "./send_queue_context.ts";
import type { SendResult } from "./send_result.ts";

/** What has waited is encoded in portions of this. */
const REFILL_BYTES = 65_536;

/** The queue. */
export interface HoldbackOwner {
  /** What its frames are made with. */
  readonly encoder: FrameEncoder;
  /** The encoder has thrown, which ends the session: it is asked for nothing more. */
  handleEncodeError(error: unknown): void;
}

/** All that it queues goes behind the segments, whose count must be settled. */
export class Holdback {
  /** What the peer is not known to have read; undefined if it cannot be asked. */
  readonly inFlight: InFlight | undefined;
  #ping: Ping | undefined;
  readonly #segments: SegmentList;
  readonly #owner: HoldbackOwner;
  readonly #backlog: Backlog;
  /** Bytes of frames that are no messages. */
  #controlBytes = 0;
  /** Whether the encoder has thrown. */
  #isFaulty = false;

  /** Makes one that holds nothing. */
  constructor(context: SendQueueContext, segments: SegmentList, owner: HoldbackOwner) {
    this.#owner = owner;
    this.#segments = segments;
    this.#backlog = new Backlog(context.pool, context.limits);
    this.#ping = context.ping;
    if (context.ping !== undefined) this.inFlight = new InFlight(context.clock, context.limits);
  }

  /** Bytes that the frames of what waits may take. */
  get bytes(): number {
    return this.#backlog.bytes;
  }

  /** How many messages wait. */
  get frames(): number {
    return this.#backlog.frames;
  }

  /** What the policy dropped. */
  get drops(): DropCounts {
    return this.#backlog.drops;
  }

  /** How many bytes may be sent without another question to the peer. */
  get roomBytes(): number {
    return this.inFlight?.roomAt(this.#place) ?? Infinity;
  }

  /** Whether a frame has to wait whatever its policy: others do, or the peer has enough to read. */
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

  /** Has the connection take all that is queued, and what has waited, as far as it does and the peer may be sent. */
  writeTo(connection: Connection): void {
    do {
      if (this.inFlight?.isPingDue(this.#place) === true) this.ping();
      // An encoder that throws ends the session, which flushes what there is: a write may be under way by now.
      if (!this.#segments.isWriting) this.#segments.writeTo(connection);
    } while (!this.#segments.isWriting && this.refill());
  }

  /** Encodes a portion of what has waited, as far as the peer may be sent more, or asks it; says whether there is more to write. */
  refill(): boolean {
    const before = this.#segments.queuedBytes;
    while (
      this.#backlog.frames > 0 && !this.#isFaulty && this.#segments.queuedBytes < REFILL_BYTES &&
      this.#mayFly(this.#backlog.nextFrameBytes)
    ) this.#encodeNext();
    return this.#segments.queuedBytes > before;
  }

  /** Encodes all that has waited. */
  refillAll(): void {
    while (this.#backlog.frames > 0 && !this.#isFaulty) this.#encodeNext();
  }

  /** Asks the peer whether it is there, and how far it is. */
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
      return; // If there is only no room: later, then.
    }
    this.passControl(this.#segments.queuedBytes - before);
    this.inFlight.ping(place);
  }

  /** The peer has answered; says whether there is more for it. */
  handleAnswer(): boolean {
    return this.inFlight?.handleAnswer() === true && this.#backlog.frames > 0;
  }

  /** The frames that come next are of another codec, which may have no ping: then there is no bound any more. */
  switchPing(ping: Ping | undefined): void {
    this.#ping = ping;
    if (ping === undefined) this.release();
  }

  /** Nobody answers any more, and there is no bound. */
  release(): void {
    this.inFlight?.release();
  }

  /** Drops everything and gives the memory back. */
  clear(): void {
    this.#backlog.clear();
  }

  /** A frame was queued that is no message: two sides whose pings counted would ask each other for ever. */
  passControl(bytes: number): void {
    this.#controlBytes += bytes;
  }

  /** How many bytes of messages were sent or stand encoded. */
  get #place(): number {
    return this.#segments.sentBytes + this.#segments.queuedBytes - this.#controlBytes;
  }

  /** Whether the peer may be sent so much more; if not, it is asked how far it is. */
  #mayFly(frameBytes: number): boolean {
    if (this.inFlight === undefined || this.inFlight.admits(this.#place, frameBytes)) return true;
    this.ping();
    return false;
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

// Broadcaster: encodes a message once for many sessions, which take the broadcasts of a turn together. Runtime neutral.

import type { FrameEncoder } from "../codec/codec.ts";
import type { Audience, BroadcastBatch } from "../outbound/broadcast_batch.ts";
import { FanOut } from "../outbound/fan_out.ts";
import type { Flushable } from "../outbound/flush_scheduler.ts";
import { checkWritten, type OutboundBlock } from "../outbound/outbound_blocks.ts";
import { mayDrop } from "../outbound/backlog.ts";
import type { FullPolicy } from "../outbound/queue_limits.ts";
import { isUnencodable } from "../outbound/send_cursor.ts";
import type { SendQueueContext } from "../outbound/send_queue_context.ts";
import { checkPayload, type SendResult } from "../outbound/send_result.ts";
import type { Receiver } from "./receiver.ts";

/** What became of a broadcast: how many sessions took it, and how many refused. */
export interface BroadcastResult {
  /** Sessions that took it. */
  readonly accepted: number;
  /**
   * How many of those are above a high-water mark: wait for `drained()` of the group, or of the service, before sending more.
   * Sessions that have taken nothing for 200 ms during such a wait do not count.
   */
  readonly congested: number;
  /** Sessions that refused it: the queue or the pool is full, the session closes, or the codec cannot take the payload. */
  readonly refused: number;
}

/** Sessions that get the same broadcasts. */
export interface Receivers extends Audience {
  /** All of them. */
  values(): Iterable<Receiver>;
}

/** Details of one broadcast. */
export interface BroadcastDetails {
  /** Sessions that do not get it. */
  readonly excepted?: ReadonlySet<Receiver>;
  /** See `SendOptions.key`. */
  readonly key?: unknown;
  /** See `SendOptions.whenFull`. */
  readonly whenFull?: FullPolicy | undefined;
  /** Called for each session that refuses it, in the middle of the broadcast: may only record it. */
  readonly onRefused?: (core: Receiver, result: SendResult) => void;
}

/** The counts of a broadcast, as they are found. */
type Tally = { -readonly [Name in keyof BroadcastResult]: BroadcastResult[Name] };

function count(tally: Tally, core: Receiver, result: SendResult, { onRefused }: BroadcastDetails): void {
  if (result === "congested" && !core.isStalled) tally.congested++;
  if (result === "congested" || result === "queued" || result === "sent") tally.accepted++;
  else {
    tally.refused++;
    onRefused?.(core, result);
  }
}

/**
 * Encodes broadcasts one behind the other into the block of the service's batch. Sessions with room for a whole batch are not
 * touched: they take it at the end of the turn. The others are sent each broadcast one by one.
 *
 * Invariant: while `isDue`, this broadcaster holds the batch's block, and is scheduled for the next flush.
 */
export class Broadcaster implements Flushable {
  nextDue: Flushable | undefined = undefined;
  isDue = false;
  readonly queuedBytes = Infinity;
  readonly #context: SendQueueContext;
  readonly #batch: BroadcastBatch;
  readonly #encoder: FrameEncoder;
  #receivers: Receivers | undefined = undefined;
  /** The receivers that are sent to one by one. */
  #others: Receiver[] = [];

  /** Makes a broadcaster; sessions whose encoder is another object get their own encoding. */
  constructor(context: SendQueueContext, encoder: FrameEncoder) {
    this.#context = context;
    this.#batch = context.broadcasts;
    this.#encoder = encoder;
  }

  /** Queues a message for all of `receivers` but those in `excepted`. */
  broadcast(payload: Uint8Array, receivers: Receivers, details: BroadcastDetails = {}): BroadcastResult {
    checkPayload(payload);
    const { excepted, key, whenFull } = details;
    const tally = { accepted: 0, congested: 0, refused: 0 };
    const encoder = this.#encoder;
    const isTooLarge = payload.length > encoder.maxPayloadBytes;
    const roomBytes = isTooLarge ? 0 : encoder.frameBytes(payload.length);
    if (
      isTooLarge || this.#isDroppedByItself(whenFull) || roomBytes > this.#batch.limits.bytes ||
      !this.#hasSubscribers(roomBytes, receivers)
    ) {
      this.#sendSingly(payload, roomBytes, receivers.values(), details, tally);
      return tally;
    }
    if (!this.#makeRoom(roomBytes)) return refuseAll(receivers, details, "full"); // The budget of the service is used up.
    this.#passBy(excepted, tally);
    const { block } = this.#batch;
    const start = block.end;
    let end = start;
    try {
      const written = encoder.encode(payload, 0, payload.length, block.bytes, start);
      checkWritten(written, roomBytes);
      end = block.end += written;
    } catch (error) {
      if (!isUnencodable(error)) throw error;
      const own = { accepted: 0, congested: 0, refused: 0 };
      this.#sendSingly(payload, roomBytes, receivers.values(), details, own); // A session's own codec may take it.
      return own;
    }
    this.#batch.add(start);
    if (excepted !== undefined) { for (const core of excepted) core.queue.skipBroadcasts(); }
    // All skip it before the first is sent to: aborting a session for its full queue makes the others take the batch.
    for (const core of this.#others) core.queue.skipBroadcasts();
    tally.accepted += this.#batch.subscribers.count;
    block.holders++; // Keeps the block: a session aborted for its full queue may lead the application to broadcast meanwhile.
    for (const core of this.#others) {
      if (excepted?.has(core) || !receivers.has(core)) continue; // It may be gone since they were counted.
      const isShared = core.queue.encoder === encoder;
      const result = isShared
        ? core.sendShared(block, start, end, payload, key, whenFull)
        : core.send(payload, 0, payload.length, key, whenFull);
      count(tally, core, result, details);
    }
    this.#context.blocks.dropBlock(block);
    return tally;
  }

  /** Whether only this message of the batch may be dropped: it is then sent to each session by itself. */
  #isDroppedByItself(whenFull: FullPolicy | undefined): boolean {
    return whenFull !== undefined && mayDrop(whenFull) && !mayDrop(this.#context.limits.whenFull);
  }

  handleFlush(): void {
    const batch = this.#batch;
    let isAllSent = false;
    try {
      isAllSent = batch.flush();
    } finally {
      // Subscribers with an empty queue stay subscribed for the next batch, until `invalidate()`.
      batch.finish();
      if (!isAllSent || this.#others.length > 0) batch.invalidate();
      this.isDue = false;
      this.#context.blocks.dropBlock(batch.block);
    }
  }

  /** The set of `receivers` is about to change: the present ones take what was broadcast so far. */
  handleChange(receivers: Receivers): void {
    if (receivers === this.#receivers) this.#handOver();
  }

  #handOver(): void {
    const batch = this.#batch;
    if (batch.count > 0) { for (const core of this.#receivers?.values() ?? []) core.queue.takeBroadcasts(); }
    batch.finish();
    batch.invalidate();
  }

  /** Determines the subscribers of the batch if necessary; says whether there are any. */
  #hasSubscribers(roomBytes: number, receivers: Receivers): boolean {
    const batch = this.#batch;
    if (receivers !== this.#receivers || this.#isFullFor(roomBytes)) this.#handOver();
    if (!batch.isCurrent || batch.subscribers.count === 0) { // Without subscribers each broadcast goes through all receivers anyway.
      this.#receivers = batch.audience = receivers;
      this.#count(receivers);
    }
    return batch.subscribers.count > 0;
  }

  #isFullFor(roomBytes: number): boolean {
    const { block, count, limits } = this.#batch;
    return this.isDue && (block.bytes.length - block.end < roomBytes || count >= limits.frames);
  }

  /** Gives the batch a block with room for one more broadcast; false if there is no memory for it. */
  #makeRoom(roomBytes: number): boolean {
    const { blocks, scheduler } = this.#context;
    if (this.isDue && !this.#isFullFor(roomBytes)) return true;
    if (!blocks.canTake(this.#batch.limits.bytes)) return false;
    if (this.isDue) blocks.dropBlock(this.#batch.block);
    else scheduler.add(this);
    const block = blocks.takeBlock(this.#batch.limits.bytes);
    block.holders = 1;
    this.#batch.block = block;
    return true;
  }

  #count(receivers: Receivers): void {
    const batch = this.#batch;
    const subscribers = batch.subscribers = new FanOut();
    this.#others = [];
    const { whenFull } = this.#context.limits;
    for (const core of receivers.values()) {
      if (core.state === "open" && core.queue.subscribe(this.#encoder, whenFull)) subscribers.add(core.queue);
      else {
        core.queue.takeBroadcasts();
        this.#others.push(core);
      }
    }
    batch.isCurrent = true;
  }

  /** Has the excepted sessions take the broadcasts so far, so that they can skip the next one. */
  #passBy(excepted: ReadonlySet<Receiver> | undefined, tally: Tally): void {
    if (excepted === undefined) return;
    for (const core of excepted) {
      if (!this.#receivers?.has(core)) continue;
      core.queue.takeBroadcasts();
      if (core.state === "open" && core.queue.isSubscribed) tally.accepted--;
    }
  }

  /** Sends a message that does not go into a batch to each session by itself; still encodes it only once. */
  #sendSingly(
    payload: Uint8Array,
    roomBytes: number,
    cores: Iterable<Receiver>,
    details: BroadcastDetails,
    tally: Tally,
  ): void {
    const { excepted, key, whenFull } = details;
    const { blocks } = this.#context;
    let block: OutboundBlock | "unencodable" | undefined;
    for (const core of cores) {
      if (excepted?.has(core)) continue;
      if (roomBytes === 0 || core.queue.encoder !== this.#encoder) {
        count(tally, core, core.send(payload, 0, payload.length, key, whenFull), details);
      } else if (block === undefined && !blocks.canTake(roomBytes)) count(tally, core, core.tally("full"), details);
      else {
        block ??= this.#encodeSingly(payload, roomBytes);
        const result = block === "unencodable"
          ? core.tally(block)
          : core.sendShared(block, 0, block.end, payload, key, whenFull);
        count(tally, core, result, details);
      }
    }
    if (typeof block === "object") blocks.dropBlock(block);
  }

  #encodeSingly(payload: Uint8Array, roomBytes: number): OutboundBlock | "unencodable" {
    const block = this.#context.blocks.takeBlock(roomBytes);
    block.holders = 1;
    try {
      block.end = this.#encoder.encode(payload, 0, payload.length, block.bytes, 0);
      checkWritten(block.end, roomBytes);
      return block;
    } catch (error) {
      this.#context.blocks.dropBlock(block);
      if (isUnencodable(error)) return "unencodable";
      throw error;
    }
  }
}

/** Counts a broadcast as refused by all receivers. */
function refuseAll(receivers: Receivers, details: BroadcastDetails, result: SendResult): BroadcastResult {
  const tally = { accepted: 0, congested: 0, refused: 0 };
  for (const core of receivers.values()) {
    if (!details.excepted?.has(core)) count(tally, core, core.tally(result), details);
  }
  return tally;
}

// Broadcaster: encodes a message once and queues the same bytes for many sessions. Runtime neutral.

import type { FrameEncoder } from "../codec/codec.ts";
import { checkWritten, type OutboundBlock } from "./outbound_blocks.ts";
import type { Flushable } from "./flush_scheduler.ts";
import { checkPayload, type SendQueueContext, type SendResult } from "./send_queue.ts";
import type { SessionCore } from "./session_core.ts";

/** A shared block holds the broadcasts of one turn: a thousand small ones. */
const SHARED_BLOCK_BYTES = 65_536;

/** What became of a broadcast: how many sessions took it, and how many refused. */
export interface BroadcastResult {
  /** Sessions that took it. */
  readonly accepted: number;
  /** Of those, how many are above their high-water mark. */
  readonly congested: number;
  /** Sessions that refused, for their queue is full, they are closing, or the payload is too large. */
  readonly refused: number;
}

/**
 * Encodes broadcasts one behind the other into a shared block, so that a session that takes several in a turn holds them
 * as one run and sends them in one write.
 *
 * Invariant: while `#block` is set, this broadcaster is one of its holders, and is down for the next flush.
 */
export class Broadcaster implements Flushable {
  nextDue: Flushable | undefined = undefined;
  readonly #context: SendQueueContext;
  readonly #encoder: FrameEncoder;
  #block: OutboundBlock | undefined = undefined;
  #isScheduled = false;

  /** Makes a broadcaster; sessions whose encoder is another object get their own encoding. */
  constructor(context: SendQueueContext, encoder: FrameEncoder) {
    this.#context = context;
    this.#encoder = encoder;
  }

  /** Queues a message for all of `cores` but those whose session `isExcepted`. */
  broadcast<Data>(
    payload: Uint8Array,
    cores: Iterable<SessionCore<Data>>,
    isExcepted: ((core: SessionCore<Data>) => boolean) | undefined,
  ): BroadcastResult {
    checkPayload(payload);
    const encoder = this.#encoder;
    const isTooLarge = payload.length > encoder.maxPayloadBytes;
    let shared: { readonly block: OutboundBlock; readonly start: number; readonly end: number } | undefined;
    let accepted = 0;
    let congested = 0;
    let refused = 0;
    for (const core of cores) {
      if (isExcepted?.(core)) continue;
      let result: SendResult;
      if (isTooLarge || core.queue.encoder !== encoder) result = core.send(payload, 0, payload.length);
      else {
        shared ??= this.#encode(payload);
        result = core.sendShared(shared.block, shared.start, shared.end);
      }
      if (result === "queued" || result === "sent") accepted++;
      else if (result === "congested") {
        accepted++;
        congested++;
      } else refused++;
    }
    return { accepted, congested, refused };
  }

  handleFlush(): void {
    this.#isScheduled = false;
    this.#dropBlock();
  }

  /** Lets the block go; the sessions hold it as long as they need it. */
  #dropBlock(): void {
    if (this.#block !== undefined) this.#context.blocks.dropBlock(this.#block);
    this.#block = undefined;
  }

  #encode(payload: Uint8Array): { block: OutboundBlock; start: number; end: number } {
    const roomBytes = this.#encoder.frameBytes(payload.length);
    if (this.#block !== undefined && this.#block.bytes.length - this.#block.end < roomBytes) this.#dropBlock();
    const block = this.#block ?? this.#openBlock(roomBytes);
    const start = block.end;
    const written = this.#encoder.encode(payload, 0, payload.length, block.bytes, start);
    checkWritten(written, roomBytes);
    block.end += written;
    return { block, start, end: block.end };
  }

  #openBlock(roomBytes: number): OutboundBlock {
    const block = this.#context.blocks.takeBlock(Math.max(roomBytes, SHARED_BLOCK_BYTES));
    block.holders = 1;
    this.#block = block;
    if (!this.#isScheduled) this.#context.scheduler.add(this);
    this.#isScheduled = true;
    return block;
  }
}

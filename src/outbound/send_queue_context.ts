// What the send queues of a service share. Runtime neutral.

import type { BufferPool } from "../buffer/buffer_pool.ts";
import type { Clock } from "../clock.ts";
import type { TransportTraits } from "../transport/traits.ts";
import { BroadcastBatch } from "./broadcast_batch.ts";
import { FlushScheduler } from "./flush_scheduler.ts";
import type { Ping } from "./in_flight.ts";
import type { QueueLimits } from "./queue_limits.ts";
import { OutboundBlocks } from "./outbound_blocks.ts";
import { SendCursor } from "./send_cursor.ts";

/** The `writeAheadBytes` on Deno, where every write is pending for a moment: some hundred positions of a game's tick. */
const WRITE_AHEAD_BYTES = 16_384;

/** The session behind a queue. */
export interface SendQueueOwner {
  /** The connection took bytes. May run inside `send`, so it must not call the application. */
  handleProgress(): void;
  /** The queue is full, and the policy is to close. */
  handleOverflow(): void;
  /** A message cannot be encoded, which ends the session. */
  handleEncodeFault(fault: unknown): void;
}

/** What a service gives to its queues. */
export interface SendQueueOrigin {
  /** The pool for blocks and for the payloads that wait. */
  readonly pool: BufferPool;
  /** The limits. */
  readonly limits: QueueLimits;
  /** Whose time counts. */
  readonly clock: Clock;
  /** The ping that asks a peer how far it has read; undefined if there is none. */
  readonly ping?: Ping | undefined;
  /** The application's handlers: queues behave differently if there is an `onSend`. */
  readonly handlers: { readonly onSend?: unknown };
}

/** What a queue shares with the others of its service. */
export interface SendQueueContext extends SendQueueOrigin {
  /** Where blocks come from. */
  readonly blocks: OutboundBlocks;
  /** Flushes the queues. */
  readonly scheduler: FlushScheduler;
  /** Queued bytes up to which a send is neither refused nor congested. */
  readonly uncongestedBytes: number;
  /** Bytes that may queue behind a pending write before the drop policy applies, where every write is pending; -1: none. */
  readonly writeAheadBytes: number;
  /** The broadcasts that queues have still to take. */
  readonly broadcasts: BroadcastBatch;
  /** The shared cursor for the next frame. */
  readonly cursor: SendCursor;
}

/**
 * Makes what the queues of a service share.
 *
 * @param origin What the service has already, its clock and transport with it.
 * @returns The context.
 */
export function makeSendQueueContext(
  { clock, traits, pool, limits, handlers, ping }: SendQueueOrigin & {
    readonly traits: TransportTraits | undefined;
  },
): SendQueueContext {
  const blocks = new OutboundBlocks(pool);
  const cursor = new SendCursor();
  return {
    clock,
    pool,
    ping,
    ...queueMeasures(limits, traits),
    handlers,
    cursor,
    blocks,
    scheduler: new FlushScheduler(clock, { cursor, blocks }, { limits, traits }),
    broadcasts: new BroadcastBatch(),
  };
}

/** The context values that depend on limits and transport, in which sessions of one service may differ. */
export function queueMeasures<Limits extends QueueLimits>(limits: Limits, traits: TransportTraits | undefined) {
  return {
    limits,
    uncongestedBytes: Math.min(limits.highWaterMarkBytes, limits.maxQueuedBytes),
    writeAheadBytes: traits?.asyncWrites === true ? WRITE_AHEAD_BYTES : -1,
  };
}

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

/** On Deno: some hundred positions of a game's tick. */
const WRITE_AHEAD_BYTES = 16_384;

/** The session behind a queue. */
export interface SendQueueOwner {
  /** The connection took something, or all; runs inside `send` at times, so it must not call the application. */
  handleProgress(): void;
  /** The queue is full, and the policy is to close. */
  handleOverflow(): void;
  /** A message cannot be encoded, which ends the session. */
  handleEncodeFault(fault: unknown): void;
}

/** What a queue is given by its service. */
export interface SendQueueOrigin {
  /** Where memory comes from; what waits under a policy that may drop it is kept there. */
  readonly pool: BufferPool;
  /** The limits. */
  readonly limits: QueueLimits;
  /** Whose time counts. */
  readonly clock: Clock;
  /** What asks a peer how far it is with reading; undefined if none can be asked. */
  readonly ping?: Ping | undefined;
  /** Whether the application wants to hear of what was sent. */
  readonly handlers: { readonly onSend?: unknown };
}

/** What a queue shares with the others of its service. */
export interface SendQueueContext extends SendQueueOrigin {
  /** Where blocks come from. */
  readonly blocks: OutboundBlocks;
  /** Who flushes. */
  readonly scheduler: FlushScheduler;
  /** Up to so many queued bytes a send is neither refused nor congested. */
  readonly uncongestedBytes: number;
  /** Bytes that may queue behind a pending write before the drop policy applies; -1: none. Some, where every write is pending. */
  readonly writeAheadBytes: number;
  /** The broadcasts that queues have still to take. */
  readonly broadcasts: BroadcastBatch;
  /** Where the next frame goes. */
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

/** What follows for a queue from its limits and the way it is written to; sessions of one service may differ in it. */
export function queueMeasures<Limits extends QueueLimits>(limits: Limits, traits: TransportTraits | undefined) {
  return {
    limits,
    uncongestedBytes: Math.min(limits.highWaterMarkBytes, limits.maxQueuedBytes),
    writeAheadBytes: traits?.asyncWrites === true ? WRITE_AHEAD_BYTES : -1,
  };
}

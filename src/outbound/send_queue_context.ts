// What the send queues of a service share. Runtime neutral.

import type { BufferPool } from "../buffer/buffer_pool.ts";
import type { Clock } from "../clock.ts";
import type { Transport } from "../transport/transport.ts";
import { BroadcastRun } from "./broadcast_run.ts";
import { FlushScheduler } from "./flush_scheduler.ts";
import type { QueueLimits } from "./queue_limits.ts";
import { OutboundBlocks } from "./outbound_blocks.ts";
import { SendLane } from "./send_lane.ts";
import { TurnBatch } from "./turn_batch.ts";

/** On Deno: some hundred positions of a game's tick. */
const IN_FLIGHT_BYTES = 16_384;

/** What a queue is given by its service. */
export interface SendQueueOrigin {
  /** Where memory comes from; what waits under a policy that may drop it is kept there. */
  readonly pool: BufferPool;
  /** The limits. */
  readonly limits: QueueLimits;
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
  readonly easyBytes: number;
  /** So much may wait behind a write under way and is sent in any case; -1 for nothing. Some, where every write is under way. */
  readonly inFlightBytes: number;
  /** The broadcasts that queues have still to take. */
  readonly run: BroadcastRun;
  /** Where the frames of a queue go that follow each other. */
  readonly lane: SendLane;
  /** Where they wait to be written with those of others. */
  readonly batch: TurnBatch;
}

/**
 * Makes what the queues of a service share.
 *
 * @param origin What the service has already, its clock and transport with it.
 * @returns The context.
 */
export function makeSendQueueContext(
  { clock, transport, pool, limits, handlers }: SendQueueOrigin & {
    readonly clock: Clock;
    readonly transport: Pick<Transport, "afterReads" | "isInStep" | "isWriteDeferred">;
  },
): SendQueueContext {
  const blocks = new OutboundBlocks(pool);
  const batch = new TurnBatch(blocks);
  const lane = new SendLane(batch);
  const { afterReads, isInStep } = transport;
  return {
    pool,
    limits,
    handlers,
    lane,
    batch,
    blocks,
    scheduler: new FlushScheduler(clock, lane, { intervalMs: limits.flushIntervalMs, isInStep, afterReads }),
    easyBytes: Math.min(limits.highWaterMarkBytes, limits.maxQueuedBytes),
    inFlightBytes: transport.isWriteDeferred === true ? IN_FLIGHT_BYTES : -1,
    run: new BroadcastRun(),
  };
}

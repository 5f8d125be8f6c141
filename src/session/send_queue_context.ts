// What the send queues of a service share. Runtime neutral.

import type { BufferPool } from "../buffer/buffer_pool.ts";
import type { BroadcastRun } from "./broadcast_run.ts";
import type { FlushScheduler } from "./flush_scheduler.ts";
import type { ResolvedSessionLimits } from "./limits.ts";
import type { OutboundBlocks } from "./outbound_blocks.ts";
import type { SendLane } from "./send_lane.ts";

/** What a queue shares with the others of its service. */
export interface SendQueueContext {
  /** Where blocks come from. */
  readonly blocks: OutboundBlocks;
  /** Who flushes. */
  readonly scheduler: FlushScheduler;
  /** The limits. */
  readonly limits: ResolvedSessionLimits;
  /** Up to so many queued bytes a send is neither refused nor congested. */
  readonly easyBytes: number;
  /** Whether the application wants to hear of what was sent. */
  readonly handlers: { readonly onSend?: unknown };
  /** So much may wait behind a write under way and is sent in any case; -1 for nothing. Some, where every write is under way. */
  readonly inFlightBytes: number;
  /** Where what waits under a policy that may drop it is kept. */
  readonly pool: BufferPool;
  /** The broadcasts that queues have still to take. */
  readonly run: BroadcastRun;
  /** Where the frames of a queue go that follow each other. */
  readonly lane: SendLane;
}

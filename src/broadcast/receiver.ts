// Receiver: a session, as broadcasts see it. Types only. Runtime neutral.

import type { SharedFrame } from "../outbound/outbound_blocks.ts";
import type { FullPolicy } from "../outbound/queue_limits.ts";
import type { SendQueue } from "../outbound/send_queue.ts";
import type { SendResult } from "../outbound/send_result.ts";

/** A session that may get broadcasts. */
export interface Receiver {
  /** Where it is in its life: broadcasts are for those that are `"open"`. */
  readonly state: string;
  /** Whether it is over the high-water mark and has taken nothing for a while: nobody waits for it. */
  isStalled: boolean;
  /** Bytes that the system has taken for it, those of a write that is under way too. */
  readonly takenBytes: number;
  /** What it has still to take. */
  readonly queue: SendQueue;
  /** The names of its groups; undefined before the first. */
  groups: Set<string> | undefined;
  /** Encodes and queues a message of its own. */
  send(buffer: Uint8Array, offset: number, length: number, key?: unknown, whenFull?: FullPolicy): SendResult;
  /** Queues a frame that stands encoded in a shared block, made of `payload`. */
  sendShared(...frame: SharedFrame): SendResult;
  /** Counts what became of a message, if it was refused. */
  tally(result: SendResult): SendResult;
}

// Receiver: the parts of a session that broadcasts use. Types only. Runtime neutral.

import type { SharedFrame } from "../outbound/outbound_blocks.ts";
import type { FullPolicy } from "../outbound/queue_limits.ts";
import type { SendQueue } from "../outbound/send_queue.ts";
import type { SendResult } from "../outbound/send_result.ts";

/** A session that may get broadcasts. */
export interface Receiver {
  /** Its state: only sessions that are `"open"` get broadcasts. */
  readonly state: string;
  /** Whether it is above a high-water mark and has taken nothing for 200 ms: `drained()` of a group does not wait for it. */
  isStalled: boolean;
  /** Bytes that the system has taken for it. */
  readonly takenBytes: number;
  /** Its send queue. */
  readonly queue: SendQueue;
  /** The names of its groups; undefined before the first. */
  groups: Set<string> | undefined;
  /** Encodes a message with its own encoder, and queues it. */
  send(buffer: Uint8Array, offset: number, length: number, key?: unknown, whenFull?: FullPolicy): SendResult;
  /** Queues a frame that is encoded in a shared block, with its payload. */
  sendShared(...frame: SharedFrame): SendResult;
  /** Counts a message if it was refused; gives the result back. */
  tally(result: SendResult): SendResult;
}

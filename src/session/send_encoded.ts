// sendEncoded() and sendLast(): what is sent in other ways than the messages of a session. Runtime neutral.

import { copyBytes } from "../buffer/copy_bytes.ts";
import type { FullPolicy, QueueLimits } from "../outbound/queue_limits.ts";
import type { SendQueue } from "../outbound/send_queue.ts";
import type { SendQueueContext } from "../outbound/send_queue_context.ts";
import type { SendResult } from "../outbound/send_result.ts";

/**
 * Queues a copy of a frame, in front of the messages that wait, whether under a policy that may drop them or for the bounds in
 * flight: pings, and answers to pings, must pass. A reply that finds no room is sent once there is some, as the peer may wait
 * for it with all that it sends.
 */
export function sendEncoded(
  { blocks, broadcasts }: Pick<SendQueueContext, "blocks" | "broadcasts">,
  queue: SendQueue,
  frame: Uint8Array,
  isReply: boolean,
): SendResult {
  // A reply is sent later rather than refused, so it is no reason to close.
  const result = queueEncoded({ blocks, broadcasts }, queue, frame, isReply ? "refuse" : undefined);
  if (isReply && result === "full") {
    queue.holdBack().owe(frame);
    queue.flush(); // Messages that wait leave it room. Without memory for it, this has it tried again.
  }
  return result;
}

/** Sends the last message of a session. Without room for it the session closes without it, but is not cut. */
export function sendLast(
  core: { send(buffer: Uint8Array, offset: number, length: number, key?: unknown, whenFull?: FullPolicy): SendResult },
  { whenFull }: Pick<QueueLimits, "whenFull">,
  message: Uint8Array,
): void {
  core.send(message, 0, message.length, undefined, whenFull === "close" ? "refuse" : undefined);
}

function queueEncoded(
  { blocks, broadcasts }: Pick<SendQueueContext, "blocks" | "broadcasts">,
  queue: SendQueue,
  frame: Uint8Array,
  whenFull: FullPolicy | undefined,
): SendResult {
  const { length } = frame;
  if (!blocks.canTake(length)) return "full";
  broadcasts.invalidate(); // The frame may use up the room that was reserved for them.
  const block = blocks.takeBlock(length);
  block.holders = 1;
  try {
    copyBytes(frame, 0, block.bytes, 0, length);
    block.end = length;
    return queue.pushShared(block, 0, length, undefined, undefined, whenFull);
  } finally {
    blocks.dropBlock(block);
  }
}

// sendEncoded(): sends a frame that is encoded already, such as a control frame of a codec. Runtime neutral.

import { copyBytes } from "../buffer/copy_bytes.ts";
import type { SendQueue } from "../outbound/send_queue.ts";
import type { SendQueueContext } from "../outbound/send_queue_context.ts";
import type { SendResult } from "../outbound/send_result.ts";

/**
 * Queues a copy of a frame, in front of messages that wait under a policy that may drop them. A reply that finds no room is
 * sent once there is some, as the peer may wait for it with all that it sends.
 */
export function sendEncoded(
  { blocks, broadcasts }: Pick<SendQueueContext, "blocks" | "broadcasts">,
  queue: SendQueue,
  frame: Uint8Array,
  isReply: boolean,
): SendResult {
  const result = queueEncoded({ blocks, broadcasts }, queue, frame);
  if (isReply && result === "full") queue.holdBack().owe(frame);
  return result;
}

function queueEncoded(
  { blocks, broadcasts }: Pick<SendQueueContext, "blocks" | "broadcasts">,
  queue: SendQueue,
  frame: Uint8Array,
): SendResult {
  const { length } = frame;
  if (!blocks.canTake(length)) return "full";
  broadcasts.invalidate(); // The frame may use up the room that was reserved for them.
  const block = blocks.takeBlock(length);
  block.holders = 1;
  try {
    copyBytes(frame, 0, block.bytes, 0, length);
    block.end = length;
    return queue.pushShared(block, 0, length, undefined);
  } finally {
    blocks.dropBlock(block);
  }
}

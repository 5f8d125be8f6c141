// sendEncoded(): sends a frame that stands encoded already, for what codecs exchange besides messages. Runtime neutral.

import { copyBytes } from "../buffer/copy_bytes.ts";
import type { SendQueue } from "../outbound/send_queue.ts";
import type { SendQueueContext } from "../outbound/send_queue_context.ts";
import type { SendResult } from "../outbound/send_result.ts";

/** Queues a copy of a frame. It never waits under a policy that may drop messages: it goes in front of those that do. */
export function sendEncoded(
  { blocks, broadcasts }: Pick<SendQueueContext, "blocks" | "broadcasts">,
  queue: SendQueue,
  frame: Uint8Array,
): SendResult {
  const { length } = frame;
  if (!blocks.canTake(length)) return "full";
  broadcasts.invalidate(); // It may use up the room that was found for them.
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

// switchCodec(): switches a session to another codec, from the next frame on. Runtime neutral.

import type { Codec, FrameDecoder } from "../codec/codec.ts";
import type { SendQueue } from "../outbound/send_queue.ts";
import { pingOf } from "./heartbeat.ts";
import { checkQueueTakes, type ResolvedSessionLimits } from "./limits.ts";

/** The two sides of a session. */
export interface CodecUser {
  /** The outgoing side. */
  readonly queue: SendQueue;
  /** The incoming side. */
  readonly inbox: { switchDecoder(decoder: FrameDecoder): void };
}

/**
 * Switches both sides, or neither if it throws.
 *
 * @throws {RangeError} if the limits of the queue do not take the codec's longest frame.
 */
export function switchCodec({ queue, inbox }: CodecUser, limits: ResolvedSessionLimits, codec: Codec): void {
  const encoder = codec.createEncoder();
  checkQueueTakes(encoder, limits);
  const decoder = codec.createDecoder();
  queue.switchEncoder(encoder);
  queue.holdback?.switchPing(pingOf(codec, limits.heartbeat));
  inbox.switchDecoder(decoder);
}

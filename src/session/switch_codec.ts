// switchCodec(): switches a session to another codec, from the next frame on. Runtime neutral.

import type { Codec, FrameDecoder } from "../codec/codec.ts";
import { describeValue } from "../options.ts";
import type { SendQueue } from "../outbound/send_queue.ts";
import { checkPing, pingOf } from "./heartbeat.ts";
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
 * @throws {TypeError} if the codec, its encoder or its decoder is not one.
 * @throws {RangeError} if the limits of the queue do not take the codec's longest frame, or the codec no `heartbeat.message`.
 */
export function switchCodec({ queue, inbox }: CodecUser, limits: ResolvedSessionLimits, codec: Codec): void {
  for (const method of ["createEncoder", "createDecoder"] as const) {
    if (typeof codec?.[method] === "function") continue;
    throw new TypeError(
      `Cannot switch codec as it must be an object with ${method}(): current value is ${describeValue(codec)}` +
        (typeof codec === "function" ? ", which is to be called" : ""),
    );
  }
  const encoder = codec.createEncoder();
  checkQueueTakes(encoder, limits);
  const decoder = codec.createDecoder();
  if (typeof decoder?.decode !== "function") {
    throw new TypeError(
      `Cannot switch codec as createDecoder() must give an object with decode(): current value is ${
        describeValue(decoder)
      }`,
    );
  }
  const ping = pingOf(codec, limits.heartbeat);
  if (ping !== undefined) checkPing("switch codec", ping, encoder.maxPayloadBytes);
  queue.switchEncoder(encoder);
  queue.holdback?.switchPing(ping);
  inbox.switchDecoder(decoder);
}

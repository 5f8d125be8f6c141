// How good the simulated network is. Runtime neutral.

import type { SeededRandom } from "./seeded_random.ts";

/** How one connection of a simulated network behaves. Times are in milliseconds, 0 or more; bytes are whole, 1 or more. */
export interface LinkConditions {
  /**
   * How long bytes are under way in one direction, at least.
   *
   * @default {random, 0.1 to 60}
   */
  readonly latencyMs: number;
  /**
   * How much longer than that some bytes take; their order stays.
   *
   * @default {random, 0 to 20}
   */
  readonly jitterMs: number;
  /**
   * Bytes a millisecond, above 0.
   *
   * @default {random, 20 to 100000}
   */
  readonly bytesPerMs: number;
  /**
   * The most bytes of one packet, and of one chunk that is read.
   *
   * @default {random, 1 to 16384}
   */
  readonly segmentBytes: number;
  /**
   * Bytes that the sender's system takes before a write must wait.
   *
   * @default {random, 256 to 65536}
   */
  readonly sendBufferBytes: number;
  /**
   * Unread bytes that the receiver's system holds before the sender's system must wait.
   *
   * @default {random, 256 to 65536}
   */
  readonly receiveBufferBytes: number;
}

/** Draws the conditions of a connection; small and large ones are equally likely. */
export function drawConditions(random: SeededRandom, fixed: Partial<LinkConditions>): LinkConditions {
  return {
    latencyMs: random.spread(0.1, 60),
    jitterMs: random.chance(0.5) ? 0 : random.spread(0.1, 20),
    bytesPerMs: random.spread(20, 100_000),
    segmentBytes: Math.round(random.chance(0.1) ? 1 : random.spread(8, 16_384)),
    sendBufferBytes: Math.round(random.spread(256, 65_536)),
    receiveBufferBytes: Math.round(random.spread(256, 65_536)),
    ...fixed,
  };
}

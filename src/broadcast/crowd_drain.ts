// CrowdDrain: waits until those receivers of broadcasts that read have caught up. Runtime neutral.

import type { Clock } from "../clock.ts";
import { checkSignal } from "../options.ts";
import { sleep } from "../sleep.ts";
import type { Receiver } from "./receiver.ts";

/** How often receivers are looked at. */
const LOOK_MS = 20;
/** After so many looks without a byte taken a receiver is stalled: 200 ms, more than a round trip takes. */
const MOST_STILL_LOOKS = 10;

/** What is looked at of a session that may have to catch up. */
export type Waiting = Pick<Receiver, "state" | "isStalled" | "takenBytes"> & {
  readonly queue: Pick<Receiver["queue"], "isDrained" | "isCongested">;
};

/** One that is waited for. */
interface Awaited {
  readonly receiver: Waiting;
  takenBytes: number;
  stillLooks: number;
}

/** The waits of one service. A receiver that takes nothing at all is waited for once, and then not until it takes something. */
export class CrowdDrain {
  readonly #clock: Clock;

  /** Makes it. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Waits until those who are above a high-water mark, and read, are down at their low-water marks. */
  async wait(receivers: Iterable<Waiting>, signal: AbortSignal | undefined): Promise<void> {
    checkSignal("wait for sessions", signal);
    signal?.throwIfAborted();
    let awaited: Awaited[] = [];
    for (const receiver of receivers) {
      const { queue, state, isStalled, takenBytes } = receiver;
      if (state !== "open" || isStalled || !queue.isCongested) continue;
      awaited.push({ receiver, takenBytes, stillLooks: 0 });
    }
    while (awaited.length > 0) {
      await sleep(this.#clock, LOOK_MS, signal);
      signal?.throwIfAborted();
      awaited = awaited.filter(isBehind);
    }
  }
}

/** Whether one has to be waited for still. */
function isBehind(awaited: Awaited): boolean {
  const { receiver } = awaited;
  const { queue, state, takenBytes } = receiver;
  if (state !== "open" || queue.isDrained) return false;
  const hasMoved = takenBytes !== awaited.takenBytes;
  awaited.takenBytes = takenBytes;
  awaited.stillLooks = hasMoved ? 0 : awaited.stillLooks + 1;
  if (awaited.stillLooks < MOST_STILL_LOOKS) return true;
  receiver.isStalled = true;
  return false;
}

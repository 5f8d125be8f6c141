// CrowdDrain: waits until the receivers of broadcasts have caught up, except those that do not read. Runtime neutral.

import type { Clock } from "../clock.ts";
import { checkSignal } from "../options.ts";
import { sleep } from "../sleep.ts";
import type { Receiver } from "./receiver.ts";

/** Milliseconds between two checks of the receivers. */
const LOOK_MS = 20;
/** After this many checks without a byte taken a receiver counts as stalled: 200 ms, longer than most round trips. */
const MOST_STILL_LOOKS = 10;

/** The parts of a session that tell whether it has caught up. */
export type Waiting = Pick<Receiver, "state" | "isStalled" | "takenBytes"> & {
  readonly queue: Pick<Receiver["queue"], "isDrained" | "isCongested">;
};

/** A receiver that is waited for. */
interface Awaited {
  readonly receiver: Waiting;
  takenBytes: number;
  stillLooks: number;
}

/** The waits of one service. A receiver that takes nothing delays one wait by 200 ms, and no further one until it reads. */
export class CrowdDrain {
  readonly #clock: Clock;

  /** Makes the waits of one service. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Waits until the receivers above a high-water mark have shrunk to their low-water marks, except stalled ones. */
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

/** Whether a receiver still has to be waited for; marks it as stalled if not, as it takes nothing. */
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

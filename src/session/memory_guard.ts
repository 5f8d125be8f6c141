// MemoryGuard: aborts the sessions that hold most memory when all together hold too much. Runtime neutral.

import type { BufferPool } from "../buffer/buffer_pool.ts";
import type { Clock } from "../clock.ts";

/**
 * Above this part of the budget sessions are aborted. The rest is for sessions that hold little, and for memory that is not
 * counted, such as chunks that the garbage collector has not freed yet.
 */
const HIGH_PART = 0.5;
/** Sessions are aborted until this part of the budget is in use. */
const LOW_PART = 5 / 12;

/** A session that holds memory. */
export interface Holder {
  /** Bytes that are queued, of an unfinished frame, or waiting for a handler. */
  readonly heldBytes: number;
  /** Whether its memory is about to be released. */
  readonly isGoing: boolean;
  /** Ends the session, which releases its memory. */
  abort(reason: "over-budget"): void;
}

/** Watches the pool of a service. Aborts only sessions above an equal share (`LOW_PART` of the budget / all sessions). */
export class MemoryGuard {
  readonly #clock: Clock;
  readonly #pool: BufferPool;
  readonly #holders: () => Iterable<Holder>;
  #isDue = false;

  /**
   * Makes a guard.
   *
   * @param clock Defers the work, as the pool may call in the middle of a send.
   * @param pool The pool with the budget, which may change.
   * @param holders All sessions.
   */
  constructor(clock: Clock, pool: BufferPool, holders: () => Iterable<Holder>) {
    this.#clock = clock;
    this.#pool = pool;
    this.#holders = holders;
  }

  /** Starts watching the pool. */
  start(): void {
    this.#pool.onPressure(HIGH_PART, () => this.#handlePressure());
  }

  #handlePressure(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    this.#clock.defer(() => this.#relieve());
  }

  #relieve(): void {
    this.#isDue = false;
    const holders = [...this.#holders()];
    const held = holders.map((holder) => ({ holder, bytes: holder.heldBytes })).filter(({ bytes }) => bytes > 0);
    const lowBytes = LOW_PART * this.#pool.maxBytes;
    let overBytes = this.#pool.outstandingBytes - lowBytes;
    for (const { holder, bytes } of held) if (holder.isGoing) overBytes -= bytes;
    const shareBytes = lowBytes / holders.length;
    held.sort((one, other) => other.bytes - one.bytes);
    for (const { holder, bytes } of held) {
      if (overBytes <= 0 || bytes <= shareBytes) break;
      if (holder.isGoing) continue;
      holder.abort("over-budget");
      overBytes -= bytes;
    }
  }
}

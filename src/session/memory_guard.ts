// MemoryGuard: cuts the sessions that hold most once all together hold too much, so that the others have room. Runtime neutral.

import type { BufferPool } from "../buffer/buffer_pool.ts";
import type { Clock } from "../clock.ts";

/**
 * Above this part of the budget sessions are cut: what is left is for those who hold little, and for what a runtime holds beyond
 * what is counted, such as chunks that its collector has not found yet.
 */
const HIGH_PART = 0.5;
/** Until the rest is this part. */
const LOW_PART = 5 / 12;

/** A session that holds memory. */
export interface Holder {
  /** What is queued, half received, or waits behind a handler, in bytes. */
  readonly heldBytes: number;
  /** Whether its memory is about to come back. */
  readonly isGoing: boolean;
  /** Gives it back. */
  abort(reason: "over-budget"): void;
}

/** Watches the pool of a service. Only those are cut that hold more than their share: what there is, divided by all sessions. */
export class MemoryGuard {
  readonly #clock: Clock;
  readonly #pool: BufferPool;
  readonly #holders: () => Iterable<Holder>;
  #isDue = false;

  /**
   * Makes a guard.
   *
   * @param clock How to come back once the sender at hand has ended.
   * @param pool Whose budget it is; it may change.
   * @param holders All sessions.
   */
  constructor(clock: Clock, pool: BufferPool, holders: () => Iterable<Holder>) {
    this.#clock = clock;
    this.#pool = pool;
    this.#holders = holders;
  }

  /** Has the pool call from now on. */
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

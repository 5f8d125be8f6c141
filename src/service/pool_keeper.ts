// PoolKeeper: has the pool of a service give back what nobody needs. Runtime neutral.

import type { BufferPool } from "../buffer/buffer_pool.ts";
import type { Clock } from "../clock.ts";

/** How often half of the unneeded buffers go: those of a burst are gone within two minutes, those used again and again stay. */
const PERIOD_MS = 10_000;

/** Calls `adapt()` of a pool every 10 s while there are sessions. */
export class PoolKeeper {
  readonly #pool: BufferPool;
  readonly #clock: Clock;
  #timer: unknown = undefined;
  readonly #onTimer = () => {
    this.#timer = undefined;
    this.#pool.adapt();
    this.start();
  };

  /** Makes a keeper that sleeps. */
  constructor(pool: BufferPool, clock: Clock) {
    this.#pool = pool;
    this.#clock = clock;
  }

  /** There are sessions. May be called again. */
  start(): void {
    this.#timer ??= this.#clock.setTimer(this.#onTimer, PERIOD_MS);
  }

  /** The last session is gone: nothing free is kept. */
  stop(): void {
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
    this.#pool.trim();
  }
}

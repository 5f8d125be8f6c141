// CoarseTime: the time of records, without a look at the clock for each. Runtime neutral.

import type { Clock } from "../clock.ts";

/** Records that share a look at the clock, which costs as much as a record does. */
const RECORDS_PER_LOOK = 16;
/** A look is no older than this, unless the event loop stands still. */
const LOOK_MS = 1;

/**
 * The time of the last look at the clock. It is at most sixteen calls and one millisecond old, or older while a handler blocks
 * the event loop. If the clock is cheap, each call looks. Has one timer at the most, for a millisecond after a look.
 */
export class CoarseTime {
  readonly #clock: Clock;
  /** 1 if the clock is cheap. */
  readonly #callsPerLook: number;
  #lookMs = 0;
  #callsLeft = 0;
  #isTimerSet = false;
  readonly #onTimer = () => {
    this.#isTimerSet = false;
    this.#callsLeft = 0;
  };

  /** Makes it; no timer runs before the first call. */
  constructor(clock: Clock) {
    this.#clock = clock;
    this.#callsPerLook = clock.isCheap ? 1 : RECORDS_PER_LOOK;
  }

  /** Gives the time. */
  now(): number {
    if (--this.#callsLeft > 0) return this.#lookMs;
    return this.#look();
  }

  #look(): number {
    this.#callsLeft = this.#callsPerLook;
    if (!this.#isTimerSet && this.#callsPerLook > 1) {
      this.#isTimerSet = true;
      this.#clock.setTimer(this.#onTimer, LOOK_MS);
    }
    return this.#lookMs = this.#clock.now();
  }
}

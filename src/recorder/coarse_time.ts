// CoarseTime: the time of records, without a look at the clock for each. Runtime neutral.

import type { Clock } from "../clock.ts";

/** Records that share a look at the clock, which costs as much as a record does. */
const RECORDS_PER_LOOK = 16;
/** A look is no older than this, unless the event loop stands still. */
const LOOK_MS = 1;

/**
 * The time of the last look at the clock, which is sixteen calls and one millisecond old at the most; or as old as the event loop
 * stands still, in a handler that computes. With a clock that is cheap each call looks. The one timer runs for a millisecond behind a
 * look.
 */
export class CoarseTime {
  readonly #clock: Clock;
  /** 1 with a clock that is cheap. */
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

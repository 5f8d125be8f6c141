// CountingClock: the machine's clock, and how many timers are set on it. Runtime neutral.

import { type Clock, systemClock } from "@laster/net";

/** A clock for a service whose timers are counted. */
export class CountingClock implements Clock {
  readonly #clock = systemClock();
  readonly #open = new Set<unknown>();

  /** Timers that are set, and have neither fired nor been cleared. */
  get timerCount(): number {
    return this.#open.size;
  }

  now(): number {
    return this.#clock.now();
  }

  setTimer(callback: () => void, delayMs: number): unknown {
    const handle = this.#clock.setTimer(() => {
      this.#open.delete(handle);
      callback();
    }, delayMs);
    this.#open.add(handle);
    return handle;
  }

  clearTimer(handle: unknown): void {
    this.#open.delete(handle);
    this.#clock.clearTimer(handle);
  }

  defer(callback: () => void): void {
    this.#clock.defer(callback);
  }
}

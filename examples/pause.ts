// Pause: a time to wait that can be cut short. One at a time.

import { type Clock, systemClock } from "@laster/net";

/** A wait. A handler that returns its promise holds back the next message of its session. */
export class Pause {
  readonly #clock: Clock;
  #end: () => void = () => {};

  constructor(clock: Clock = systemClock()) {
    this.#clock = clock;
  }

  /** Waits for so many milliseconds, or until `end()`. */
  begin(durationMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#clock.setTimer(resolve, durationMs);
    this.#end = () => {
      this.#clock.clearTimer(timer);
      resolve();
    };
    return promise;
  }

  /** Ends the wait, and its timer. May be called twice, and when there is none. */
  end(): void {
    this.#end();
  }
}

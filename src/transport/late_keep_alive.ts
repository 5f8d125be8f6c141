// LateKeepAlive: switches TCP keep-alive on for accepted connections once they have lived for a second. Runtime neutral.

import type { Clock } from "../clock.ts";

const DELAY_MS = 1_000;
/** Switched on in a row. One takes four calls to the system, some 10 us: other work gets its turn in the pauses. */
const MOST_AT_ONCE = 64;
const PAUSE_MS = 10;

/** A connection that can switch it on. */
export interface KeepsAlive {
  /** Switches keep-alive on. */
  keepAlive(): void;
}

/**
 * Switches keep-alive on later than at the accept, as its calls to the system would be wasted in a storm of connections that
 * close at once.
 */
export class LateKeepAlive {
  /** Connections that came since the timer last ran, and those before: these have lived for `DELAY_MS` when it next runs. */
  #young = new Set<KeepsAlive>();
  #old = new Set<KeepsAlive>();
  #timer: unknown = undefined;
  readonly #run = () => this.#handleTimer();
  readonly #clock: Clock;

  /** Makes one without connections. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A connection came. */
  add(connection: KeepsAlive): void {
    this.#young.add(connection);
    if (this.#timer === undefined) this.#arm(DELAY_MS);
  }

  /** A connection has gone. */
  remove(connection: KeepsAlive): void {
    if (!this.#young.delete(connection)) this.#old.delete(connection);
    // A timer would keep the process alive.
    if (this.#timer === undefined || this.#young.size > 0 || this.#old.size > 0) return;
    this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  #arm(delayMs: number): void {
    this.#timer = this.#clock.setTimer(this.#run, delayMs);
  }

  #handleTimer(): void {
    this.#timer = undefined;
    let left = MOST_AT_ONCE;
    for (const connection of this.#old) {
      if (left-- === 0) return this.#arm(PAUSE_MS);
      this.#old.delete(connection);
      connection.keepAlive();
    }
    [this.#old, this.#young] = [this.#young, this.#old];
    if (this.#old.size > 0) this.#arm(DELAY_MS);
  }
}

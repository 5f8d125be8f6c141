// FlushScheduler: remembers which queues hold something, and flushes them once: at the end of the turn in which they
// were filled, or at the service's flush interval. Runtime neutral.

import type { Clock } from "../clock.ts";

/** What the scheduler flushes. */
export interface Flushable {
  /** It is time to flush; the queue is down for no flush any more. */
  handleFlush(): void;
}

/** Batches the writes of a service: one a session and turn. */
export class FlushScheduler {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  #due: Flushable[] = [];
  /** The array of the last round, to be used again. */
  #spare: Flushable[] | undefined = undefined;
  #turnDepth = 0;
  #isScheduled = false;
  #timer: unknown = undefined;
  readonly #run = () => this.flush();

  /** Makes a scheduler; an interval of 0 flushes at the end of each turn. */
  constructor(clock: Clock, intervalMs: number) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
  }

  /** Puts a queue down for the next flush; at most once, as the queue remembers. */
  add(queue: Flushable): void {
    this.#due.push(queue);
    if (this.#isScheduled || (this.#turnDepth > 0 && this.#intervalMs === 0)) return;
    this.#isScheduled = true;
    if (this.#intervalMs === 0) queueMicrotask(this.#run);
    else this.#timer = this.#clock.setTimer(this.#run, this.#intervalMs);
  }

  /** Begins a turn: what is sent until `leaveTurn()` goes out there. */
  enterTurn(): void {
    this.#turnDepth++;
  }

  /** Ends a turn. */
  leaveTurn(): void {
    if (--this.#turnDepth === 0 && this.#due.length > 0 && this.#intervalMs === 0) this.flush();
  }

  /** Flushes all that is due. */
  flush(): void {
    this.#isScheduled = false;
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
    const due = this.#due;
    // A flush may fill other queues (the in-memory transport): those are for the next round.
    this.#due = this.#spare ?? [];
    this.#spare = undefined;
    for (let index = 0; index < due.length; index++) due[index].handleFlush();
    due.length = 0;
    this.#spare = due;
  }
}

// TimeoutQueue: many timeouts of one length on a single timer. All have the same length, so the order of arming is the
// order of expiry, and a linked list serves where a timer wheel would round. Runtime neutral.

import type { Clock } from "../clock.ts";

/** The receiver of a timeout. An interface, so that a session needs no closure for each of its entries. */
export interface TimeoutOwner {
  /** The entry's time is up; it has left its queue. */
  handleTimeout(entry: TimeoutEntry): void;
}

/** One timeout: in at most one queue at a time. */
export class TimeoutEntry {
  /** The receiver of the timeout. */
  readonly owner: TimeoutOwner;
  /** When it expires, by the clock; meaningless while `queue` is undefined. */
  deadlineMs = 0;
  /** The queue that it is in. */
  queue: TimeoutQueue | undefined = undefined;
  /** The neighbour that expires earlier. */
  earlier: TimeoutEntry | undefined = undefined;
  /** The neighbour that expires later. */
  later: TimeoutEntry | undefined = undefined;

  /** Makes an entry in no queue. */
  constructor(owner: TimeoutOwner) {
    this.owner = owner;
  }
}

/**
 * Timeouts that all take `delayMs`. Arming and disarming cost O(1). The one timer runs only while there are entries, and is
 * set anew only when it fires: rearming an entry does not touch it.
 *
 * Invariant: from `#first` along `later`, deadlines do not fall; except while entries expire, a timer is set if and only if
 * there is an entry.
 */
export class TimeoutQueue {
  readonly #clock: Clock;
  readonly #delayMs: number;
  #first: TimeoutEntry | undefined = undefined;
  #last: TimeoutEntry | undefined = undefined;
  #timer: unknown = undefined;
  #isExpiring = false;
  #count = 0;

  /** Makes an empty queue. */
  constructor(clock: Clock, delayMs: number) {
    this.#clock = clock;
    this.#delayMs = delayMs;
  }

  /** How many timeouts are running. */
  get count(): number {
    return this.#count;
  }

  /** Starts the entry's timeout, or starts it again from now. */
  arm(entry: TimeoutEntry): void {
    if (entry.queue !== undefined) this.#unlink(entry);
    entry.deadlineMs = this.#clock.now() + this.#delayMs;
    entry.queue = this;
    entry.earlier = this.#last;
    if (this.#last === undefined) this.#first = entry;
    else this.#last.later = entry;
    this.#last = entry;
    this.#count++;
    // While entries expire, another one may be due before this one: `#expire` sets the timer.
    if (this.#timer === undefined && !this.#isExpiring) this.#setTimer(this.#delayMs);
  }

  /** Stops the entry's timeout; does nothing if it is not running. */
  disarm(entry: TimeoutEntry): void {
    if (entry.queue !== this) return;
    this.#unlink(entry);
    if (this.#count > 0 || this.#timer === undefined) return;
    this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  #unlink(entry: TimeoutEntry): void {
    if (entry.earlier === undefined) this.#first = entry.later;
    else entry.earlier.later = entry.later;
    if (entry.later === undefined) this.#last = entry.earlier;
    else entry.later.earlier = entry.earlier;
    entry.earlier = entry.later = entry.queue = undefined;
    this.#count--;
  }

  #setTimer(delayMs: number): void {
    this.#timer = this.#clock.setTimer(() => this.#expire(), Math.ceil(delayMs));
  }

  #expire(): void {
    this.#timer = undefined;
    this.#isExpiring = true;
    const nowMs = this.#clock.now();
    // Entries armed while this runs expire after `nowMs`, so the loop ends.
    try {
      for (let entry = this.#first; entry !== undefined && entry.deadlineMs <= nowMs; entry = this.#first) {
        this.#unlink(entry);
        entry.owner.handleTimeout(entry);
      }
    } finally {
      this.#isExpiring = false;
      if (this.#first !== undefined) this.#setTimer(this.#first.deadlineMs - nowMs);
    }
  }
}

// SimulatedClock: the time of a simulation, and all that is due in it. Runtime neutral.

import type { Clock } from "../../clock.ts";

/** Something that is due. */
interface Due {
  readonly dueMs: number;
  /** Who is first of those due at the same time. */
  readonly rank: number;
  /** Whether it may run in one turn with others of its kind. */
  readonly isBatched: boolean;
  /** Whether it is a timer of what is tested, not of the simulation. */
  readonly isTimer: boolean;
  /** Undefined once it has run, or was stopped. */
  callback: (() => void) | undefined;
}

/** How something is scheduled. */
export interface ScheduleOptions {
  /**
   * Places that it may fall behind in the order of what is due at the same time.
   *
   * @default {0}
   */
  readonly shuffle?: number;
  /**
   * Whether it may run in one turn with others that are due at the same time, before any microtask.
   *
   * @default {false}
   */
  readonly isBatched?: boolean;
}

/** A clock that goes from one thing that is due to the next. */
export class SimulatedClock implements Clock {
  /** Idle timeouts are exact. */
  readonly isCheap: boolean = true;
  #nowMs = 0;
  #rank = 0;
  #timers = 0;
  /** A binary heap: each entry is due no later than the two below it. */
  readonly #heap: Due[] = [];

  /** How many timers run, of what is tested. */
  get timerCount(): number {
    return this.#timers;
  }

  /** Returns the simulated time. */
  now(): number {
    return this.#nowMs;
  }

  /** Sets a timer. */
  setTimer(callback: () => void, delayMs: number): unknown {
    this.#timers++;
    return this.#push(callback, Math.max(0, delayMs), 0, { isBatched: false, isTimer: true });
  }

  /** Stops a timer. */
  clearTimer(handle: unknown): void {
    const timer = handle as Due;
    if (timer.callback === undefined) return;
    timer.callback = undefined;
    if (timer.isTimer) this.#timers--;
  }

  /** Calls back in a turn of its own, at the same time. */
  defer(callback: () => void): void {
    this.setTimer(callback, 0);
  }

  /** Has something happen later, that is no timer of what is tested. */
  schedule(callback: () => void, delayMs: number, { shuffle = 0, isBatched = false }: ScheduleOptions = {}): void {
    this.#push(callback, Math.max(0, delayMs), shuffle, { isBatched, isTimer: false });
  }

  /** The event loop stands still for so long: what fell due meanwhile comes late. */
  jump(durationMs: number): void {
    this.#nowMs += durationMs;
  }

  /**
   * Goes on to what is due next, and runs it.
   *
   * @param untilMs Only what is due by then.
   * @returns Whether there was anything; if not, the time is `untilMs`.
   */
  runNext(untilMs: number): boolean {
    let next = this.#takeNext(untilMs);
    if (next === undefined) {
      this.#nowMs = Math.max(this.#nowMs, untilMs);
      return false;
    }
    this.#nowMs = Math.max(this.#nowMs, next.dueMs);
    this.#run(next);
    while (next.isBatched) {
      const [following] = this.#heap;
      if (following?.callback === undefined || !following.isBatched || following.dueMs > this.#nowMs) break;
      next = this.#pop();
      this.#run(next);
    }
    return true;
  }

  #run(due: Due): void {
    const { callback } = due;
    due.callback = undefined;
    if (due.isTimer) this.#timers--;
    callback?.();
  }

  #takeNext(untilMs: number): Due | undefined {
    while (this.#heap.length > 0) {
      if (this.#heap[0].callback === undefined) this.#pop();
      else return this.#heap[0].dueMs <= untilMs ? this.#pop() : undefined;
    }
    return undefined;
  }

  #push(
    callback: () => void,
    delayMs: number,
    shuffle: number,
    kind: { readonly isBatched: boolean; readonly isTimer: boolean },
  ): Due {
    const due: Due = { dueMs: this.#nowMs + delayMs, rank: this.#rank++ + shuffle, callback, ...kind };
    const heap = this.#heap;
    let index = heap.push(due) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(due, heap[parent])) break;
      heap[index] = heap[parent];
      index = parent;
    }
    heap[index] = due;
    return due;
  }

  #pop(): Due {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop() as Due; // There is one: callers have looked.
    if (heap.length === 0) return first;
    let index = 0;
    while (true) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child++;
      if (!isBefore(heap[child], last)) break;
      heap[index] = heap[child];
      index = child;
    }
    heap[index] = last;
    return first;
  }
}

function isBefore(one: Due, other: Due): boolean {
  return one.dueMs < other.dueMs || (one.dueMs === other.dueMs && one.rank < other.rank);
}

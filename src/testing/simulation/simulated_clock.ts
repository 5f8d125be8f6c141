// SimulatedClock: the time of a simulation, and all that is due in it. Runtime neutral.

import type { Clock } from "../../clock.ts";

/**
 * What is due:
 *
 * - `"timer"`: a timer of what is tested.
 * - `"turn"`: a turn of the simulation's own, in which what is tested may run.
 * - `"batched"`: the same; it may share its turn with others of its kind that are due, before any microtask.
 * - `"wire"`: something between the connections, in which nothing runs that is tested, and no promise settles.
 */
type DueKind = "timer" | "turn" | "batched" | "wire";

/** Something that is due. */
interface Due {
  readonly dueMs: number;
  /** The order among those that are due at the same time: lowest first. */
  readonly rank: number;
  readonly kind: DueKind;
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
   * The kind of what is due.
   *
   * @default {"turn"}
   */
  readonly kind?: Exclude<DueKind, "timer">;
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

  /** How many timers of what is tested run. */
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
    return this.#push({
      dueMs: this.#nowMs + Math.max(0, delayMs),
      rank: this.#rank++,
      kind: "timer",
      callback,
    });
  }

  /** Stops a timer. */
  clearTimer(handle: unknown): void {
    const timer = handle as Due | undefined;
    if (timer?.callback === undefined) return;
    timer.callback = undefined;
    if (timer.kind === "timer") this.#timers--;
  }

  /** Calls back in a turn of its own, at the same time. */
  defer(callback: () => void): void {
    this.setTimer(callback, 0);
  }

  /** Schedules something that is not a timer of what is tested. */
  schedule(callback: () => void, delayMs: number, { shuffle = 0, kind = "turn" }: ScheduleOptions = {}): void {
    this.#push({ dueMs: this.#nowMs + Math.max(0, delayMs), rank: this.#rank++ + shuffle, kind, callback });
  }

  /** Lets the event loop stand still for `durationMs`: what fell due meanwhile comes late. */
  jump(durationMs: number): void {
    this.#nowMs += durationMs;
  }

  /**
   * Goes on to what is due next, and runs it.
   *
   * @param untilMs Only what is due by then.
   * @returns What it was; undefined if there was nothing, and the time is `untilMs`.
   */
  runNext(untilMs: number): DueKind | undefined {
    const next = this.#takeNext(untilMs);
    if (next === undefined) {
      this.#nowMs = Math.max(this.#nowMs, untilMs);
      return undefined;
    }
    this.#nowMs = Math.max(this.#nowMs, next.dueMs);
    this.#run(next);
    while (next.kind === "batched" && this.#heap.length > 0) {
      const following = this.#heap[0];
      if (following.callback === undefined || following.kind !== "batched" || following.dueMs > this.#nowMs) break;
      this.#run(this.#pop());
    }
    return next.kind;
  }

  #run(due: Due): void {
    const { callback } = due;
    due.callback = undefined;
    if (due.kind === "timer") this.#timers--;
    callback?.();
  }

  #takeNext(untilMs: number): Due | undefined {
    while (this.#heap.length > 0) {
      if (this.#heap[0].callback === undefined) this.#pop();
      else return this.#heap[0].dueMs <= untilMs ? this.#pop() : undefined;
    }
    return undefined;
  }

  #push(due: Due): Due {
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

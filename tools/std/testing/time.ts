// Stand-in for `@std/testing/time` where JSR cannot be reached: fake `Date`, `setTimeout` and `setInterval` over the mock
// timers of `node:test`. `next()`, `runAll()` and `delay()` are not here. Runtime neutral.

import { mock } from "node:test";

/** A wrong use of fake time. */
export class TimeError extends Error {
  override readonly name = "TimeError";
}

let current: FakeTime | undefined;

/** Time that moves only when told, until `restore()`. */
export class FakeTime {
  readonly #start: number;
  #now: number;

  /** Fakes time from now on, which is `start`, or the real time. */
  constructor(start?: number | string | Date | null) {
    current?.restore();
    this.#start = new Date(start ?? Date.now()).valueOf();
    if (Number.isNaN(this.#start)) throw new TimeError(`Cannot construct FakeTime: invalid start time ${start}`);
    this.#now = this.#start;
    mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: this.#start });
    current = this;
  }

  /** The fake time in milliseconds since 1970; setting it calls what became due. */
  get now(): number {
    return this.#now;
  }
  set now(value: number) {
    if (value < this.#now) throw new RangeError(`Cannot set current time in the past: ${value} < ${this.#now}`);
    this.tick(value - this.#now);
  }

  /** The fake time when faking began. */
  get start(): number {
    return this.#start;
  }

  /** Moves time on by `ms`, calling what becomes due. */
  tick(ms = 0): void {
    this.#now += ms;
    mock.timers.tick(ms);
  }

  /** As `tick()`, after all pending microtasks. */
  async tickAsync(ms = 0): Promise<void> {
    await this.runMicrotasks();
    this.tick(ms);
  }

  /** Runs all pending microtasks. */
  async runMicrotasks(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }

  /** Brings real time back. */
  restore(): void {
    if (current !== this) throw new TimeError("Cannot restore time: time already restored");
    current = undefined;
    mock.timers.reset();
  }

  /** As `restore()`. */
  [Symbol.dispose](): void {
    if (current === this) this.restore();
  }
}

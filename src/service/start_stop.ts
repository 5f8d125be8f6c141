// StartStop: has calls of start() and stop(), and changes between them, take effect one after the other, in their order.
// Runtime neutral.

import { type Clock, systemClock } from "../clock.ts";
import { ServiceStateError } from "../errors.ts";
import { checkKeys, LARGEST_TIMER_MS, orDefault, requireInteger } from "../options.ts";

/** How long a stop may take: what Docker gives a process between SIGTERM and SIGKILL. */
const DEFAULT_STOP_TIMEOUT_MS = 10_000;

/** So long a stop waits at the least for a start or a change that is under way: ports open within milliseconds. */
const LEAST_CHANGE_MS = 1_000;

/** Options of {@linkcode TcpService.stop}. */
export interface StopOptions {
  /**
   * Milliseconds that sessions may take to end in order, 0 to 2^31 - 1; those that are left are cut. A start, or a change by
   * `reconfigure()`, that is under way has a part of this time, or one second if that is more.
   *
   * @default {10000}
   */
  readonly timeoutMs?: number | undefined;
}

/** What a stop came to. */
export interface StopResult {
  /**
   * Sessions that the stop cut as they had not ended in time: by its `timeoutMs`, or by their `closeTimeoutMs` before. Those
   * whose peer is gone by itself are not among them.
   */
  readonly abortedSessions: number;
}

const STOP_NAMES: Record<keyof StopOptions, true> = { timeoutMs: true };
const NOTHING_TO_STOP: StopResult = { abortedSessions: 0 };

/**
 * Checks the options of a stop and fills in the default.
 *
 * @param options The options as given.
 * @returns How long it may take, in milliseconds.
 * @throws {TypeError | RangeError} if one is wrong.
 */
export function resolveStopTimeout(options: StopOptions): number {
  checkKeys("stop", options, STOP_NAMES);
  const timeoutMs = orDefault(options.timeoutMs, DEFAULT_STOP_TIMEOUT_MS);
  requireInteger("stop service", "timeoutMs", timeoutMs, 0, LARGEST_TIMER_MS);
  return timeoutMs;
}

/**
 * Remembers the last call. Another call of the same kind shares its promise; a call of the other kind first waits until the
 * change before has succeeded or failed, a stop no longer than its own time: a port may take for ever to open, as with a name
 * that nobody resolves. The next start waits for that, too. A stop that did not wait ends all starts before it: those that
 * still wait fail.
 */
export class StartStop {
  readonly #start: () => Promise<void>;
  readonly #stop: (timeoutMs: number) => Promise<StopResult>;
  #isStarted = false;
  /** The last change; resolved if a start failed, for then nothing has changed. */
  #change: Promise<void> = Promise.resolve();
  #stopped: Promise<StopResult> = Promise.resolve(NOTHING_TO_STOP);
  #starts = 0;
  /** The number of the last start that a stop did not wait for: it and those before do not begin any more. */
  #voided = 0;
  /** Resolves once all that was given to `between()` is done; undefined if it is. */
  #between: Promise<void> | undefined = undefined;
  readonly #clock: () => Clock;
  /** Starts that have not settled: one may wait behind another. */
  #starting = 0;

  /**
   * Makes one that is stopped. A `start` that fails has cleaned up after itself; `stop` does not fail, and ends a start or a
   * change that is still under way.
   */
  constructor(
    start: () => Promise<void>,
    stop: (timeoutMs: number) => Promise<StopResult>,
    clock: () => Clock = systemClock,
  ) {
    this.#start = start;
    this.#stop = stop;
    this.#clock = clock;
  }

  /** Starts, unless that was the last thing asked for. */
  start(): Promise<void> {
    if (!this.#isStarted) {
      this.#isStarted = true;
      this.#change = this.#startAfter(this.#change, ++this.#starts);
    }
    return this.#change;
  }

  /** Stops, unless that was the last thing asked for. */
  stop(timeoutMs: number): Promise<StopResult> {
    if (this.#isStarted) {
      this.#isStarted = false;
      const before = this.#change;
      this.#stopped = this.#stopAfter(before, timeoutMs);
      this.#change = Promise.allSettled([this.#stopped, before]).then(() => {});
    }
    return this.#stopped;
  }

  /** Runs something behind the changes so far, and has the next ones wait for it. */
  between(action: () => Promise<void>): Promise<void> {
    const done = Promise.allSettled([this.#change, this.#between]).then(action);
    const between = done.catch(() => {}).then(() => {
      if (this.#between === between) this.#between = undefined;
    });
    this.#between = between;
    return done;
  }

  async #startAfter(before: Promise<void>, number: number): Promise<void> {
    const between = this.#between;
    this.#starting++;
    try {
      await before;
      if (between !== undefined) await between;
      if (number <= this.#voided) throw new ServiceStateError("listen", "stopped");
      await this.#start();
    } catch (error) {
      if (this.#isStarted && this.#starts === number) {
        // No call came since: the next start() starts anew, and the next stop() has nothing to do.
        this.#isStarted = false;
        this.#change = Promise.resolve();
        this.#stopped = Promise.resolve(NOTHING_TO_STOP);
      }
      throw error;
    } finally {
      this.#starting--;
    }
  }

  async #stopAfter(before: Promise<void>, timeoutMs: number): Promise<StopResult> {
    const between = this.#between;
    const starts = this.#starts;
    let hasStarted = true;
    const changed = before.catch(() => {
      hasStarted = false; // The caller of start() gets the error.
    });
    let leftMs = timeoutMs;
    if (this.#starting > 0 || between !== undefined) {
      const giveUp = () => this.#voided = Math.max(this.#voided, starts);
      leftMs = await this.#wait(changed.then(() => between), timeoutMs, giveUp);
    } else await changed;
    return hasStarted ? await this.#stop(leftMs) : NOTHING_TO_STOP;
  }

  /** Waits for what is under way, but not for ever: calls `giveUp` then. Gives what is left of a stop's time. */
  async #wait(changed: Promise<void>, timeoutMs: number, giveUp: () => void): Promise<number> {
    const clock = this.#clock();
    const startMs = clock.now();
    const late = Promise.withResolvers<void>();
    const onLate = () => {
      giveUp();
      late.resolve();
    };
    const timer = clock.setTimer(onLate, Math.max(timeoutMs, LEAST_CHANGE_MS));
    await Promise.race([changed, late.promise]);
    clock.clearTimer(timer);
    return Math.max(0, timeoutMs - (clock.now() - startMs));
  }
}

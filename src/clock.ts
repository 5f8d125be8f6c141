// Clock: monotonic time, one-shot timers and the yield to the event loop; tests substitute a fake one. Runtime neutral.

import { deferTurn } from "./defer.ts";
import { checkParts } from "./options.ts";

/**
 * The source of time of the package. All times are milliseconds.
 *
 * Implementations: `systemClock()`, and `FakeClock` of `@laster/net/testing`.
 */
export interface Clock {
  /**
   * Whether `now()` costs next to nothing. If not, sessions do not read the clock for each chunk, and an idle timeout may be
   * late by a twentieth of its length, or 30 ms if that is more.
   *
   * @default {false}
   */
  readonly isCheap?: boolean;
  /** Returns monotonic milliseconds since an arbitrary start; never goes back. */
  now(): number;
  /** Calls `callback` once after `delayMs`, and returns a handle for {@linkcode Clock.clearTimer}. */
  setTimer(callback: () => void, delayMs: number): unknown;
  /** Stops a timer; does nothing if it has fired. */
  clearTimer(handle: unknown): void;
  /**
   * Calls `callback` soon, in a later turn of the event loop. However often code defers, the loop polls sockets and timers in
   * between, every few milliseconds at the latest.
   */
  defer(callback: () => void): void;
}

/**
 * Makes the clock of the runtime: `performance.now`, `setTimeout`, and one yield that the whole package shares.
 *
 * @returns A clock.
 *
 * @example Measure
 * ```ts
 * import { systemClock } from "@laster/net";
 * import { assert } from "@std/assert";
 *
 * const clock = systemClock();
 * const startMs = clock.now();
 * assert(clock.now() >= startMs);
 * ```
 */
export function systemClock(): Clock {
  return {
    now: () => performance.now(),
    setTimer: (callback, delayMs) => setTimeout(callback, delayMs),
    clearTimer: (handle) => clearTimeout(handle as number),
    defer: deferTurn,
  };
}

/**
 * Gives the clock of an option, or that of the runtime if it is undefined.
 *
 * @param what What is being created, such as `"load shedding"`.
 * @param clock The option as given.
 * @returns A clock.
 * @throws {TypeError} if it has no methods of a clock.
 */
export function clockOf(what: string, clock: Clock | undefined): Clock {
  checkParts(what, { clock });
  return clock ?? systemClock();
}

// guardClock(): a clock that does not throw, whatever the application's own does. Runtime neutral.

import type { Clock } from "../clock.ts";
import { toError } from "../errors.ts";

/**
 * Stands before a clock whose faults must not reach the code that asks for the time: they would leave a turn half done.
 *
 * @param clock The application's clock.
 * @param onFault Told of the first fault, the second, the fourth and so on, with their number; must not throw.
 * @returns A clock that stands still where the other one throws, and uses a microtask where its `defer()` throws.
 */
export function guardClock(clock: Clock, onFault: (error: Error, count: number) => void): Clock {
  let lastMs = 0;
  let faults = 0;
  const attempt = <Result>(run: () => Result, fallback: () => Result): Result => {
    try {
      return run();
    } catch (fault) {
      faults++;
      if ((faults & (faults - 1)) === 0) onFault(toError(fault), faults);
      return fallback();
    }
  };
  const readTime = (): number => {
    const nowMs: unknown = clock.now();
    if (typeof nowMs === "number" && nowMs >= lastMs && nowMs !== Infinity) lastMs = nowMs;
    return lastMs;
  };
  return {
    isCheap: attempt(() => clock.isCheap === true, () => false),
    now: () => attempt(readTime, () => lastMs),
    setTimer: (callback, delayMs) => attempt(() => clock.setTimer(callback, delayMs), () => undefined),
    clearTimer: (handle) => attempt(() => clock.clearTimer(handle), () => {}),
    defer: (callback) => attempt(() => clock.defer(callback), () => queueMicrotask(callback)),
  };
}

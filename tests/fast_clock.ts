// A clock that runs faster than the machine's, so that tests on real sockets need not wait as long as the code does.

import { type Clock, systemClock } from "@laster/net";

/**
 * Makes a clock that runs so many times as fast.
 *
 * @param factor Its milliseconds in one of the machine's.
 * @returns The clock; deferrals are the machine's.
 */
export function fastClock(factor: number): Clock {
  const clock = systemClock();
  return {
    isCheap: true,
    now: () => factor * clock.now(),
    setTimer: (callback, delayMs) => clock.setTimer(callback, delayMs / factor),
    clearTimer: clock.clearTimer,
    defer: clock.defer,
  };
}

// CoarseTime: few looks at the clock, none of them old.

import test from "node:test";
import { assertEquals } from "@std/assert";
import { CoarseTime } from "../../src/recorder/coarse_time.ts";

function makeClock(isCheap: boolean) {
  const timers: (() => void)[] = [];
  const clock = {
    isCheap,
    looks: 0,
    now: () => ++clock.looks,
    setTimer: (callback: () => void, delayMs: number) => (assertEquals(delayMs, 1), timers.push(callback)),
    clearTimer: () => {},
    defer: () => {},
  };
  return { clock, timers };
}

test("CoarseTime.now() looks at the clock every sixteenth time, and once a millisecond is over", () => {
  const { clock, timers } = makeClock(false);
  const time = new CoarseTime(clock);
  assertEquals([clock.looks, timers.length], [0, 0]);
  assertEquals(Array.from({ length: 33 }, () => time.now()), [
    ...Array.from({ length: 16 }, () => 1),
    ...Array.from({ length: 16 }, () => 2),
    3,
  ]);
  assertEquals(timers.length, 1, "one timer at a time");
  timers.pop()?.();
  assertEquals([time.now(), time.now(), clock.looks, timers.length], [4, 4, 4, 1]);
});

test("CoarseTime.now() looks each time at a clock that is cheap, and sets no timer", () => {
  const { clock, timers } = makeClock(true);
  const time = new CoarseTime(clock);
  assertEquals([time.now(), time.now(), time.now(), timers.length], [1, 2, 3, 0]);
});

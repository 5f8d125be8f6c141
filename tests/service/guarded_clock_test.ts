// guardClock(): an application's clock that fails.

import test from "node:test";
import { assertEquals } from "@std/assert";
import type { Clock } from "@laster/net";
import { FakeClock } from "@laster/net/testing";
import { guardClock } from "../../src/service/guarded_clock.ts";
import { turn } from "../support.ts";

const fail = (): never => {
  throw Object.create(null);
};

const BROKEN: Clock = {
  get isCheap(): boolean {
    return fail();
  },
  now: fail,
  setTimer: fail,
  clearTimer: fail,
  defer: fail,
};

test("guardClock() passes everything on to a clock that works", async () => {
  const clock = new FakeClock();
  const guarded = guardClock(clock, fail);
  const log: string[] = [];
  guarded.setTimer(() => log.push(`timer ${guarded.now()}`), 30);
  guarded.clearTimer(guarded.setTimer(() => log.push("never"), 10));
  guarded.defer(() => log.push(`deferred ${guarded.now()}`));
  await clock.advance(50);
  assertEquals([log, guarded.now(), guarded.isCheap], [["deferred 0", "timer 30"], 50, true]);
});

test("guardClock() does without a clock that throws at everything, and tells of the 1st, 2nd, 4th and 8th time", async () => {
  const counts: number[] = [];
  const guarded = guardClock(BROKEN, (error, count) => {
    assertEquals(error instanceof Error, true);
    counts.push(count);
  });
  const log: string[] = [];
  assertEquals([guarded.isCheap, guarded.now()], [false, 0]);
  guarded.clearTimer(guarded.setTimer(() => log.push("never"), 0));
  for (let count = 0; count < 5; count++) guarded.defer(() => log.push("deferred"));
  assertEquals(log, [], "not at once");
  await turn();
  assertEquals([log.length, counts], [5, [1, 2, 4, 8]]);
});

test("guardClock() gives a time that never goes back, and is a number, whatever the clock says", () => {
  const times: unknown[] = [5, 3, NaN, "7", undefined, Infinity - Infinity, 9];
  const clock = new FakeClock();
  clock.now = () => times.shift() as number;
  const guarded = guardClock(clock, fail);
  assertEquals(Array.from({ length: 7 }, () => guarded.now()), [5, 5, 5, 5, 5, 5, 9]);
});

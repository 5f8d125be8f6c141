// FakeClock: time goes forward only, and by real numbers.

import test from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import { FakeClock } from "@laster/net/testing";

test("FakeClock.advance() refuses what is no number of 0 or more, and stays as it was", async () => {
  const clock = new FakeClock();
  const log: number[] = [];
  clock.setTimer(() => log.push(clock.now()), 100);
  await clock.advance(99);
  for (const wrong of [NaN, -50, -0.5, Infinity, -Infinity, "5" as never, undefined as never]) {
    await assertRejects(() => clock.advance(wrong), RangeError, "Cannot advance clock as durationMs must be a number");
    assertEquals([clock.now(), log.length], [99, 0], String(wrong));
  }
  await clock.advance(0);
  await clock.advance(0.5);
  assertEquals([clock.now(), log.length], [99.5, 0]);
  await clock.advance(10);
  assertEquals([clock.now(), log], [109.5, [100]]);
});

test("FakeClock never goes back, also where two calls of advance() overlap", async () => {
  const clock = new FakeClock();
  await Promise.all([clock.advance(10), clock.advance(100), clock.advance(5)]);
  assertEquals(clock.now(), 100);
  clock.setTimer(() => void clock.advance(50), 1);
  await clock.advance(2);
  await clock.advance(0);
  assertEquals(clock.now(), 151);
});

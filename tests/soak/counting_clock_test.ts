import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { CountingClock } from "../../soak/counting_clock.ts";

test("CountingClock counts timers until they fire or are cleared", async () => {
  const clock = new CountingClock();
  const cleared = clock.setTimer(() => {}, 60_000);
  const fired = new Promise<number>((resolve) => clock.setTimer(() => resolve(clock.timerCount), 1));
  assertEquals(clock.timerCount, 2);
  clock.clearTimer(cleared);
  assertEquals(clock.timerCount, 1);
  assertEquals(await fired, 0);
  clock.clearTimer(cleared);
  assertEquals(clock.timerCount, 0);
});

// Tests of LateKeepAlive: who has lived for a while gets it, a few at a time; whoever has gone does not. Runtime neutral.

import test from "node:test";
import { assert, assertEquals } from "@std/assert";
import { FakeClock } from "@laster/net/testing";
import { LateKeepAlive } from "../../src/transport/late_keep_alive.ts";

test("LateKeepAlive switches it on for all that are still there, within two seconds, a few at a time", async () => {
  const clock = new FakeClock();
  const late = new LateKeepAlive(clock);
  let count = 0;
  const connections = Array.from({ length: 300 }, () => ({ keepAlive: () => count++ }));
  const gone = { keepAlive: () => assert(false, "it has gone") };
  const brief = { keepAlive: () => assert(false, "it went later") };
  for (const connection of [gone, brief, ...connections]) late.add(connection);
  late.remove(gone);
  await clock.advance(999);
  late.remove(brief);
  assertEquals(count, 0, "not at once");
  for (let ms = 999; ms < 2_100; ms += 10) {
    const before = count;
    await clock.advance(10);
    assert(count - before <= 64, `${count - before} in a row`);
  }
  assertEquals(count, 300);
  let isOn = false;
  late.add({ keepAlive: () => isOn = true });
  await clock.advance(2_000);
  assert(isOn, "it is on for one that came later");
});

test("LateKeepAlive leaves no timer once nobody waits for it", async () => {
  const clock = new FakeClock();
  const late = new LateKeepAlive(clock);
  const calls: string[] = [];
  const [gone, stays] = ["gone", "stays"].map((name) => ({ keepAlive: () => calls.push(name) }));
  late.add(gone);
  late.add(stays);
  late.remove(gone);
  assertEquals(clock.timerCount, 1);
  await clock.advance(2_000);
  assertEquals([calls, clock.timerCount], [["stays"], 0]);
  late.add(gone);
  late.remove(gone);
  assertEquals(clock.timerCount, 0);
});

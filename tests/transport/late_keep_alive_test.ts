// Tests of LateKeepAlive: who has lived for a while gets it, a few at a time; whoever has gone does not. Runtime neutral.

import test from "node:test";
import { assert, assertEquals } from "@std/assert";
import { systemClock } from "@laster/net";
import { FakeClock } from "@laster/net/testing";
import { LateKeepAlive } from "../../src/transport/late_keep_alive.ts";
import { turn, until } from "../support.ts";

test("LateKeepAlive switches it on for all that are still there, within two seconds, a few at a time", async () => {
  const late = new LateKeepAlive(systemClock());
  let count = 0;
  let most = 0;
  let inTurn = 0;
  const startMs = performance.now();
  const connections = Array.from({ length: 300 }, () => ({
    keepAlive: () => {
      count++;
      most = Math.max(most, ++inTurn);
    },
  }));
  const gone = { keepAlive: () => assert(false, "it has gone") };
  const brief = { keepAlive: () => assert(false, "it went later") };
  for (const connection of [gone, brief, ...connections]) late.add(connection);
  late.remove(gone);
  await until(() => performance.now() - startMs > 600, "a while has passed");
  late.remove(brief);
  assertEquals(count, 0, "not at once");
  while (count < 300) {
    inTurn = 0;
    await turn();
    assert(performance.now() - startMs < 20_000);
  }
  assert(most < 300, `${most} in one turn`);
  let isOn = false;
  late.add({ keepAlive: () => isOn = true });
  await until(() => isOn, "it is on for one that came later");
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

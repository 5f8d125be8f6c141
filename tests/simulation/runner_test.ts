// Runner: a run may be long, and a loop that never ends is found.

import test from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import { Runner } from "../../src/testing/simulation/runner.ts";
import { World } from "../../src/testing/simulation/world.ts";

/** A world in which one thing leads to the next, `gapMs` later, until there were `most`. */
function chain(gapMs: number, most: number) {
  const world = new World({ seed: 1, conditions: {}, mayFail: () => false });
  const chained = { runner: new Runner(world), count: 0 };
  const next = () => {
    if (++chained.count < most) world.clock.schedule(next, gapMs, { kind: "wire" });
  };
  world.clock.schedule(next, 0, { kind: "wire" });
  return chained;
}

test("Runner takes as many events as a long run has", async () => {
  const events = 2_100_000;
  const chained = chain(0.001, events);
  await chained.runner.runFor(3_000);
  assertEquals(chained.count, events);
});

test("Runner finds a loop that never ends, also if the time moves by next to nothing", async () => {
  for (const gapMs of [0, 1e-8]) {
    await assertRejects(() => chain(gapMs, Infinity).runner.runFor(1_000), Error, "The event loop never rests");
  }
});

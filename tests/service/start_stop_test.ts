// StartStop: one change after the other, in the order of the calls.

import test from "node:test";
import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { StartStop } from "../../src/service/start_stop.ts";
import { turn } from "../support.ts";

function setUp() {
  const log: string[] = [];
  const faults: Error[] = [];
  const change = (name: string) => async () => {
    log.push(`${name} begins`);
    await turn();
    log.push(`${name} ends`);
    const fault = name === "start" ? faults.shift() : undefined;
    if (fault !== undefined) throw fault;
    return { abortedSessions: 0 };
  };
  return { log, faults, startStop: new StartStop(() => change("start")().then(() => {}), change("stop")) };
}

test("StartStop.stop() does nothing before the first start, and start() nothing while started", async () => {
  const { log, startStop } = setUp();
  await startStop.stop(0);
  assertEquals(log, []);
  assertStrictEquals(startStop.start(), startStop.start());
  await startStop.start();
  await startStop.start();
  assertEquals(log, ["start begins", "start ends"]);
  await startStop.stop(0);
  await startStop.stop(0);
  assertEquals(log.length, 4);
});

test("StartStop lets no two changes overlap, and ends as the last call asks", async () => {
  const { log, startStop } = setUp();
  await Promise.all([startStop.start(), startStop.stop(0), startStop.stop(0), startStop.start(), startStop.start()]);
  assertEquals(log, ["start begins", "start ends", "stop begins", "stop ends", "start begins", "start ends"]);
});

test("StartStop.start() that fails is as if it had not been, for the calls after it", async () => {
  const { log, faults, startStop } = setUp();
  faults.push(new Error("one"), new Error("two"), new Error("three"));
  const both = [startStop.start(), startStop.start()];
  for (const call of both) await assertRejects(() => call, Error, "one");
  await startStop.stop(0);
  assertEquals(log, ["start begins", "start ends"]);
  const [start, stop, again] = [startStop.start(), startStop.stop(0), startStop.start()];
  await Promise.all([assertRejects(() => start, Error, "two"), stop, assertRejects(() => again, Error, "three")]);
  assertEquals(log.filter((line) => line.startsWith("stop")), [], "there was nothing to stop");
  await startStop.start();
  await startStop.stop(0);
  assertEquals(log.slice(-4), ["start begins", "start ends", "stop begins", "stop ends"]);
});

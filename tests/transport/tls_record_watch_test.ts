// Tests of RecordWatch: who is there looks four times a second, and nobody else. Runtime neutral.

import test from "node:test";
import { assertEquals } from "@std/assert";
import { FakeClock } from "@laster/net/testing";
import { RecordWatch } from "../../src/transport/tls_record_watch.ts";

test("RecordWatch has each connection look four times a second, until it has gone", async () => {
  const clock = new FakeClock();
  const watch = new RecordWatch(clock);
  const looks: string[] = [];
  const [brief, stays] = ["brief", "stays"].map((name) => ({ checkRecords: () => looks.push(name) }));
  watch.add(brief);
  watch.add(stays);
  await clock.advance(249);
  assertEquals([looks, clock.timerCount], [[], 1]);
  await clock.advance(1);
  watch.remove(brief);
  await clock.advance(500);
  assertEquals(looks, ["brief", "stays", "stays", "stays"]);
});

test("RecordWatch leaves no timer once nobody is there, though the last one goes while it looks", async () => {
  const clock = new FakeClock();
  const watch = new RecordWatch(clock);
  const one = { checkRecords: () => watch.remove(one) };
  watch.add(one);
  await clock.advance(250);
  assertEquals(clock.timerCount, 0);
  watch.add(one);
  watch.remove(one);
  watch.remove(one);
  assertEquals(clock.timerCount, 0);
  watch.add(one);
  assertEquals(clock.timerCount, 1);
});

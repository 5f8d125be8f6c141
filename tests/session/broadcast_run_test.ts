// Tests of BroadcastRun: whose queues it holds on to. The rest is in broadcaster_test.ts. Runtime neutral.

import test from "node:test";
import { assertEquals } from "@std/assert";
import { BroadcastRun } from "../../src/session/broadcast_run.ts";

test("BroadcastRun.uncount() lets go of queues, whose sessions may be over, once nothing is left for them", () => {
  const run = new BroadcastRun();
  const taker = { flushRun: () => true };
  run.takers = [taker];
  run.isCounted = true;
  run.add(0);
  run.uncount();
  assertEquals([run.isCounted, run.takers], [false, [taker]], "the run is still to be flushed");
  run.clear(false);
  assertEquals(run.takers, []);
  run.takers = [taker];
  run.isCounted = true;
  run.clear(true);
  assertEquals([run.isCounted, run.takers], [true, [taker]]);
  run.uncount();
  assertEquals([run.isCounted, run.takers], [false, []]);
});

// Tests of BroadcastRun: whose queues it holds on to. The rest is in broadcaster_test.ts. Runtime neutral.

import test from "node:test";
import { assertEquals } from "@std/assert";
import { BroadcastRun } from "../../src/outbound/broadcast_run.ts";
import { RunTakers } from "../../src/outbound/run_takers.ts";

test("BroadcastRun.uncount() lets go of queues, whose sessions may be over, once nothing is left for them", () => {
  const run = new BroadcastRun();
  const takers = new RunTakers();
  takers.add({ flushRun: () => true, joinStep: () => undefined, fallBehind: () => {} });
  run.takers = takers;
  run.isCounted = true;
  run.add(0);
  run.uncount();
  assertEquals([run.isCounted, run.takers], [false, takers], "the run is still to be flushed");
  run.clear(false);
  assertEquals(run.takers.count, 0);
  run.takers = takers;
  run.isCounted = true;
  run.clear(true);
  assertEquals([run.isCounted, run.takers], [true, takers]);
  run.uncount();
  assertEquals([run.isCounted, run.takers.count], [false, 0]);
});

// Tests of BroadcastBatch: whose queues it holds on to. The rest is in broadcaster_test.ts. Runtime neutral.

import test from "node:test";
import { assertEquals } from "@std/assert";
import { BroadcastBatch } from "../../src/outbound/broadcast_batch.ts";
import { FanOut } from "../../src/outbound/fan_out.ts";

test("BroadcastBatch.invalidate() lets go of queues, whose sessions may be over, once nothing is left for them", () => {
  const batch = new BroadcastBatch();
  const subscribers = new FanOut();
  subscribers.add({ queuedFrames: 0, flush: () => {}, joinFanOut: () => undefined, fallBehind: () => {} });
  batch.subscribers = subscribers;
  batch.isCurrent = true;
  batch.add(0);
  batch.invalidate();
  assertEquals([batch.isCurrent, batch.subscribers.count], [false, 1], "the batch is still to be flushed");
  batch.finish();
  assertEquals(batch.subscribers.count, 1);
  batch.invalidate();
  assertEquals([batch.isCurrent, batch.subscribers.count], [false, 0]);
});

// RunTakers: who is in step is written to and not asked, who is not is asked, and the books are right at any time.

import test from "node:test";
import { assertEquals } from "@std/assert";
import { BroadcastRun } from "../../src/outbound/broadcast_run.ts";
import type { OutboundBlocks } from "../../src/outbound/outbound_blocks.ts";
import type { RunTaker, RunTakers } from "../../src/outbound/run_takers.ts";
import { FakeConnection, makeQueue } from "./queue_fixture.ts";

/** A queue that notes what it is asked. */
class FakeTaker implements RunTaker {
  readonly connection = new FakeConnection();
  readonly calls: string[] = [];
  isReady = true;
  isEmpty = true;
  onFallBehind: () => void = () => {};

  flushRun(): boolean {
    this.calls.push("flushRun");
    return this.isEmpty;
  }

  joinStep(): FakeConnection | undefined {
    return this.isReady ? this.connection : undefined;
  }

  fallBehind(_block: unknown, start: number, end: number, frames: number): void {
    this.calls.push(`fallBehind ${start} ${end} ${frames}`);
    this.onFallBehind();
  }
}

/** Has the takers of a run flush `frames` of 10 bytes each. */
function flush(run: BroadcastRun, takers: RunTakers, frames = 1): boolean {
  run.block.bytes = new Uint8Array(10 * frames).fill(7);
  for (let frame = 0; frame < frames; frame++) {
    run.add(10 * frame);
    run.block.end = 10 * (frame + 1);
  }
  const isAllSent = takers.flush(run);
  run.clear(true);
  return isAllSent;
}

test("RunTakers.flush() writes to those in step and asks the others, who then get in step", () => {
  const run = new BroadcastRun();
  const { takers } = run;
  const ready = new FakeTaker();
  const late = new FakeTaker();
  late.isReady = false;
  takers.add(ready);
  takers.add(late);
  assertEquals(flush(run, takers), true);
  assertEquals([ready.calls, late.calls, ready.connection.writes, late.connection.writes], [
    [],
    ["flushRun"],
    [10],
    [],
  ]);
  late.isReady = true;
  late.isEmpty = false;
  assertEquals(flush(run, takers), false, "one holds something");
  assertEquals(flush(run, takers, 3), true);
  assertEquals([ready.calls, late.calls.length], [[], 2]);
  assertEquals([ready.connection.writes, late.connection.writes], [[10, 10, 30], [30]]);
  assertEquals([takers.count, takers.sentBytes, takers.sentFrames], [2, 50, 5]);
});

test("RunTakers.flush() has whoever does not take all fall behind, once, and goes on with the others", () => {
  const run = new BroadcastRun();
  const { takers } = run;
  const queues = [new FakeTaker(), new FakeTaker(), new FakeTaker()];
  for (const queue of queues) takers.add(queue);
  const [, stalled] = queues;
  stalled.connection.isTaking = false;
  stalled.onFallBehind = () => {
    takers.leave(1);
    stalled.isReady = false;
  };
  assertEquals([flush(run, takers, 2), flush(run, takers)], [false, true]);
  assertEquals(queues.map(({ calls }) => calls), [[], ["fallBehind 0 20 2", "flushRun"], []]);
  assertEquals(queues.map(({ connection }) => connection.writes), [[20, 10], [20], [20, 10]]);
});

test("RunTakers.flush() writes no frames of no bytes, and counts them", () => {
  const run = new BroadcastRun();
  const taker = new FakeTaker();
  run.takers.add(taker);
  run.add(0);
  assertEquals(run.takers.flush(run), true);
  assertEquals([taker.connection.writes, run.takers.sentFrames, run.takers.sentBytes], [[], 1, 0]);
});

/** Broadcasts a frame of ten bytes to a queue. */
function broadcast(run: BroadcastRun, blocks: OutboundBlocks): boolean {
  run.block = blocks.takeBlock(10);
  run.block.holders = 1;
  run.block.bytes.fill(7, 0, 10);
  run.block.end = 10;
  run.audience = { has: () => true };
  run.add(0);
  const isAllSent = run.takers.flush(run);
  run.clear(true);
  blocks.dropBlock(run.block);
  return isAllSent;
}

test("SendQueue counts what it sends, in step with broadcasts, behind, and in step again", () => {
  const { queue, connection, context, push, drain, pool } = makeQueue();
  const { blocks, run } = context;
  const counts = () => [queue.sentBytes, queue.sentFrames, queue.queuedBytes, queue.queuedFrames];
  const send = (isTaking: boolean) => {
    connection.isTaking = isTaking;
    return broadcast(run, blocks);
  };
  const enter = () => {
    queue.prepareForRun(queue.encoder);
    run.takers.add(queue);
  };
  enter();
  assertEquals([send(true), ...counts()], [true, 10, 1, 0, 0]);
  send(true); // It gets in step again, which it has left to tell what is queued.
  assertEquals([send(false), send(true)], [false, false], "one is on loan, the next waits behind it");
  assertEquals(counts(), [20, 2, 20, 2]);
  drain();
  assertEquals(counts(), [40, 4, 0, 0]);
  assertEquals([send(true), send(true), ...counts()], [true, true, 60, 6, 0, 0]);
  push(new Uint8Array(5));
  assertEquals(counts(), [60, 6, 5, 1], "what is its own it counts itself");
  queue.flush();
  enter();
  assertEquals([send(true), send(true), ...counts()], [true, true, 85, 9, 0, 0]);
  send(true);
  run.uncount();
  enter();
  assertEquals([queue.sentBytes, queue.sentFrames], [95, 10], "in step with others, it keeps what it has sent");
  queue.dispose();
  assertEquals([connection.received.length, pool.stats().outstanding], [95, 0]);
});

test("SendQueue that falls behind has the broadcasts on loan once, whoever asks within the flush", () => {
  const fixture = makeQueue();
  const { queue, connection, context } = fixture;
  const { blocks, run } = context;
  queue.prepareForRun(queue.encoder);
  run.takers.add(queue);
  for (let count = 0; count < 3; count++) broadcast(run, blocks);
  const queued: number[] = [];
  fixture.onProgress = () => queued.push(queue.queuedFrames);
  connection.isTaking = false;
  broadcast(run, blocks);
  assertEquals([queued, queue.queuedFrames, queue.sentFrames], [[1], 1, 3]);
});

test("SendQueue that leaves the step before a flush takes the run itself, once", () => {
  const { queue, connection, context } = makeQueue();
  const { run } = context;
  queue.prepareForRun(queue.encoder);
  run.takers.add(queue);
  run.block.bytes = new Uint8Array(10);
  run.block.end = 10;
  run.audience = { has: () => true };
  run.add(0);
  queue.takeRun();
  assertEquals([queue.queuedFrames, queue.sentFrames], [1, 0]);
  assertEquals(run.takers.flush(run), true);
  assertEquals([connection.writes, queue.sentFrames], [[10], 1]);
});

// FanOut: who holds nothing is written to and not asked, who does is flushed, and the counts are right at any time.

import test from "node:test";
import { assertEquals } from "@std/assert";
import { BroadcastBatch } from "../../src/outbound/broadcast_batch.ts";
import { FanOut, type Subscriber } from "../../src/outbound/fan_out.ts";
import type { OutboundBlocks } from "../../src/outbound/outbound_blocks.ts";
import { FakeConnection, makeQueue } from "./queue_fixture.ts";

/** A queue that notes what it is asked. */
class FakeSubscriber implements Subscriber {
  readonly connection = new FakeConnection();
  readonly calls: string[] = [];
  isReady = true;
  queuedFrames = 0;
  onFallBehind: () => void = () => {};

  flush(): void {
    this.calls.push("flush");
  }

  joinFanOut(): FakeConnection | undefined {
    return this.isReady ? this.connection : undefined;
  }

  fallBehind(_block: unknown, start: number, end: number, frames: number): void {
    this.calls.push(`fallBehind ${start} ${end} ${frames}`);
    this.onFallBehind();
  }
}

/** Has the subscribers of a batch take `frames` of 10 bytes each. */
function flush(batch: BroadcastBatch, frames = 1): boolean {
  batch.block.bytes = new Uint8Array(10 * frames).fill(7);
  for (let frame = 0; frame < frames; frame++) {
    batch.add(10 * frame);
    batch.block.end = 10 * (frame + 1);
  }
  return batch.flush();
}

test("BroadcastBatch.findStart() says where the frames lie that are still to be taken, and the end of the block for none", () => {
  const batch = new BroadcastBatch();
  flush(batch, 2);
  batch.add(20);
  batch.add(25);
  batch.block.end = 40;
  assertEquals([0, 1, 2, 3, 4].map((taken) => batch.findStart(taken)), [20, 20, 20, 25, 40]);
  assertEquals([0, 1, 2, 3, 4].map((taken) => batch.countAfter(taken)), [2, 2, 2, 1, 0]);
});

test("BroadcastBatch.flush() writes to those that hold nothing and has the others flushed, who then join them", () => {
  const batch = new BroadcastBatch();
  const { subscribers } = batch;
  const ready = new FakeSubscriber();
  const late = new FakeSubscriber();
  late.isReady = false;
  subscribers.add(ready);
  subscribers.add(late);
  assertEquals(flush(batch), true);
  assertEquals([ready.calls, late.calls, ready.connection.writes, late.connection.writes], [
    [],
    ["flush"],
    [10],
    [],
  ]);
  late.isReady = true;
  late.queuedFrames = 1;
  assertEquals(flush(batch), false, "one holds something");
  assertEquals(flush(batch, 3), true);
  assertEquals([ready.calls, late.calls.length], [[], 2]);
  assertEquals([ready.connection.writes, late.connection.writes], [[10, 10, 30], [30]]);
  assertEquals([subscribers.count, subscribers.sentBytes, subscribers.sentFrames], [2, 50, 5]);
  assertEquals(batch.writes, 4, "those to connections");
});

test("BroadcastBatch.flush() has whoever does not take all fall behind, once, and goes on with the others", () => {
  const batch = new BroadcastBatch();
  const { subscribers } = batch;
  const queues = [new FakeSubscriber(), new FakeSubscriber(), new FakeSubscriber()];
  for (const queue of queues) subscribers.add(queue);
  const [, stalled] = queues;
  stalled.connection.isTaking = false;
  stalled.onFallBehind = () => {
    subscribers.leave(1);
    stalled.isReady = false;
  };
  assertEquals([flush(batch, 2), flush(batch)], [false, true]);
  assertEquals(queues.map(({ calls }) => calls), [[], ["fallBehind 0 20 2", "flush"], []]);
  assertEquals(queues.map(({ connection }) => connection.writes), [[20, 10], [20], [20, 10]]);
});

test("BroadcastBatch.flush() writes no frames of no bytes, and counts them", () => {
  const batch = new BroadcastBatch();
  const taker = new FakeSubscriber();
  batch.subscribers.add(taker);
  batch.add(0);
  assertEquals(batch.flush(), true);
  assertEquals([taker.connection.writes, batch.subscribers.sentFrames, batch.subscribers.sentBytes], [[], 1, 0]);
  assertEquals(batch.writes, 0);
});

/** Broadcasts a frame of ten bytes to a queue. */
function broadcast(batch: BroadcastBatch, blocks: OutboundBlocks): boolean {
  batch.block = blocks.takeBlock(10);
  batch.block.holders = 1;
  batch.block.bytes.fill(7, 0, 10);
  batch.block.end = 10;
  batch.audience = { has: () => true };
  batch.add(0);
  const isAllSent = batch.flush();
  blocks.dropBlock(batch.block);
  return isAllSent;
}

test("SendQueue counts what it sends, without a look, behind, and without a look again", () => {
  const { queue, connection, context, push, drain, pool } = makeQueue();
  const { blocks, broadcasts: batch } = context;
  const counts = () => [queue.sentBytes, queue.sentFrames, queue.queuedBytes, queue.queuedFrames];
  const send = (isTaking: boolean) => {
    connection.isTaking = isTaking;
    return broadcast(batch, blocks);
  };
  const enter = () => {
    queue.subscribe(queue.encoder, "refuse");
    batch.subscribers.add(queue);
  };
  enter();
  assertEquals([send(true), ...counts()], [true, 10, 1, 0, 0]);
  send(true);
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
  batch.invalidate();
  enter();
  assertEquals([queue.sentBytes, queue.sentFrames], [95, 10], "with other subscribers, it keeps what it has sent");
  queue.dispose();
  assertEquals([connection.received.length, pool.stats().outstanding], [95, 0]);
});

test("SendQueue that falls behind has the broadcasts on loan once, whoever asks within the flush", () => {
  const fixture = makeQueue();
  const { queue, connection, context } = fixture;
  const { blocks, broadcasts: batch } = context;
  queue.subscribe(queue.encoder, "refuse");
  batch.subscribers.add(queue);
  for (let count = 0; count < 3; count++) broadcast(batch, blocks);
  const queued: number[] = [];
  fixture.onProgress = () => queued.push(queue.queuedFrames);
  connection.isTaking = false;
  broadcast(batch, blocks);
  assertEquals([queued, queue.queuedFrames, queue.sentFrames], [[1], 1, 3]);
});

test("SendQueue that leaves the fan-out before a flush takes the batch itself, once", () => {
  const { queue, connection, context } = makeQueue();
  const { broadcasts: batch } = context;
  queue.subscribe(queue.encoder, "refuse");
  batch.subscribers.add(queue);
  batch.block.bytes = new Uint8Array(10);
  batch.block.end = 10;
  batch.audience = { has: () => true };
  batch.add(0);
  queue.takeBroadcasts();
  assertEquals([queue.queuedFrames, queue.sentFrames], [1, 0]);
  assertEquals(batch.flush(), true);
  assertEquals([connection.writes, queue.sentFrames], [[10], 1]);
});

test("SendQueue that holds nothing is not asked to write broadcasts, one that has taken some of a batch writes the rest itself", () => {
  const { queue, connection, context } = makeQueue();
  const { blocks, broadcasts: batch } = context;
  const enter = () => {
    queue.subscribe(queue.encoder, "refuse");
    batch.subscribers.add(queue);
  };
  enter();
  broadcast(batch, blocks);
  assertEquals([connection.writes, batch.writes, blocks.writes], [[10], 1, 0]);
  batch.block = blocks.takeBlock(20);
  batch.block.holders = 1;
  batch.block.end = 10;
  batch.add(0);
  queue.flush();
  batch.invalidate();
  batch.subscribers = new FanOut();
  enter();
  batch.block.end = 20;
  batch.add(10);
  batch.flush();
  blocks.dropBlock(batch.block);
  assertEquals([connection.writes, batch.writes, blocks.writes], [[10, 10, 10], 1, 2]);
  broadcast(batch, blocks);
  assertEquals([connection.writes.length, batch.writes, blocks.writes], [4, 2, 2], "with the next batch it is not");
  assertEquals([queue.sentBytes, queue.sentFrames], [40, 4]);
});

// FlushScheduler: when the queues of a service are flushed.

import test from "node:test";
import { assertEquals } from "@std/assert";
import { FakeClock } from "@laster/net/testing";
import { type Flushable, FlushScheduler } from "../../src/outbound/flush_scheduler.ts";
import { BufferPool } from "@laster/net/buffer";
import { OutboundBlocks } from "../../src/outbound/outbound_blocks.ts";
import { SendCursor } from "../../src/outbound/send_cursor.ts";

function setUp(flushIntervalMs: number | "manual", batchedReads = false) {
  const clock = new FakeClock();
  const limits = flushIntervalMs === "manual"
    ? { flush: flushIntervalMs, flushIntervalMs: 0 }
    : { flush: flushIntervalMs === 0 ? "turn" as const : "interval" as const, flushIntervalMs };
  const shared = { cursor: new SendCursor(), blocks: new OutboundBlocks(new BufferPool()) };
  const scheduler = new FlushScheduler(clock, shared, { limits, traits: { batchedReads } });
  const log: string[] = [];
  const queue = (name: string, then = () => {}): Flushable => ({
    nextDue: undefined,
    isDue: false,
    queuedBytes: Infinity,
    handleFlush() {
      log.push(name);
      then();
    },
  });
  return { clock, scheduler, log, queue };
}

test("FlushScheduler flushes in a microtask outside a turn, in the order of adding", async () => {
  const { scheduler, log, queue } = setUp(0);
  scheduler.add(queue("one"));
  scheduler.add(queue("two"));
  assertEquals(log, []);
  await undefined;
  assertEquals(log, ["one", "two"]);
  await undefined;
  assertEquals(log.length, 2);
});

test("FlushScheduler.leaveTurn() flushes at the end of the outermost turn, and only what is due", async () => {
  const { scheduler, log, queue } = setUp(0);
  scheduler.enterTurn();
  scheduler.add(queue("one"));
  scheduler.enterTurn();
  scheduler.add(queue("two"));
  scheduler.leaveTurn();
  assertEquals(log, []);
  scheduler.leaveTurn();
  assertEquals(log, ["one", "two"]);
  scheduler.enterTurn();
  scheduler.leaveTurn();
  await undefined;
  assertEquals(log.length, 2);
});

test("FlushScheduler.leaveTurn() flushes what was added before the turn, and the microtask then nothing", async () => {
  const { scheduler, log, queue } = setUp(0);
  scheduler.add(queue("before"));
  scheduler.enterTurn();
  scheduler.add(queue("inside"));
  scheduler.leaveTurn();
  assertEquals(log, ["before", "inside"]);
  await undefined;
  assertEquals(log.length, 2);
});

test("FlushScheduler.flush() leaves what a flush fills for the next round, over and over", async () => {
  const { scheduler, log, queue } = setUp(0);
  scheduler.add(queue("one", () => scheduler.add(queue("two", () => scheduler.add(queue("three"))))));
  await undefined;
  assertEquals(log, ["one"]);
  for (let round = 0; round < 5; round++) await undefined;
  assertEquals(log, ["one", "two", "three"]);
});

test("FlushScheduler.flush() may be called with nothing due, and twice", () => {
  const { scheduler, log, queue } = setUp(0);
  scheduler.flush();
  scheduler.add(queue("one"));
  scheduler.flush();
  scheduler.flush();
  assertEquals(log, ["one"]);
});

test("FlushScheduler flushes at its interval, turns or not, and sets a timer only while something is due", async () => {
  const { clock, scheduler, log, queue } = setUp(50);
  assertEquals(clock.timerCount, 0);
  scheduler.enterTurn();
  scheduler.add(queue("one"));
  scheduler.leaveTurn();
  await clock.advance(20);
  scheduler.add(queue("two"));
  assertEquals([log, clock.timerCount], [[], 1]);
  await clock.advance(29);
  assertEquals(log, []);
  await clock.advance(1);
  assertEquals([log, clock.timerCount], [["one", "two"], 0]);
});

test("FlushScheduler.flush() stops the timer of the interval", async () => {
  const { clock, scheduler, log, queue } = setUp(50);
  scheduler.add(queue("one"));
  scheduler.flush();
  assertEquals([log, clock.timerCount], [["one"], 0]);
  await clock.advance(100);
  scheduler.add(queue("two"));
  await clock.advance(50);
  assertEquals(log, ["one", "two"]);
});

test("FlushScheduler in step flushes what several turns sent together, behind the last", async () => {
  const { scheduler, log, queue } = setUp(0, true);
  for (const name of ["one", "two"]) {
    queueMicrotask(() => {
      scheduler.enterTurn();
      scheduler.add(queue(name));
      scheduler.leaveTurn();
      log.push(`end of ${name}`);
    });
  }
  await undefined;
  await undefined;
  await undefined;
  assertEquals(log, ["end of one", "end of two", "one", "two"]);
});

test("FlushScheduler under manual leaves what is added outside of turns until it is told, and no more than that", async () => {
  const { clock, scheduler, log, queue } = setUp("manual");
  scheduler.add(queue("tick"));
  await clock.advance(1_000);
  assertEquals(log, []);
  scheduler.flush();
  assertEquals(log, ["tick"]);
  scheduler.enterTurn();
  scheduler.add(queue("answer"));
  scheduler.add(queue("answer to another"));
  scheduler.leaveTurn();
  assertEquals(log.slice(1), ["answer", "answer to another"]);
});

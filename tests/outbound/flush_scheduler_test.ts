// FlushScheduler: when the queues of a service are flushed.

import test from "node:test";
import { assertEquals } from "@std/assert";
import { rawCodec } from "@laster/net";
import { FakeClock } from "@laster/net/testing";
import { type Flushable, FlushScheduler } from "../../src/outbound/flush_scheduler.ts";
import { BufferPool } from "@laster/net/buffer";
import { OutboundBlocks } from "../../src/outbound/outbound_blocks.ts";
import { type LaneOwner, SendLane } from "../../src/outbound/send_lane.ts";
import { TurnBatch } from "../../src/outbound/turn_batch.ts";

function setUp(intervalMs: number, isInStep = false) {
  const clock = new FakeClock();
  const batch = new TurnBatch(new OutboundBlocks(new BufferPool()));
  const lane = new SendLane(batch);
  const scheduler = new FlushScheduler(clock, lane, { intervalMs, isInStep });
  const log: string[] = [];
  const queue = (name: string, then = () => {}): Flushable => ({
    nextDue: undefined,
    handleFlush() {
      log.push(name);
      then();
    },
  });
  return { batch, clock, lane, scheduler, log, queue };
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

/** Somebody who has the lane, with a block in it. */
function takeLane({ batch, lane, scheduler, log }: ReturnType<typeof setUp>, name: string): void {
  const owner: LaneOwner = {
    hasLane: false,
    encoder: rawCodec().createEncoder(),
    batchIndex: -1,
    settle: () => lane.close(),
    writeShared: () => log.push(name),
    takeBack() {},
    handleEncodeError() {},
  };
  const block = batch.takeBlock(1);
  if (block === undefined) throw new Error("there must be a block");
  lane.open(owner, block, 0, 0);
  lane.block = block;
  scheduler.handleLaneOpen();
}

test("FlushScheduler.leaveTurn() flushes who has the lane, before who was added, and nothing once the lane is closed", async () => {
  const fixture = setUp(0);
  const { lane, scheduler, log, queue } = fixture;
  scheduler.enterTurn();
  takeLane(fixture, "lane");
  scheduler.leaveTurn();
  assertEquals([log, lane.owner], [["lane"], undefined]);
  scheduler.enterTurn();
  scheduler.add(queue("one"));
  takeLane(fixture, "lane again");
  scheduler.leaveTurn();
  assertEquals(log, ["lane", "lane again", "one"]);
  scheduler.enterTurn();
  takeLane(fixture, "lost");
  lane.close();
  scheduler.leaveTurn();
  await undefined;
  assertEquals(log.length, 3);
});

test("FlushScheduler.handleLaneOpen() flushes in a microtask outside a turn, and at the interval if there is one", async () => {
  const fixture = setUp(0);
  takeLane(fixture, "lane");
  assertEquals(fixture.log, []);
  await undefined;
  assertEquals(fixture.log, ["lane"]);
  const slow = setUp(50);
  slow.scheduler.enterTurn();
  takeLane(slow, "lane");
  slow.scheduler.leaveTurn();
  await slow.clock.advance(49);
  assertEquals(slow.log, []);
  await slow.clock.advance(1);
  assertEquals(slow.log, ["lane"]);
});

test("FlushScheduler in step flushes at once what a turn has sent to one session only", async () => {
  const fixture = setUp(0, true);
  const { scheduler, log, queue } = fixture;
  scheduler.enterTurn();
  takeLane(fixture, "lane");
  scheduler.leaveTurn();
  assertEquals(log, ["lane"]);
  scheduler.enterTurn();
  scheduler.add(queue("one"));
  takeLane(fixture, "lane again");
  scheduler.leaveTurn();
  assertEquals(log, ["lane"]);
  await undefined;
  assertEquals(log, ["lane", "lane again", "one"]);
});

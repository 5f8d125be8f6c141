// SendQueue: order, answers, blocks and writes, over a connection that takes bytes or keeps them on loan.

import test from "node:test";
import { assert, assertEquals } from "@std/assert";
import { lengthPrefixed, raw } from "@laster/net";
import { ByteLog } from "../byte_log.ts";
import { pattern } from "../support.ts";
import { printedRandom } from "../random.ts";
import type { OutboundBlocks, OutboundSegment } from "../../src/outbound/outbound_blocks.ts";
import { SendQueue } from "../../src/outbound/send_queue.ts";
import { makeQueue, makeShared } from "./queue_fixture.ts";

/** The marks of the tests below; the raw codec with a limit of 100 has frames of up to 100 bytes. */
const MARKS = { highWaterMarkBytes: 200, lowWaterMarkBytes: 100, maxQueuedBytes: 300, maxQueuedFrames: 8 };

function smallQueue(limits = {}) {
  return makeQueue({ ...MARKS, ...limits }, raw({ maxPayloadBytes: 100 }));
}

/** What a shared frame was made of does not matter to queues that drop nothing. */
const NOTHING = new Uint8Array(0);

/** Has somebody else keep the block that is not rented. */
function occupyTurnBlock(blocks: OutboundBlocks): OutboundSegment {
  const block = blocks.openTurn(1);
  assert(block !== undefined);
  const segment = blocks.takeSegment(block, 0, 0, false);
  blocks.closeTurn();
  return segment;
}

test("SendQueue.push() sends all of a turn in one write, in order", async () => {
  const { queue, connection, push, pool } = makeQueue();
  const frames = [1, 0, 255, 256, 257, 5_000].map((length) => pattern(length, length));
  for (const frame of frames) assertEquals(push(frame), "queued");
  assertEquals([connection.writes, queue.queuedFrames, queue.queuedBytes], [[], 6, 5_769]);
  await undefined;
  assertEquals(connection.writes, [5_769]);
  assertEquals(connection.received, frames.flatMap((frame) => [...frame]));
  assertEquals([queue.queuedFrames, queue.queuedBytes, queue.sentFrames, queue.sentBytes], [0, 0, 6, 5_769]);
  assertEquals(pool.outstanding, 0, "an idle queue holds nothing");
});

test("SendQueue.push() answers too-large one past the codec's limit, and takes the limit", () => {
  const { push, queue } = smallQueue();
  assertEquals(push(pattern(101)), "too-large");
  assertEquals([queue.queuedBytes, queue.queuedFrames], [0, 0]);
  assertEquals(push(pattern(100)), "queued");
});

test("SendQueue.push() answers congested one byte past the high-water mark, and full one past the largest queue", () => {
  const { push, queue, connection } = smallQueue();
  connection.isTaking = false;
  assertEquals([push(pattern(100)), push(pattern(100))], ["queued", "queued"]);
  assertEquals(queue.queuedBytes, 200, "exactly at the mark");
  assertEquals(push(pattern(1)), "congested");
  assertEquals(connection.writes, [201], "what is above the mark is written at once");
  assertEquals(push(pattern(99)), "congested");
  assertEquals(queue.queuedBytes, 300, "exactly full");
  assertEquals([push(pattern(1)), push(pattern(0))], ["full", "congested"]);
  assertEquals([queue.queuedBytes, queue.queuedFrames], [300, 5]);
});

test("SendQueue.push() answers full at maxQueuedFrames, after it has tried to flush", () => {
  const { push, queue, connection } = smallQueue();
  for (let count = 0; count < 4; count++) assertEquals(push(pattern(1)), "queued");
  assertEquals(connection.writes, []);
  assertEquals(push(pattern(1)), "sent", "above the mark: the connection took the five");
  assertEquals([connection.writes, queue.queuedFrames], [[5], 0]);
  connection.isTaking = false;
  for (let count = 0; count < 4; count++) assertEquals(push(pattern(1)), "queued");
  for (let count = 4; count < 8; count++) assertEquals(push(pattern(1)), "congested");
  assertEquals(push(pattern(1)), "full");
  assertEquals([queue.queuedFrames, queue.queuedBytes], [8, 8]);
});

test("SendQueue.push() answers sent if the connection takes all at once above the mark", () => {
  const { push, queue } = smallQueue();
  assertEquals([push(pattern(100)), push(pattern(100)), push(pattern(100))], ["queued", "queued", "sent"]);
  assertEquals([queue.queuedBytes, queue.sentFrames], [0, 3]);
});

test("SendQueue.push() appends behind what is on loan, and does not touch that", async () => {
  const { push, queue, connection, drain, pool } = makeQueue();
  connection.isTaking = false;
  push(pattern(100, 1));
  await undefined;
  assertEquals(connection.writes, [100]);
  push(pattern(100, 2));
  push(pattern(2_000, 3));
  await undefined;
  assertEquals([connection.writes, queue.queuedBytes], [[100], 2_200], "one write at a time");
  connection.isTaking = true;
  drain();
  assertEquals(connection.writes.slice(0, 2), [100, 2_100], "the small rest leaves with what follows");
  const expected = [pattern(100, 1), pattern(100, 2), pattern(2_000, 3)].flatMap((frame) => [...frame]);
  assertEquals(connection.received, expected);
  assertEquals([queue.queuedBytes, queue.queuedFrames, pool.outstanding], [0, 0, 0]);
});

test("SendQueue counts a frame of no bytes that comes behind what is on loan", async () => {
  const { push, queue, connection, drain, pool } = makeQueue();
  connection.isTaking = false;
  push(pattern(256));
  await undefined;
  push(new Uint8Array(0));
  drain();
  assertEquals([queue.queuedFrames, queue.sentFrames, pool.outstanding], [0, 2, 0]);
});

test("SendQueue sends a frame of no bytes without a write, and tells of it", async () => {
  const { push, queue, connection, pool } = makeQueue();
  assertEquals(push(new Uint8Array(0)), "queued");
  await undefined;
  assertEquals([connection.writes, queue.queuedFrames, pool.outstanding], [[], 0, 0]);
  assertEquals(queue.takeSent(), { frames: 1, bytes: 0 });
});

test("SendQueue.push() grows its block up to 520 KiB and then begins another", () => {
  const { push, connection, queue, pool } = makeQueue({ highWaterMarkBytes: 2 ** 30, maxQueuedBytes: 2 ** 31 });
  const frames = Array.from({ length: 10 }, (_, index) => pattern(120_000, index));
  for (const frame of frames) push(frame);
  queue.flush();
  assertEquals(connection.writes, [480_000, 480_000, 240_000]);
  assertEquals(connection.received.length, 1_200_000);
  assertEquals(pool.outstanding, 0);
});

test("SendQueue writes a frame beyond 520 KiB in pieces, and counts it with the last", () => {
  const { push, connection, queue, drain, pool } = makeQueue(
    { highWaterMarkBytes: 532_480 },
    raw({ maxPayloadBytes: 1_200_000 }),
  );
  connection.isTaking = false;
  push(pattern(1_200_000));
  const counts: unknown[] = [];
  while (connection.hasLoan) {
    counts.push([connection.writes.at(-1), queue.queuedFrames, queue.queuedBytes]);
    if (counts.length === 2) push(pattern(100)); // Behind it, while it is on its way.
    drain();
  }
  assertEquals(counts, [[532_480, 1, 1_200_000], [532_480, 1, 667_520], [135_040, 2, 135_140], [100, 1, 100]]);
  assertEquals(connection.received, [...pattern(1_200_000), ...pattern(100)]);
  assertEquals([queue.sentFrames, queue.queuedFrames, pool.outstanding], [2, 0, 0]);
});

test("SendQueue.push() rents nothing for what the connection takes at once", async () => {
  const { push, queue, connection, pool } = makeQueue();
  for (let turn = 0; turn < 3; turn++) {
    push(pattern(100, 1));
    push(pattern(50, 2));
    push(pattern(10, 3));
    await undefined;
    assertEquals([queue.queuedFrames, queue.queuedBytes], [0, 0]);
  }
  assertEquals([connection.writes, queue.sentFrames, queue.sentBytes], [[160, 160, 160], 9, 480]);
  assertEquals(connection.received.slice(0, 160), [...pattern(100, 1), ...pattern(50, 2), ...pattern(10, 3)]);
  const { hits, misses } = pool.stats();
  assertEquals(hits + misses, 0);
});

test("SendQueue.push() answers for the mark, and counts, what has gathered as what is queued", () => {
  const { push, queue, connection } = makeQueue({ highWaterMarkBytes: 10 });
  assertEquals(push(pattern(11)), "sent", "above the mark it is flushed");
  connection.isTaking = false;
  assertEquals([push(pattern(6)), queue.queuedFrames, queue.queuedBytes], ["queued", 1, 6]);
  assertEquals([push(pattern(4)), push(pattern(1))], ["queued", "congested"]);
  assertEquals([queue.queuedFrames, queue.queuedBytes], [3, 11]);
});

test("SendQueue.push() comes behind a broadcast that is still to be taken, and leaves the service its block", () => {
  const { push, queue, connection, context, pool } = makeQueue();
  const { block, ranges: [[start]] } = makeShared(context.blocks, [pattern(100, 1)]);
  Object.assign(context.broadcasts, { block, audience: { has: () => true } });
  context.broadcasts.add(start);
  push(pattern(10, 2));
  context.broadcasts.finish();
  context.blocks.dropBlock(block);
  queue.flush();
  assertEquals(connection.received, [...pattern(100, 1), ...pattern(10, 2)]);
  const own = context.blocks.openTurn(1);
  assertEquals([own?.rented, own?.end, pool.outstanding], [undefined, 0, 0]);
});

test("SendQueue keeps what has gathered for it when another queue is sent to, or the connection is disposed of in a write", async () => {
  const first = makeQueue();
  const second = new SendQueue(first.context, first.connection, raw().createEncoder(), {
    handleProgress: () => {},
    handleOverflow: () => {},
    handleEncodeFault: () => {},
  });
  first.push(pattern(100, 1));
  second.push(pattern(50, 2), 0, 50);
  first.push(pattern(10, 3));
  await undefined;
  assertEquals(first.connection.received, [...pattern(100, 1), ...pattern(10, 3), ...pattern(50, 2)]);
  assertEquals([first.queue.sentFrames, second.sentFrames, first.pool.outstanding], [2, 1, 0]);
  first.push(pattern(100, 1));
  first.connection.isTaking = false;
  first.connection.onWrite = () => first.queue.dispose();
  first.queue.flush();
  const { hits, misses } = first.pool.stats();
  first.connection.onWrite = undefined;
  first.connection.isTaking = true;
  first.connection.release();
  second.push(pattern(20), 0, 20);
  second.flush();
  const after = first.pool.stats();
  assertEquals([first.pool.outstanding, after.hits + after.misses], [0, hits + misses], "the block is there again");
});

test("SendQueue.push() begins with a block as large as the last one was", () => {
  const { push, queue, pool, context } = makeQueue();
  const others = occupyTurnBlock(context.blocks);
  for (let round = 0; round < 2; round++) {
    for (let count = 0; count < 30; count++) push(pattern(100));
    queue.flush();
  }
  context.blocks.dropSegment(others);
  const { classes } = pool.stats();
  assertEquals(
    classes.map(({ hits, misses }) => hits + misses),
    [1, 1, 2, 0, 0, 0, 0],
    "grown once: 256, 1 KiB, 4 KiB",
  );
});

test("SendQueue.pushShared() extends a run of one shared block, and keeps the order with own frames", async () => {
  const { push, queue, connection, context, pool } = makeQueue();
  const others = occupyTurnBlock(context.blocks);
  const frames = [1, 2, 3, 4, 5].map((seed) => pattern(1_000, seed));
  const { block, ranges } = makeShared(context.blocks, frames);
  for (const [start, end] of ranges.slice(0, 3)) assertEquals(queue.pushShared(block, start, end, NOTHING), "queued");
  assertEquals(block.holders, 2, "one segment for the run");
  push(pattern(10, 9));
  queue.pushShared(block, ...ranges[3], NOTHING);
  assertEquals(block.holders, 2, "a small one is copied behind own frames");
  queue.pushShared(block, ...ranges[4], NOTHING);
  assertEquals([queue.queuedFrames, queue.queuedBytes], [6, 5_010]);
  context.blocks.dropBlock(block);
  await undefined;
  assertEquals(connection.writes, [5_010], "gathered");
  const expected = [...frames.slice(0, 3), pattern(10, 9), ...frames.slice(3)].flatMap((frame) => [...frame]);
  assertEquals(connection.received, expected);
  context.blocks.dropSegment(others);
  assertEquals([queue.queuedFrames, pool.outstanding], [0, 0]);
});

test("SendQueue.pushShared() keeps no block for each of the small frames that have to wait", () => {
  const { queue, connection, context, drain, pool } = makeQueue();
  connection.isTaking = false;
  const expected: number[] = [];
  for (let seed = 0; seed < 100; seed++) {
    const frame = pattern(50, seed);
    const { block, ranges: [[start, end]] } = makeShared(context.blocks, [frame]);
    queue.pushShared(block, start, end, NOTHING);
    context.blocks.dropBlock(block);
    queue.flush();
    queue.checkInvariants();
    expected.push(...frame);
  }
  assert(pool.outstanding <= 3, `${pool.outstanding} blocks`);
  connection.isTaking = true;
  drain();
  assertEquals(connection.received, expected);
  assertEquals([queue.queuedBytes, pool.outstanding], [0, 0]);
});

test("SendQueue.pushShared() extends the run that is on loan, and leaves the block to the others", async () => {
  const { queue, connection, context, drain, pool } = makeQueue();
  const { block, ranges } = makeShared(context.blocks, [pattern(500, 1), pattern(500, 2)]);
  connection.isTaking = false;
  queue.pushShared(block, ...ranges[0], NOTHING);
  await undefined;
  queue.pushShared(block, ...ranges[1], NOTHING);
  context.blocks.dropBlock(block);
  drain();
  assertEquals([connection.writes, pool.outstanding], [[500, 500], 1]);
  drain();
  assertEquals(connection.received, [...pattern(500, 1), ...pattern(500, 2)]);
  assertEquals([queue.queuedFrames, queue.sentFrames, pool.outstanding], [0, 2, 0]);
});

test("SendQueue.pushShared() does not copy a large frame, and gathers up to 4 KiB", () => {
  for (const [length, expected] of [[4_096, [8_192]], [4_097, [4_097, 4_097]]] as const) {
    const { queue, connection, context, pool } = makeQueue();
    for (const seed of [1, 2]) {
      const { block, ranges } = makeShared(context.blocks, [pattern(length, seed)]);
      queue.pushShared(block, ...ranges[0], NOTHING);
      context.blocks.dropBlock(block);
    }
    queue.flush();
    assertEquals(connection.writes, [...expected]);
    assertEquals(connection.received, [...pattern(length, 1), ...pattern(length, 2)]);
    assertEquals(pool.outstanding, 0);
  }
});

test("SendQueue.pushShared() copies a frame of up to 4 KiB that has to wait, and holds the block of a larger one", () => {
  for (const [length, holders] of [[4_096, 1], [4_097, 2]] as const) {
    const { queue, connection, context, push } = makeQueue();
    connection.isTaking = false;
    push(pattern(10));
    queue.flush();
    const { block, ranges: [range] } = makeShared(context.blocks, [pattern(length)]);
    queue.pushShared(block, ...range, NOTHING);
    assertEquals(block.holders, holders);
    queue.dispose();
  }
});

test("SendQueue.pushShared() answers congested and full at the same marks as push()", () => {
  const { queue, connection, context } = smallQueue();
  const { block, ranges } = makeShared(context.blocks, [100, 100, 1, 99, 1].map((length) => pattern(length)));
  connection.isTaking = false;
  const answers = ranges.map(([start, end]) => queue.pushShared(block, start, end, NOTHING));
  assertEquals(answers, ["queued", "queued", "congested", "congested", "full"]);
  assertEquals([queue.queuedBytes, queue.queuedFrames], [300, 4]);
});

test("SendQueue.takeSent() tells of what was taken since the last call, once", () => {
  const { queue, push, connection, drain } = makeQueue();
  assertEquals(queue.takeSent(), undefined);
  push(pattern(10));
  assertEquals(queue.takeSent(), undefined);
  queue.flush();
  assertEquals([queue.takeSent(), queue.takeSent()], [{ frames: 1, bytes: 10 }, undefined]);
  connection.isTaking = false;
  push(pattern(20));
  queue.flush();
  push(pattern(30));
  assertEquals(queue.takeSent(), undefined);
  drain();
  assertEquals(queue.takeSent(), { frames: 1, bytes: 20 });
  drain();
  assertEquals(queue.takeSent(), { frames: 1, bytes: 30 });
});

test("SendQueue tells its owner of progress at every flush that had something, and at every drain", () => {
  const fixture = makeQueue();
  const { queue, push, connection, drain } = fixture;
  queue.flush();
  queue.handleDrain();
  assertEquals(fixture.progress, 0);
  connection.isTaking = false;
  push(pattern(10));
  queue.flush();
  queue.flush();
  assertEquals(fixture.progress, 1);
  drain();
  assertEquals(fixture.progress, 2);
});

test("SendQueue is down for one flush a turn, however often it is flushed meanwhile", async () => {
  const fixture = makeQueue({ highWaterMarkBytes: 1_000 });
  const { queue, push, connection } = fixture;
  for (let count = 0; count < 100; count++) {
    push(pattern(10));
    queue.flush();
  }
  for (let count = 0; count < 100; count++) push(pattern(600));
  assertEquals(fixture.additions, 1);
  push(pattern(10));
  await undefined;
  assertEquals([queue.queuedBytes, connection.received.length], [0, 61_010]);
  for (let count = 0; count < 3; count++) push(pattern(600)); // Past what may gather outside of the queue.
  assertEquals(fixture.additions, 2, "the next turn");
  await undefined;
  assertEquals(queue.queuedBytes, 0);
});

test("SendQueue.dispose() gives all memory back, on loan or not, and may be followed by what is still due", async () => {
  const { queue, push, connection, context, pool } = makeQueue();
  connection.isTaking = false;
  push(pattern(5_000));
  queue.flush();
  push(pattern(100));
  const { block, ranges } = makeShared(context.blocks, [pattern(60_000)]);
  queue.pushShared(block, ...ranges[0], NOTHING);
  context.blocks.dropBlock(block);
  queue.dispose();
  assertEquals(pool.outstanding, 0);
  queue.dispose();
  queue.handleDrain();
  queue.flush();
  await undefined;
  assertEquals([pool.outstanding, connection.writes.length, queue.sentBytes], [0, 1, 0]);
});

test("SendQueue.push() is as it was when the encoder refuses, alone and between other frames", () => {
  for (const before of [[], [20]]) {
    const { queue, push, connection, pool } = makeQueue({}, lengthPrefixed({ keepHeader: true }));
    for (const length of before) push(pattern(length));
    assertEquals(push(pattern(3)), "unencodable");
    assertEquals([queue.queuedFrames, queue.queuedBytes], [before.length, before.length * 20]);
    push(pattern(30));
    queue.flush();
    assertEquals(connection.received.length, before.length * 20 + 30);
    assertEquals([queue.queuedFrames, pool.outstanding], [0, 0]);
  }
});

test("SendQueue delivers every byte in order, and counts them, whatever the connection does", () => {
  const random = printedRandom("send queue");
  const pick = (count: number) => Math.floor(random() * count);
  for (let round = 0; round < 30; round++) {
    const { queue, push, connection, context, drain, pool } = makeQueue({
      highWaterMarkBytes: 100_000,
      maxQueuedBytes: 1_200_000,
      maxQueuedFrames: 100,
      highWaterMarkFrames: 99,
    });
    const expected = new ByteLog();
    let frames = 0;
    let shared = makeShared(context.blocks, []);
    for (let step = 0; step < 200; step++) {
      connection.isTaking = random() < 0.5;
      const length = pick(5) * (random() < 0.9 ? pick(150) : pick(5_000));
      const payload = pattern(length, pick(256));
      const action = pick(8);
      if (action < 5) {
        let answer;
        if (action < 3) answer = push(payload);
        else {
          if (shared.block.bytes.length - shared.block.end < length) {
            context.blocks.dropBlock(shared.block);
            shared = makeShared(context.blocks, []);
          }
          const start = shared.block.end;
          shared.block.bytes.set(payload, start);
          shared.block.end += length;
          answer = queue.pushShared(shared.block, start, start + length, NOTHING);
        }
        if (answer === "full") continue;
        frames++;
        expected.add(payload);
      } else if (action === 5) queue.flush();
      else if (connection.hasLoan) drain();
      const { queuedBytes, queuedFrames, sentBytes, sentFrames } = queue;
      assertEquals([queuedBytes + sentBytes, queuedFrames + sentFrames], [expected.length, frames]);
    }
    connection.isTaking = true;
    queue.flush();
    while (connection.hasLoan) drain();
    context.blocks.dropBlock(shared.block);
    assertEquals(connection.log.bytes, expected.bytes, "the bytes in order");
    assertEquals([connection.log.length, queue.queuedBytes, queue.queuedFrames], [expected.length, 0, 0]);
    assertEquals([queue.sentFrames, pool.outstanding], [frames, 0]);
  }
});

test("SendQueue takes a block of the size of the largest lately, which then need not grow, and of less once all are small", () => {
  const { push, queue, context } = makeQueue();
  const sizes: number[] = [];
  const { takeBlock } = context.blocks;
  context.blocks.takeBlock = (size) => {
    sizes.push(size);
    return takeBlock.call(context.blocks, size);
  };
  const send = (frames: number) => {
    for (let frame = 0; frame < frames; frame++) push(pattern(30_000));
    queue.flush();
    return sizes.splice(0).length;
  };
  assert(send(8) > 1, "grown the first time");
  assertEquals([send(1), send(8), send(2), send(7)], [1, 1, 1, 1]);
  for (let count = 0; count < 60; count++) send(1);
  assert(send(8) > 1, "forgotten");
});

test("SendQueue.push() takes no more frames than maxQueuedFrames when they gather, or follow in a block", () => {
  const { push, queue, connection } = makeQueue({ maxQueuedFrames: 3 });
  connection.isTaking = false;
  push(pattern(10));
  queue.flush();
  assertEquals([push(pattern(10)), push(pattern(10)), push(pattern(10))], ["congested", "congested", "full"]);
  assertEquals(queue.queuedFrames, 3);
});

test("SendQueue.flush() writes no broadcast twice when they were handed over before", () => {
  const { queue, connection, context } = makeQueue();
  const { blocks, broadcasts } = context;
  broadcasts.block = blocks.takeBlock(10);
  broadcasts.block.holders = 1;
  broadcasts.block.end = 10;
  broadcasts.audience = { has: () => true };
  broadcasts.add(0);
  queue.takeBroadcasts();
  broadcasts.finish();
  queue.flush();
  queue.flush();
  assertEquals(connection.received.length, 10);
  blocks.dropBlock(broadcasts.block);
});

test("SendQueue.takeBroadcasts() has nothing to flush for a broadcast that is for others", () => {
  for (const [isFor, additions] of [[false, 0], [true, 1]] as const) {
    const fixture = makeQueue();
    const { block, ranges: [[start]] } = makeShared(fixture.context.blocks, [pattern(10)]);
    Object.assign(fixture.context.broadcasts, { block, audience: { has: () => isFor } });
    fixture.context.broadcasts.add(start);
    fixture.queue.takeBroadcasts();
    assertEquals([fixture.additions, fixture.queue.queuedBytes], [additions, 10 * additions]);
    fixture.queue.dispose();
  }
});

test("SendQueue.push() has the broadcaster ask again who takes broadcasts, since it may use up the room for them", () => {
  const { queue, push, context } = makeQueue();
  assert(queue.subscribe(queue.encoder, "refuse"));
  context.broadcasts.isCurrent = true;
  push(pattern(10));
  assertEquals(context.broadcasts.isCurrent, false);
});

test("SendQueue sends a message of no bytes that waited, with the last byte before it", () => {
  const { queue, connection, push, drain } = makeQueue({ whenFull: "drop-oldest" });
  connection.isTaking = false;
  push(pattern(10));
  queue.flush();
  push(NOTHING);
  assertEquals([queue.queuedFrames, queue.holdback?.frames], [2, 1]);
  connection.isTaking = true;
  drain();
  assertEquals([queue.queuedFrames, queue.sentFrames, queue.sentBytes], [0, 2, 10]);
});

test("SendQueue.switchEncoder() drops a control frame of the old codec for which there is no memory", () => {
  const { queue, connection, context, pool, push } = makeQueue();
  pool.setMaxBytes(1);
  queue.holdBack().owe(new Uint8Array([9]));
  queue.switchEncoder(lengthPrefixed().createEncoder());
  pool.setMaxBytes(Infinity);
  push(new Uint8Array([7]));
  context.scheduler.flush();
  assertEquals(connection.received, [1, 0, 0, 0, 7]);
});

// FlushScheduler: what turns have sent to one session each leaves behind the last of them, in order, and nothing is lost or
// written over when a session does anything else meanwhile.

import test from "node:test";
import { assert, assertEquals } from "@std/assert";
import { BufferPool } from "@laster/net/buffer";
import { raw } from "@laster/net";
import { FakeClock } from "@laster/net/testing";
import fc from "fast-check";
import { resolveSessionLimits } from "../../src/session/limits.ts";
import { SendQueue } from "../../src/outbound/send_queue.ts";
import { makeSendQueueContext } from "../../src/outbound/send_queue_context.ts";
import { ByteLog } from "../byte_log.ts";
import { check } from "../property.ts";
import { FakeConnection, makeShared } from "./queue_fixture.ts";

const MOST_MEMBERS = 12;
const MOST_TURN_BYTES = 8_192;

function setUp(sessions: number, handlers: { onSend?: unknown } = {}) {
  const pool = new BufferPool({ classes: [256, 1_024, 4_096, 16_384, 66_560, 266_240, 532_480] });
  const encoder = raw({ maxPayloadBytes: 1_000_000 }).createEncoder();
  const due: (() => void)[] = [];
  const context = makeSendQueueContext({
    clock: new FakeClock(),
    pool,
    limits: resolveSessionLimits({}, encoder),
    handlers,
    traits: { afterPoll: (callback) => due.push(callback) },
  });
  /** The sessions in the order in which they were written to. */
  const writes: number[] = [];
  const ends = Array.from({ length: sessions }, (_, index) => {
    const connection = new FakeConnection();
    connection.onWrite = () => writes.push(index);
    const owner = {
      progress: 0,
      handleProgress: () => owner.progress++,
      handleOverflow() {},
      handleEncodeFault(error: unknown) {
        throw error;
      },
    };
    return { connection, owner, queue: new SendQueue(context, connection, encoder, owner) };
  });
  const { cursor, scheduler } = context;
  const send = (index: number, payload: Uint8Array) => {
    const { queue } = ends[index];
    return queue.hasCursor && cursor.take(queue, payload, 0, payload.length)
      ? "queued"
      : queue.push(payload, 0, payload.length);
  };
  return {
    context,
    due,
    ends,
    pool,
    writes,
    send,
    /** Runs a turn. */
    turn(run: () => void) {
      scheduler.enterTurn();
      run();
      scheduler.leaveTurn();
    },
    /** All connections that were ready have been read from. */
    afterPoll() {
      for (const callback of due.splice(0)) callback();
    },
  };
}

const bytesOf = (...values: readonly number[]) => new Uint8Array(values);

test("FlushScheduler has what turns sent to one session each written behind the last, in their order, by one call", () => {
  const { afterPoll, due, ends, send, turn, writes } = setUp(3);
  for (const index of [1, 0, 2]) turn(() => send(index, bytesOf(index, index)));
  assertEquals([writes, due.length], [[], 1]);
  afterPoll();
  assertEquals(writes, [1, 0, 2]);
  assertEquals(ends.map(({ connection }) => connection.received), [[0, 0], [1, 1], [2, 2]]);
  assertEquals(ends.map(({ queue }) => [queue.sentFrames, queue.sentBytes, queue.queuedBytes]), [
    [1, 2, 0],
    [1, 2, 0],
    [1, 2, 0],
  ]);
  turn(() => send(0, bytesOf(9)));
  afterPoll();
  assertEquals([ends[0].connection.received, ends[0].connection.writes], [[0, 0, 9], [2, 1]]);
});

test("FlushScheduler is written once twelve turns wait, and the call that was asked for finds nothing", () => {
  const { afterPoll, send, turn, writes } = setUp(MOST_MEMBERS);
  for (let index = 0; index < MOST_MEMBERS; index++) {
    assertEquals(writes, [], `${index} wait`);
    turn(() => send(index, bytesOf(index)));
  }
  assertEquals(writes, Array.from({ length: MOST_MEMBERS }, (_, index) => index));
  afterPoll();
  assertEquals(writes.length, MOST_MEMBERS);
});

test("FlushScheduler lets a turn that sent much wait for nobody, and those before it go with it", () => {
  const { due, send, turn, writes } = setUp(3);
  turn(() => send(0, bytesOf(1)));
  turn(() => send(1, new Uint8Array(MOST_TURN_BYTES)));
  assertEquals([writes, due.length], [[], 1]);
  turn(() => send(2, new Uint8Array(MOST_TURN_BYTES + 1)));
  assertEquals(writes, [0, 1, 2]);
});

test("FlushScheduler waits for nobody where no turn follows", () => {
  const { send, turn, writes, due } = setUp(2);
  turn(() => {
    send(0, bytesOf(1));
    send(1, bytesOf(2));
  });
  assertEquals([writes.toSorted(), due.length], [[0, 1], 0]);
});

test("FlushScheduler counts what waits as queued, and goes on with who sends again", () => {
  const { afterPoll, ends, send, turn, writes } = setUp(2);
  turn(() => send(0, bytesOf(1, 2)));
  turn(() => send(1, bytesOf(3)));
  assertEquals([ends[0].queue.queuedBytes, ends[0].queue.queuedFrames, writes], [2, 1, []]);
  turn(() => send(0, bytesOf(4)));
  afterPoll();
  assertEquals(ends.map(({ connection }) => connection.received), [[1, 2, 4], [3]]);
});

test("FlushScheduler knows where each one's frames end, whoever left the block in between", () => {
  const { context, ends, send, turn } = setUp(4);
  turn(() => send(0, bytesOf(0)));
  turn(() => {
    send(1, bytesOf(1, 1));
    assertEquals(ends[1].queue.queuedBytes, 2);
    send(2, bytesOf(2, 2, 2));
  });
  turn(() => send(3, bytesOf(3)));
  context.scheduler.flush();
  assertEquals(ends.map(({ connection }) => connection.received), [[0], [1, 1], [2, 2, 2], [3]]);
});

test("FlushScheduler keeps the block for a peer that does not take its part, and has the next frames go elsewhere", () => {
  const { afterPoll, ends, pool, send, turn } = setUp(2);
  ends[0].connection.isTaking = false;
  turn(() => send(0, bytesOf(1, 2)));
  turn(() => send(1, bytesOf(3)));
  afterPoll();
  assert(ends[0].connection.hasLoan);
  for (let round = 0; round < 3; round++) turn(() => send(1, bytesOf(4)));
  turn(() => send(0, bytesOf(5)));
  afterPoll();
  ends[0].connection.isTaking = true;
  ends[0].connection.release();
  ends[0].queue.handleDrain();
  assertEquals(ends.map(({ connection }) => connection.received), [[1, 2, 5], [3, 4, 4, 4]]);
  assertEquals(pool.outstanding, 0);
});

test("FlushScheduler gives its block back when who waits is disposed of, and writes nothing of theirs", () => {
  const { afterPoll, ends, pool, send, turn, writes } = setUp(2);
  turn(() => send(0, bytesOf(1)));
  ends[0].queue.dispose();
  turn(() => send(1, bytesOf(2)));
  afterPoll();
  assertEquals([writes, ends[1].connection.received], [[1], [2]]);
  for (let round = 0; round < 3; round++) {
    turn(() => send(1, bytesOf(3)));
    assertEquals(pool.outstanding, 0, "the own block is there again");
    afterPoll();
  }
});

test("FlushScheduler.flush() survives sends, looks and flushes inside a write", () => {
  const { afterPoll, context, ends, send, turn } = setUp(3);
  ends[0].connection.onWrite = () => {
    ends[0].connection.onWrite = undefined;
    turn(() => send(1, bytesOf(8)));
    turn(() => send(2, bytesOf(9)));
    context.scheduler.flush();
  };
  for (const index of [0, 1, 2]) turn(() => send(index, bytesOf(index)));
  afterPoll();
  assertEquals(ends.map(({ connection }) => connection.received), [[0], [1, 8], [2, 9]]);
});

test("FlushScheduler.flush() leaves what is sent inside a write, with no turn of its own, to the next flush", async () => {
  const { afterPoll, context, ends, send, turn } = setUp(3);
  ends[0].connection.onWrite = () => {
    ends[0].connection.onWrite = undefined;
    send(1, bytesOf(8, 8));
  };
  turn(() => send(0, bytesOf(1)));
  afterPoll();
  turn(() => send(2, bytesOf(7, 7, 7)));
  context.scheduler.flush();
  await undefined;
  assertEquals(ends.map(({ connection }) => connection.received), [[1], [8, 8], [7, 7, 7]]);
});

test("FlushScheduler has who finds the block of the turns full go into another", () => {
  const { afterPoll, ends, pool, send, turn, writes } = setUp(8);
  for (let index = 0; index < 6; index++) turn(() => send(index, new Uint8Array(MOST_TURN_BYTES)));
  assertEquals([writes, pool.outstanding], [[], 0]);
  turn(() => send(6, bytesOf(1)));
  assertEquals([writes, pool.outstanding], [[], 1]);
  afterPoll();
  assertEquals([writes, ends[6].connection.received], [[0, 1, 2, 3, 4, 5, 6], [1]]);
  assertEquals(pool.outstanding, 0);
});

test("FlushScheduler has few turns wait while they come alone or in pairs, and all once more come together", () => {
  const { afterPoll, due, send, turn, writes } = setUp(6);
  /** Which of the next turns wait, with so many between two calls. */
  const findWaiting = (turns: number, together: number) => {
    const waiting: number[] = [];
    for (let index = 0; index < turns; index++) {
      const written = writes.length;
      turn(() => send(index % together, bytesOf(index)));
      if (writes.length === written) waiting.push(index);
      if (index % together === together - 1) afterPoll();
    }
    assertEquals(due, []);
    return waiting;
  };
  assertEquals(findWaiting(127, 1), [0, 2, 6, 14, 30, 62, 94, 126]);
  assertEquals(findWaiting(48, 6), Array.from({ length: 17 }, (_, index) => 31 + index));
  assertEquals(findWaiting(30, 3).length, 30);
  assertEquals(findWaiting(16, 2), [0, 1, 3, 7, 15]);
  assertEquals(writes.length, 127 + 48 + 30 + 16);
});

const who = fc.nat({ max: 4 });
const length = fc.oneof(fc.integer({ min: 0, max: 60 }), fc.constantFrom(3_000, 8_192, 8_193, 49_152, 49_153));
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant("turn"), sends: fc.array(fc.tuple(who, length), { maxLength: 4 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom("look", "flush", "stall", "release", "shared", "reads"), who }),
  },
);

test("FlushScheduler loses nothing and keeps each session's order, whatever comes in between", () => {
  check(
    fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
      const { afterPoll, context, ends, pool, send, turn } = setUp(5);
      const expected = ends.map(() => new ByteLog());
      let number = 0;
      const message = (index: number, bytes: number) => {
        const payload = new Uint8Array(bytes).fill(++number & 0xff);
        expected[index].add(payload);
        return payload;
      };
      const release = (index: number) => {
        const { connection, queue } = ends[index];
        connection.isTaking = true;
        if (!connection.hasLoan) return;
        connection.release();
        queue.handleDrain();
      };
      for (const each of steps) {
        for (const { queue } of ends) queue.checkInvariants();
        if ("sends" in each) turn(() => each.sends.forEach(([index, bytes]) => send(index, message(index, bytes))));
        else if (each.kind === "look") ends[each.who].queue.queuedBytes;
        else if (each.kind === "flush") ends[each.who].queue.flush();
        else if (each.kind === "stall") ends[each.who].connection.isTaking = false;
        else if (each.kind === "release") release(each.who);
        else if (each.kind === "reads") afterPoll();
        else {
          const payload = message(each.who, 10);
          const { block, ranges: [[start, end]] } = makeShared(context.blocks, [payload]);
          ends[each.who].queue.pushShared(block, start, end, payload);
          context.blocks.dropBlock(block);
        }
      }
      context.scheduler.flush();
      for (let index = 0; index < ends.length; index++) release(index);
      for (const [index, { connection }] of ends.entries()) assertEquals(connection.log.bytes, expected[index].bytes);
      assertEquals(ends.map(({ queue }) => queue.queuedBytes), expected.map(() => 0));
      assertEquals(pool.outstanding, 0);
    }),
    50,
  );
});

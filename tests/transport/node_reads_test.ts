// The reads of the Node adapter, without a socket; and that a socket's memory goes back.

import { test } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { ConnectError } from "../../src/errors.ts";
import { Delivery } from "../../src/transport/delivery.ts";
import { connectNode } from "../../src/transport/node.ts";
import { NodeReads } from "../../src/transport/node_reads.ts";
import { ReadBufferPool } from "../../src/transport/read_buffer.ts";
import { turn, until } from "../support.ts";

function setUp() {
  const taker = new Delivery();
  const reads = new NodeReads(new ReadBufferPool());
  const { onread } = reads;
  const chunks: number[][] = [];
  let discards = 0;
  reads.start(taker);
  taker.start({
    onData: (buffer, length) => chunks.push([...buffer.subarray(0, length)]),
    onDiscard: () => discards++,
    onEnd() {},
    onDrain() {},
    onClose() {},
  });
  /** Reads as Node does; says whether it goes on. */
  const read = (...bytes: number[]) => {
    const buffer = onread.buffer();
    buffer.set(bytes);
    return onread.callback(bytes.length);
  };
  return { taker, onread, chunks, read, discards: () => discards };
}

test("NodeReads hands over what is read, and reads on", () => {
  const { chunks, read } = setUp();
  assertEquals([read(1, 2), read(3)], [true, true]);
  assertEquals(chunks, [[1, 2], [3]]);
});

test("NodeReads stops at what comes while paused, and holds it in memory of its own", async () => {
  const { taker, onread, chunks, read } = setUp();
  taker.pause();
  assertEquals(read(1, 2), false);
  onread.buffer().fill(9);
  taker.resume();
  await turn();
  assertEquals(chunks, [[1, 2]]);
});

test("NodeReads drops into the same memory what is discarded", () => {
  const { taker, onread, chunks, read, discards } = setUp();
  taker.discard();
  const buffer = onread.buffer();
  assertEquals([read(1), read(2)], [true, true]);
  assert(onread.buffer() === buffer);
  assertEquals([chunks, discards()], [[], 2]);
});

test("connectNode() gives the memory of a dial that failed back", async () => {
  const pool = new ReadBufferPool();
  const buffer = pool.take(0);
  pool.give(buffer); // The dial is lent it.
  const address = { kind: "unix", path: "/nowhere/at-all.sock" } as const;
  await assertRejects(() => connectNode(address, {}, pool), ConnectError);
  await until(() => pool.take(0) === buffer, "the memory is back");
});

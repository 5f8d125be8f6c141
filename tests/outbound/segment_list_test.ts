// SegmentList: what it holds, and what it does when the budget is used up.

import test from "node:test";
import { assertEquals } from "@std/assert";
import { BufferPool } from "@laster/net/buffer";
import { LARGEST_BLOCK_BYTES, OutboundBlocks } from "../../src/outbound/outbound_blocks.ts";
import { SegmentList } from "../../src/outbound/segment_list.ts";
import { FakeConnection } from "./queue_fixture.ts";

test("SegmentList.addShared() needs no memory where there is none, though a large block is free", () => {
  const pool = new BufferPool({ classes: [256, LARGEST_BLOCK_BYTES], maxBytes: 900_000 });
  pool.rent(LARGEST_BLOCK_BYTES).release();
  const blocks = new OutboundBlocks(pool);
  const list = new SegmentList(blocks);
  const connection = new FakeConnection();
  connection.isTaking = false;
  const shared = blocks.takeBlock(200);
  shared.holders = 1;
  shared.end = 200;
  list.addShared(shared, 0, 100, 1);
  list.writeTo(connection);
  pool.charge(900_000);
  list.addShared(shared, 150, 200, 1);
  assertEquals([list.isWriting, list.queuedBytes, list.queuedFrames], [true, 150, 2]);
  list.checkInvariants();
  pool.charge(-900_000);
  list.addShared(shared, 100, 150, 1);
  assertEquals(pool.outstanding, 2, "with room it is copied, so that the shared block is not kept for it");
});

test("SegmentList.heldBytes counts whole blocks of its own, and its part of shared ones", () => {
  const pool = new BufferPool({ classes: [1_000, 50_000] });
  const blocks = new OutboundBlocks(pool);
  const list = new SegmentList(blocks);
  const shared = blocks.takeBlock(20_000);
  shared.holders = 1;
  shared.end = 20_000;
  list.addShared(shared, 0, 20_000, 1);
  assertEquals(list.heldBytes, 20_000);
  list.addFrame(new Uint8Array(10));
  assertEquals([list.heldBytes, list.queuedBytes], [21_000, 20_010]);
  list.addFrame(new Uint8Array(1_000));
  assertEquals(list.heldBytes, 70_000);
  list.dropAll();
  assertEquals(list.heldBytes, 0);
});

test("SegmentList.addShared() needs no memory where the next larger buffers of the pool exceed the budget", () => {
  const pool = new BufferPool({ classes: [256, 1_048_576], maxBytes: 4_000_000 });
  const blocks = new OutboundBlocks(pool);
  const list = new SegmentList(blocks);
  const shared = blocks.takeBlock(1_000);
  shared.holders = 1;
  shared.end = 1_000;
  list.addFrame(new Uint8Array(10));
  pool.charge(4_000_000 - pool.outstandingBytes - LARGEST_BLOCK_BYTES);
  list.addShared(shared, 0, 1_000, 1);
  assertEquals([list.queuedBytes, list.queuedFrames], [1_010, 2]);
  list.checkInvariants();
});

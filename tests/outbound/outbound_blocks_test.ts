// OutboundBlocks: who holds a block, and when its memory goes back.

import test from "node:test";
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { BufferPool } from "@laster/net/buffer";
import { FrameError } from "@laster/net";
import { checkWritten, OutboundBlocks } from "../../src/outbound/outbound_blocks.ts";

function setUp() {
  const pool = new BufferPool({ classes: [50_000, 100_000] });
  return { pool, blocks: new OutboundBlocks(pool) };
}

test("OutboundBlocks.openTurn() gives the same block for all turns, until one keeps it", () => {
  const { pool, blocks } = setUp();
  const block = blocks.openTurn(49_152);
  assert(block !== undefined);
  assertEquals([block.bytes.length, pool.outstanding], [49_152, 0]);
  block.end = 10;
  const segments = [blocks.takeSegment(block, 0, 4, false), blocks.takeSegment(block, 4, 10, false)];
  assertStrictEquals(blocks.openTurn(49_142), block);
  assertEquals(blocks.openTurn(49_143), undefined, "there is no room");
  blocks.closeTurn();
  blocks.dropSegment(segments[0]);
  assertEquals(blocks.openTurn(1), undefined, "one has it");
  blocks.dropSegment(segments[1]);
  assertStrictEquals(blocks.openTurn(1), block);
  assertEquals([block.end, block.holders], [0, 0]);
  blocks.closeTurn();
  assertStrictEquals(blocks.openTurn(1), block, "nobody took anything of it");
  assertEquals(blocks.openTurn(49_153), undefined);
});

test("OutboundBlocks.takeBlock() gives a block of at least the bytes asked for, empty and held by nobody", () => {
  const { pool, blocks } = setUp();
  const block = blocks.takeBlock(50_001);
  assertEquals([block.bytes.length, block.end, block.holders, pool.outstanding], [100_000, 0, 0, 1]);
});

test("OutboundBlocks.dropSegment() gives the memory back with the last holder", () => {
  const { pool, blocks } = setUp();
  const block = blocks.takeBlock(50_000);
  block.end = 60;
  const segments = [0, 20, 40].map((start) => blocks.takeSegment(block, start, start + 20, false));
  assertEquals(block.holders, 3);
  for (const [index, segment] of segments.entries()) {
    assertEquals(pool.outstanding, 1, `${index} are gone`);
    blocks.dropSegment(segment);
  }
  assertEquals([pool.outstanding, block.bytes.length, block.end], [0, 0, 0]);
});

test("OutboundBlocks.dropBlock() lets go of a block that its segments still hold", () => {
  const { pool, blocks } = setUp();
  const block = blocks.takeBlock(50_000);
  block.holders = 1;
  const segment = blocks.takeSegment(block, 0, 10, false);
  blocks.dropBlock(block);
  assertEquals([pool.outstanding, block.holders, block.bytes.length], [1, 1, 50_000]);
  blocks.dropSegment(segment);
  assertEquals(pool.outstanding, 0);
});

test("OutboundBlocks uses blocks and segments again, as good as new", () => {
  const { blocks } = setUp();
  const block = blocks.takeBlock(50_000);
  block.end = 50;
  const segment = blocks.takeSegment(block, 10, 50, true);
  segment.frames = 3;
  segment.next = segment;
  blocks.dropSegment(segment);
  const again = blocks.takeBlock(60_000);
  assertStrictEquals(again, block);
  assertEquals([again.end, again.holders, again.bytes.length], [0, 0, 100_000]);
  const next = blocks.takeSegment(again, 1, 2, false);
  assertStrictEquals(next, segment);
  assertEquals([next.start, next.end, next.frames, next.isOwn, next.next, again.holders], [
    1,
    2,
    0,
    false,
    undefined,
    1,
  ]);
});

test("OutboundBlocks keeps 4,096 blocks and segments that are free, and leaves more to the collector", () => {
  const blocks = new OutboundBlocks(new BufferPool({ classes: [256] }));
  const count = 4_097;
  const held = Array.from({ length: count }, () => blocks.takeBlock(1));
  const segments = held.map((block) => blocks.takeSegment(block, 0, 1, true));
  for (const segment of segments) blocks.dropSegment(segment);
  const taken = held.map(() => blocks.takeBlock(1));
  const known = new Set(held);
  assertEquals(taken.filter((block) => known.has(block)).length, 4_096);
  const knownSegments = new Set(segments);
  const takenSegments = taken.map((block) => blocks.takeSegment(block, 0, 1, true));
  assertEquals(takenSegments.filter((segment) => knownSegments.has(segment)).length, 4_096);
  for (const segment of takenSegments) blocks.dropSegment(segment);
});

test("checkWritten() takes whole numbers from 0 to the room, and nothing else", () => {
  for (const written of [0, 1, 10]) checkWritten(written, 10);
  for (const written of [-1, 11, 0.5, NaN]) assertThrows(() => checkWritten(written, 10), FrameError, `${written}`);
});

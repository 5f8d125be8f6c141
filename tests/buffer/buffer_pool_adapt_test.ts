// How a BufferPool adapts: classes that grow and shrink, the shares of the kept bytes, and the budget of all.

import test from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { BufferPool, type BufferPoolOptions, type RentedBuffer } from "@laster/net/buffer";
import { PoolError } from "@laster/net";

function rentAll(pool: BufferPool, count: number, bytes: number): RentedBuffer[] {
  return Array.from({ length: count }, () => pool.rent(bytes));
}

function burst(pool: BufferPool, count: number, bytes: number): void {
  for (const rented of rentAll(pool, count, bytes)) rented.release();
}

const freeOf = (pool: BufferPool, bytes: number) => pool.stats().classes.find((line) => line.bytes === bytes)?.free;

test("BufferPool keeps what a burst took, so that the next one hits", () => {
  const pool = new BufferPool({ classes: [64], maxFreeBytes: 1_000_000 });
  burst(pool, 1_000, 64);
  assertEquals([freeOf(pool, 64), pool.stats().dropped], [1_000, 0]);
  burst(pool, 1_000, 64);
  assertEquals([pool.stats().hits, pool.stats().misses], [1_000, 1_000]);
});

test("BufferPool.adapt() halves what nobody needed, and leaves what somebody did", () => {
  const pool = new BufferPool({ classes: [64] });
  burst(pool, 800, 64);
  assertEquals([pool.adapt(), freeOf(pool, 64)], [0, 800], "they were needed since the last call");
  const left = [];
  for (let period = 0; period < 12; period++) {
    burst(pool, 50, 64);
    pool.adapt();
    left.push(freeOf(pool, 64));
  }
  assertEquals(left.slice(0, 4), [425, 237, 143, 96]);
  assertEquals(left.at(-1), 50);
  assertEquals(pool.stats().dropped, 0);
  for (let period = 0; period < 8; period++) pool.adapt();
  assertEquals([freeOf(pool, 64), pool.stats().freeBytes], [0, 0]);
});

test("BufferPool keeps no more than 64 of a class whose renters hit nine times in ten", () => {
  const pool = new BufferPool({ classes: [64] });
  burst(pool, 64, 64);
  for (let turn = 0; turn < 100; turn++) burst(pool, 64, 64);
  const held = rentAll(pool, 70, 64);
  for (const rented of held) rented.release();
  assertEquals([freeOf(pool, 64), pool.stats().dropped], [64, 6]);
  pool.adapt();
  burst(pool, 200, 64);
  assertEquals(freeOf(pool, 64), 200, "now they go short");
});

test("BufferPool gives a class that goes short the bytes of one that lies about", () => {
  const pool = new BufferPool({ classes: [100, 1_000], maxFreeBytes: 10_000 });
  burst(pool, 10, 1_000);
  pool.adapt();
  pool.adapt(); // Half is gone; the rest, 5,000 bytes, lies about.
  assertEquals(freeOf(pool, 1_000), 5);
  burst(pool, 64, 100);
  assertEquals([freeOf(pool, 100), freeOf(pool, 1_000)], [64, 3]);
  assert(pool.stats().freeBytes <= 10_000);
});

test("BufferPool.rent() stays within maxBytes: drops what is free, then refuses, and goes on once something is back", () => {
  const pool = new BufferPool({ classes: [100, 1_000], maxBytes: 3_000 });
  burst(pool, 10, 100);
  assertEquals(pool.stats().freeBytes, 1_000);
  const held = rentAll(pool, 3, 1_000);
  assertEquals([pool.stats().freeBytes, pool.stats().outstandingBytes], [0, 3_000]);
  assertEquals([pool.canRent(1), pool.canRent(5_000)], [false, false]);
  const error = assertThrows(() => pool.rent(1), PoolError, "Cannot rent buffer of 100 bytes");
  assertEquals((error as PoolError).code, "over-budget");
  assertThrows(() => pool.rent(5_000), PoolError, "at most 3000 bytes: current value is 3000 out");
  assertEquals(pool.outstanding, 3);
  held[0].release();
  assertEquals([pool.canRent(1_000), pool.canRent(100), pool.canRent(1_001)], [true, true, false]);
  const oversize = pool.rent(100);
  assertEquals(pool.stats().outstandingBytes + pool.stats().freeBytes <= 3_000, true);
  oversize.release();
  held[1].release();
  held[2].release();
  assertEquals(pool.outstanding, 0);
});

test("BufferPool counts oversize buffers in maxBytes too", () => {
  const pool = new BufferPool({ classes: [100], maxBytes: 1_000 });
  const large = pool.rent(950);
  assertThrows(() => pool.rent(51), PoolError, "Cannot rent buffer of 100 bytes");
  large.release();
  pool.rent(1).release();
});

test("BufferPool refuses a maxBytes that is no count", () => {
  for (const maxBytes of [0, -1, 1.5, NaN, "5"] as unknown as number[]) {
    assertThrows(() => new BufferPool({ maxBytes } as BufferPoolOptions), RangeError, "maxBytes");
  }
});

test("BufferPool.setMaxBytes() raises the budget at once", () => {
  const pool = new BufferPool({ classes: [100], maxBytes: 200 });
  const held = rentAll(pool, 2, 100);
  assertEquals([pool.canRent(100), pool.maxBytes], [false, 200]);
  pool.setMaxBytes(300);
  assertEquals([pool.canRent(100), pool.maxBytes], [true, 300]);
  held.push(pool.rent(100));
  assertThrows(() => pool.rent(100), PoolError, "at most 300 bytes: current value is 300 out");
  pool.setMaxBytes(Infinity);
  held.push(...rentAll(pool, 10, 100));
  for (const rented of held) rented.release();
  assertEquals([pool.outstanding, freeOf(pool, 100)], [0, 13]);
});

test("BufferPool.setMaxBytes() lowers it: what is out stays out, nothing is rented above it, what is free above it goes", () => {
  const pool = new BufferPool({ classes: [100, 1_000], maxBytes: 10_000 });
  burst(pool, 3, 1_000);
  burst(pool, 20, 100);
  const held = rentAll(pool, 10, 100);
  assertEquals([pool.outstandingBytes, pool.stats().freeBytes], [1_000, 4_000]);
  pool.setMaxBytes(3_500);
  assertEquals([freeOf(pool, 1_000), freeOf(pool, 100), pool.outstandingBytes], [1, 10, 1_000], "the largest go first");
  pool.setMaxBytes(2_000);
  assertEquals(pool.stats().freeBytes, 1_000, "exactly up to the budget");
  pool.setMaxBytes(500);
  assertEquals([pool.stats().freeBytes, pool.outstandingBytes, pool.outstanding], [0, 1_000, 10]);
  assertEquals(pool.stats().dropped, 0, "which tells of limits that are too low");
  held[0].bytes.fill(7);
  assertEquals(held[0].bytes[99], 7, "still its renter's");
  for (const rented of held.splice(0, 5)) {
    assertEquals(pool.canRent(1), false);
    assertThrows(() => pool.rent(1), PoolError, "at most 500 bytes");
    rented.release();
    assertEquals(freeOf(pool, 100), 0, "what comes back above it is not kept");
  }
  assertEquals([pool.outstandingBytes, pool.canRent(1)], [500, false], "exactly the budget");
  held.pop()?.release();
  assertEquals([pool.outstandingBytes, freeOf(pool, 100), pool.canRent(100)], [400, 1, true]);
  held.push(pool.rent(100));
  for (const rented of held) rented.release();
  assertEquals([pool.outstanding, pool.stats().freeBytes], [0, 500]);
});

test("BufferPool.setMaxBytes() refuses what is no count, and stays as it was", () => {
  const pool = new BufferPool({ classes: [100], maxBytes: 1_000 });
  burst(pool, 5, 100);
  for (const maxBytes of [0, -1, 1.5, NaN, -Infinity, "5"] as unknown as number[]) {
    assertThrows(() => pool.setMaxBytes(maxBytes), RangeError, "Cannot change BufferPool as maxBytes must be");
  }
  assertEquals([pool.maxBytes, pool.stats().freeBytes], [1_000, 500]);
});

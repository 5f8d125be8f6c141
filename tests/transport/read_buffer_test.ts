// The read buffers of the Deno adapter, without Deno.

import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { ReadBuffer, ReadBufferPool } from "../../src/transport/read_buffer.ts";

/** The sizes of the buffer before each read of so many bytes, and behind the last. */
function sizesOf(reads: readonly number[], pool = new ReadBufferPool()): number[] {
  const buffer = new ReadBuffer(pool);
  const sizes = [buffer.bytes.length];
  for (const read of reads) {
    buffer.adapt(read);
    sizes.push(buffer.bytes.length);
  }
  buffer.close(false);
  return sizes;
}

test("ReadBuffer is large for the rest of a burst, and small again while it waits", () => {
  assertEquals(sizesOf([64, 256, 60_000, 64]), [256, 256, 65_536, 256, 256]);
});

test("ReadBuffer grows while reads fill it", () => {
  assertEquals(sizesOf([256, 65_536, 262_144, 262_144]), [256, 65_536, 262_144, 262_144, 262_144]);
});

const SMALL_READS = new Array(31).fill(64);

test("ReadBuffer of a busy connection keeps the size that its reads need, until many are small", () => {
  const bursts = Array.from({ length: 3 }, () => [256, 4_352]).flat();
  assertEquals(sizesOf([...bursts, 256, 4_352]).slice(-3), [256, 65_536, 16_384]);
  const busy = [...bursts, 256, 4_352];
  assertEquals(sizesOf([...busy, 4_352, 1_000, 9_000]).at(-1), 16_384);
  assertEquals(sizesOf([...busy, ...SMALL_READS]).at(-1), 16_384);
  assertEquals(sizesOf([...busy, ...SMALL_READS, 64]).at(-1), 256);
  assertEquals(sizesOf([...busy, ...SMALL_READS, 1_000, 64]).at(-1), 16_384);
});

test("ReadBuffer is not cut short where large reads and small ones take turns", () => {
  const turns = Array.from({ length: 5 }, () => [256, 764, 68]).flat();
  assertEquals(sizesOf(turns).slice(-3), [65_536, 4_096, 4_096]);
  const rare = Array.from({ length: 50 }, () => [256, 764, ...new Array(8).fill(68)]).flat();
  assertEquals(sizesOf(rare).at(-1), 256);
});

test("ReadBuffer stays as large as can be for what fills half of that", () => {
  const bursts = Array.from({ length: 4 }, () => [256, 65_536, 200_000]).flat();
  assertEquals(sizesOf([...bursts, 262_144, 150_000]).slice(-3), [262_144, 262_144, 262_144]);
});

test("ReadBufferPool makes no more than its budget, and lends again what came back", () => {
  const pool = new ReadBufferPool();
  const buffers = Array.from({ length: 300 }, () => new ReadBuffer(pool));
  for (const buffer of buffers) buffer.adapt(256);
  assertEquals(buffers.filter((buffer) => buffer.bytes.length === 65_536).length, 256);
  for (const buffer of buffers) buffer.close(false);
  assertEquals(sizesOf([256], pool), [256, 65_536]);
});

test("ReadBufferPool gives up free buffers of one size when another is asked for", () => {
  const pool = new ReadBufferPool();
  const buffers = Array.from({ length: 256 }, () => new ReadBuffer(pool));
  for (const buffer of buffers) buffer.adapt(256);
  for (const buffer of buffers) buffer.close(false);
  assertEquals(sizesOf([256, 65_536], pool).at(-1), 262_144, "the budget lay free in buffers of 64 KiB");
});

test("ReadBufferPool makes another for one that a handler may still look at", () => {
  const pool = new ReadBufferPool();
  const buffers = Array.from({ length: 256 }, () => new ReadBuffer(pool));
  for (const buffer of buffers) buffer.adapt(256);
  const lent = new Set(buffers.map(({ bytes }) => bytes));
  for (const buffer of buffers) buffer.close(true);
  const again = new ReadBuffer(pool);
  again.adapt(256);
  assertEquals([again.bytes.length, lent.has(again.bytes)], [65_536, false]);
});

test("ReadBuffer leaves alone what is lent, whatever comes next, and lends it again only after endLoan()", () => {
  for (const count of [64, 256]) {
    const pool = new ReadBufferPool();
    const buffer = new ReadBuffer(pool);
    const lent = buffer.bytes;
    buffer.adaptLent(count);
    assert(buffer.bytes !== lent && new ReadBuffer(pool).bytes !== lent);
    buffer.endLoan();
    assert(new ReadBuffer(pool).bytes === lent, "it is free again");
    buffer.endLoan();
    assert(new ReadBuffer(pool).bytes !== lent, "and given out once");
  }
});

test("ReadBuffer keeps the buffer it has, if the budget has room for none that is larger", () => {
  const pool = new ReadBufferPool();
  const buffers = Array.from({ length: 256 }, () => new ReadBuffer(pool));
  for (const buffer of buffers) buffer.adapt(256);
  const [{ bytes }] = buffers;
  buffers[0].adapt(65_536);
  assert(buffers[0].bytes === bytes);
});

test("ReadBuffer of a busy connection gets small again when it falls quiet, lent or not", () => {
  const buffer = new ReadBuffer(new ReadBufferPool());
  for (const count of [256, 4_352, 256, 4_352, 256, 4_352, 256, 4_352]) buffer.adaptLent(count);
  assertEquals(buffer.bytes.length, 16_384);
  for (const count of [...SMALL_READS, 64]) buffer.adaptLent(count);
  assertEquals(buffer.bytes.length, 256);
});

test("ReadBuffer grows past what is lent, and counts it to the budget until it is forgotten", () => {
  const pool = new ReadBufferPool();
  const buffer = new ReadBuffer(pool);
  for (const count of [256, 65_536]) buffer.adaptLent(count);
  assertEquals(buffer.bytes.length, 262_144);
  buffer.close(false);
  const others = Array.from({ length: 300 }, () => new ReadBuffer(pool));
  for (const other of others) other.adapt(256);
  assertEquals(others.filter(({ bytes }) => bytes.length === 65_536).length, 256, "16 MiB again");
});

test("ReadBuffer counts no buffer to the budget that was lent twice before its connection went", () => {
  const pool = new ReadBufferPool();
  for (let count = 0; count < 300; count++) {
    const buffer = new ReadBuffer(pool);
    buffer.adapt(256);
    assertEquals(buffer.bytes.length, 65_536, `connection ${count}`);
    buffer.adaptLent(4_096);
    buffer.adaptLent(4_096);
    buffer.close(false);
  }
});

test("ReadBufferPool gives no memory to two buffers", () => {
  const pool = new ReadBufferPool();
  const buffers = Array.from({ length: 600 }, () => new ReadBuffer(pool));
  for (const [index, buffer] of buffers.entries()) {
    if (index % 2 === 0) buffer.adapt(256);
    buffer.bytes.fill(index % 251);
  }
  assert(buffers.every((buffer, index) => buffer.bytes.every((byte) => byte === index % 251)));
  for (const buffer of buffers) buffer.close(false);
});

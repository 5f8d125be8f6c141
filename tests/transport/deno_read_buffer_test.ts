import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { ReadBufferPool } from "../../src/transport/deno_read_buffer.ts";

test("ReadBuffer grows while reads fill it, and shrinks when they do not", () => {
  const buffer = new ReadBufferPool().open();
  const sizes = [buffer.bytes.length];
  for (const read of [1_024, 65_536, 262_144, 20_000, 16_000, 500]) {
    buffer.adapt(read);
    sizes.push(buffer.bytes.length);
  }
  assertEquals(sizes, [1_024, 65_536, 262_144, 262_144, 262_144, 1_024, 1_024]);
  buffer.close();
});

test("ReadBufferPool keeps large buffers within its budget, and takes them back", () => {
  const pool = new ReadBufferPool();
  const buffers = Array.from({ length: 300 }, () => pool.open());
  for (const buffer of buffers) buffer.adapt(1_024);
  assertEquals(buffers.filter((buffer) => buffer.bytes.length === 65_536).length, 256);
  for (const buffer of buffers) buffer.close();
  const again = pool.open();
  again.adapt(1_024);
  assertEquals(again.bytes.length, 65_536);
  again.close();
});

test("ReadBufferPool gives no array to two buffers", () => {
  const pool = new ReadBufferPool();
  const buffers = Array.from({ length: 600 }, () => pool.open());
  for (const [index, buffer] of buffers.entries()) buffer.bytes.fill(index % 251);
  assert(buffers.every((buffer, index) => buffer.bytes.every((byte) => byte === index % 251)));
  for (const buffer of buffers) buffer.close();
});

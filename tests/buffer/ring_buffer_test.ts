// Tests of RingBuffer. Runtime neutral.

import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import test from "node:test";
import { RingBuffer } from "../../src/buffer/ring_buffer.ts";
import { check } from "../property.ts";

function bytesFrom(first: number, count: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, index) => first + index);
}

function held(ring: RingBuffer): number[] {
  const [first, second] = ring.peek();
  return [...first, ...second];
}

test("RingBuffer() starts empty with its first store", () => {
  const ring = new RingBuffer({ initialBytes: 8, maxBytes: 32 });
  assertEquals([ring.count, ring.capacity, ring.free], [0, 8, 32]);
  assertEquals(held(ring), []);
});

test("RingBuffer() resolves a size that is not given from the other", () => {
  assertEquals([new RingBuffer().capacity, new RingBuffer().free], [1024, 65_536]);
  assertEquals(new RingBuffer({ maxBytes: 16 }).capacity, 16);
  assertEquals(new RingBuffer({ initialBytes: 131_072 }).free, 131_072);
});

test("RingBuffer() refuses sizes that are not powers of two in range", () => {
  for (const maxBytes of [0, -1, 3, 1000, 2 ** 31, 1.5, NaN]) {
    assertThrows(() => new RingBuffer({ maxBytes }), RangeError, `current value is ${maxBytes}`);
  }
  assertThrows(
    () => new RingBuffer({ initialBytes: 16, maxBytes: 8 }),
    RangeError,
    "Cannot create RingBuffer as initialBytes must be a power of two from 1 to 8: current value is 16",
  );
});

test("RingBuffer.write() accepts nothing when given nothing", () => {
  const ring = new RingBuffer();
  assertEquals(ring.write(new Uint8Array(0)), 0);
  assertEquals(ring.count, 0);
});

test("RingBuffer.write() fills the store exactly without growing", () => {
  const ring = new RingBuffer({ initialBytes: 8, maxBytes: 16 });
  assertEquals(ring.write(bytesFrom(1, 8)), 8);
  assertEquals([ring.count, ring.capacity, ring.free], [8, 8, 8]);
  assertEquals(held(ring), [1, 2, 3, 4, 5, 6, 7, 8]);
});

test("RingBuffer.write() doubles the store when one byte more comes", () => {
  const ring = new RingBuffer({ initialBytes: 8, maxBytes: 16 });
  ring.write(bytesFrom(1, 8));
  assertEquals(ring.write(bytesFrom(9, 1)), 1);
  assertEquals([ring.count, ring.capacity, ring.free], [9, 16, 7]);
  assertEquals(held(ring), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test("RingBuffer.write() doubles as often as one write needs", () => {
  const ring = new RingBuffer({ initialBytes: 1, maxBytes: 64 });
  assertEquals(ring.write(bytesFrom(0, 33)), 33);
  assertEquals(ring.capacity, 64);
});

test("RingBuffer.write() takes what fits and says so when it meets maxBytes", () => {
  const ring = new RingBuffer({ initialBytes: 4, maxBytes: 8 });
  assertEquals(ring.write(bytesFrom(1, 6)), 6);
  assertEquals(ring.write(bytesFrom(7, 3)), 2);
  assertEquals([ring.count, ring.free], [8, 0]);
  assertEquals(ring.write(bytesFrom(9, 1)), 0);
  assertEquals(held(ring), [1, 2, 3, 4, 5, 6, 7, 8]);
});

test("RingBuffer.write() wraps around at the end of the store", () => {
  const ring = new RingBuffer({ initialBytes: 8, maxBytes: 8 });
  ring.write(bytesFrom(1, 6));
  ring.discard(5);
  assertEquals(ring.write(bytesFrom(7, 5)), 5);
  const [first, second] = ring.peek();
  assertEquals([[...first], [...second]], [[6, 7, 8], [9, 10, 11]]);
});

test("RingBuffer.write() puts wrapped bytes in order when it grows", () => {
  const ring = new RingBuffer({ initialBytes: 8, maxBytes: 16 });
  ring.write(bytesFrom(1, 8));
  ring.discard(6);
  ring.write(bytesFrom(9, 6));
  ring.write(bytesFrom(15, 4));
  assertEquals(held(ring), [7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18]);
  assertEquals(ring.peek()[1].length, 0);
});

test("RingBuffer.write() takes a part of an array when offset and length are given", () => {
  const ring = new RingBuffer();
  assertEquals(ring.write(bytesFrom(0, 10), 4), 6);
  assertEquals(ring.write(bytesFrom(0, 100), 50, 40), 40);
  assertEquals(ring.write(bytesFrom(0, 10), 10, 0), 0);
  assertEquals(held(ring), [...bytesFrom(4, 6), ...bytesFrom(50, 40)]);
});

test("RingBuffer.write() refuses a range outside the array", () => {
  const ring = new RingBuffer();
  for (const [offset, length] of [[-1, 1], [5, 0], [0, 5], [3, 2], [0.5, 1], [0, -1], [NaN, 1]]) {
    assertThrows(() => ring.write(new Uint8Array(4), offset, length), RangeError, "Cannot write to RingBuffer");
  }
  assertEquals(ring.count, 0);
});

test("RingBuffer.write() copies, so that the caller may reuse its array", () => {
  const ring = new RingBuffer();
  const bytes = bytesFrom(1, 3);
  ring.write(bytes);
  bytes.fill(0);
  assertEquals(held(ring), [1, 2, 3]);
});

test("RingBuffer.peek() gives at most what is asked for and removes nothing", () => {
  const ring = new RingBuffer({ initialBytes: 8, maxBytes: 8 });
  ring.write(bytesFrom(1, 8));
  ring.discard(6);
  ring.write(bytesFrom(9, 2));
  const lengths = [0, 1, 2, 3, 4, 99].map((maxBytes) => ring.peek(maxBytes).map((view) => view.length));
  assertEquals(lengths, [[0, 0], [1, 0], [2, 0], [2, 1], [2, 2], [2, 2]]);
  assertEquals(ring.count, 4);
  assertThrows(() => ring.peek(-1), RangeError, "current value is -1");
});

test("RingBuffer.read() fills as much as there is, then nothing", () => {
  const ring = new RingBuffer();
  ring.write(bytesFrom(1, 5));
  const into = new Uint8Array(3);
  assertEquals([ring.read(into), ...into], [3, 1, 2, 3]);
  assertEquals([ring.read(into), ...into], [2, 4, 5, 3]);
  assertEquals(ring.read(into), 0);
  assertEquals(ring.read(new Uint8Array(0)), 0);
});

test("RingBuffer.discard() removes exactly what is held and refuses one byte more", () => {
  const ring = new RingBuffer();
  ring.write(bytesFrom(1, 5));
  assertThrows(() => ring.discard(6), RangeError, "current value is 6");
  assertThrows(() => ring.discard(-1), RangeError, "current value is -1");
  ring.discard(0);
  assertEquals(ring.count, 5);
  ring.discard(5);
  assertEquals(ring.count, 0);
  assertThrows(() => ring.discard(1), RangeError, "current value is 1");
});

test("RingBuffer.clear() empties, keeps the store, and may be called twice", () => {
  const ring = new RingBuffer({ initialBytes: 4, maxBytes: 16 });
  ring.write(bytesFrom(1, 9));
  ring.clear();
  ring.clear();
  assertEquals([ring.count, ring.capacity, ring.free], [0, 16, 16]);
  ring.write(bytesFrom(5, 2));
  assertEquals(held(ring), [5, 6]);
});

test("RingBuffer behaves as a bounded array when driven at random", () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("write" as const), count: fc.nat(90) }),
    fc.record({ kind: fc.constant("read" as const), count: fc.nat(90) }),
    fc.record({ kind: fc.constant("discard" as const), count: fc.nat(90) }),
    fc.record({ kind: fc.constant("peek" as const), count: fc.nat(90) }),
    fc.record({ kind: fc.constant("clear" as const), count: fc.constant(0) }),
  );
  const steps = fc.array(step, { maxLength: 60, size: "max" });
  check(fc.property(fc.nat(7), fc.nat(7), steps, (initialPower, morePower, list) => {
    const maxBytes = 2 ** (initialPower + morePower);
    const ring = new RingBuffer({ initialBytes: 2 ** initialPower, maxBytes });
    let model: number[] = [];
    let next = 0;
    for (const { kind, count } of list) {
      if (kind === "write") {
        const bytes = bytesFrom(next, count);
        const accepted = ring.write(bytes);
        assertEquals(accepted, Math.min(count, maxBytes - model.length));
        model.push(...bytes.subarray(0, accepted));
        next = (next + accepted) & 0xff;
      } else if (kind === "read") {
        const into = new Uint8Array(count);
        const moved = ring.read(into);
        assertEquals([...into.subarray(0, moved)], model.splice(0, count));
      } else if (kind === "discard") {
        const byteCount = Math.min(count, model.length);
        ring.discard(byteCount);
        model = model.slice(byteCount);
      } else if (kind === "peek") {
        const [first, second] = ring.peek(count);
        assertEquals([...first, ...second], model.slice(0, count));
      } else {
        ring.clear();
        model = [];
      }
      assertEquals([ring.count, ring.free], [model.length, maxBytes - model.length]);
      assertEquals(held(ring), model);
    }
  }));
});

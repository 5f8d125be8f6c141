// Tests of SlabAllocator. Runtime neutral.

import { assert, assertEquals, assertNotStrictEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import test from "node:test";
import { SlabAllocator } from "../../src/buffer/slab_allocator.ts";
import { PoolError } from "../../src/errors.ts";
import type { Slot } from "../../src/buffer/slot.ts";
import type { PoolErrorCode } from "../../src/errors.ts";
import { check } from "../property.ts";

function assertRefused(code: PoolErrorCode, action: () => void): void {
  const error = assertThrows(action, PoolError);
  assertEquals(error.code, code);
}

function takeMany(slabs: SlabAllocator, count: number): Slot[] {
  return Array.from({ length: count }, () => {
    const slot = slabs.take();
    assert(slot !== undefined);
    return slot;
  });
}

test("SlabAllocator() holds no slab before the first take", () => {
  assertEquals(new SlabAllocator({ slotBytes: 8, slotsPerSlab: 4, maxSlabs: 2 }).stats(), {
    slabs: 0,
    bytes: 0,
    taken: 0,
    free: 0,
    slotLimit: 8,
    refused: 0,
  });
});

test("SlabAllocator() has defaults of 4096 bytes, 256 slots and 64 slabs", () => {
  const slabs = new SlabAllocator();
  const [slot] = takeMany(slabs, 1);
  assertEquals([slot.bytes.length, slabs.stats().bytes, slabs.stats().slotLimit], [4096, 2 ** 20, 16_384]);
  slabs.give(slot);
});

test("SlabAllocator() refuses sizes outside their range", () => {
  for (const value of [0, -1, 1.5, NaN]) {
    assertThrows(() => new SlabAllocator({ slotBytes: value }), RangeError, "slotBytes must be an integer");
    assertThrows(() => new SlabAllocator({ slotsPerSlab: value }), RangeError, "slotsPerSlab must be an integer");
    assertThrows(() => new SlabAllocator({ maxSlabs: value }), RangeError, "maxSlabs must be an integer");
  }
  assertThrows(() => new SlabAllocator({ slotsPerSlab: 65_537 }), RangeError, "from 1 to 65536");
  assertThrows(() => new SlabAllocator({ slotBytes: 2 ** 20, slotsPerSlab: 1025 }), RangeError, "slotBytes");
  assertThrows(() => new SlabAllocator({ maxSlabs: 4097 }), RangeError, "from 1 to 4096");
});

test("SlabAllocator.take() lends slots of one array that do not overlap", () => {
  const slabs = new SlabAllocator({ slotBytes: 8, slotsPerSlab: 4, maxSlabs: 1 });
  const slots = takeMany(slabs, 4);
  slots.forEach(({ bytes }, index) => bytes.fill(index + 1));
  assertEquals(slots.map(({ bytes }) => [...bytes]), [1, 2, 3, 4].map((value) => Array(8).fill(value)));
  for (const { bytes } of slots) assertStrictEquals(bytes.buffer, slots[0].bytes.buffer);
  for (const slot of slots) slabs.give(slot);
  assertEquals(slabs.stats().taken, 0);
});

test("SlabAllocator.take() works with the most slots a slab may have", () => {
  const slabs = new SlabAllocator({ slotBytes: 1, slotsPerSlab: 65_536, maxSlabs: 1 });
  const slots = takeMany(slabs, 65_536);
  slots.forEach(({ bytes }) => bytes[0]++);
  assert(slots.every(({ bytes }) => bytes[0] === 1));
  assertEquals(slabs.take(), undefined);
  for (const slot of slots) slabs.give(slot);
  assertEquals(slabs.stats().free, 65_536);
});

test("SlabAllocator.take() adds a slab when all slots are out, and answers undefined past the last", () => {
  const slabs = new SlabAllocator({ slotBytes: 8, slotsPerSlab: 2, maxSlabs: 2 });
  const slots = takeMany(slabs, 2);
  assertEquals(slabs.stats().slabs, 1);
  slots.push(...takeMany(slabs, 2));
  assertEquals(slabs.stats().slabs, 2);
  assertEquals([slabs.take(), slabs.take()], [undefined, undefined]);
  assertEquals(slabs.stats().refused, 2);
  slabs.give(slots[3]);
  assertStrictEquals(slabs.take(), slots[3]);
  for (const slot of slots) slabs.give(slot);
  assertEquals(slabs.stats().taken, 0);
});

test("SlabAllocator.take() lends the same slots and views in the steady state", () => {
  const slabs = new SlabAllocator({ slotBytes: 8, slotsPerSlab: 2 });
  const [slot] = takeMany(slabs, 1);
  const { bytes } = slot;
  slabs.give(slot);
  const [again] = takeMany(slabs, 1);
  assertStrictEquals(again, slot);
  assertStrictEquals(again.bytes, bytes);
  slabs.give(again);
});

test("SlabAllocator.give() refuses a second give and stays as it was", () => {
  const slabs = new SlabAllocator({ slotBytes: 8, slotsPerSlab: 2 });
  const [slot] = takeMany(slabs, 1);
  slabs.give(slot);
  const before = slabs.stats();
  assertRefused("double-release", () => slabs.give(slot));
  assertEquals(slabs.stats(), before);
});

test("SlabAllocator.give() refuses a slot of another allocator or a made-up one", () => {
  const slabs = new SlabAllocator({ slotBytes: 8 });
  const other = new SlabAllocator({ slotBytes: 8 });
  const [slot] = takeMany(other, 1);
  assertRefused("foreign-buffer", () => slabs.give(slot));
  assertRefused("foreign-buffer", () => other.give({ bytes: slot.bytes }));
  assertRefused("foreign-buffer", () => other.give(Object.create(slot)));
  assertRefused("foreign-buffer", () => other.give(undefined as unknown as Slot));
  other.give(slot);
  assertEquals([slabs.stats().taken, other.stats().taken], [0, 0]);
});

test("SlabAllocator.give() lets an empty slab beyond the first go once half a slab is free besides", () => {
  const slabs = new SlabAllocator({ slotBytes: 8, slotsPerSlab: 4, maxSlabs: 3 });
  const slots = takeMany(slabs, 5);
  slabs.give(slots[4]);
  assertEquals([slabs.stats().slabs, slabs.stats().free], [2, 4]);
  slabs.give(slots[3]);
  assertEquals(slabs.stats().slabs, 2);
  slabs.give(slots[2]);
  assertEquals([slabs.stats().slabs, slabs.stats().free], [1, 2]);
  assertRefused("double-release", () => slabs.give(slots[4]));
  slabs.give(slots[1]);
  slabs.give(slots[0]);
  assertEquals(slabs.stats().slabs, 1);
});

test("SlabAllocator.give() keeps the slab when load swings around its edge", () => {
  const slabs = new SlabAllocator({ slotBytes: 8, slotsPerSlab: 4, maxSlabs: 3 });
  const slots = takeMany(slabs, 4);
  const [fifth] = takeMany(slabs, 1);
  for (let round = 0; round < 3; round++) {
    slabs.give(fifth);
    assertStrictEquals(slabs.take(), fifth);
  }
  for (const slot of [...slots, fifth]) slabs.give(slot);
  assertEquals([slabs.stats().slabs, slabs.stats().taken], [1, 0]);
});

test("SlabAllocator.give() keeps a spare slab whose slot was taken again", () => {
  const slabs = new SlabAllocator({ slotBytes: 8, slotsPerSlab: 4, maxSlabs: 3 });
  const slots = takeMany(slabs, 5);
  slabs.give(slots[4]);
  assertStrictEquals(slabs.take(), slots[4]);
  for (const slot of slots.slice(0, 4)) slabs.give(slot);
  assertEquals([slabs.stats().slabs, slabs.stats().free], [2, 7]);
  slabs.give(slots[4]);
  assertEquals([slabs.stats().slabs, slabs.stats().free], [1, 4]);
});

test("SlabAllocator.give() keeps the first slab when it empties before the others", () => {
  const slabs = new SlabAllocator({ slotBytes: 8, slotsPerSlab: 2, maxSlabs: 3 });
  const slots = takeMany(slabs, 6);
  slabs.give(slots[0]);
  slabs.give(slots[1]);
  assertEquals(slabs.stats().slabs, 3);
  slabs.give(slots[2]);
  slabs.give(slots[3]);
  assertEquals(slabs.stats().slabs, 2);
  const [again] = takeMany(slabs, 1);
  assertNotStrictEquals(again.bytes.buffer, slots[2].bytes.buffer);
  for (const slot of [again, slots[4], slots[5]]) slabs.give(slot);
  assertEquals([slabs.stats().slabs, slabs.stats().taken], [1, 0]);
});

test("SlabAllocator lends no slot twice and stays within its limits when driven at random", () => {
  const steps = fc.array(fc.record({ isTake: fc.boolean(), pick: fc.nat(), times: fc.nat(6) }), {
    maxLength: 80,
    size: "max",
  });
  check(
    fc.property(
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 4 }),
      steps,
      (slotsPerSlab, maxSlabs, list) => {
        const slabs = new SlabAllocator({ slotBytes: 4, slotsPerSlab, maxSlabs });
        const out: Slot[] = [];
        for (const { isTake, pick, times } of list) {
          for (let time = 0; time < times; time++) {
            if (isTake) {
              const slot = slabs.take();
              assertEquals(slot === undefined, out.length === slotsPerSlab * maxSlabs);
              if (slot !== undefined) out.push(slot);
            } else if (out.length > 0) slabs.give(out.splice(pick % out.length, 1)[0]);
            const stats = slabs.stats();
            assertEquals([new Set(out).size, stats.taken], [out.length, out.length]);
            assertEquals(stats.taken + stats.free, stats.slabs * slotsPerSlab);
            assert(stats.slabs <= maxSlabs);
            assert(new Set(out.map(({ bytes }) => bytes.buffer)).size <= stats.slabs);
          }
        }
        for (const slot of out) slabs.give(slot);
        assertEquals(slabs.stats().taken, 0);
        assert(slabs.stats().slabs <= 1);
      },
    ),
  );
});

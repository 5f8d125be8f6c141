// The collector of what heavy reads leave behind, without Bun.

import test from "node:test";
import { assertEquals } from "@std/assert";
import { BunCollector } from "../../src/transport/bun_collector.ts";

const MEGABYTE = 1_048_576;

/** A process of so many MB, which a collection brings down to others. */
function setUp(megabytes: number) {
  const machine = { megabytes, afterwards: megabytes, looks: 0, collections: 0 };
  const collector = new BunCollector(() => {
    machine.looks++;
    return machine.megabytes * MEGABYTE;
  }, () => {
    machine.collections++;
    machine.megabytes = machine.afterwards;
  });
  machine.looks = 0;
  return { machine, read: (count: number) => collector.count(count * MEGABYTE) };
}

test("BunCollector looks at the process every 64 MB only", () => {
  const { machine, read } = setUp(50);
  for (let count = 0; count < 63; count++) read(1);
  assertEquals(machine.looks, 0);
  read(1);
  assertEquals(machine.looks, 1);
});

test("BunCollector collects once a process has grown by 256 MB, and then from what is left", () => {
  const { machine, read } = setUp(50);
  machine.megabytes = 305;
  read(64);
  assertEquals(machine.collections, 0);
  machine.megabytes = 306;
  machine.afterwards = 200;
  read(64);
  assertEquals(machine.collections, 1);
  machine.megabytes = 455;
  read(64);
  assertEquals(machine.collections, 1);
  machine.megabytes = 456;
  read(64);
  assertEquals(machine.collections, 2);
});

test("BunCollector lets a large process grow by half", () => {
  const { machine, read } = setUp(2_000);
  machine.megabytes = 2_999;
  read(64);
  assertEquals(machine.collections, 0);
  machine.megabytes = 3_000;
  read(64);
  assertEquals(machine.collections, 1);
});

// The pacer of Bun's heavy talkers, without Bun.

import test from "node:test";
import { assertEquals } from "@std/assert";
import { deferTurn } from "../../src/defer.ts";
import { BunReadPacer } from "../../src/transport/bun_read_pacer.ts";

const HEAVY = 65_536;

function setUp() {
  const log: number[] = [];
  const counted: number[] = [];
  const pacer = new BunReadPacer({ count: (bytes) => counted.push(bytes) });
  const read = (number: number) => pacer.holds(HEAVY, { handleTurn: () => log.push(number) });
  return { pacer, log, counted, read };
}

test("BunReadPacer lets light talkers go on whatever comes", () => {
  const { pacer, log } = setUp();
  for (let count = 0; count < 1_000; count++) assertEquals(pacer.holds(HEAVY - 1, { handleTurn: () => {} }), false);
  assertEquals(log, []);
});

test("BunReadPacer lets eight heavy talkers read in a turn, and the others eight at a time, in order", async () => {
  const { log, read } = setUp();
  for (let number = 0; number < 8; number++) assertEquals(read(number), false);
  for (let number = 8; number < 20; number++) assertEquals(read(number), true);
  assertEquals(log, []);
  while (log.length === 0) await new Promise<void>(deferTurn);
  assertEquals(log, [8, 9, 10, 11, 12, 13, 14, 15]);
  assertEquals(read(20), true, "others wait already");
  while (log.length < 13) await new Promise<void>(deferTurn);
  assertEquals(log.slice(8), [16, 17, 18, 19, 20]);
});

test("BunReadPacer begins anew in each turn", async () => {
  const { log, read } = setUp();
  for (let round = 0; round < 3; round++) {
    for (let number = 0; number < 8; number++) assertEquals(read(number), false);
    for (let count = 0; count < 3; count++) await new Promise<void>(deferTurn);
  }
  assertEquals(log, []);
});

test("BunReadPacer tells the collector what heavy talkers sent in a turn", async () => {
  const { counted, read, pacer } = setUp();
  for (let number = 0; number < 3; number++) read(number);
  pacer.holds(HEAVY - 1, { handleTurn: () => {} });
  for (let count = 0; count < 3; count++) await new Promise<void>(deferTurn);
  assertEquals(counted, [3 * HEAVY]);
});

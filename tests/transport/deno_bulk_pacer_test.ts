// The pacer of Deno's heavy talkers, without Deno.

import test from "node:test";
import { assertEquals } from "@std/assert";
import { deferTurn } from "../../src/defer.ts";
import { BulkPacer } from "../../src/transport/deno_bulk_pacer.ts";
import { until } from "../support.ts";

function setUp() {
  const log: string[] = [];
  const taker = (name: string) => ({ handleTurn: () => log.push(name) });
  return { pacer: new BulkPacer(), log, taker };
}

test("BulkPacer lets light talkers go on whatever comes", () => {
  const { pacer, taker } = setUp();
  for (let count = 0; count < 1_000; count++) assertEquals(pacer.holds(32_767, false, taker("light")), false);
});

test("BulkPacer holds heavy talkers after 512 KiB in all, for 64 turns of the event loop, and lets them go in order", async () => {
  const { pacer, log, taker } = setUp();
  for (const held of [false, true]) assertEquals(pacer.holds(262_144, false, taker("first")), held);
  assertEquals(pacer.holds(262_144, false, taker("second")), true);
  assertEquals(pacer.holds(100, false, taker("light")), false);
  for (let count = 0; count < 32; count++) await new Promise<void>(deferTurn);
  assertEquals(log, []);
  await until(() => log.length === 2, "the end of the pause");
  assertEquals(log, ["first", "second"]);
  assertEquals(pacer.holds(262_144, false, taker("first")), false);
});

test("BulkPacer lets one that is alone read 16 MiB", () => {
  const { pacer, taker } = setUp();
  for (let count = 1; count < 64; count++) assertEquals(pacer.holds(262_144, true, taker("alone")), false);
  assertEquals(pacer.holds(262_144, true, taker("alone")), true);
});

test("BulkPacer lets all go on in the end, 32 after each pause, though nobody else comes", async () => {
  const { pacer, log, taker } = setUp();
  for (let count = 0; count < 101; count++) pacer.holds(262_144, false, taker(`${count}`));
  for (const least of [32, 64, 96, 100]) {
    for (let turns = 0; log.length < least && turns < 1_000; turns++) await new Promise<void>(deferTurn);
    assertEquals(log.length, least);
  }
});

test("BulkPacer lets 32 go on after a pause, and the others after the next, and who comes meanwhile behind them", async () => {
  const { pacer, log, taker } = setUp();
  for (let count = 0; count < 41; count++) pacer.holds(262_144, false, taker(`${count}`));
  while (log.length === 0) await new Promise<void>(deferTurn);
  assertEquals(log, Array.from({ length: 32 }, (_, index) => `${index + 1}`));
  assertEquals(pacer.holds(262_144, false, taker("late")), true, "those before it wait still");
  await until(() => log.length > 32, "the others");
  assertEquals(log.slice(32), ["33", "34", "35", "36", "37", "38", "39", "40", "late"]);
  assertEquals(pacer.holds(262_144, false, taker("later")), false);
});

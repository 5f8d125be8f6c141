// The governor of Deno's reads, without Deno: it only counts.

import test from "node:test";
import { assert, assertEquals } from "@std/assert";
import { systemClock } from "@laster/net";
import { ReadGovernor, type ReadQuota, READS_A_TURN, READS_ALONE } from "../../src/transport/deno_read_governor.ts";
import { turn, until } from "../support.ts";

class Reader implements ReadQuota {
  left = READS_A_TURN;
  isLate = false;
  reads = 0;
  isWaiting = false;
  readonly #governor: ReadGovernor;

  constructor(governor: ReadGovernor) {
    this.#governor = governor;
    governor.enter();
  }

  /** Reads once, unless it has to wait. */
  read(): void {
    if (this.isWaiting) return;
    this.reads++;
    this.isWaiting = this.#governor.holds(this, this);
  }

  handleTurn(): void {
    this.isWaiting = false;
  }
}

function setUp(count: number) {
  const governor = new ReadGovernor(systemClock());
  const readers = Array.from({ length: count }, () => new Reader(governor));
  return { governor, readers };
}

test("ReadGovernor lets everybody read side by side up to 120 connections", async () => {
  const { readers } = setUp(120);
  for (let round = 0; round < 5 * READS_A_TURN; round++) {
    for (const reader of readers) reader.read();
    await turn();
  }
  assert(readers.every(({ reads }) => reads === readers[0].reads));
  assert(readers[0].reads > 3 * READS_A_TURN);
});

test("ReadGovernor has one that reads without a stop make way", async () => {
  const { readers: [reader] } = setUp(1);
  for (let count = 0; count < 100; count++) reader.read();
  assertEquals([reader.reads, reader.isWaiting], [READS_A_TURN, true]);
  await until(() => !reader.isWaiting, "its turn");
  for (let count = 0; count < 100; count++) reader.read();
  assertEquals([reader.reads, reader.isWaiting], [READS_A_TURN + READS_ALONE, true]);
});

test("ReadGovernor has one of two make way sooner", async () => {
  const { readers: [reader] } = setUp(2);
  for (let round = 1; round <= 3; round++) {
    for (let count = 0; count < 100; count++) reader.read();
    assertEquals([reader.reads, reader.isWaiting], [round * READS_A_TURN, true]);
    await until(() => !reader.isWaiting, "its turn");
  }
});

test("ReadGovernor lets everybody read in batches of less than 112", async () => {
  const { readers } = setUp(1_000);
  for (let round = 0; round < 50; round++) {
    for (let count = 0; count < 111; count++) readers[(round * 111 + count) % 1_000].read();
    await turn();
  }
  await until(() => readers.every(({ isWaiting }) => !isWaiting), "all to have their turn");
});

test("ReadGovernor serves a crowd in turns: who Deno prefers waits until all others had as many reads", async () => {
  const { readers } = setUp(1_000);
  for (let round = 0; round < 2_000; round++) {
    // As Deno does: it completes 128 and begins the next time with the same ones, as long as they read.
    readers.filter(({ isWaiting }) => !isWaiting).slice(0, 128).forEach((reader) => reader.read());
    await undefined;
    await undefined;
  }
  const reads = readers.map((reader) => reader.reads);
  assert(Math.max(...reads) - Math.min(...reads) <= 4 * READS_A_TURN, `${Math.min(...reads)} to ${Math.max(...reads)}`);
});

test("ReadGovernor lets those in that wait once the ones before them fall silent", async () => {
  const { readers } = setUp(1_000);
  for (let round = 0; round < 200; round++) {
    readers.filter(({ isWaiting }) => !isWaiting).slice(0, 128).forEach((reader) => reader.read());
    await undefined;
    await undefined;
  }
  assert(readers.filter(({ isWaiting }) => isWaiting).length > 500, "there is a queue");
  await until(() => readers.every(({ isWaiting }) => !isWaiting), "all to be let in");
});

test("ReadGovernor.leave() lets the next one in", async () => {
  const { governor, readers } = setUp(1_000);
  for (let round = 0; round < 200; round++) {
    readers.filter(({ isWaiting }) => !isWaiting).slice(0, 128).forEach((reader) => reader.read());
    await undefined;
    await undefined;
  }
  const before = readers.filter(({ isWaiting }) => isWaiting).length;
  governor.leave();
  assertEquals(readers.filter(({ isWaiting }) => isWaiting).length, before - 1);
});

test("ReadGovernor gives the places of those that are paused to those that wait", async () => {
  const { governor, readers } = setUp(300);
  for (let round = 0; round < READS_A_TURN; round++) {
    for (const reader of readers) reader.read();
    await turn();
  }
  const waiting = readers.filter(({ isWaiting }) => isWaiting);
  assert(waiting.length > 100, "a crowd takes turns");
  for (const reader of readers) if (!reader.isWaiting) governor.stepAside();
  // Nobody at the front says anything any more, nor has left it.
  assertEquals(waiting.filter(({ isWaiting }) => !isWaiting).length > 90, true);
});

test("ReadGovernor.stepIn() takes the place at the front again: nobody who waits gets one more", async () => {
  const { governor, readers } = setUp(300);
  for (let round = 0; round < READS_A_TURN; round++) {
    for (const reader of readers) reader.read();
    await turn();
  }
  const countWaiting = () => readers.filter(({ isWaiting }) => isWaiting).length;
  const paused = readers.filter(({ isWaiting }) => !isWaiting);
  for (const _reader of paused) governor.stepAside();
  for (const _reader of paused) governor.stepIn();
  const before = countWaiting();
  assert(before > 0, "some wait still");
  governor.leave();
  assertEquals(countWaiting(), before);
});

// TurnQueue: when a turn has used up its time, and how those that wait share one turn of the event loop.

import test from "node:test";
import { assertEquals } from "@std/assert";
import { FakeClock } from "@laster/net/testing";
import { TurnQueue } from "../../src/session/turn_queue.ts";
import type { TurnTaker } from "../../src/waiting_line.ts";

const TURN_MS = 4;

/** A clock that the test moves by hand, and whose deferred calls it makes. */
class HandClock extends FakeClock {
  nowMs = 1_000;
  readonly deferred: (() => void)[] = [];

  override now(): number {
    return this.nowMs;
  }

  override defer(callback: () => void): void {
    this.deferred.push(callback);
  }

  /** Makes the deferred call that is due. */
  turn(): void {
    this.deferred.shift()?.();
  }
}

const ANYONE: TurnTaker = { handleTurn: () => {} };

function setUp(turnMs = TURN_MS) {
  const clock = new HandClock();
  return { clock, turns: new TurnQueue(clock, turnMs) };
}

test("TurnQueue.look() ends a turn once it has taken turnMs, and not before", () => {
  const { clock, turns } = setUp();
  assertEquals(turns.look(ANYONE, true, 2), 1, "the first look says nothing of what a frame takes");
  clock.nowMs += 3.9;
  assertEquals(turns.look(ANYONE, false, 1), 1, "a frame took almost all of it");
  clock.nowMs += 0.1;
  assertEquals(turns.look(ANYONE, false, 1), 0);
  clock.nowMs += 10;
  assertEquals(turns.look(ANYONE, true, 2), 1, "the next turn begins anew");
});

test("TurnQueue.look() comes back after half a turn of frames like those before, 128 at the most", () => {
  const { clock, turns } = setUp();
  turns.look(ANYONE, true, 2);
  clock.nowMs += 0.125;
  assertEquals(turns.look(ANYONE, false, 1), 16);
  clock.nowMs += 0.25;
  assertEquals(turns.look(ANYONE, false, 16), 128);
  assertEquals(turns.look(ANYONE, false, 128), 128, "frames that take no time");
  clock.nowMs += 3;
  assertEquals(turns.look(ANYONE, false, 1), 1, "a frame that takes longer than half a turn");
});

test("TurnQueue.look() counts from the last look at the clock if that was just now", () => {
  const { clock, turns } = setUp();
  const other: TurnTaker = { handleTurn: () => {} };
  turns.look(ANYONE, true, 2);
  clock.nowMs += 0.5;
  assertEquals(turns.look(other, true, 2), 8, "two frames within half a millisecond at the most");
  clock.nowMs += 3.5;
  assertEquals(turns.look(other, false, 8), 0, "its turn began at the first look at the earliest");
  turns.look(ANYONE, true, 2);
  clock.nowMs += 3;
  assertEquals(turns.look(other, false, 2), 1, "another's time is not counted against it");
});

test("TurnQueue.look() never ends a turn if turnMs is 0", () => {
  const { clock, turns } = setUp(0);
  for (let count = 0; count < 5; count++) {
    clock.nowMs += 1_000;
    assertEquals(turns.look(ANYONE, count === 0, 1), 128);
  }
});

test("TurnQueue has those that wait share one turn's time, in their order, by one deferral at a time", () => {
  const { clock, turns } = setUp();
  const log: string[] = [];
  const takerOf = (name: string): TurnTaker => ({
    handleTurn() {
      log.push(name);
      clock.nowMs += 3;
      if (log.length < 6) turns.add(this);
    },
  });
  for (const name of ["a", "b", "c"]) turns.add(takerOf(name));
  assertEquals([clock.deferred.length, turns.count, log], [1, 3, []]);
  clock.turn();
  assertEquals([log.join(""), clock.deferred.length, turns.count], ["ab", 1, 3], "6 ms are more than 4");
  clock.turn();
  assertEquals([log.join(""), clock.deferred.length], ["abca", 1], "whoever comes meanwhile goes behind");
  clock.turn();
  clock.turn();
  assertEquals([log.join(""), turns.count], ["abcabcab", 0]);
  assertEquals(clock.deferred.length, 0, "nothing is deferred for nobody");
});

test("TurnQueue lets all of those that are quick go on in the same turn, and each of them once", () => {
  const { clock, turns } = setUp();
  let calls = 0;
  const again: TurnTaker = {
    handleTurn() {
      calls++;
      turns.add(again);
    },
  };
  for (let count = 0; count < 100; count++) turns.add(again);
  clock.turn();
  assertEquals([calls, turns.count, clock.deferred.length], [100, 100, 1]);
});

test("TurnQueue.look() ends a turn of one that waited once all who waited have used up their time", () => {
  const { clock, turns } = setUp();
  const steps: number[] = [];
  const taker: TurnTaker = {
    handleTurn() {
      clock.nowMs += 3;
      steps.push(turns.look(taker, true, 2));
      clock.nowMs += 1;
      steps.push(turns.look(taker, false, 1));
    },
  };
  turns.add(taker);
  clock.turn();
  assertEquals(steps, [1, 0], "4 ms of the loop's turn, 1 of its own");
  clock.nowMs += 1.5;
  assertEquals(turns.look(taker, true, 2), 1, "outside of that turn only its own time counts");
});

test("TurnQueue keeps its order, and forgets nobody, when thousands come and go", () => {
  const { clock, turns } = setUp();
  const log: number[] = [];
  for (let number = 0; number < 3_000; number++) {
    turns.add({
      handleTurn() {
        log.push(number);
        clock.nowMs += 0.5;
      },
    });
  }
  let loops = 0;
  for (; clock.deferred.length > 0; loops++) clock.turn();
  assertEquals(log, Array.from({ length: 3_000 }, (_, number) => number));
  assertEquals(loops, 375, "eight half milliseconds in each turn of the loop");
});

// The deferral that all share, and its queue under Deno, without Deno.

import { test } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { DeferQueue, deferTurn } from "../../src/defer.ts";
import { within } from "../support.ts";

/** A queue whose turns are run by hand. */
function setUp() {
  const turns: (() => void)[] = [];
  const log: string[] = [];
  const queue = new DeferQueue((callback) => turns.push(callback));
  const runTurns = () => {
    let count = 0;
    for (let turn = turns.shift(); turn !== undefined; turn = turns.shift()) {
      count++;
      turn();
    }
    return count;
  };
  return { queue, log, turns, runTurns };
}

test("deferTurn() calls back later, in order, also what is deferred meanwhile", async () => {
  const log: string[] = [];
  const done = Promise.withResolvers<void>();
  deferTurn(() => {
    log.push("first");
    deferTurn(() => {
      log.push("third");
      done.resolve();
    });
  });
  deferTurn(() => log.push("second"));
  assertEquals(log, []);
  await within(done.promise, "the third");
  assertEquals(log, ["first", "second", "third"]);
});

test("DeferQueue loses none behind one that throws, and keeps the order", async () => {
  const { queue, log, runTurns } = setUp();
  queue.add(() => log.push("look over"));
  // Slower than a millisecond, a look ends by a timer.
  while (log.length === 0) {
    runTurns();
    await new Promise<void>((resolve) => setTimeout(resolve, 0));
  }
  queue.add(() => {
    queue.add(() => log.push("third"));
    throw new Error("first");
  });
  queue.add(() => log.push("second"));
  assertThrows(
    () => {
      while (log.length === 1) runTurns();
    },
    Error,
    "first",
  );
  while (log.length < 3) {
    runTurns();
    await new Promise<void>((resolve) => setTimeout(resolve, 0));
  }
  assertEquals(log.slice(1), ["second", "third"]);
});

test("DeferQueue stands still for many turns at first, so that sockets are looked at", async () => {
  /** Whether the first call came only after a look; one that a busy machine held up for a millisecond may be over at once. */
  const hasLooked = async () => {
    const { queue, log, runTurns } = setUp();
    queue.add(() => log.push("called"));
    let turns = 0;
    let timers = 0;
    for (; log.length === 0; timers++) {
      turns += runTurns();
      await new Promise<void>((resolve) => setTimeout(resolve, 0));
    }
    return turns >= 64 || timers > 1;
  };
  let attempts = 0;
  while (attempts < 20 && !await hasLooked()) attempts++;
  assert(attempts < 20, "never a look");
});

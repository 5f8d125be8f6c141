// TimeoutQueue: many timeouts on one timer, each at its own time.

import test from "node:test";
import { assertEquals } from "@std/assert";
import { FakeClock } from "@laster/net/testing";
import { TimeoutEntry, TimeoutQueue } from "../../src/session/timeout_queue.ts";

const DELAY_MS = 1_000;

/** A queue on a fake clock, and entries that note when they expire. */
function setUp() {
  const clock = new FakeClock();
  const queue = new TimeoutQueue(clock, DELAY_MS);
  const log: string[] = [];
  const makeEntry = (name: string, then: (entry: TimeoutEntry) => void = () => {}) =>
    new TimeoutEntry({
      handleTimeout(entry) {
        log.push(`${name} ${clock.now()}`);
        then(entry);
      },
    });
  return { clock, queue, log, makeEntry };
}

test("TimeoutQueue expires each entry once, at its own time, on one timer", async () => {
  const { clock, queue, log, makeEntry } = setUp();
  for (const name of ["one", "two", "three"]) {
    queue.arm(makeEntry(name));
    assertEquals(clock.timerCount, 1);
    await clock.advance(10);
  }
  assertEquals(queue.count, 3);
  await clock.advance(DELAY_MS - 31);
  assertEquals(log, [], "never early");
  await clock.advance(1);
  assertEquals(log, ["one 1000"]);
  await clock.advance(10 * DELAY_MS);
  assertEquals(log, ["one 1000", "two 1010", "three 1020"]);
  assertEquals([queue.count, clock.timerCount], [0, 0]);
});

test("TimeoutQueue.arm() starts a running timeout again from now", async () => {
  const { clock, queue, log, makeEntry } = setUp();
  const entry = makeEntry("one");
  queue.arm(entry);
  queue.arm(makeEntry("two"));
  await clock.advance(DELAY_MS - 1);
  queue.arm(entry);
  assertEquals([queue.count, clock.timerCount], [2, 1]);
  await clock.advance(DELAY_MS);
  assertEquals(log, ["two 1000", "one 1999"]);
});

test("TimeoutQueue.disarm() stops a timeout, wherever it stands, and may be called twice", async () => {
  for (const index of [0, 1, 2]) {
    const { clock, queue, log, makeEntry } = setUp();
    const entries = ["0", "1", "2"].map((name) => makeEntry(name));
    for (const entry of entries) queue.arm(entry);
    queue.disarm(entries[index]);
    queue.disarm(entries[index]);
    assertEquals(queue.count, 2);
    await clock.advance(DELAY_MS);
    assertEquals(log, ["0 1000", "1 1000", "2 1000"].filter((_line, place) => place !== index));
  }
});

test("TimeoutQueue.disarm() of the last entry stops the timer, and the queue can be used again", async () => {
  const { clock, queue, log, makeEntry } = setUp();
  const entry = makeEntry("one");
  queue.disarm(entry);
  queue.arm(entry);
  queue.disarm(entry);
  assertEquals([queue.count, clock.timerCount], [0, 0]);
  await clock.advance(5 * DELAY_MS);
  queue.arm(entry);
  await clock.advance(DELAY_MS);
  assertEquals(log, ["one 6000"]);
});

test("TimeoutQueue.arm() by an entry that expires does not put the others off", async () => {
  const { clock, queue, log, makeEntry } = setUp();
  let isFirst = true;
  queue.arm(makeEntry("again", (entry) => {
    if (isFirst) queue.arm(entry);
    isFirst = false;
  }));
  await clock.advance(10);
  queue.arm(makeEntry("other"));
  await clock.advance(5 * DELAY_MS);
  assertEquals(log, ["again 1000", "other 1010", "again 2000"]);
  assertEquals([queue.count, clock.timerCount], [0, 0]);
});

test("TimeoutQueue.disarm() by an entry that expires keeps the other from expiring in the same round", async () => {
  const { clock, queue, log, makeEntry } = setUp();
  const other = makeEntry("other");
  queue.arm(makeEntry("one", () => queue.disarm(other)));
  queue.arm(other);
  await clock.advance(5 * DELAY_MS);
  assertEquals(log, ["one 1000"]);
  assertEquals(clock.timerCount, 0);
});

test("TimeoutQueue waits for the rest when the runtime's timer fires early", () => {
  let nowMs = 0;
  const timers: { callback: () => void; delayMs: number }[] = [];
  const queue = new TimeoutQueue({
    now: () => nowMs,
    setTimer: (callback, delayMs) => timers.push({ callback, delayMs }),
    clearTimer: () => {},
    defer: () => {},
  }, DELAY_MS);
  let expired = 0;
  queue.arm(new TimeoutEntry({ handleTimeout: () => expired++ }));
  nowMs = DELAY_MS - 0.4;
  timers[0].callback();
  assertEquals([expired, timers.map(({ delayMs }) => delayMs)], [0, [DELAY_MS, 1]]);
  nowMs += 0.6;
  timers[1].callback();
  assertEquals([expired, timers.length], [1, 2]);
});

test("TimeoutQueue expires in the next round of the timers when the delay is 0", async () => {
  const clock = new FakeClock();
  const queue = new TimeoutQueue(clock, 0);
  let expired = 0;
  queue.arm(new TimeoutEntry({ handleTimeout: () => expired++ }));
  assertEquals(expired, 0);
  await clock.advance(0);
  assertEquals(expired, 1);
});

test("TimeoutQueue goes on with the others, and with those that come later, after an owner has thrown", async () => {
  const clock = new FakeClock();
  const queue = new TimeoutQueue(clock, 10);
  const log: string[] = [];
  const entryOf = (name: string, isFaulty: boolean) =>
    new TimeoutEntry({
      handleTimeout: () => {
        log.push(name);
        if (isFaulty) throw new Error(name);
      },
    });
  queue.arm(entryOf("faulty", true));
  queue.arm(entryOf("second", false));
  await clock.advance(10).catch(() => log.push("thrown"));
  await clock.advance(1);
  queue.arm(entryOf("third", false));
  await clock.advance(10);
  assertEquals(log, ["faulty", "thrown", "second", "third"]);
});

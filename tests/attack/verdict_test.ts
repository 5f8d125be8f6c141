import { test } from "node:test";
import { assertEquals } from "@std/assert";
import type { AttackFigures, HonestFigures, PhaseFigures, RowFigures } from "../../attack/figures.ts";
import { END_LIMIT_MS, judge, MOST_BYTES, MOST_LOG_LINES, SECOND_END_LIMIT_MS } from "../../attack/verdict.ts";

const QUIET: PhaseFigures = { sent: 100, received: 100, p50Ms: 0.2, p99Ms: 1, maxMs: 2 };
const HONEST: HonestFigures = {
  before: QUIET,
  during: QUIET,
  after: QUIET,
  cut: 0,
  mismatches: 0,
  missing: 0,
  shutOut: 0,
  newcomers: 5,
  newcomersIn: 5,
  lateP99Ms: 0.1,
  fast: [],
};
const GOOD: RowFigures = {
  died: undefined,
  end: { ms: 20, code: 0 },
  peakBytes: 100e6,
  finalBytes: 90e6,
  descriptorsBefore: 20,
  descriptorsAfter: 20,
  cpuShare: 0.5,
  logLines: 0,
  honest: HONEST,
  attacks: [],
};

const attack = (connected: number, ended: number): AttackFigures => (
  { secs: 1, dialled: connected, connected, refused: 0, ended, bytesSent: 0, bytesRead: 0, sent: 0, complete: 0 }
);
const failuresOf = (change: Partial<RowFigures>) => judge({ ...GOOD, ...change }, 50).failures;
const failuresOfHonest = (change: Partial<HonestFigures>) => failuresOf({ honest: { ...HONEST, ...change } });
const missesOf = (change: Partial<HonestFigures>, limitMs: number | undefined = 50) =>
  judge({ ...GOOD, honest: { ...HONEST, ...change } }, limitMs).misses;

test("judge() finds nothing wrong with a good row, nor with one exactly at the limits", () => {
  assertEquals(judge(GOOD, 50), { failures: [], misses: [] });
  const atLimits: RowFigures = {
    ...GOOD,
    peakBytes: MOST_BYTES,
    descriptorsAfter: 22,
    end: { ms: END_LIMIT_MS, code: 0 },
    secondEnd: { ms: SECOND_END_LIMIT_MS, code: undefined },
    complete: { count: 480, of: 480 },
    logLines: MOST_LOG_LINES,
    leastEnded: 0.4,
    attacks: [attack(3, 0), attack(7, 4)],
    honest: { ...HONEST, during: { ...QUIET, p99Ms: 50 }, after: { ...QUIET, p99Ms: 20 } },
  };
  assertEquals(judge(atLimits, 50), { failures: [], misses: [] });
});

test("judge() fails a server that ended under attack, whatever it had open", () => {
  assertEquals(failuresOf({ died: "SIGABRT", end: undefined, descriptorsAfter: 0 }), ["the server ended: SIGABRT"]);
});

test("judge() fails a server that SIGTERM does not end in time, or not in order", () => {
  assertEquals(failuresOf({ end: { ms: 10_001, code: undefined } }), ["SIGTERM did not end it within 10000 ms"]);
  assertEquals(failuresOf({ end: { ms: 20, code: 1 } }), ["after SIGTERM it ended with 1"]);
  assertEquals(failuresOf({ end: { ms: 20, code: undefined } }), ["after SIGTERM it ended with a signal"]);
});

test("judge() fails a server that a second SIGTERM does not end at once, and takes any exit code of one that it does", () => {
  assertEquals(failuresOf({ secondEnd: { ms: 1_001, code: 0 } }), ["a second SIGTERM did not end it within 1000 ms"]);
  assertEquals(failuresOf({ secondEnd: { ms: 5, code: 1 } }), []);
});

test("judge() fails a server that keeps descriptors or takes too much memory", () => {
  assertEquals(failuresOf({ descriptorsAfter: 23 }), ["3 descriptors left"]);
  assertEquals(failuresOf({ peakBytes: 1_300e6 }), ["1300 MB at the most, over 1224"]);
});

test("judge() fails a server that keeps the attackers of a row that it has to throw out", () => {
  const failures = (attacks: readonly AttackFigures[]) => failuresOf({ leastEnded: 0.4, attacks });
  assertEquals(failures([attack(500, 0)]), ["only 0 of 500 attackers thrown out"]);
  assertEquals(failures([attack(31, 11), attack(1, 1)]), ["only 12 of 32 attackers thrown out"]);
  assertEquals(failures([attack(0, 0)]), ["only 0 of 0 attackers thrown out"]);
  assertEquals(failuresOf({ attacks: [attack(500, 0)] }), [], "another row");
});

test("judge() fails a server that writes a line of log for each attacker", () => {
  assertEquals(failuresOf({ logLines: 2_447 }), ["2447 lines of log, over 100"]);
});

test("judge() fails a server that does not serve an honest client as it should", () => {
  assertEquals(failuresOfHonest({ cut: 2 }), ["2 honest clients were cut off"]);
  assertEquals(failuresOfHonest({ mismatches: 1 }), ["1 wrong echoes"]);
  assertEquals(failuresOfHonest({ missing: 3 }), ["3 messages without an answer"]);
  assertEquals(failuresOfHonest({ shutOut: 1 }), ["1 honest clients shut out"]);
  assertEquals(failuresOfHonest({ newcomersIn: 4 }), ["1 of 5 newcomers not served"]);
  assertEquals(failuresOf({ honest: undefined }), ["the honest clients could not be served at all"]);
  assertEquals(failuresOf({ complete: { count: 235, of: 480 } }), ["235 of 480 receivers got everything"]);
});

test("judge() misses a 99th percentile over the row's limit, and none of a row without one", () => {
  const during = { ...QUIET, p99Ms: 51 };
  assertEquals(missesOf({ during }), ["p99 51 ms during the attack, limit 50"]);
  assertEquals(missesOf({ during }, 250), []);
  assertEquals(judge({ ...GOOD, honest: { ...HONEST, during } }, undefined).misses, []);
});

test("judge() misses a 99th percentile that does not come back to that of before", () => {
  assertEquals(missesOf({ after: { ...QUIET, p99Ms: 21 } }), ["p99 21 ms after it, limit 20"]);
  assertEquals(missesOf({ before: { ...QUIET, p99Ms: 6 }, after: { ...QUIET, p99Ms: 21 } }), []);
  assertEquals(missesOf({ after: { ...QUIET, sent: 0, p99Ms: 21 } }), []);
});

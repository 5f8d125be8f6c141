import { test } from "node:test";
import { assertAlmostEquals, assertEquals } from "@std/assert";
import { judge, type Sample, type ServerFigures, slopeAfterWarmup, type Soak } from "../../soak/judge.ts";

const FIGURES: ServerFigures = {
  heapBytes: 20e6,
  arrayBufferBytes: 1e6,
  timers: 5,
  sessions: 100,
  openedSessions: 300,
  idleTimeouts: 3,
  heldUp: 1_000,
  receivedFrames: 10_000,
  groups: 20,
  poolOutstanding: 4,
  poolOutstandingBytes: 1e6,
  poolFreeBytes: 1e6,
};
const EMPTY: ServerFigures = { ...FIGURES, sessions: 0, groups: 0, timers: 0, poolOutstanding: 0 };

/** Ten minutes in which memory grows by so many per cent of 100 MB a minute once two minutes are over, and much before. */
function samplesOf(percent: number, minutes = 10): Sample[] {
  return Array.from({ length: minutes * 12 + 1 }, (_, index) => {
    const minute = index / 12;
    const grown = minute < 2 ? 1e6 * (minute - 2) * 20 : 1e6 * (minute - 6) * percent;
    return { ...FIGURES, minute, residentBytes: 100e6 + grown, descriptors: 120 };
  });
}

const GOOD: Soak = {
  clients: 100,
  samples: samplesOf(0.3),
  load: { visits: 300, sent: 9_000, echoed: 9_000, pushed: 100, mismatches: 0, troubles: {} },
  descriptorsBefore: 20,
  descriptorsAfter: 20,
  stopped: EMPTY,
  exitCode: 0,
};

const failuresOf = (change: Partial<Soak>) =>
  judge({ ...GOOD, ...change }).filter(({ passed }) => passed === false).map(({ what, found }) => `${what}: ${found}`);

test("judge() finds nothing wrong with a good soak", () => {
  assertEquals(judge(GOOD).filter(({ passed }) => passed !== true), []);
});

test("judge() finds memory that grows by half a per cent a minute after the first two", () => {
  assertEquals(failuresOf({ samples: samplesOf(0.6) }), ["growth of resident memory: 0.60 % a minute"]);
  assertEquals(failuresOf({ samples: samplesOf(0.49) }), []);
  assertEquals(failuresOf({ samples: samplesOf(-5) }), [], "it may shrink");
  const heap = samplesOf(0).map((sample) => ({ ...sample, heapBytes: 1e6 * (100 + sample.minute) }));
  assertEquals(failuresOf({ samples: heap }), ["growth of heap: 0.94 % a minute"]);
});

test("judge() says nothing about growth after less than three minutes that count", () => {
  const checks = judge({ ...GOOD, samples: samplesOf(50, 4) });
  assertEquals(checks.filter(({ passed }) => passed === undefined).map(({ what }) => what), [
    "growth of resident memory",
    "growth of heap",
  ]);
});

test("judge() finds whatever is left behind", () => {
  assertEquals(failuresOf({ descriptorsAfter: 21 }), ["descriptors before and after: 20, 21"]);
  assertEquals(failuresOf({ stopped: { ...EMPTY, sessions: 1 } }), ["sessions and groups left: 1"]);
  assertEquals(failuresOf({ stopped: { ...EMPTY, groups: 2 } }), ["sessions and groups left: 2"]);
  assertEquals(failuresOf({ stopped: { ...EMPTY, poolOutstanding: 1 } }), ["buffers of the pool left: 1"]);
  assertEquals(failuresOf({ stopped: { ...EMPTY, timers: 1 } }), ["timers left: 1"]);
  assertEquals(failuresOf({ exitCode: undefined }), ["exit code, by itself: unknown"]);
  assertEquals(failuresOf({ stopped: undefined }), [
    "sessions and groups left: NaN",
    "buffers of the pool left: unknown",
    "timers left: unknown",
  ]);
});

test("judge() finds a load that was none, and players that were served badly", () => {
  const load = { visits: 300, sent: 9_000, echoed: 9_000, pushed: 100, mismatches: 0, troubles: {} };
  assertEquals(failuresOf({ load: { ...load, mismatches: 1 } }), ["messages of players wrong: 1 of 9000"]);
  assertEquals(failuresOf({ load: { ...load, echoed: 0 } }), ["messages of players wrong: 0 of 0"]);
  assertEquals(failuresOf({ load: { ...load, troubles: { reset: 2 } } }), ['troubles of players: {"reset":2}']);
  assertEquals(failuresOf({ load: undefined }), ["messages of players wrong: unknown", "troubles of players: unknown"]);
  assertEquals(failuresOf({ clients: 200 }), ["clients at once: 100"]);
  const idle = GOOD.samples.map((sample) => ({ ...sample, heldUp: 0, idleTimeouts: 0 }));
  assertEquals(failuresOf({ samples: idle }), [
    "messages held up of peers that flood: 0",
    "peers that do not read closed: 0",
  ]);
});

test("slopeAfterWarmup() is that of the floor: moved by no peak, nor by what was before", () => {
  const samples = samplesOf(1).map((sample, index) =>
    index % 3 === 0 ? sample : { ...sample, residentBytes: (2 + index % 5) * sample.residentBytes }
  );
  assertAlmostEquals(slopeAfterWarmup(samples, ({ residentBytes }) => residentBytes) ?? NaN, 1, 0.02);
});

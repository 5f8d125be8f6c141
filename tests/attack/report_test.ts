import { test } from "node:test";
import { assertEquals } from "@std/assert";
import type { RowFigures } from "../../attack/figures.ts";
import {
  describeVerdict,
  hasFailed,
  type Outcome,
  writeProgress,
  writeTable,
  writeTotals,
} from "../../attack/report.ts";

const PHASE = { sent: 10, received: 10, p50Ms: 0.25, p99Ms: 12.4, maxMs: 300 };
const FIGURES: RowFigures = {
  died: undefined,
  end: { ms: 20.4, code: 0 },
  peakBytes: 100e6,
  finalBytes: 90e6,
  descriptorsBefore: 20,
  descriptorsAfter: 21,
  cpuShare: 0.504,
  logLines: 2,
  honest: {
    before: PHASE,
    during: PHASE,
    after: { ...PHASE, sent: 0 },
    cut: 0,
    mismatches: 0,
    missing: 0,
    shutOut: 0,
    newcomers: 5,
    newcomersIn: 5,
    lateP99Ms: 0.1,
    fast: [],
  },
  attacks: [{
    secs: 1,
    dialled: 4,
    connected: 3,
    refused: 1,
    ended: 0,
    bytesSent: 2e6,
    bytesRead: 0,
    sent: 0,
    complete: 0,
  }],
};
const OUTCOME: Outcome = {
  row: "tiny",
  what: "small frames",
  runtime: "bun",
  figures: FIGURES,
  verdict: { failures: [], misses: [] },
};
const MISSED: Outcome = { ...OUTCOME, verdict: { failures: [], misses: ["p99 60 ms"] } };
const FAILED: Outcome = { ...OUTCOME, figures: undefined, verdict: { failures: ["it ended"], misses: [] } };
const SKIPPED: Outcome = { ...OUTCOME, figures: undefined, skipped: "no C compiler" };

test("writeTable() has a line for each row, and one without figures is as wide", () => {
  assertEquals(writeTable([OUTCOME, FAILED]).split("\n").slice(2), [
    "| tiny | 0.3 / 12 / 300 | 0.3 / 12 / 300 | - | 100 / 90 | 20 → 21 | 50 % | 20 | pass |",
    "| tiny | - | - | - | - | - | - | - | FAIL it ended |",
    "",
  ]);
});

test("writeTable() says of a server that was killed, or sent a second signal, how long that took", () => {
  const figures = { ...FIGURES, end: { ms: 10_100, code: undefined }, secondEnd: { ms: 7, code: 1 } };
  assertEquals(writeTable([{ ...OUTCOME, figures }]).split(" | ").at(-2), "10100, killed, 7");
});

test("a missed latency fails a row in a full run only, a failure in both", () => {
  assertEquals([MISSED, FAILED, OUTCOME, SKIPPED].map((outcome) => hasFailed(outcome, false)), [
    true,
    true,
    false,
    false,
  ]);
  assertEquals([MISSED, FAILED, OUTCOME, SKIPPED].map((outcome) => hasFailed(outcome, true)), [
    false,
    true,
    false,
    false,
  ]);
});

test("writeTotals() counts what passed, failed and was skipped", () => {
  assertEquals(writeTotals([OUTCOME, MISSED, FAILED], false), "1 passed, 2 failed");
  assertEquals(writeTotals([OUTCOME, MISSED, FAILED, SKIPPED], true), "2 passed, 1 failed, 1 skipped");
});

test("describeVerdict() has all that is wrong, or why a row was not run", () => {
  const verdict = { failures: ["it ended"], misses: ["p99 60 ms"] };
  assertEquals(describeVerdict({ ...OUTCOME, verdict }), "FAIL it ended; MISS p99 60 ms");
  assertEquals(describeVerdict(SKIPPED), "skipped: no C compiler");
});

test("writeProgress() says what the attackers did and what it did to the honest clients", () => {
  assertEquals(
    writeProgress(OUTCOME),
    "bun tiny: pass (3 connected, 1 refused, 2 MB sent; honest p99 12, 12, 12 ms; 2 lines of log)",
  );
});

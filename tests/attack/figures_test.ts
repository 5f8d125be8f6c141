import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { parseAttack, parseHonest } from "../../attack/figures.ts";

const PHASE = '{"sent":10,"received":9,"p50_us":250,"p99_us":1500,"max_us":2000}';
const LINE = '{"cut":1,"mismatches":2,"missing":3,"shut_out":4,"newcomers":5,"newcomers_in":4,"late_p99_us":700,' +
  `"fast":[7,8],"phases":{"warmup":${PHASE},"before":${PHASE},"during":${PHASE},"settle":${PHASE},"after":${PHASE}}}`;

test("parseHonest() reads the line of the honest clients, in milliseconds", () => {
  const phase = { sent: 10, received: 9, p50Ms: 0.25, p99Ms: 1.5, maxMs: 2 };
  assertEquals(parseHonest(LINE), {
    before: phase,
    during: phase,
    after: phase,
    cut: 1,
    mismatches: 2,
    missing: 3,
    shutOut: 4,
    newcomers: 5,
    newcomersIn: 4,
    lateP99Ms: 0.7,
    fast: [7, 8],
  });
});

test("parseAttack() reads the line of an attacker", () => {
  const line =
    '{"secs":1.5,"dialled":4,"connected":3,"refused":1,"ended":2,"bytes_sent":100,"bytes_read":50,"sent":6,' +
    '"complete":7}';
  assertEquals(parseAttack(line), {
    secs: 1.5,
    dialled: 4,
    connected: 3,
    refused: 1,
    ended: 2,
    bytesSent: 100,
    bytesRead: 50,
    sent: 6,
    complete: 7,
  });
});

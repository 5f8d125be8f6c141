import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { Results } from "../../bench/results.ts";
import type { Sample } from "../../bench/sampling.ts";
import type { ServerKind } from "../../bench/server_kinds.ts";
import { judge, type Verdict } from "../../bench/targets.ts";

function sampleOf(kind: ServerKind, microseconds: number): Sample {
  const load = {
    server_us_per_msg: microseconds,
    msgs_per_s: 1e6 / microseconds,
    errors: 0,
    mismatches: 0,
    missing: 0,
  };
  return { workload: "B", kind, runtime: "bun", round: 0, window: 0, load };
}

function find(verdicts: readonly Verdict[], title: string): Verdict | undefined {
  return verdicts.find((verdict) => verdict.title === title);
}

test("judge() shows an aim and does not judge it, ahead or behind", () => {
  const results = new Results();
  results.samples.push(sampleOf("ours", 2), sampleOf("tokio", 1), sampleOf("netty", 8));
  const verdicts = judge(results, ["bun"]);
  const tokio = find(verdicts, "B against tokio-util");
  assertEquals([tokio?.target, tokio?.value, tokio?.hasPassed], ["aim: 1 ×", "0.50 ×", undefined]);
  const netty = find(verdicts, "B against Netty");
  assertEquals([netty?.value, netty?.hasPassed], ["4.00 ×", undefined]);
});

test("judge() leaves out an aim that was not measured, and names a target that was not", () => {
  const results = new Results();
  results.samples.push(sampleOf("ours", 2));
  const verdicts = judge(results, ["bun"]);
  assertEquals(find(verdicts, "B against tokio-util"), undefined);
  assertEquals(find(verdicts, "B against by hand")?.value, "not measured");
});

// `deno task sim`: the game of tests/simulation/ in simulated time, seed by seed. Deno only.
//
//   deno task sim [--seeds N] [--seed S] [--only deno,bun,node]
//
// Without `--seed` the first seed is one that was not run before. With several runtimes each seed must leave the same trace on all
// of them. The last line is `N seeds, N failed, trace HASH`.

import { parseArgs } from "node:util";
import { Progress } from "./progress.ts";
import { collect, formatSeconds, start } from "./run.ts";
import { parseRuntimeNames, prepareRuntimes, type Runtime, type RuntimeName } from "./runtimes.ts";
import { findUnreached } from "./sim_coverage.ts";
import { sha256 } from "../src/testing/simulation/trace.ts";
import type { SeedResult } from "../tests/simulation/worker.ts";

const DEFAULT_SEEDS = 1_000;
/** With fewer seeds, what is rare may be missed. */
const LEAST_SEEDS_FOR_COVERAGE = 400;
/** Failures that are shown in full. */
const SHOWN_FAILURES = 3;
const RUN_FLAGS = { deno: ["run", "-A"], bun: ["run"], node: [] } as const;

interface Arguments {
  readonly first: number;
  readonly count: number;
  readonly names: readonly RuntimeName[];
}

/** What came of all seeds on one runtime. */
interface Outcome {
  readonly runtime: Runtime;
  readonly results: ReadonlyMap<number, SeedResult>;
}

try {
  Deno.exit(await main(readArguments()));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  Deno.exit(error instanceof TypeError ? 2 : 1);
}

function readArguments(): Arguments {
  const options = { seeds: { type: "string" }, seed: { type: "string" }, only: { type: "string" } } as const;
  const { values } = parseArgs({ args: Deno.args, options });
  const count = readCount("seeds", values.seeds ?? (values.seed === undefined ? `${DEFAULT_SEEDS}` : "1"), 1);
  const first = readCount("seed", values.seed ?? `${Date.now() % 1_000_000_000}`, 0);
  return { first, count, names: parseRuntimeNames(values.only ?? "deno") };
}

function readCount(name: string, text: string, least: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && Number.isSafeInteger(value)) return value;
  throw new TypeError(`--${name} takes a whole number, ${least} or more: got ${text}`);
}

async function main({ first, count, names }: Arguments): Promise<number> {
  using progress = new Progress("looking for the runtimes, and installing them if need be");
  const runtimes = await prepareRuntimes(names);
  progress.say(`seeds ${first} to ${first + count - 1}; again with --seeds ${count} --seed ${first}`);
  const outcomes: Outcome[] = [];
  for (const runtime of runtimes) {
    const results = await playAll(runtime, first, count, progress);
    outcomes.push({ runtime, results });
  }
  return await report(outcomes, progress);
}

/** Plays all seeds, as many at a time as there are processors. */
async function playAll(
  runtime: Runtime,
  first: number,
  count: number,
  progress: Progress,
): Promise<ReadonlyMap<number, SeedResult>> {
  const startMs = performance.now();
  const results = new Map<number, SeedResult>();
  const workers = Math.min(count, navigator.hardwareConcurrency);
  let simulatedMs = 0;
  const take = (result: SeedResult) => {
    results.set(result.seed, result);
    simulatedMs += result.simulatedMs ?? 0;
    progress.underway = `${runtime.title}: ${results.size} of ${count} seeds`;
  };
  await Promise.all(Array.from({ length: workers }, async (_, index) => {
    const share = Math.ceil((count - index) / workers);
    const args = ["tests/simulation/worker.ts", first + index, share, workers].map(String);
    await readLines(runtime, args, take);
  }));
  const seconds = (performance.now() - startMs) / 1_000;
  progress.say(
    `${runtime.title}: ${results.size} seeds in ${formatSeconds(seconds)}, ${
      (results.size / seconds).toFixed(0)
    } a second, ` +
      `${(simulatedMs / 3_600_000).toFixed(1)} hours simulated`,
  );
  return results;
}

/** Runs a worker, and hands over each line that it prints. */
async function readLines(runtime: Runtime, args: readonly string[], take: (result: SeedResult) => void): Promise<void> {
  const child = start(runtime.command, [...RUN_FLAGS[runtime.name], ...args], "piped");
  if (child === undefined) throw new Error(`${runtime.command} is gone`);
  const errors: string[] = [];
  const reading = collect(child.stderr, errors);
  let rest = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) take(JSON.parse(line));
  }
  const [{ code }] = await Promise.all([child.status, reading]);
  if (code !== 0) throw new Error(`${runtime.title} ended with ${code} at ${args.join(" ")}\n${errors.join("")}`);
}

async function report(outcomes: readonly Outcome[], progress: Progress): Promise<number> {
  const failed = new Set<number>();
  const reached = new Map<string, number>();
  const seeds = [...outcomes[0].results.keys()].sort((one, other) => one - other);
  const hashes: string[] = [];
  for (const seed of seeds) {
    const [hash] = outcomes.map(({ results }) => results.get(seed)?.hash);
    for (const { runtime, results } of outcomes) {
      const result = results.get(seed);
      for (const [what, times] of Object.entries(result?.reached ?? {})) {
        reached.set(what, (reached.get(what) ?? 0) + times);
      }
      if (result?.hash === hash && hash !== undefined) continue;
      if (failed.size < SHOWN_FAILURES) {
        progress.say(
          `${runtime.title}: ${result?.failure ?? `seed ${seed} left another trace: ${result?.hash}, not ${hash}`}`,
        );
      }
      failed.add(seed);
    }
    hashes.push(`${seed} ${hash ?? "failed"}`);
  }
  const unreached = findUnreached(reached);
  progress.say(`reached: ${[...reached].sort().map(([what, times]) => `${what} ${times}`).join(", ")}`);
  const isIncomplete = seeds.length >= LEAST_SEEDS_FOR_COVERAGE && unreached.length > 0;
  if (unreached.length > 0) {
    progress.say(`${isIncomplete ? "FAILED, never reached" : "not reached"}: ${unreached.join(", ")}`);
  }
  progress.say(`${seeds.length} seeds, ${failed.size} failed, trace ${await sha256(hashes.join("\n"))}`);
  return failed.size > 0 || isIncomplete ? 1 : 0;
}

// `deno task bench`: our examples against the baselines, interleaved pair by pair; writes bench/RESULTS.md. Deno only.
//
//   deno task bench [--quick] [--only A,B] [--runtimes deno,bun,node] [--rounds 5] [--secs 2] [--pairs] [--charts] [--alloc] [--micro]
//   deno task bench --against FOLDER[,FOLDER] [--pairs] [--only A,B] ...
//
// A run of everything writes bench/RESULTS.md and bench/results.jsonl; a quick or a partial one writes both to
// bench/build/, so that it never takes the place of a whole one. With --only, --charts, --alloc and --micro add those;
// --pairs measures nothing but ours and by hand in turns; --against nothing but ours and what stands in up to four other
// checkouts, in turns, with their own packages installed; with both, all of them are up in turns.

import { parseArgs } from "node:util";
import { join, resolve } from "node:path";
import { formatSeconds, ROOT, run } from "../tools/run.ts";
import { parseRuntimeNames, prepareRuntimes, type Runtime } from "../tools/runtimes.ts";
import { allocationSection } from "./alloc_report.ts";
import { chartSection } from "./charts.ts";
import { BUILD, describeMachine, prepareMachine, type Programs } from "./machine.ts";
import { microSection } from "./micro_report.ts";
import { writeReport } from "./report.ts";
import { Results } from "./results.ts";
import { type Sample, takeSample, takeTurns, type Timing } from "./sampling.ts";
import { BEFORE_KINDS, KINDS_IN_TURNS, LIBRARY_KINDS } from "./server_kinds.ts";
import { findServer, type Server } from "./servers.ts";
import { format } from "./statistics.ts";
import { judge } from "./targets.ts";
import {
  beforeWorkloads,
  CHART_WORKLOADS,
  pairWorkloads,
  PART_WORKLOADS,
  TLS_WORKLOADS,
  type Workload,
  WORKLOADS,
} from "./workloads.ts";

const DEFAULT_ROUNDS = 5;
/** In each round the servers that run in turns are up together, and each has the load so many times. */
const DEFAULT_WINDOWS = 5;
const DEFAULT_SECS = 1.2;
/** Compilers take their time: what is measured is the steady state. After 0.3 s B on Bun stood at 0.68, after 2 s at 0.89. */
const WARM_UP_SECS = 1.5;
/** In C, F and D the compilers of Bun and Node are at work for 2.5 s, and take 1 to 7 % of the CPU meanwhile. */
const PAIR_WARM_UP_SECS = 3;
/** After 3 s B costs four times as much on Netty as it does from 6 s on. */
const JVM_WARM_UP_SECS = 8;
const QUICK: Timing = { secs: 0.4, warmup: 0.2, pairWarmup: 0.2, jvmWarmup: 0.2, windows: 1 };

/** T and P only where they are asked for. */
const ALL_WORKLOADS: readonly Workload[] = [...WORKLOADS, ...TLS_WORKLOADS, ...PART_WORKLOADS];

/** What is measured, and how often. */
interface Plan {
  readonly isQuick: boolean;
  readonly workloads: readonly Workload[];
  readonly rounds: number;
  readonly timing: Timing;
  readonly runtimes: readonly Runtime[];
  readonly programs: Programs;
}

/** One run to come, or one of two servers in turns. */
interface Step {
  readonly workload: Workload;
  readonly servers: readonly Server[];
  readonly round: number;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string" },
      runtimes: { type: "string" },
      rounds: { type: "string" },
      secs: { type: "string" },
      pairs: { type: "boolean", default: false },
      against: { type: "string" },
      charts: { type: "boolean", default: false },
      alloc: { type: "boolean", default: false },
      micro: { type: "boolean", default: false },
    },
  });
  const startMs = performance.now();
  const runtimes = await prepareRuntimes(parseRuntimeNames(values.runtimes));
  const before = values.against?.split(",").map((folder) => resolve(folder)) ?? [];
  if (before.length > BEFORE_KINDS.length) {
    throw new TypeError(`--against takes ${BEFORE_KINDS.length} folders at most`);
  }
  const programs = { ...await prepareMachine(), before };
  const isPartial = values.quick || values.pairs || before.length > 0 || values.only !== undefined ||
    values.runtimes !== undefined;
  const has = (isAsked: boolean) => isAsked || !isPartial;
  const secs = readNumber("--secs", values.secs) ?? DEFAULT_SECS;
  const plan: Plan = {
    isQuick: values.quick,
    workloads: [
      ...findWorkloads(
        values.only,
        before.length > 0 ? beforeWorkloads(values.pairs) : values.pairs ? pairWorkloads() : ALL_WORKLOADS,
      ),
      ...(has(values.charts) ? CHART_WORKLOADS : []),
    ],
    rounds: readNumber("--rounds", values.rounds) ?? (values.quick ? 1 : DEFAULT_ROUNDS),
    timing: values.quick ? QUICK : {
      secs,
      warmup: WARM_UP_SECS,
      pairWarmup: PAIR_WARM_UP_SECS,
      jvmWarmup: JVM_WARM_UP_SECS,
      windows: DEFAULT_WINDOWS,
    },
    runtimes,
    programs,
  };
  const head = [
    ...await describeMachine(runtimes, programs),
    `${
      values.quick ? "A quick look, which decides nothing: " : ""
    }${plan.rounds} rounds of ${plan.timing.secs} s after ` +
    `${
      format(plan.timing.warmup)
    } s of warm-up, servers started anew for each; ours, by hand and, beside Bun, libraries in A, B, C, D and F: all up, ` +
    `in turns, ${plan.timing.windows} windows of 0.5 s each a round, after ${format(plan.timing.pairWarmup)} s ` +
    `(${format(plan.timing.jvmWarmup)} s for a JVM); median of the rounds (least-most)`,
  ];
  const results = await measure(plan);
  const charts = has(values.charts) ? await chartSection(results, runtimes.map(({ name }) => name)) : "";
  const allocations = has(values.alloc) ? await allocationSection(runtimes, programs) : "";
  const micro = has(values.micro) && programs.hasPackages ? await microSection(runtimes) : "";
  const sections = [charts, allocations, micro].filter((section) => section !== "");
  const profiles = isPartial ? "" : await Deno.readTextFile(join(ROOT, "bench", "profiles.md"));
  const parts = { head, runtimes: runtimes.map(({ name }) => name), profiles, sections };
  await write(results, writeReport(results, parts), isPartial ? BUILD : join(ROOT, "bench"));
  for (const { title, runtime, value, target, hasPassed } of judge(results, parts.runtimes)) {
    if (hasPassed !== undefined) console.log(`${hasPassed ? "pass" : "MISS"} ${runtime} ${title}: ${value}, ${target}`);
  }
  console.log(
    `${results.good.length} runs, ${results.failed.length} failed, ${
      formatSeconds((performance.now() - startMs) / 1000)
    }`,
  );
  if (results.good.length === 0) Deno.exit(1);
}

/** Goes round by round, workload by workload, runtime by runtime; of each pair, now one is first and now the other. */
async function measure(plan: Plan): Promise<Results> {
  const results = new Results();
  const steps: Step[] = [];
  for (let round = 0; round < plan.rounds; round++) {
    for (const workload of plan.workloads) steps.push(...stepsOf(plan, workload, round));
  }
  for (const [index, step] of steps.entries()) {
    const { workload, servers, round } = step;
    const samples = servers.length === 1
      ? [await takeSample(workload, servers[0], round, plan.programs, plan.timing)]
      : await takeTurns(workload, servers, round, plan.programs, plan.timing);
    results.samples.push(...samples);
    for (const sample of samples) console.log(progressLine(index + 1, steps.length, sample));
  }
  return results;
}

function stepsOf({ isQuick, runtimes, programs }: Plan, workload: Workload, round: number): Step[] {
  if (round >= (workload.mostRounds ?? Infinity)) return [];
  const load = isQuick ? workload.quickLoad ?? workload.load : workload.load;
  const kinds = [...(isQuick ? workload.quickKinds : workload.kinds)];
  if (round % 2 === 1) kinds.splice(0, 2, ...kinds.slice(0, 2).reverse());
  const timed = isQuick ? { ...workload, load, secs: undefined, warmup: undefined } : { ...workload, load };
  return [...runtimes, undefined].flatMap((runtime) => {
    const found = kinds.filter((kind) => (kind === "c") === (runtime === undefined))
      .flatMap((kind) => findServer(kind, workload, runtime, programs) ?? []);
    const isInTurns = ({ kind }: Server) => workload.hasPairTarget && KINDS_IN_TURNS.includes(kind);
    const together = found.filter(isInTurns);
    const alone = found.filter((server) => !isInTurns(server));
    return [...(together.length > 0 ? [together] : []), ...alone.map((server) => [server])]
      .map((servers) => ({ workload: timed, servers, round }));
  });
}

function progressLine(index: number, total: number, { workload, kind, runtime, round, load, failure }: Sample): string {
  const place = LIBRARY_KINDS.includes(kind) ? "beside" : "on";
  const head = `[${index}/${total}] round ${round + 1} ${workload} ${
    kind === "c" ? "C epoll" : `${kind} ${place} ${runtime}`
  }`;
  if (failure !== undefined) return `${head}: FAILED ${failure}`;
  const memory = load?.end_bytes_per_conn;
  if (memory !== undefined) return `${head}: ${format(memory)} bytes/connection`;
  return `${head}: ${format(load?.msgs_per_s ?? 0)} messages/s, ${format(load?.server_us_per_msg ?? 0)} µs CPU/message`;
}

async function write(results: Results, report: string, folder: string): Promise<void> {
  const path = join(folder, "RESULTS.md");
  await Deno.writeTextFile(path, report);
  await Deno.writeTextFile(
    join(folder, "results.jsonl"),
    results.samples.map((sample) => JSON.stringify(sample) + "\n").join(""),
  );
  await run(Deno.execPath(), ["fmt", "--quiet", path]); // It aligns the tables.
  console.log(await Deno.readTextFile(path));
  console.log(`written: ${path}`);
}

function findWorkloads(only: string | undefined, all: readonly Workload[]): Workload[] {
  const names = only?.toUpperCase().split(",");
  if (names === undefined) return all === ALL_WORKLOADS ? WORKLOADS.slice() : all.slice();
  const isKnown = (name: string) => name === "" || ALL_WORKLOADS.some(({ id }) => id === name || id[0] === name);
  const unknown = names.find((name) => !isKnown(name));
  if (unknown !== undefined) throw new TypeError(`--only takes A to H, R, T and P with commas: got ${unknown}`);
  return all.filter(({ id }) => names.includes(id) || names.includes(id[0]));
}

function readNumber(name: string, text: string | undefined): number | undefined {
  const number = Number(text);
  if (text !== undefined && !(number > 0)) throw new TypeError(`${name} takes a number above 0: got ${text}`);
  return text === undefined ? undefined : number;
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  Deno.exit(1);
}

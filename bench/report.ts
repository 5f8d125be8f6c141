// Writes the results as Markdown. Runtime neutral.

import { cpuPerMessage, type Figure, messagesPerSecond, type Results } from "./results.ts";
import type { Sample } from "./sampling.ts";
import { LIBRARY_KINDS, type ServerKind } from "./server_kinds.ts";
import { formatSpread, spreadOf } from "./statistics.ts";
import { judge } from "./targets.ts";
import { type Workload, WORKLOADS } from "./workloads.ts";

/** What stands in the report beside the samples. */
export interface ReportParts {
  /** Lines on the machine and the run. */
  readonly head: readonly string[];
  readonly runtimes: readonly string[];
  /** What was found out about the targets that are missed. */
  readonly profiles: string;
  /** Sections that were made elsewhere: charts, micro benchmarks, allocations. */
  readonly sections: readonly string[];
}

const RUNTIME_TITLES: Record<string, string> = { bun: "Bun", deno: "Deno", node: "Node", c: "C" };
const KIND_TITLES: Record<ServerKind, string> = {
  ours: "**ours**",
  before: "before",
  before2: "before (2)",
  before3: "before (3)",
  before4: "before (4)",
  off: "all parts off",
  metrics: "metrics",
  logs: "logs",
  traces: "traces",
  guard: "guard",
  recorder: "recorder",
  hand: "by hand",
  tokio: "tokio-util",
  netty: "Netty",
  raw: "raw bytes",
  naive: "naive",
  ws: "`ws`",
  websocket: "own WebSocket",
  c: "C epoll",
};

/** One column of a workload's table. */
type Column = readonly [title: string, figure: Figure, scale: number];

const RATE: Column = ["messages/s", messagesPerSecond, 1];
const CPU: Column = ["CPU µs/message", cpuPerMessage, 1];
const P50: Column = ["p50 ms", ({ load }) => load?.p50_us, 0.001];
const P99: Column = ["p99 ms", ({ load }) => load?.p99_us, 0.001];
const STANDARD: readonly Column[] = [RATE, CPU, P50, P99];

const COLUMNS: Record<string, readonly Column[]> = {
  A: [...STANDARD, ["least/median served", ({ load }) => load?.conn_p50 && (load.conn_min ?? 0) / load.conn_p50, 1]],
  E: [
    ["bytes/connection, spoke once", ({ load }) => load?.end_bytes_per_conn, 1],
    ["after a 60,000 B frame", ({ load }) => load?.large_bytes_per_conn, 1],
  ],
  G: [["seconds, dial to close", ({ load }) => load?.secs, 1], ...STANDARD],
  H: [["light messages/s", messagesPerSecond, 1], ["light p50 ms", P50[1], 0.001], ["light p99 ms", P99[1], 0.001], [
    "heavy messages/s",
    ({ heavyLoad }) => heavyLoad?.msgs_per_s,
    1,
  ]],
  R: [["server CPU %", ({ load }) => load?.server_cpu, 100], P50, P99],
};

/** Workloads whose figure is not the CPU per message. */
const NOT_COMPARED: readonly string[] = ["E", "H"];

/** Writes all of it. */
export function writeReport(results: Results, { head, runtimes, profiles, sections }: ReportParts): string {
  const lines = ["# Results of `deno task bench`", "", ...head.map((line) => `- ${line}`), ""];
  lines.push(...targetTable(results, runtimes), ...failures(results));
  if (profiles !== "") lines.push(profiles, "");
  for (const workload of WORKLOADS) lines.push(...workloadTable(results, workload, runtimes));
  for (const section of sections) lines.push(section, "");
  return lines.join("\n");
}

function targetTable(results: Results, runtimes: readonly string[]): string[] {
  const verdicts = judge(results, runtimes);
  const missed = verdicts.filter(({ hasPassed }) => hasPassed === false).length;
  const measured = verdicts.filter(({ hasPassed }) => hasPassed !== undefined).length;
  return [
    "## Targets",
    "",
    `${
      measured - missed
    } of ${measured} met. Ratios are ours against the other in the same round, median of the rounds (least-most); of server ` +
    "CPU per message unless the row says otherwise: 1 is even, more is better for us.",
    "",
    "| | runtime | target | measured | | |",
    "|---|---|---|---|---|---|",
    ...verdicts.map(({ title, runtime, target, value, also, hasPassed }) => {
      const verdict = hasPassed === undefined ? "-" : hasPassed ? "pass" : "**FAIL**";
      return `| ${title} | ${RUNTIME_TITLES[runtime]} | ${target} | ${value} | ${verdict} | ${also} |`;
    }),
    "",
  ];
}

function failures(results: Results): string[] {
  const noise = spreadOf(results.good.flatMap(({ load }) => load?.others_cpu ?? []));
  const lines = [
    `${results.good.length} runs count, ${results.failed.length} failed` +
    `${
      results.failed.length === 0 ? "" : " and are left out of all figures"
    }. Every byte of every message was compared. ` +
    `Other work took ${formatSpread(noise, 100)} % of the machine; a run with more than 12 % was taken again.`,
    "",
  ];
  for (const { workload, kind, runtime, round, failure } of results.failed) {
    lines.push(
      `- ${workload}, ${kind} on ${runtime}, round ${round + 1}: ${failure?.replaceAll("|", "/").slice(0, 300)}`,
    );
  }
  return results.failed.length === 0 ? lines : [...lines, ""];
}

function workloadTable(results: Results, { id, title, kinds }: Workload, runtimes: readonly string[]): string[] {
  if (!results.samples.some(({ workload }) => workload === id)) return [];
  const columns = COLUMNS[id] ?? STANDARD;
  const lines = [`## ${id}: ${title}`, ""];
  lines.push(`| server | ${columns.map(([name]) => name).join(" | ")} | ours against it |`);
  lines.push(`|---|${columns.map(() => "---").join("|")}|---|`);
  for (const runtime of runtimes) {
    for (const kind of kinds) {
      if (kind !== "c") lines.push(...row(results, id, kind, runtime, columns));
    }
  }
  if (kinds.includes("c")) lines.push(...row(results, id, "c", "c", columns));
  return [...lines, ""];
}

function row(
  results: Results,
  workload: string,
  kind: ServerKind,
  runtime: string,
  columns: readonly Column[],
): string[] {
  const isOf = (sample: Sample) => sample.workload === workload && sample.kind === kind && sample.runtime === runtime;
  if (!results.good.some(isOf)) return [];
  const cells = columns.map(([, figure, scale]) => {
    return formatSpread(results.spread(workload, kind, runtime, figure), scale);
  });
  const ratio = kind === "ours" || kind === "c" || NOT_COMPARED.includes(workload)
    ? undefined
    : results.ratio(workload, runtime, kind, runtime, cpuPerMessage, true);
  return [
    `| ${nameOf(kind, runtime)} | ${cells.join(" | ")} | ${ratio === undefined ? "" : `${formatSpread(ratio)} ×`} |`,
  ];
}

function nameOf(kind: ServerKind, runtime: string): string {
  if (kind === "c") return KIND_TITLES.c;
  return `${KIND_TITLES[kind]}, ${LIBRARY_KINDS.includes(kind) ? "beside " : ""}${RUNTIME_TITLES[runtime]}`;
}

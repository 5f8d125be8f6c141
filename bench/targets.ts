// The targets, and whether results meet them. Runtime neutral.

import { cpuPerMessage, type Figure, messagesPerSecond, type Results } from "./results.ts";
import { BEFORE_KINDS, PART_KINDS, type ServerKind } from "./server_kinds.ts";
import { format, formatSpread, type Spread } from "./statistics.ts";

type Names = "bun" | "deno" | "node";

/** One row: a target for each runtime that has one. */
interface Target {
  readonly title: string;
  readonly targets: Readonly<Partial<Record<Names, number>>>;
  /** Whether the figure must be at most the target; else at least. */
  readonly isLimit?: boolean;
  /** Whether it is what we aim at, and not judged: it stands in the table where it was measured. */
  readonly isAim?: boolean;
  /** Whether it stands in the table only where it was measured. */
  readonly isOptional?: boolean;
  readonly unit?: string;
  measure(results: Results, runtime: Names): Spread | undefined;
  /** Another figure of the same, for what the first leaves out. */
  also?(results: Results, runtime: Names): string;
}

/** A row, measured. */
export interface Verdict {
  readonly title: string;
  readonly runtime: Names;
  readonly target: string;
  readonly value: string;
  readonly also: string;
  /** Undefined if it was not measured, or is an aim. */
  readonly hasPassed: boolean | undefined;
}

/** Over TLS, whatever the runtime's best way to speak it is. */
const TLS_HAND = { bun: 0.9, deno: 0.9, node: 0.9 };
const HAND = { bun: 0.95, deno: 0.95, node: 0.95 };

function against(workload: string, other: ServerKind, title: string, targets: Target["targets"]): Target {
  return {
    title,
    targets,
    unit: "×",
    // Where there is no CPU time to be had, messages per second have to do.
    measure: (results, runtime) => (
      results.ratio(workload, runtime, other, runtime, cpuPerMessage, true) ??
        results.ratio(workload, runtime, other, runtime, messagesPerSecond, false)
    ),
    also: (results, runtime) => {
      const ratio = results.ratio(workload, runtime, other, runtime, messagesPerSecond, false);
      return ratio === undefined ? "" : `messages/s ${format(ratio.median)} ×`;
    },
  };
}

/** The libraries that the field knows, which are measured beside Bun. */
function ahead(workload: string, other: ServerKind, name: string): Target {
  return { ...against(workload, other, `${workload} against ${name}`, { bun: 1 }), isAim: true };
}

/** The least that a server with a part may be of one without: CPU a message without it by CPU with it. */
const LEAST_WITH_PART: Record<(typeof PART_KINDS)[number], number> = {
  off: 0.99,
  metrics: 0.97,
  logs: 0.99,
  traces: 0.97,
  guard: 0.98,
  recorder: 0.95,
};

function withPart(workload: string, kind: (typeof PART_KINDS)[number]): Target {
  const least = LEAST_WITH_PART[kind];
  return {
    title: `${workload}, ${kind}`,
    targets: { bun: least, deno: least, node: least },
    unit: "×",
    isOptional: true,
    measure: (results, runtime) => results.ratio(workload, runtime, kind, runtime, cpuPerMessage, false),
  };
}

const fairness: Figure = ({ load }) => load?.conn_p50 ? (load.conn_min ?? 0) / load.conn_p50 : undefined;
const idleKiloBytes: Figure = ({ load }) => load?.end_bytes_per_conn && load.end_bytes_per_conn / 1_000;
const largeKiloBytes: Figure = ({ load }) => load?.large_bytes_per_conn && load.large_bytes_per_conn / 1_000;
const lightP99: Figure = ({ load }) => load?.p99_us;

function plain(title: string, workload: string, figure: Figure, rest: Omit<Target, "title" | "measure">): Target {
  return { title, measure: (results, runtime) => results.spread(workload, "ours", runtime, figure), ...rest };
}

const BEFORE = { bun: 0.95, deno: 0.95, node: 0.95 };

const TARGETS: readonly Target[] = [
  ...BEFORE_KINDS.flatMap((kind, index) =>
    ["A", "B", "C", "D1", "D16", "F", "H"].map((id) => ({
      ...against(id, kind, `${id} against before${index === 0 ? "" : ` (${index + 1})`}`, BEFORE),
      isOptional: index > 0,
    }))
  ),
  against("A", "hand", "A against by hand", HAND),
  against("B", "hand", "B against by hand", HAND),
  against("C", "hand", "C against by hand", HAND),
  against("F", "hand", "F against by hand", HAND),
  against("D1", "hand", "D, one outstanding, against by hand", HAND),
  against("D16", "hand", "D, sixteen outstanding, against by hand", HAND),
  ...["TA", "TB", "TC"].map((id) => ({ ...against(id, "hand", `${id} against by hand`, TLS_HAND), isOptional: true })),
  ...PART_KINDS.flatMap((kind) => ["PA", "PB"].map((id) => withPart(id, kind))),
  ...["A", "B", "C", "F"].map((id) => ahead(id, "tokio", "tokio-util")),
  ...["A", "B", "C", "F"].map((id) => ahead(id, "netty", "Netty")),
  against("B", "naive", "B against naive", { bun: 30, deno: 30, node: 20 }),
  {
    ...against("B", "ws", "B against `ws`", { bun: 20, deno: 20, node: 20 }),
    measure: (results, runtime) => (
      results.ratio("B", runtime, "ws", runtime === "deno" ? "node" : runtime, cpuPerMessage, true)
    ),
    also: (results, runtime) => {
      const on = runtime === "deno" ? "node" : runtime;
      const ratio = results.ratio("B", runtime, "ws", on, messagesPerSecond, false);
      return ratio === undefined ? "" : `messages/s ${format(ratio.median)} ×${on === runtime ? "" : "; ws on Node"}`;
    },
  },
  against("B", "websocket", "B against the runtime's own WebSocket", { bun: 1.2, deno: 20 }),
  plain("E, idle connection that spoke once", "E", idleKiloBytes, {
    targets: { bun: 4, deno: 12, node: 8 },
    isLimit: true,
    unit: "KB",
  }),
  plain("E, after one 60,000-byte frame", "E", largeKiloBytes, {
    targets: { bun: 6, deno: 14, node: 20 },
    isLimit: true,
    unit: "KB",
  }),
  plain("A, least served against median connection", "A", fairness, { targets: { bun: 0.8, deno: 0.5, node: 0.8 } }),
  {
    title: "H, p99 of light connections against C epoll",
    targets: { bun: 3, deno: 3, node: 3 },
    isLimit: true,
    unit: "×",
    measure: (results, runtime) => results.ratio("H", runtime, "c", "c", lightP99, false),
    also: (results, runtime) => `p99 ${formatSpread(results.spread("H", "ours", runtime, lightP99), 0.001)} ms`,
  },
];

/** Holds the results against the targets. */
export function judge(results: Results, runtimes: readonly string[]): Verdict[] {
  const verdicts: Verdict[] = [];
  for (const { title, targets, isLimit = false, isAim = false, isOptional = isAim, unit, measure, also } of TARGETS) {
    for (const [name, target] of Object.entries(targets)) {
      const runtime = name as Names; // The keys of `targets`.
      if (!runtimes.includes(runtime)) continue;
      const spread = measure(results, runtime);
      if (isOptional && spread === undefined) continue;
      const end = unit === undefined ? "" : ` ${unit}`;
      verdicts.push({
        title,
        runtime,
        target: `${isAim ? "aim:" : isLimit ? "at most" : "at least"} ${target}${end}`,
        value: spread === undefined ? "not measured" : `${formatSpread(spread)}${end}`,
        also: spread === undefined ? "" : also?.(results, runtime) ?? "",
        hasPassed: isAim ? undefined : spread && (isLimit ? spread.median <= target : spread.median >= target),
      });
    }
  }
  return verdicts;
}

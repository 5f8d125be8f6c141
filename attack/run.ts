// `deno task attack`: hostile peers against the examples, with honest clients beside them; writes attack/RESULTS.md. Deno only.
//
//   deno task attack [--quick] [--only loris,reset] [--runtimes deno,bun,node] [--secs N]
//
// A run of everything writes attack/RESULTS.md; a quick or a partial one only prints. Ends with 1 if a row failed.

import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { formatSeconds, ROOT, run } from "../tools/run.ts";
import { parseRuntimeNames, prepareRuntimes, type Runtime } from "../tools/runtimes.ts";
import { buildClients, type Clients } from "./client_process.ts";
import { hasFailed, type Outcome, writeProgress, writeTable, writeTotals } from "./report.ts";
import { findRows, type Form, type Row } from "./rows.ts";
import { runRow } from "./run_row.ts";
import { judge } from "./verdict.ts";

const QUICK_SECS = 0.7;
const FULL_SECS = 8;

async function main(): Promise<number> {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string" },
      runtimes: { type: "string" },
      secs: { type: "string" },
    },
  });
  const startMs = performance.now();
  const form = { isQuick: values.quick, secs: readSecs(values.secs) ?? (values.quick ? QUICK_SECS : FULL_SECS) };
  const rows = findRows(values.only, values.quick);
  const runtimes = await prepareRuntimes(parseRuntimeNames(values.runtimes));
  const clients = await buildClients();
  if (clients === undefined) console.log("no C compiler that builds attack/attacker.c: the rows are skipped");
  const outcomes: Outcome[] = [];
  for (const row of rows) {
    for (const runtime of runtimes) {
      const rowStartMs = performance.now();
      const outcome = await runOne(row, runtime, clients, form);
      outcomes.push(outcome);
      console.log(`${writeProgress(outcome)} ${formatSeconds((performance.now() - rowStartMs) / 1_000)}`);
    }
  }
  const tables = runtimes.map((runtime) =>
    `## ${runtime.title}\n\n${writeTable(outcomes.filter((outcome) => outcome.runtime === runtime.name))}`
  ).join("\n");
  const isWhole = !values.quick && [values.only, values.runtimes].every((value) => value === undefined);
  const totals = writeTotals(outcomes, form.isQuick);
  console.log(`\n${tables}\n${formatSeconds((performance.now() - startMs) / 1_000)}`);
  if (isWhole && clients !== undefined) await writeResults(rows, tables, totals, clients, form.secs);
  console.log(totals);
  return outcomes.some((outcome) => hasFailed(outcome, form.isQuick)) ? 1 : 0;
}

async function runOne(row: Row, runtime: Runtime, clients: Clients | undefined, form: Form): Promise<Outcome> {
  const head = { row: row.id, what: row.what, runtime: runtime.name };
  const nothing = { failures: [], misses: [] };
  if (clients === undefined) return { ...head, figures: undefined, verdict: nothing, skipped: "no C compiler" };
  if (row.program !== undefined && (await run(row.program, ["version"])).code !== 0) {
    return { ...head, figures: undefined, verdict: nothing, skipped: `no ${row.program}` };
  }
  try {
    const figures = await runRow(row, runtime, clients, form);
    return { ...head, figures, verdict: judge(figures, row.limitMs) };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { ...head, figures: undefined, verdict: { failures: [message], misses: [] } };
  }
}

async function writeResults(
  rows: readonly Row[],
  tables: string,
  totals: string,
  clients: Clients,
  secs: number,
): Promise<void> {
  const commit = await run("git", ["rev-parse", "--short", "HEAD"]);
  const changes = await run("git", ["status", "--porcelain", "--", "src", "examples"]);
  const [first] = cpus();
  const head = [
    `Date: ${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC`,
    `Command: \`deno task attack --secs ${secs}\`; each attack takes ${secs} s`,
    `Machine: ${cpus().length} CPUs (${first?.model.trim() ?? "unknown"}), ${(totalmem() / 2 ** 30).toFixed(1)} GiB, ` +
    `${Deno.build.os} ${Deno.osRelease()}, ${Deno.build.arch}; loopback only`,
    `Source: ${commit.code === 0 ? commit.output.trim() : "no git"}${
      changes.code === 0 && changes.output.trim() !== "" ? ", with changes not committed" : ""
    }`,
    `Server and clients: ${clients.canPin ? "pinned to CPU 0 and CPU 1" : "not pinned (no taskset)"}`,
    totals,
  ];
  const legend = rows.map(({ id, what, limitMs }) => `| ${id} | ${what} | ${limitMs ?? "-"} |\n`).join("");
  const text = `# What hostile peers do\n\n${head.map((line) => `- ${line}\n`).join("")}\n` +
    `| row | attack | limit of honest p99, ms |\n| --- | --- | --- |\n${legend}\n` +
    `Columns: honest clients' latencies before, during and after; memory of the process; its descriptors without those\n` +
    `of clients, before and after; its CPU time during the attack; how long it took to end after SIGTERM.\n\n${tables}`;
  const path = join(ROOT, "attack", "RESULTS.md");
  await Deno.writeTextFile(path, text);
  await run(Deno.execPath(), ["fmt", "--quiet", path]); // It aligns the tables.
  console.log(`written: ${path}`);
}

function readSecs(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const secs = Number(text);
  // The honest clients end by themselves after three minutes.
  if (secs > 0 && secs <= 60) return secs;
  throw new TypeError(`--secs takes a number above 0, 60 at most: got ${text}`);
}

try {
  Deno.exit(await main());
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  Deno.exit(1);
}

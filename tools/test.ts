// `deno task test`: the whole suite on Deno, Bun and Node, each with its own runner. Deno only.
//
//   deno task test [--only deno,bun,node] [--config FILE] [PART OF A PATH]...
//
// `--config` is for Deno alone. The last line has the totals of all runtimes.

import { parseArgs } from "node:util";
import { countCases, formatTotals, type Totals } from "./junit.ts";
import { formatSeconds, ROOT, run } from "./run.ts";
import { parseRuntimeNames, prepareRuntimes, type Runtime, type RuntimeName } from "./runtimes.ts";

/** A line of a runner's output about a test that passed: of a run that failed, the rest is shown. */
const PASSED_LINE = /^\s*(?:✔|\(pass\)) |\.\.\. ok \(/;

interface Arguments {
  readonly names: readonly RuntimeName[];
  readonly config: string | undefined;
  readonly parts: readonly string[];
}

try {
  Deno.exit(await main(readArguments()));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  Deno.exit(error instanceof TypeError ? 2 : 1);
}

function readArguments(): Arguments {
  const options = { only: { type: "string" }, config: { type: "string" } } as const;
  const { values, positionals } = parseArgs({ args: Deno.args, options, allowPositionals: true });
  return { names: parseRuntimeNames(values.only), config: values.config, parts: positionals };
}

async function main({ names, config, parts }: Arguments): Promise<number> {
  const files = findTests("tests").filter((file) => parts.length === 0 || parts.some((part) => file.includes(part)));
  if (files.length === 0) throw new Error(`no test file has ${parts.join(" or ")} in its path`);
  const sum: Totals = { passed: 0, failed: 0, skipped: 0 };
  const runtimes = await prepareRuntimes(names);
  // The tests of examples run a client of their own runtime against a server of each.
  const env = { NO_COLOR: "1", LASTER_RUNTIMES: JSON.stringify(runtimes) };
  for (const runtime of runtimes) {
    const totals = await runSuite(runtime, files, { config, env });
    sum.passed += totals.passed;
    sum.failed += totals.failed;
    sum.skipped += totals.skipped;
  }
  console.log(formatTotals(sum));
  return sum.failed === 0 ? 0 : 1;
}

/** What a suite is run with. */
interface SuiteOptions {
  readonly config: string | undefined;
  readonly env: Record<string, string>;
}

/** Runs `files` on `runtime`; shows what its runner said only if something is wrong. */
async function runSuite(runtime: Runtime, files: readonly string[], { config, env }: SuiteOptions): Promise<Totals> {
  const folder = await Deno.makeTempDir();
  const report = `${folder}/report.xml`;
  const args = [...runnerArguments(runtime.name, report, config), ...files.map((file) => `./${file}`)];
  const { code, output, seconds } = await run(runtime.command, args, { env });
  const totals = countCases(await Deno.readTextFile(report).catch(() => ""));
  await Deno.remove(folder, { recursive: true });

  // A runner that crashed, stopped early or ran nothing is a failure too, though no test says so.
  const ranNothing = totals.passed + totals.failed + totals.skipped === 0;
  if (totals.failed === 0 && (code !== 0 || ranNothing)) totals.failed = 1;
  if (totals.failed > 0) console.log(output.split("\n").filter((line) => !PASSED_LINE.test(line)).join("\n"));
  console.log(`${runtime.title}: ${formatTotals(totals)} (${formatSeconds(seconds)})`);
  if (totals.failed > 0 && ranNothing) console.log(`${runtime.title} ran no test: exit code ${code}`);
  return totals;
}

function runnerArguments(name: RuntimeName, report: string, config: string | undefined): string[] {
  if (name === "deno") {
    return ["test", "-A", `--junit-path=${report}`, ...(config === undefined ? [] : [`--config=${config}`])];
  }
  // Bun alone has a time limit for each test, of 5 s: a minute, so that the same tests pass on a slow machine.
  if (name === "bun") return ["test", "--timeout=60000", "--reporter=junit", `--reporter-outfile=${report}`];
  const reporters = [["spec", "stdout"], ["junit", report]];
  return [
    "--test",
    "--test-concurrency=2", // By itself it leaves one processor idle, which of two is half.
    ...reporters.flatMap(([kind, to]) => [`--test-reporter=${kind}`, `--test-reporter-destination=${to}`]),
  ];
}

function findTests(folder: string): string[] {
  const files: string[] = [];
  for (const entry of Deno.readDirSync(`${ROOT}/${folder}`)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) files.push(...findTests(path));
    else if (entry.name.endsWith("_test.ts")) files.push(path);
  }
  return files.sort();
}

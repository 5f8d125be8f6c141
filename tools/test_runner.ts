// Runs a group of test files with a runtime's own runner, in a temporary directory that must be empty afterwards. Deno only.

import { countCases, type Totals } from "./junit.ts";
import { run } from "./run.ts";
import type { RuntimeName } from "./runtimes.ts";
import type { TestGroup } from "./test_groups.ts";

/** A line of a runner's output about a test that passed: of a run that failed, the rest is shown. */
const PASSED_LINE = /^\s*(?:✔|\(pass\)) |\.\.\. ok \(/;

/** A report that was written to its end: a runner that stopped early leaves none, or a part. */
const WHOLE_REPORT = /<\/testsuites>\s*$/;

/** What a group is run with. */
export interface GroupOptions {
  /** An empty folder, for the report and for the tests' temporary files. */
  readonly folder: string;
  /** Deno's configuration file, if not the project's. */
  readonly config: string | undefined;
  readonly env: Readonly<Record<string, string>>;
  /** Ends the runner. */
  readonly signal: AbortSignal;
}

/** What became of a group. */
export interface GroupResult {
  readonly totals: Totals;
  /** What the runner said, and what was wrong beside its tests; empty if nothing is wrong. */
  readonly complaint: string;
  readonly seconds: number;
}

/** Runs a group. */
export async function runGroup({ runtime, files }: TestGroup, options: GroupOptions): Promise<GroupResult> {
  const report = `${options.folder}/report.xml`;
  const temporary = `${options.folder}/t`;
  await Deno.mkdir(temporary);
  const env = { ...options.env, TMPDIR: temporary, TEMP: temporary, TMP: temporary };
  const args = [...runnerArguments(runtime.name, report, options.config), ...files.map((file) => `./${file}`)];
  const { code, output, seconds } = await run(runtime.command, args, { env, signal: options.signal });

  const text = await Deno.readTextFile(report).catch(() => "");
  const totals = countCases(text);
  const faults: string[] = [];
  const ranNothing = totals.passed + totals.failed + totals.skipped === 0;
  // A runner that crashed, stopped early or ran nothing is a failure too, though no test says so.
  if (totals.failed === 0 && (code !== 0 || ranNothing || !WHOLE_REPORT.test(text))) {
    faults.push(`the runner ended with exit code ${code} ${ranNothing ? "and ran no test" : "and no failed test"}`);
  }
  const left = [...Deno.readDirSync(temporary)].map(({ name }) => name).sort();
  if (left.length > 0) faults.push(`left in the temporary directory: ${left.join(", ")}`);

  totals.failed += faults.length;
  if (totals.failed === 0) return { totals, complaint: "", seconds };
  const shown = output.split("\n").filter((line) => !PASSED_LINE.test(line));
  const where = faults.length > 0 ? [`by one of ${files.join(" ")}`] : [];
  return { totals, complaint: [...shown, ...faults, ...where].join("\n"), seconds };
}

function runnerArguments(name: RuntimeName, report: string, config: string | undefined): string[] {
  if (name === "deno") {
    // Types are checked by `deno task ok`; with other packages than the project's, only here.
    const check = config === undefined ? "--no-check" : `--config=${config}`;
    return ["test", "-A", `--junit-path=${report}`, check];
  }
  // Bun alone has a time limit for each test, of 5 s: a minute, so that the same tests pass on a slow machine.
  if (name === "bun") return ["test", "--timeout=60000", "--reporter=junit", `--reporter-outfile=${report}`];
  const reporters = [["spec", "stdout"], ["junit", report]];
  return [
    "--test",
    "--import=./tools/node_exit.ts",
    "--test-isolation=none", // As Bun does: a process for each file would spend half of the time on its start.
    ...reporters.flatMap(([kind, to]) => [`--test-reporter=${kind}`, `--test-reporter-destination=${to}`]),
  ];
}

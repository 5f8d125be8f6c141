// `deno task test`: the whole suite on Deno, Bun and Node, each with its own runner. Deno only.
//
//   deno task test [--only deno,bun,node] [--config FILE] [PART OF A PATH]...
//
// The files run in groups, several groups at a time; those that would disturb each other one by one.
// `--config` is for Deno alone. The last line has the totals of all runtimes.

import { parseArgs } from "node:util";
import { formatTotals, type Totals } from "./junit.ts";
import { Progress } from "./progress.ts";
import { ENDS, formatSeconds } from "./run.ts";
import { parseRuntimeNames, prepareRuntimes, type Runtime, type RuntimeName } from "./runtimes.ts";
import { findTests, makeGroups, type TestGroup } from "./test_groups.ts";
import { runGroup } from "./test_runner.ts";

/** Groups at a time: two more than there are processors, as tests wait a lot. */
const LANES = navigator.hardwareConcurrency + 2;

/** So long runners may take to end once they were asked to. */
const LONGEST_END_MS = 5_000;

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
  const files = findTests(parts);
  if (files.length === 0) throw new Error(`no test file has ${parts.join(" or ")} in its path`);
  using progress = new Progress("looking for the runtimes, and installing them if need be");
  const runtimes = await prepareRuntimes(names);
  const folder = await Deno.makeTempDir({ prefix: "laster-" });
  const ending = new AbortController();
  for (const [name, code] of ENDS) {
    // Nothing is left behind then, either: no runner, and no file.
    Deno.addSignalListener(name, () => {
      ending.abort(code);
      setTimeout(() => void removeSoon(folder).then(() => Deno.exit(code)), LONGEST_END_MS);
    });
  }
  try {
    const { signal } = ending;
    const sum = await runGroups(makeGroups(runtimes, files), { runtimes, config, folder, progress, signal });
    progress.say(formatTotals(sum));
    if (signal.aborted) return Number(signal.reason);
    return sum.failed === 0 ? 0 : 1;
  } finally {
    await removeSoon(folder);
  }
}

/** Removes a folder that runners which are ending may still write to. */
async function removeSoon(folder: string): Promise<void> {
  for (let attempt = 0; attempt < 20; attempt++) {
    try {
      return await Deno.remove(folder, { recursive: true });
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** What all groups are run with. */
interface SuiteOptions {
  readonly runtimes: readonly Runtime[];
  readonly config: string | undefined;
  readonly folder: string;
  readonly progress: Progress;
  /** Ends the runners. */
  readonly signal: AbortSignal;
}

/** Runs the groups side by side as far as they allow, says how each went, and adds up. */
async function runGroups(groups: readonly TestGroup[], options: SuiteOptions): Promise<Totals> {
  const { runtimes, config, folder, progress, signal } = options;
  const startMs = performance.now();
  const sums = new Map(runtimes.map((runtime) => [runtime, noTotals()]));
  const running = new Set<TestGroup>();
  const sayRunning = () => {
    progress.underway = `running ${[...running].map(({ title }) => title).join("; ")}`;
  };
  const env = {
    NO_COLOR: "1",
    // The tests of examples run a client of their own runtime against a server of each.
    LASTER_RUNTIMES: JSON.stringify(runtimes),
    // So that not every Node that an example is run with takes the types out of the same files again.
    NODE_COMPILE_CACHE: `${folder}/node`,
  };

  const runOne = async (group: TestGroup) => {
    running.add(group);
    sayRunning();
    const own = `${folder}/${groups.indexOf(group)}`;
    await Deno.mkdir(own);
    const { totals, complaint, seconds } = await runGroup(group, { folder: own, config, env, signal });
    running.delete(group);
    sayRunning();
    if (complaint !== "" && !signal.aborted) progress.say(complaint);
    progress.say(`${group.title}: ${formatTotals(totals)} (${formatSeconds(seconds)})`);
    const sum = sums.get(group.runtime);
    if (sum !== undefined) add(sum, totals);
  };
  // One lane takes those that go one at a time, and then helps the others.
  const singles = groups.filter(({ isSingle }) => isSingle);
  const shared = groups.filter(({ isSingle }) => !isSingle).values();
  const runLane = async (first: readonly TestGroup[]) => {
    for (const group of first) if (!signal.aborted) await runOne(group);
    for (const group of shared) if (!signal.aborted) await runOne(group);
  };
  await Promise.all(Array.from({ length: LANES }, (_, lane) => runLane(lane === 0 ? singles : [])));

  const all = noTotals();
  for (const [{ title }, sum] of sums) {
    add(all, sum);
    progress.say(`${title}: ${formatTotals(sum)}`);
  }
  progress.say(`all of it took ${formatSeconds((performance.now() - startMs) / 1000)}`);
  return all;
}

function noTotals(): Totals {
  return { passed: 0, failed: 0, skipped: 0 };
}

function add(sum: Totals, { passed, failed, skipped }: Totals): void {
  sum.passed += passed;
  sum.failed += failed;
  sum.skipped += skipped;
}

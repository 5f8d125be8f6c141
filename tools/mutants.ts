// `deno task mutants`: applies each of the planted bugs in tests/mutants/ to a copy of the checkout, and says what catches it, and
// how fast: a seed of the simulation, or else the tests that the patch names. Deno only.
//
//   deno task mutants [--seeds N] [PART OF A NAME]...
//
// A patch is what `git diff` prints. In front of it stand a line that says what is wrong, and `Tests: FILE` if there is a
// file of tests to run where no seed finds it, or `Tests on Node: FILE`. They must pass without a bug. The last line is `N passed, N failed`: a bug that nothing catches is a failure.

import { parseArgs } from "node:util";
import { join } from "node:path";
import { Progress } from "./progress.ts";
import { formatSeconds, ROOT, run } from "./run.ts";
import { prepareRuntimes } from "./runtimes.ts";

const FOLDER = "tests/mutants";
const DEFAULT_SEEDS = "300";
/** A bug may let something wait for ever: so long for one seed at the least, and for a file of tests. */
const LIMIT_MS = 60_000;
const TESTS_LIMIT_MS = 180_000;
/** What a copy needs. */
const COPIED = /^(src|tests|tools|packages|examples|attack|bench|mod\.ts|deno\.json|package\.json)/;

interface Mutant {
  readonly name: string;
  readonly path: string;
  readonly says: string;
  readonly tests: Tests | undefined;
}

/** A file of tests, and what they run on. */
interface Tests {
  readonly file: string;
  readonly isOnNode: boolean;
}

/** What became of a mutant. */
interface Outcome {
  readonly isCaught: boolean;
  readonly says: string;
}

try {
  Deno.exit(await main());
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  Deno.exit(error instanceof TypeError ? 2 : 1);
}

async function main(): Promise<number> {
  const options = { seeds: { type: "string", default: DEFAULT_SEEDS } } as const;
  const { values, positionals } = parseArgs({ args: Deno.args, options, allowPositionals: true });
  if (!/^[1-9]\d*$/.test(values.seeds)) throw new TypeError(`--seeds takes a number, 1 or more: got ${values.seeds}`);
  using progress = new Progress("reading the mutants");
  const mutants = (await readMutants()).filter(({ name }) =>
    positionals.length === 0 || positionals.some((part) => name.includes(part))
  );
  if (mutants.length === 0) throw new TypeError(`no mutant has ${positionals.join(" or ")} in its name`);
  const files = await listFiles();
  progress.underway = "the tests run without a bug";
  await checkTests(mutants, files);
  const waiting = [...mutants];
  let passed = 0;
  let failed = 0;
  await inLanes(async () => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      progress.underway = `${mutant.name} is hunted`;
      const { isCaught, says } = await hunt(mutant, files, values.seeds);
      if (isCaught) passed++;
      else failed++;
      progress.say(`${isCaught ? "caught" : "FAILED"} ${mutant.name}: ${says}`);
    }
  });
  progress.say(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

async function readMutants(): Promise<Mutant[]> {
  const mutants: Mutant[] = [];
  for await (const { name } of Deno.readDir(join(ROOT, FOLDER))) {
    const path = join(ROOT, FOLDER, name);
    const [says, ...lines] = (await Deno.readTextFile(path)).split("\n");
    const read = (key: string) => lines.find((line) => line.startsWith(key))?.slice(key.length);
    const own = read("Tests: ");
    const onNode = read("Tests on Node: ");
    const file = own ?? onNode;
    const tests = file === undefined ? undefined : { file, isOnNode: own === undefined };
    mutants.push({ name: name.replace(".patch", ""), path, says, tests });
  }
  return mutants.sort((one, other) => one.name.localeCompare(other.name));
}

/** The files of the checkout, as git knows them, with those that are new. */
async function listFiles(): Promise<string[]> {
  const { code, output } = await run("git", ["ls-files", "--cached", "--others", "--exclude-standard"]);
  if (code !== 0) throw new Error(`git ls-files failed: ${output}`);
  return output.split("\n").filter((path) => COPIED.test(path) && !path.startsWith(FOLDER));
}

function hunt(mutant: Mutant, files: readonly string[], seeds: string): Promise<Outcome> {
  return inCopy(files, async (folder) => {
    const applied = await runIn(folder, "git", ["apply", mutant.path]);
    if (applied.code !== 0) return { isCaught: false, says: `its patch does not apply: ${applied.output.trim()}` };
    const check = ["check", "--quiet", "src/testing/mod.ts", "src/stages/mod.ts"];
    const checked = await runIn(folder, Deno.execPath(), check);
    if (checked.code !== 0) return { isCaught: false, says: `it does not compile: ${checked.output.trim()}` };
    return await huntBySeeds(folder, seeds) ?? await huntByTests(folder, mutant) ??
      { isCaught: false, says: `nothing catches it. ${mutant.says}` };
  });
}

/** Does the same once a processor. */
async function inLanes(work: () => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: navigator.hardwareConcurrency }, work));
}

/** Does something in a copy of the checkout, which is removed then. */
async function inCopy<Result>(files: readonly string[], work: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = await Deno.makeTempDir({ prefix: "laster-" });
  try {
    await copyTo(folder, files);
    return await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function copyTo(folder: string, files: readonly string[]): Promise<void> {
  const folders = new Set(files.map((path) => join(folder, path, "..")));
  for (const path of folders) await Deno.mkdir(path, { recursive: true });
  await Promise.all(files.map((path) => Deno.copyFile(join(ROOT, path), join(folder, path)).catch(ignoreMissing)));
}

/** A file that git knows may be deleted. */
function ignoreMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}

async function huntBySeeds(folder: string, seeds: string): Promise<Outcome | undefined> {
  const startMs = performance.now();
  const most = Number(seeds);
  for (let seed = 1; seed <= most;) {
    const range = [`${seed}`, `${most - seed + 1}`, "1"];
    const args = ["run", "-A", "--no-check", "tests/simulation/worker.ts", ...range, "--hunt"];
    const { code, output, seconds } = await runIn(folder, Deno.execPath(), args, LIMIT_MS);
    const after = `after ${formatSeconds((performance.now() - startMs) / 1_000)}`;
    const lines = output.split("\n").filter((line) => /^\{.*\}$/.test(line));
    const last = JSON.parse(lines.at(-1) ?? "{}") as { seed?: number; failure?: string };
    if (last.failure !== undefined) {
      const [, why = ""] = /failed: (.*)/.exec(last.failure) ?? [];
      return { isCaught: true, says: `by seed ${last.seed}, ${after}: ${why}` };
    }
    if (code === 0) return undefined;
    const hasHung = seconds * 1_000 >= LIMIT_MS;
    // On a slow machine the time is up for all seeds together: the one at which it was may go on.
    if (!hasHung || last.seed === undefined) {
      const says = `by seed ${(last.seed ?? seed - 1) + 1}, ${after}: the process ${hasHung ? "hangs" : "ends"}`;
      return { isCaught: true, says };
    }
    seed = last.seed + 1;
  }
  return undefined;
}

async function huntByTests(folder: string, { tests }: Mutant): Promise<Outcome | undefined> {
  if (tests === undefined) return undefined;
  const { file, isOnNode } = tests;
  const { code, seconds } = await runTests(folder, [file], isOnNode, TESTS_LIMIT_MS);
  const how = seconds * 1_000 >= TESTS_LIMIT_MS ? ", which hangs," : "";
  return code === 0 ? undefined : { isCaught: true, says: `by ${file}${how} after ${formatSeconds(seconds)}` };
}

async function runTests(
  folder: string,
  files: readonly string[],
  isOnNode: boolean,
  limitMs?: number,
): ReturnType<typeof run> {
  if (!isOnNode) {
    return await runIn(folder, Deno.execPath(), ["run", "-A", "tools/test.ts", "--only", "deno", ...files], limitMs);
  }
  const [node] = await prepareRuntimes(["node"]);
  if (node === undefined) throw new Error(`Cannot run ${files} as Node is not installed`);
  await Deno.symlink(join(ROOT, "node_modules"), join(folder, "node_modules"));
  return await runIn(folder, node.command, ["--test", "--test-isolation=none", ...files], limitMs);
}

/** Tests that fail anyway would catch everything. */
async function checkTests(mutants: readonly Mutant[], files: readonly string[]): Promise<void> {
  for (const onNode of [false, true]) {
    const tests = mutants.flatMap(({ tests }) => tests?.isOnNode === onNode ? [tests.file] : []);
    if (tests.length === 0) continue;
    const { code, output } = await inCopy(files, (folder) => runTests(folder, [...new Set(tests)], onNode));
    if (code !== 0) throw new Error(`Cannot hunt bugs by tests that fail without one: ${output}`);
  }
}

function runIn(
  folder: string,
  command: string,
  args: readonly string[],
  limitMs?: number,
): ReturnType<typeof run> {
  return run(command, args, { cwd: folder, limitMs });
}

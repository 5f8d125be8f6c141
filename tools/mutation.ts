// `deno task mutation`: changes the sources at random places, one change at a time, and says which changes no test notices.
// Deno only, not on Windows; the tests run on Node.
//
//   deno task mutation [--sample N] [--seed S] [PLACE]...
//
// A place is a folder, a file, or `FILE:LINE` or `FILE:LINE:COLUMN`, so that a survivor can be hunted again. A mutant that does
// not compile does not count, nor does one that is known to change nothing (mutation/equivalents.ts), and another takes its
// place. The last line is `N passed, N failed`, the failed ones being the survivors; the run is good if 85 % or more are killed.

import { parseArgs } from "node:util";
import { join } from "node:path";
import { SeededRandom } from "@laster/net/testing";
import { endAll, runStage } from "./mutation/hunter.ts";
import { EQUIVALENTS, findEquivalent } from "./mutation/equivalents.ts";
import { applyMutant, makeMutants, type Mutant } from "./mutation/mutants.ts";
import { FOLDERS, makeStages, type Stage } from "./mutation/stages.ts";
import { TypeChecker } from "./mutation/type_checker.ts";
import { Progress } from "./progress.ts";
import { formatSeconds, ROOT, run } from "./run.ts";
import { prepareRuntimes } from "./runtimes.ts";

const DEFAULT_SAMPLE = "120";
const LEAST_SCORE = 0.85;
const LANES = 2;
/** Seeds of the simulation for each mutant: some five seconds. */
const SEEDS = 1_000;
/** A stage hangs after this and so many times what it takes without a mutant. */
const LIMIT_MS = 15_000;
const LIMIT_FACTOR = 5;
/** What a copy needs. */
const COPIED = /^(src|tests|tools|packages|examples|attack|bench|docs|mod\.ts|deno\.json|package\.json|README\.md)/;

/** A mutant with the place that a person gives to see it again. */
interface Target extends Mutant {
  readonly place: string;
}

interface Arguments {
  readonly sample: number;
  readonly seed: number;
  readonly places: readonly string[];
}

/** What a lane hunts with. */
interface Lane {
  readonly folder: string;
  readonly env: Record<string, string>;
  readonly command: string;
}

const temporary = await Deno.makeTempDir({ prefix: "laster-mutation-" });
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(signal, () => {
    endAll();
    Deno.removeSync(temporary, { recursive: true });
    Deno.exit(130);
  });
}
let exitCode = 1;
try {
  exitCode = await main(readArguments());
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  if (error instanceof TypeError) exitCode = 2;
} finally {
  endAll();
  await Deno.remove(temporary, { recursive: true });
}
Deno.exit(exitCode);

function readArguments(): Arguments {
  const options = { sample: { type: "string", default: DEFAULT_SAMPLE }, seed: { type: "string" } } as const;
  const { values, positionals } = parseArgs({ args: Deno.args, options, allowPositionals: true });
  const seed = values.seed ?? `${Date.now() % 1_000_000_000}`;
  if (!/^[1-9]\d*$/.test(values.sample)) {
    throw new TypeError(`--sample takes a number, 1 or more: got ${values.sample}`);
  }
  if (!/^\d+$/.test(seed)) throw new TypeError(`--seed takes a number: got ${seed}`);
  const places = positionals.length > 0 ? positionals.map((place) => place.replace(/\/$/, "")) : FOLDERS;
  const foreign = places.find((place) => !FOLDERS.some((folder) => isAt(place, folder)));
  if (foreign !== undefined) throw new TypeError(`Cannot mutate ${foreign} as it is not in ${FOLDERS.join(", ")}`);
  return { sample: Number(values.sample), seed: Number(seed), places };
}

/** Whether `place` is `part`, or in it. */
function isAt(place: string, part: string): boolean {
  return place === part || place.startsWith(`${part}/`) || place.startsWith(`${part}:`);
}

async function main({ sample, seed, places }: Arguments): Promise<number> {
  using progress = new Progress("reading the sources");
  const [runtime] = await prepareRuntimes(["node"]);
  if (runtime === undefined) throw new Error("Cannot hunt mutants as Node is not installed");
  const files = await listFiles();
  const mutants = draw(files.filter((path) => FOLDERS.some((folder) => isAt(path, folder))), places, {
    sample,
    seed,
    progress,
  });
  if (mutants.length === 0) throw new TypeError(`no mutant is at ${places.join(" or ")}`);

  progress.say(`${mutants.length} mutants; the same with --sample ${sample} --seed ${seed}`);
  const lanes = await Promise.all(Array.from({ length: LANES }, async (_, index): Promise<Lane> => {
    const lane = `${temporary}/${index}`;
    await copyTo(`${lane}/copy`, files);
    await Deno.mkdir(`${lane}/t`);
    const env = { TMPDIR: `${lane}/t`, NODE_COMPILE_CACHE: `${lane}/cache`, LASTER_SEED: `${seed}`, NO_COLOR: "1" };
    return { folder: `${lane}/copy`, env, command: runtime.command };
  }));
  const stages = new Map(mutants.map(({ path }) => [path, makeStages(runtime, path, SEEDS)]));
  const limits = await measure([...stages.values()].flat(), lanes, progress);

  const waiting = mutants.values();
  const survivors: Target[] = [];
  let killed = 0;
  await Promise.all(lanes.map(async (lane) => {
    for (const mutant of waiting) {
      progress.underway = `hunting ${mutant.place}`;
      const says = await hunt(mutant, stages.get(mutant.path) ?? [], { lane, limits });
      if (says === undefined) survivors.push(mutant);
      else killed++;
      const done = `${killed + survivors.length}/${mutants.length}`;
      progress.say(`${done} ${says ?? "SURVIVED"} ${mutant.place} ${mutant.says}`);
    }
  }));

  const score = killed / mutants.length;
  progress.say(
    `score ${(score * 100).toFixed(1)} %: ${killed} of ${mutants.length} killed, ${survivors.length} survived`,
  );
  for (const { place, says } of survivors.sort((one, other) => one.place.localeCompare(other.place))) {
    progress.say(`survived ${place} ${says}`);
  }
  progress.say(`${killed} passed, ${survivors.length} failed`);
  return score >= LEAST_SCORE ? 0 : 1;
}

/** Draws mutants that compile from the files, each mutant being as likely as any other. */
function draw(
  paths: readonly string[],
  places: readonly string[],
  { sample, seed, progress }: { sample: number; seed: number; progress: Progress },
): Target[] {
  const checker = new TypeChecker(paths);
  const { program } = checker;
  const texts = new Map<string, string>();
  const all = paths.flatMap((path) => {
    const source = program.getSourceFile(join(ROOT, path));
    if (source === undefined) throw new Error(`Cannot mutate ${path} as TypeScript does not know it`);
    texts.set(path, source.text);
    return makeMutants(path, source, program.getTypeChecker());
  }).map((mutant): Target => ({ ...mutant, place: `${mutant.path}:${mutant.line}:${mutant.column}` }));
  const stale = EQUIVALENTS.filter(({ path, says }) =>
    says.some((one) => !all.some((mutant) => mutant.path === path && mutant.says === one))
  );
  if (stale.length > 0) {
    throw new Error(`mutation/equivalents.ts knows what cannot be made: ${stale.map(({ says }) => says).join(", ")}`);
  }
  const candidates = all.filter(({ place }) => places.some((part) => isAt(place, part)));
  const random = new SeededRandom(seed);
  const drawn: Target[] = [];
  let refused = 0;
  let equivalent = 0;
  for (let count = candidates.length; count > 0 && drawn.length < sample; count--) {
    const index = random.integer(0, count - 1);
    const mutant = candidates[index];
    candidates[index] = candidates[count - 1];
    if (findEquivalent(mutant) !== undefined) equivalent++;
    else if (checker.findFault(mutant.path, applyMutant(texts.get(mutant.path) ?? "", mutant)) === undefined) {
      drawn.push(mutant);
    } else refused++;
  }
  progress.say(
    `${all.length} mutants can be made; of those drawn ${refused} do not compile and ${equivalent} are known to change ` +
      "nothing: they do not count",
  );
  return drawn;
}

/** Measures how long the stages take without a mutant, on all lanes at a time, and answers their limits by name. */
async function measure(
  stages: readonly Stage[],
  lanes: readonly Lane[],
  progress: Progress,
): Promise<Map<string, number>> {
  const limits = new Map<string, number>();
  // The tests of one file are all the same to the limit.
  const waiting = new Map(stages.map((stage) => [stage.processes.join(), stage])).values();
  await Promise.all(lanes.map(async (lane) => {
    for (const stage of waiting) {
      progress.underway = `measuring ${stage.name}`;
      const { caught, says, seconds } = await runStage(stage, { ...lane, limitMs: 300_000 });
      if (caught !== undefined) throw new Error(`Cannot hunt mutants as ${stage.name} fail without one: ${says}`);
      limits.set(stage.name, Math.max(limits.get(stage.name) ?? 0, LIMIT_MS + LIMIT_FACTOR * seconds * 1000));
      progress.say(`without a mutant: ${stage.name}, ${stage.processes.length} processes, ${formatSeconds(seconds)}`);
    }
  }));
  return limits;
}

/** Says what kills a mutant; undefined if nothing does. */
async function hunt(
  mutant: Target,
  stages: readonly Stage[],
  { lane, limits }: { lane: Lane; limits: ReadonlyMap<string, number> },
): Promise<string | undefined> {
  const file = `${lane.folder}/${mutant.path}`;
  const text = await Deno.readTextFile(file);
  await Deno.writeTextFile(file, applyMutant(text, mutant));
  try {
    for (const stage of stages) {
      const limitMs = limits.get(stage.name) ?? LIMIT_MS;
      const { caught, says, seconds } = await runStage(stage, { ...lane, limitMs });
      if (caught !== undefined) return `${caught} in ${stage.name}, ${formatSeconds(seconds)} (${says.slice(0, 80)})`;
    }
    return undefined;
  } finally {
    await Deno.writeTextFile(file, text);
  }
}

/** The files of the checkout, as git knows them, with those that are new. */
async function listFiles(): Promise<string[]> {
  const { code, output } = await run("git", ["ls-files", "--cached", "--others", "--exclude-standard"]);
  if (code !== 0) throw new Error(`git ls-files failed: ${output}`);
  return output.split("\n").filter((path) => COPIED.test(path));
}

async function copyTo(folder: string, files: readonly string[]): Promise<void> {
  const folders = new Set(files.map((path) => join(folder, path, "..")));
  for (const path of folders) await Deno.mkdir(path, { recursive: true });
  for (const path of files) await Deno.copyFile(join(ROOT, path), join(folder, path));
  await Deno.symlink(join(ROOT, "node_modules"), join(folder, "node_modules"));
}

// Which tests hunt the mutants of which file: a few that are fast and near first, then more and more. Deno only.

import { findTests, makeGroups } from "../test_groups.ts";
import type { Runtime } from "../runtimes.ts";

/** What runs side by side on a mutant: programs with their arguments. */
export interface Stage {
  readonly name: string;
  /** The arguments of the runtime, for each process. */
  readonly processes: readonly (readonly string[])[];
}

/** Processes that a stage of tests is split into: tests mostly wait. */
const SPLIT = 4;

/** What near tests of a folder are, beside those in the folder of the same name. */
const NEAR: Readonly<Record<string, readonly string[]>> = {
  "src/codec": ["tests/codec/", "tests/fuzz/"],
  "src/outbound": [
    "tests/outbound/",
    "tests/broadcast/",
    "tests/session/in_flight",
    "tests/session/sending",
    "tests/session/when_full",
  ],
  "src/session": ["tests/session/", "tests/promises/0"],
};

/** What else touches all three folders. */
const FAR: readonly string[] = [
  "tests/bad_input/",
  "tests/broadcast/",
  "tests/client/",
  "tests/conformance/",
  "tests/guard/",
  "tests/players/",
  "tests/promises/0",
  "tests/service/",
  "tests/session/",
  "tests/stages/",
];

/** The folders whose files can be mutated. */
export const FOLDERS: readonly string[] = Object.keys(NEAR);

/** Makes the stages of the files in `folder`, and of the file at `path` alone. */
export function makeStages(runtime: Runtime, path: string, seeds: number): Stage[] {
  const folder = path.slice(0, path.lastIndexOf("/"));
  const own = path.replace(/^src/, "tests").replace(/\.ts$/, "_test.ts");
  const taken = new Set<string>();
  const take = (parts: readonly string[]) => {
    // Those that use up what the machine has once would disturb each other.
    const groups = makeGroups([runtime], findTests(parts)).filter(({ isSingle }) => !isSingle);
    const files = groups.flatMap(({ files }) => files).filter((file) => !taken.has(file)).sort();
    for (const file of files) taken.add(file);
    return files;
  };
  return [
    // Not counted as taken, so that the other stages are the same for all files of a folder, and measured once.
    { name: "own tests", processes: split(findTests([own]), 1) },
    { name: "simulation", processes: [["tests/simulation/worker.ts", "1", `${seeds}`, "1", "--hunt"]] },
    { name: `tests near ${folder}`, processes: split(take(NEAR[folder]), SPLIT) },
    { name: `tests far from ${folder}`, processes: split(take(FAR), SPLIT) },
  ].filter(({ processes }) => processes.length > 0);
}

function split(files: readonly string[], count: number): string[][] {
  const flags = ["--test", "--test-isolation=none", "--test-reporter=tap"];
  const parts = Array.from({ length: count }, (_, part) => files.filter((_, index) => index % count === part));
  return parts.filter((part) => part.length > 0).map((part) => [...flags, ...part]);
}

// Which test files one process of a runtime runs together, and which groups run one at a time.
// Deno only.

import { ROOT } from "./run.ts";
import type { Runtime } from "./runtimes.ts";

/** So many files at the most share a process: enough that its start costs little, few enough to keep all lanes busy. */
const FILES_PER_GROUP = 24;

/**
 * How a test file says among its first comments that no other such file may run beside it, on no runtime: it uses up what
 * the machine has once (ports, processors), or measures times.
 */
const SINGLE = /^\/\/ One at a time: /m;

/** Files for one process of a runtime. */
export interface TestGroup {
  readonly runtime: Runtime;
  readonly files: readonly string[];
  /** For people: which of the runtime's groups it is. */
  readonly title: string;
  /** Whether no other group that says so may run beside it. */
  readonly isSingle: boolean;
}

/** Finds the test files, of the packages as well, whose path has one of `parts`, if there are any. */
export function findTests(parts: readonly string[]): string[] {
  const packages = [...Deno.readDirSync(`${ROOT}/packages`)].map(({ name }) => `packages/${name}/tests`);
  const files = ["tests", ...packages].flatMap(findIn);
  return files.filter((path) => parts.length === 0 || parts.some((part) => path.includes(part))).sort();
}

function findIn(folder: string): string[] {
  return [...Deno.readDirSync(`${ROOT}/${folder}`)].flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    if (isDirectory) return findIn(path);
    return name.endsWith("_test.ts") ? [path] : [];
  });
}

/** Puts `files` into groups for each runtime, the runtimes taking turns. */
export function makeGroups(runtimes: readonly Runtime[], files: readonly string[]): TestGroup[] {
  const singles = files.filter((file) => SINGLE.test(readComments(file)));
  const others = files.filter((file) => !singles.includes(file));
  const count = Math.ceil(others.length / FILES_PER_GROUP);
  // Neighbours go to different groups: files of one folder take about equally long.
  const shared = Array.from({ length: count }, (_, index) => others.filter((_, place) => place % count === index));
  const all = singles.length > 0 ? [singles, ...shared] : shared;
  return all.flatMap((files, index) =>
    runtimes.map((runtime) => ({
      runtime,
      files,
      title: `${runtime.title}, ${index + 1} of ${all.length}`,
      isSingle: files === singles,
    }))
  );
}

/** The comments that a file begins with. */
function readComments(file: string): string {
  const text = Deno.readTextFileSync(`${ROOT}/${file}`);
  return text.slice(0, text.search(/^(?!\/\/)/m));
}

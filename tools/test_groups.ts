// Which test files one process of a runtime runs together, and which groups run one at a time.
// Deno only.

import { ROOT } from "./run.ts";
import type { Runtime } from "./runtimes.ts";

/**
 * In these parts each runtime's files share processes, the largest first: a start and the modules of the project cost a second or two of
 * each, and the small ones at the end keep all lanes busy until then.
 */
const SHARES = [5, 4, 3, 2, 1];
/** Fewer files are one group. */
const LEAST_TO_SHARE = 24;

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
  const all = [singles, ...share(others)].filter(({ length }) => length > 0);
  return all.flatMap((files, index) =>
    runtimes.map((runtime) => ({
      runtime,
      files,
      title: `${runtime.title}, ${index + 1} of ${all.length}`,
      isSingle: files === singles,
    }))
  );
}

/** Puts files into groups whose sizes are as {@linkcode SHARES}. */
function share(files: readonly string[]): readonly string[][] {
  if (files.length <= LEAST_TO_SHARE) return [[...files]];
  // Neighbours go to different groups: files of one folder take about equally long.
  const turns = SHARES.flatMap((_, round) => SHARES.flatMap((share, group) => share > round ? [group] : []));
  return SHARES.map((_, group) => files.filter((_, place) => turns[place % turns.length] === group));
}

/** The comments that a file begins with. */
function readComments(file: string): string {
  const text = Deno.readTextFileSync(`${ROOT}/${file}`);
  return text.slice(0, text.search(/^(?!\/\/)/m));
}

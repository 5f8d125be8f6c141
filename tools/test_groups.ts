// Which test files one process of a runtime runs together, and which groups of files have the machine to themselves.
// Deno only.

import { ROOT } from "./run.ts";
import type { Runtime } from "./runtimes.ts";

/** So many files at the most share a process: enough that its start costs little, few enough to keep all lanes busy. */
const FILES_PER_GROUP = 24;

/**
 * How a test file says among its first comments that nothing may run beside it: what it measures (time, memory, shares of
 * the processor) or uses up (connections, descriptors) would be wrong, or missing elsewhere.
 */
const ALONE = /^\/\/ Runs alone: /m;

/** Files for one process of a runtime. */
export interface TestGroup {
  readonly runtime: Runtime;
  readonly files: readonly string[];
  /** For people: which of the runtime's groups it is. */
  readonly title: string;
  /** Whether nothing may run beside it. */
  readonly isAlone: boolean;
}

/** Finds the test files whose path has one of `parts`, if there are any. */
export function findTests(parts: readonly string[], folder: string = "tests"): string[] {
  const files: string[] = [];
  for (const entry of Deno.readDirSync(`${ROOT}/${folder}`)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) files.push(...findTests(parts, path));
    else if (!entry.name.endsWith("_test.ts")) continue;
    else if (parts.length === 0 || parts.some((part) => path.includes(part))) files.push(path);
  }
  return files.sort();
}

/** Puts `files` into groups for each runtime: first those that may run side by side, in turns; then those that may not. */
export function makeGroups(runtimes: readonly Runtime[], files: readonly string[]): TestGroup[] {
  const alone = files.filter((file) => ALONE.test(readComments(file)));
  const others = files.filter((file) => !alone.includes(file));
  const count = Math.ceil(others.length / FILES_PER_GROUP);
  // Neighbours go to different groups: files of one folder take about equally long.
  const shared = Array.from({ length: count }, (_, index) => others.filter((_, place) => place % count === index));
  const all = [
    ...shared.map((files) => ({ files, isAlone: false })),
    ...(alone.length > 0 ? [{ files: alone, isAlone: true }] : []),
  ];
  return all.flatMap(({ files, isAlone }, index) =>
    runtimes.map((runtime) => ({ runtime, files, isAlone, title: `${runtime.title}, ${index + 1} of ${all.length}` }))
  );
}

/** The comments that a file begins with. */
function readComments(file: string): string {
  const text = Deno.readTextFileSync(`${ROOT}/${file}`);
  return text.slice(0, text.search(/^(?!\/\/)/m));
}

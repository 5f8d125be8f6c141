// What a runtime does of a test's work where the code is the same on all, and `deno task test` runs several: each its part, all of them
// everything. In any other run, and where a seed is given, a runtime does all of it. Runtime neutral.

import process from "node:process";
import { ownRuntime } from "./examples/program.ts";

/** Which of how many runtimes this is. */
export interface PlaceInRun {
  readonly index: number;
  readonly count: number;
}

const ALONE: PlaceInRun = { index: 0, count: 1 };
const HERE = placeInRun(readVariables(), ownRuntime().name);

/** This runtime's share of so many random inputs. Each draws from a seed of its own. */
export function shareOf(inputs: number, { count } = HERE): number {
  return Math.ceil(inputs / count);
}

/** This runtime's part of a list: every third, if there are three. */
export function partOf<Item>(items: readonly Item[], { index, count } = HERE): Item[] {
  return items.filter((_, place) => place % count === index);
}

/** One of a list, the next runtime's the next one; all of it where one runtime is run. */
export function oneOf<Item>(items: readonly Item[], { index, count } = HERE): readonly Item[] {
  return count === 1 ? items : items.slice(index % items.length, index % items.length + 1);
}

/** Finds a runtime among those that tools/test.ts says it runs. */
export function placeInRun(variables: Readonly<Record<string, string | undefined>>, own: string): PlaceInRun {
  const { LASTER_RUNTIMES = "", LASTER_SEED = "" } = variables;
  if (LASTER_RUNTIMES === "" || LASTER_SEED !== "") return ALONE;
  const runtimes = JSON.parse(LASTER_RUNTIMES) as readonly { readonly name: string }[];
  const index = runtimes.findIndex(({ name }) => name === own);
  return index < 0 ? ALONE : { index, count: runtimes.length };
}

function readVariables(): Record<string, string | undefined> {
  try {
    const { LASTER_RUNTIMES, LASTER_SEED } = process.env;
    return { LASTER_RUNTIMES, LASTER_SEED };
  } catch {
    return {}; // Deno without --allow-env.
  }
}

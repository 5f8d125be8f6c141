// Plays the game with some seeds and prints a line of JSON for each: what `deno task sim` starts, once a processor.
//
//   worker.ts FIRST COUNT STRIDE [--hunt]
//
// With `--hunt` it ends with the first seed that fails, and does not look for the fewest steps.
// Runs unchanged on Deno, Bun and Node.

import process from "node:process";
import { simulate, SimulationError } from "@laster/net/testing";
import { GAME } from "./game.ts";

/** What is done with one seed. */
const STEPS = 100;

/** What is printed of a seed. */
export interface SeedResult {
  readonly seed: number;
  /** The hash of its trace; undefined if it failed. */
  readonly hash?: string;
  /** How it failed, and how to repeat it. */
  readonly failure?: string;
  readonly simulatedMs?: number;
  /** How often what was reached. */
  readonly reached?: Readonly<Record<string, number>>;
}

/** Plays the game with one seed. */
export async function playSeed(
  seed: number,
  shrink: boolean = true,
): Promise<SeedResult & { readonly trace: readonly string[] }> {
  try {
    const { hash, trace, simulatedMs, reached } = await simulate({ seed, steps: STEPS, shrink, scenario: GAME });
    return { seed, hash, trace, simulatedMs, reached: Object.fromEntries(reached) };
  } catch (error) {
    if (!(error instanceof SimulationError)) throw error;
    return { seed, failure: error.message, trace: error.trace };
  }
}

if (import.meta.main) {
  const [first, count, stride] = process.argv.slice(2).map(Number);
  const isHunt = process.argv.includes("--hunt");
  for (let index = 0; index < count; index++) {
    const { trace: _trace, ...result } = await playSeed(first + index * stride, !isHunt);
    process.stdout.write(`${JSON.stringify(result)}\n`);
    if (isHunt && result.failure !== undefined) break;
  }
}

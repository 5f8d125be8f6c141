// Random numbers for tests, from a seed that is printed and can be given: LASTER_SEED=n repeats a run.

import process from "node:process";
import { SeededRandom } from "@laster/net/testing";

/** Makes a generator of numbers from 0 to below 1, and prints its seed. */
export function printedRandom(label: string): () => number {
  const seed = Number(process.env.LASTER_SEED ?? Date.now() & 0x7fff_ffff);
  console.log(`${label}: seed ${seed} (LASTER_SEED=${seed} repeats it)`);
  return new SeededRandom(seed).next;
}

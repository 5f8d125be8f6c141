// Random numbers for tests, from a seed that is printed and can be given: LASTER_SEED=n repeats a run.

import process from "node:process";

/** Makes a generator of numbers from 0 to below 1 (mulberry32), and prints its seed. */
export function printedRandom(label: string): () => number {
  const seed = Number(process.env.LASTER_SEED ?? Date.now() & 0x7fff_ffff);
  console.log(`${label}: seed ${seed} (LASTER_SEED=${seed} repeats it)`);
  let state = seed;
  return () => {
    state = (state + 0x6d2b_79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

// Runs a fast-check property with a seed that is printed and can be given: LASTER_SEED=n repeats a run.
// Runtime neutral; Deno needs --allow-env for the variable and does without it otherwise.

import fc from "fast-check";
import process from "node:process";
import { shareOf } from "./share.ts";

const SEED = givenSeed() ?? Date.now() & 0x7fff_ffff;

console.log(`seed ${SEED} (LASTER_SEED=${SEED} repeats it)`);

/**
 * Makes well-formed texts of any code points. As fast-check's unit "binary", which takes seconds to get ready.
 *
 * @param maxLength Most code points.
 */
export function anyText(maxLength: number): fc.Arbitrary<string> {
  const codePoint = fc.oneof(fc.nat(0x10_f7ff), fc.nat(0x2ff), fc.nat(0x7f));
  return fc.array(codePoint, { maxLength, size: "max" }).map((codePoints) =>
    // Halves of surrogates are left out: no text of its own is well-formed with one.
    String.fromCodePoint(...codePoints.map((codePoint) => codePoint < 0xd800 ? codePoint : codePoint + 0x800))
  );
}

/**
 * Checks a property with the run's seed.
 *
 * @param property What must hold.
 * @param runs How many inputs are tried, on all runtimes together where `deno task test` runs several: see `shareOf`.
 * @param mostMs After so long neither inputs are tried nor smaller ones looked for; what held until then holds.
 * @throws {Error} if it does not hold, with the smallest input found and the seed.
 */
export function check<Input>(property: fc.IProperty<Input>, runs: number = 200, mostMs?: number): void {
  const plugins = mostMs === undefined ? [] : [fc.interruptAfterTimeLimit(mostMs)];
  fc.assert(property, { seed: SEED, numRuns: shareOf(runs), plugins });
}

/**
 * Checks a property that takes turns of the event loop, with the run's seed.
 *
 * @param property What must hold.
 * @param runs How many inputs are tried.
 * @throws {Error} if it does not hold, as `check` says.
 */
export async function checkLater<Input>(property: fc.IAsyncProperty<Input>, runs: number = 200): Promise<void> {
  await fc.assert(property, { seed: SEED, numRuns: shareOf(runs) });
}

function givenSeed(): number | undefined {
  try {
    const text = process.env.LASTER_SEED;
    return text === undefined || text === "" ? undefined : Number(text);
  } catch {
    // Deno without --allow-env: the run picks its own seed.
    return undefined;
  }
}

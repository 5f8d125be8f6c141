// Finds the fewest steps of a schedule that still fail: delta debugging, by Zeller and Hildebrandt, 2002. Runtime neutral.

/** Runs that are tried at the most. */
const MOST_RUNS = 400;

/**
 * Leaves out what is not needed for a failure.
 *
 * @param steps The steps of a run that fails.
 * @param fails Whether a run of some of them fails.
 * @returns Steps that fail. Leaving out any one of them makes the run pass, unless the limit of runs was reached first.
 */
export async function shrinkSteps(
  steps: readonly number[],
  fails: (steps: readonly number[]) => Promise<boolean>,
): Promise<readonly number[]> {
  let kept = steps;
  let parts = 2;
  let runs = 0;
  while (kept.length > 0 && runs < MOST_RUNS) {
    const size = Math.ceil(kept.length / parts);
    let isShorter = false;
    for (let from = 0; from < kept.length && runs < MOST_RUNS; from += size) {
      const without = [...kept.slice(0, from), ...kept.slice(from + size)];
      runs++;
      if (!await fails(without)) continue;
      kept = without;
      parts = Math.max(parts - 1, 2);
      isShorter = true;
      break;
    }
    if (isShorter) continue;
    if (size <= 1) break;
    parts = Math.min(2 * parts, kept.length);
  }
  return kept;
}

// LatencyHistogram: percentiles of many times in little memory.

/** Steps for each doubling: a value is known to about 4 %. */
const STEPS_PER_DOUBLING = 16;
/** The first step ends at 1 us; the last is above an hour. */
const SMALLEST_MS = 0.001;
const STEP_COUNT = 32 * STEPS_PER_DOUBLING;

/** Counts times in steps that grow with them. */
export class LatencyHistogram {
  readonly #counts = new Float64Array(STEP_COUNT);
  #total = 0;

  /** Counts a time. */
  add(durationMs: number): void {
    const step = Math.ceil(Math.log2(Math.max(durationMs, SMALLEST_MS) / SMALLEST_MS) * STEPS_PER_DOUBLING);
    this.#counts[Math.min(step, STEP_COUNT - 1)]++;
    this.#total++;
  }

  /** The time that a share of all times is below, 0.99 say; 0 if there are none. */
  percentileMs(share: number): number {
    let seen = 0;
    for (let step = 0; step < STEP_COUNT; step++) {
      seen += this.#counts[step];
      if (seen > 0 && seen >= share * this.#total) return SMALLEST_MS * 2 ** (step / STEPS_PER_DOUBLING);
    }
    return 0;
  }
}

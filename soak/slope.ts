// How fast a figure grows: the slope of Theil and Sen, which single peaks do not move. Runtime neutral.

/** A figure at a time. */
export interface Point {
  readonly minute: number;
  readonly value: number;
}

/** The middle of some numbers; NaN of none. */
export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  const half = sorted.length >> 1;
  if (sorted.length === 0) return NaN;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/**
 * Tells how fast a figure grows: the median of the slopes between all pairs of points, as a share of the median figure.
 *
 * @param points The figure over time.
 * @returns Per cent a minute; undefined of fewer than two times, and where the median is zero.
 */
export function slopePercent(points: readonly Point[]): number | undefined {
  const slopes: number[] = [];
  for (const [index, one] of points.entries()) {
    for (const other of points.slice(index + 1)) {
      if (other.minute !== one.minute) slopes.push((other.value - one.value) / (other.minute - one.minute));
    }
  }
  const median = medianOf(points.map(({ value }) => value));
  if (slopes.length === 0 || median === 0) return undefined;
  return 100 * medianOf(slopes) / median;
}

// Medians, spreads and ratios of samples. Runtime neutral.

/** The middle of some numbers, with the least and the most. */
export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
  readonly count: number;
}

/** Gives the spread; undefined of nothing. */
export function spreadOf(values: readonly number[]): Spread | undefined {
  if (values.length === 0) return undefined;
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
  return { median, least: sorted[0], most: sorted[sorted.length - 1], count: sorted.length };
}

/** A number with as many digits as it deserves. */
export function format(value: number): string {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1_000) return Math.round(value).toLocaleString("en-US");
  if (size >= 100) return value.toFixed(0);
  if (size >= 10) return value.toFixed(1);
  return size >= 0.1 ? value.toFixed(2) : value.toPrecision(2);
}

/** `median (least-most)`. */
export function formatSpread(spread: Spread | undefined, scale = 1): string {
  if (spread === undefined) return "-";
  const { median, least, most, count } = spread;
  if (count === 1) return format(median * scale);
  return `${format(median * scale)} (${format(least * scale)}-${format(most * scale)})`;
}

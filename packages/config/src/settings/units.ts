// Durations and sizes as people write them. Runtime neutral.

import { integer, maxValue, minValue, number, pipe, rawTransform, regex, string, union } from "valibot";

const MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const BYTES = { B: 1, KB: 1e3, KiB: 2 ** 10, MB: 1e6, MiB: 2 ** 20, GB: 1e9, GiB: 2 ** 30 } as const;
const DURATION = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/;
const SIZE = /^(\d+(?:\.\d+)?)\s*(B|KB|KiB|MB|MiB|GB|GiB)$/;

const NO_DURATION = "must be a duration such as 30s, or milliseconds";
const NO_SIZE = "must be a size such as 64KiB, or bytes";
/** Zero is often "never", or "no bound": nobody has it by rounding. */
const NO_AMOUNT = `must be 0, or round to an integer from 1 to ${Number.MAX_SAFE_INTEGER}`;

/** Milliseconds: a whole number, or `"30s"`, `"1.5m"`, `"250ms"`. */
export const duration = pipe(
  union([exactNumber(NO_DURATION), pipe(string(), regex(DURATION, NO_DURATION))], NO_DURATION),
  amount(DURATION, MS),
);

/** Bytes: a whole number, or `"64KiB"`, `"1MB"`. */
export const size = pipe(
  union([exactNumber(NO_SIZE), pipe(string(), regex(SIZE, NO_SIZE))], NO_SIZE),
  amount(SIZE, BYTES),
);

/** A whole number that is not negative. */
export const count = wholeNumber("must be a whole number that is not negative");

function wholeNumber(message: string) {
  return pipe(number(message), integer(message), minValue(0, message));
}

function exactNumber(message: string) {
  return pipe(wholeNumber(message), maxValue(Number.MAX_SAFE_INTEGER, NO_AMOUNT));
}

function amount(pattern: RegExp, units: Readonly<Record<string, number>>) {
  return rawTransform<number | string, number>(({ dataset: { value }, addIssue, NEVER }) => {
    const [, number, unit] = typeof value === "number" ? [] : pattern.exec(value) ?? [];
    const exact = typeof value === "number" ? value : Number(number) * units[unit];
    const rounded = Math.round(exact);
    if (Number.isSafeInteger(rounded) && (rounded > 0 || exact === 0)) return rounded;
    addIssue({ message: NO_AMOUNT });
    return NEVER;
  });
}

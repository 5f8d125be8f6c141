import { test } from "node:test";
import { assertAlmostEquals, assertEquals } from "@std/assert";
import { medianOf, slopePercent } from "../../soak/slope.ts";

const line = (percent: number, count: number) =>
  Array.from({ length: count }, (_, minute) => ({ minute, value: 100 + percent * (minute - (count - 1) / 2) }));

test("slopePercent() gives the growth as a share of the median", () => {
  assertAlmostEquals(slopePercent(line(2, 9)) ?? NaN, 2);
  assertAlmostEquals(slopePercent(line(-0.5, 8)) ?? NaN, -0.5);
  assertEquals(slopePercent(line(0, 5)), 0);
});

test("slopePercent() is that of most points, if some are far off", () => {
  const points = line(1, 20).map((point, index) => index === 19 || index === 12 ? { ...point, value: 1e6 } : point);
  assertAlmostEquals(slopePercent(points) ?? NaN, 1, 0.05);
});

test("slopePercent() knows none of fewer than two times, nor of a figure that is zero", () => {
  assertEquals(slopePercent([]), undefined);
  assertEquals(slopePercent([{ minute: 1, value: 5 }]), undefined);
  assertEquals(slopePercent([{ minute: 1, value: 5 }, { minute: 1, value: 6 }]), undefined);
  assertEquals(slopePercent([{ minute: 1, value: 0 }, { minute: 2, value: 0 }]), undefined);
});

test("medianOf() is the middle, or between the two in the middle", () => {
  assertEquals(medianOf([3, 1, 2]), 2);
  assertEquals(medianOf([4, 1, 3, 2]), 2.5);
  assertEquals(medianOf([]), NaN);
});

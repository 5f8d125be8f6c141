// SeededRandom: what it refuses, and that each seed has numbers of its own.

import test from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { SeededRandom } from "@laster/net/testing";

test("SeededRandom.spread() refuses bounds that it would never come to an end with", () => {
  const random = new SeededRandom(1);
  for (const [least, most] of [[0, 10], [-1, 10], [NaN, 10], [1, Infinity], [1, NaN]]) {
    assertThrows(() => random.spread(least, most), RangeError, "Cannot spread as");
  }
  const value = random.spread(0.5, 8);
  assert(value >= 0.5 && value <= 8);
});

test("SeededRandom has other numbers for seeds that differ by a multiple of 2^32, and the same as ever for small ones", () => {
  const first = (...seeds: number[]) => new SeededRandom(...seeds).integer(0, 2 ** 32 - 1);
  const seeds = [7, 7 + 2 ** 32, 7 + 2 ** 33, 7 + 2 ** 52, 7 - 2 ** 32, 7 - 2 ** 33, 7 - 2 ** 31, 7 + 2 ** 31];
  assertEquals(new Set(seeds.map((seed) => first(seed))).size, seeds.length);
  assertEquals(new Set(seeds.map((seed) => first(1, seed, 2))).size, seeds.length);
  assertEquals([first(), first(0), first(7), first(7, 1, 2), first(-1)], [
    128257810,
    4052731025,
    1238472786,
    713101366,
    1652596247,
  ]);
});

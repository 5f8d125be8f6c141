// SeededRandom: what it refuses.

import test from "node:test";
import { assert, assertThrows } from "@std/assert";
import { SeededRandom } from "@laster/net/testing";

test("SeededRandom.spread() refuses bounds that it would never come to an end with", () => {
  const random = new SeededRandom(1);
  for (const [least, most] of [[0, 10], [-1, 10], [NaN, 10], [1, Infinity], [1, NaN]]) {
    assertThrows(() => random.spread(least, most), RangeError, "Cannot spread as");
  }
  const value = random.spread(0.5, 8);
  assert(value >= 0.5 && value <= 8);
});

// Tests of shareOf() and partOf(): the runtimes of a run do all of it together, and one alone all by itself. Runtime neutral.

import test from "node:test";
import { assertEquals } from "@std/assert";
import { oneOf, partOf, placeInRun, shareOf } from "./share.ts";

const NAMES = ["deno", "bun", "node"];
const LASTER_RUNTIMES = JSON.stringify(NAMES.map((name) => ({ name, command: "/bin/any" })));
const ITEMS = [0, 1, 2, 3, 4, 5, 6];

test("shareOf() and partOf() give each of three runtimes its part, and all of it together", () => {
  const places = NAMES.map((name) => placeInRun({ LASTER_RUNTIMES }, name));
  assertEquals(places.map((place) => partOf(ITEMS, place)), [[0, 3, 6], [1, 4], [2, 5]]);
  assertEquals(places.map((place) => shareOf(10, place)), [4, 4, 4]);
  assertEquals(places.map((place) => oneOf(["node", "memory"], place)), [["node"], ["memory"], ["node"]]);
});

test("shareOf() and partOf() give everything to a runtime that is alone, or has a seed to repeat", () => {
  const one = JSON.stringify([{ name: "bun" }]);
  const places = [
    placeInRun({}, "bun"),
    placeInRun({ LASTER_RUNTIMES: one }, "bun"),
    placeInRun({ LASTER_RUNTIMES, LASTER_SEED: "1" }, "bun"),
    placeInRun({ LASTER_RUNTIMES: one }, "node"),
  ];
  for (const place of places) assertEquals([partOf(ITEMS, place), shareOf(10, place)], [ITEMS, 10]);
  for (const place of places) assertEquals(oneOf(ITEMS, place), ITEMS);
});

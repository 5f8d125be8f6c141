// The lines about what peers do wrong.

import test from "node:test";
import { assertEquals } from "@std/assert";
import { ErrorLines } from "../../examples/error_lines.ts";

test("ErrorLines.add() prints twenty lines at once, and with the next how many it left out", () => {
  let nowMs = 0;
  const lines: string[] = [];
  const errors = new ErrorLines({ print: (line) => lines.push(line), now: () => nowMs });
  for (let index = 0; index < 1_000; index++) errors.add(`line ${index}`);
  assertEquals(lines, Array.from({ length: 20 }, (_, index) => `line ${index}`));
  nowMs += 1_000;
  errors.add("the next");
  errors.add("one more");
  assertEquals(lines.slice(20), ["the next (980 more before it)"]);
  nowMs += 3_000;
  errors.add("later");
  errors.add("and again");
  assertEquals(lines.slice(21), ["later (1 more before it)", "and again"]);
});

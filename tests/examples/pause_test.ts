// The wait of who talks too fast.

import test from "node:test";
import { assertEquals } from "@std/assert";
import { Pause } from "../../examples/pause.ts";
import { within } from "../support.ts";

test("Pause.begin() waits for its time, again and again", async () => {
  const pause = new Pause();
  for (let times = 0; times < 2; times++) {
    const startMs = performance.now();
    await within(pause.begin(30), "a pause");
    assertEquals(performance.now() - startMs >= 29, true);
  }
});

test("Pause.end() ends a wait at once, twice too, and without one", async () => {
  const pause = new Pause();
  pause.end();
  const over = pause.begin(3_600_000);
  pause.end();
  pause.end();
  await within(over, "the pause to end");
});

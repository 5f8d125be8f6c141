// OpenFilesBound: how many sessions there are file descriptors for.

import test from "node:test";
import { assertEquals } from "@std/assert";
import { FakeClock } from "@laster/net/testing";
import { OpenFilesBound } from "../../src/service/open_files.ts";

const LEARNED_MS = 60_000;

test("OpenFilesBound keeps a sixteenth, and 64 descriptors at least, for all else", () => {
  const sessionsFor = (maxOpenFiles: number | undefined) => new OpenFilesBound(new FakeClock(), maxOpenFiles).sessions;
  assertEquals([1_024, 1_025, 100, 65, 64, 3, 0].map(sessionsFor), [960, 960, 36, 1, 1, 1, 1]);
  assertEquals([20_000, 1_048_576].map(sessionsFor), [18_750, 983_040]);
  assertEquals(sessionsFor(undefined), Infinity);
});

test("OpenFilesBound learns from an accept that failed, less 32, and forgets it after a minute", async () => {
  const clock = new FakeClock();
  const bound = new OpenFilesBound(clock, undefined);
  bound.handleExhausted(200);
  assertEquals(bound.sessions, 168);
  await clock.advance(LEARNED_MS - 1);
  assertEquals(bound.sessions, 168);
  await clock.advance(1);
  assertEquals(bound.sessions, Infinity);
  bound.handleExhausted(63);
  assertEquals(bound.sessions, Infinity, "somebody else has the descriptors");
});

test("OpenFilesBound goes no lower for accepts that were under way when it learned", async () => {
  const clock = new FakeClock();
  const bound = new OpenFilesBound(clock, 1_024);
  bound.handleExhausted(200);
  for (const sessions of [200, 199, 168]) bound.handleExhausted(sessions);
  assertEquals(bound.sessions, 168);
  bound.handleExhausted(160);
  assertEquals(bound.sessions, 128, "there are fewer still");
  await clock.advance(LEARNED_MS);
  assertEquals(bound.sessions, 960, "then it is what the runtime says");
});

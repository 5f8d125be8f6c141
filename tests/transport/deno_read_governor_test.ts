// The governor of Deno's reads, without Deno: it only counts.

import test from "node:test";
import { assert, assertEquals } from "@std/assert";
import { ReadGovernor } from "../../src/transport/deno_read_governor.ts";
import { turn, within } from "../support.ts";

function governorOf(connections: number): ReadGovernor {
  const governor = new ReadGovernor();
  for (let count = 0; count < connections; count++) governor.enter();
  return governor;
}

test("ReadGovernor.admit() lets everybody go on up to 120 connections", () => {
  const governor = governorOf(120);
  for (let count = 0; count < 1_000; count++) assertEquals(governor.admit(), undefined);
});

test("ReadGovernor.admit() lets everybody go on below 100 reads a turn", async () => {
  const governor = governorOf(1_000);
  for (let round = 0; round < 5; round++) {
    for (let count = 0; count < 99; count++) assertEquals(governor.admit(), undefined);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
});

test("ReadGovernor.admit() holds who was served from 100 reads a turn on, until a turn is quiet", async () => {
  const governor = governorOf(121);
  for (let count = 0; count < 99; count++) governor.admit();
  const held = [governor.admit(), governor.admit()];
  let released = 0;
  for (const promise of held) {
    assert(promise !== undefined);
    promise.then(() => released++);
  }
  await undefined;
  assertEquals(released, 0);
  await within(Promise.all(held), "a quiet turn");
  assertEquals([released, governor.admit()], [2, undefined]);
});

test("ReadGovernor.leave() lets go of who waits though few are left", async () => {
  const governor = governorOf(121);
  const held = Array.from({ length: 100 }, () => governor.admit()).at(-1);
  for (let count = 0; count < 121; count++) governor.leave();
  await within(Promise.resolve(held), "a quiet turn");
  await turn();
  assertEquals(governor.admit(), undefined);
});

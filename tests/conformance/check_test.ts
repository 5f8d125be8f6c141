// Tests of the checks of the conformance cases: what is not the same fails, and says how. Runtime neutral.

import test from "node:test";
import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { equals, findDifference, hasSameBytes, holds, rejects } from "../../src/testing/conformance/check.ts";
import { turn, Waiting, withTimeout } from "../../src/testing/conformance/waiting.ts";

test("equals() takes values that are the same", () => {
  const same: [unknown, unknown][] = [
    [1, 1],
    [NaN, NaN],
    ["a", "a"],
    [undefined, undefined],
    [[1, [2]], [1, [2]]],
    [{ kind: "tcp", port: 1 }, { port: 1, kind: "tcp" }],
    [Uint8Array.of(1, 2), Uint8Array.of(0, 1, 2).subarray(1)],
    [new Uint8Array(0), new Uint8Array(0)],
  ];
  for (const [one, other] of same) equals(one, other, "it");
});

test("equals() refuses values that differ, either way round", () => {
  const different: [unknown, unknown][] = [
    [1, 2],
    [1, "1"],
    [undefined, null],
    [[1, 2], [1]],
    [[1], { 0: 1 }],
    [{}, { error: undefined }],
    [{ one: undefined }, { other: undefined }],
    [{ port: 1 }, { port: 2 }],
    [Uint8Array.of(1, 2), Uint8Array.of(1, 3)],
    [Uint8Array.of(1, 2), Uint8Array.of(1)],
    [new Uint8Array(0), undefined],
  ];
  for (const [one, other] of different) {
    assertThrows(() => equals(one, other, "it"), Error, "Cannot pass as it must be ");
    assertThrows(() => equals(other, one, "it"), Error, "Cannot pass as it must be ");
  }
});

test("equals() shows both values, cut if they are long, and where long arrays part", () => {
  const messageOf = (actual: unknown, expected: unknown) =>
    assertThrows(() => equals(actual, expected, "it"), Error).message;
  assertEquals(
    messageOf([1, "a"], { end: undefined }),
    'Cannot pass as it must be { end: undefined }: current value is [1, "a"]',
  );
  assertEquals(
    messageOf(new RangeError("late"), null),
    "Cannot pass as it must be null: current value is RangeError: late",
  );
  const bytes = new Uint8Array(40);
  assertEquals(messageOf(bytes.with(39, 1), bytes).endsWith(" 0, …], other from byte 39 on"), true);
  assertEquals(messageOf(bytes.subarray(1), bytes).endsWith(" 0, …], other from byte 39 on"), true);
  assertEquals(
    messageOf(Uint8Array.of(1), Uint8Array.of(2)),
    "Cannot pass as it must be 1 bytes [2]: current value is 1 bytes [1]",
  );
  assertEquals(messageOf("x".repeat(1_000), 1).length < 400, true);
});

test("holds() says what is wrong", () => {
  holds(true, "it rains");
  assertThrows(() => holds(false, "it rains"), Error, "Cannot pass: it rains");
});

test("rejects() gives the error of the class that it waits for, and of no other", async () => {
  const error = new RangeError("late");
  const fail = () => Promise.reject(error);
  assertStrictEquals(await rejects(fail, RangeError), error);
  const other = await assertRejects(
    () => rejects(fail, TypeError),
    Error,
    "must fail with TypeError: current value is RangeError: late",
  );
  assertStrictEquals(other.cause, error);
  await assertRejects(() => rejects(() => Promise.resolve(), TypeError), Error, "it does not fail");
});

test("hasSameBytes() and findDifference() compare to the last byte", () => {
  assertEquals([
    hasSameBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2)),
    hasSameBytes(Uint8Array.of(1), Uint8Array.of(1, 2)),
  ], [
    true,
    false,
  ]);
  assertEquals(findDifference(Uint8Array.of(1, 2, 3), Uint8Array.of(1, 2, 4)), 2);
  assertEquals(findDifference(new Uint8Array(0), new Uint8Array(0)), undefined);
});

test("findDifference() finds each place, wherever in a word the arrays begin", () => {
  for (let place = 0; place < 16; place++) {
    const [first, second] = [place & 3, place >> 2 & 3];
    for (let length = 0; length < 20; length++) {
      const one = new Uint8Array(new ArrayBuffer(32), first, length);
      const other = new Uint8Array(new ArrayBuffer(32), second, length);
      assertEquals(findDifference(one, other), undefined);
      for (let index = 0; index < length; index++) {
        other[index] = 1;
        assertEquals(findDifference(one, other), index);
        other[index] = 0;
      }
    }
  }
});

test("Waiting.until() resolves at the look that finds it true, and rejects after its time", async () => {
  const waiting = new Waiting(20);
  let count = 0;
  const counted = waiting.until("the count", () => count === 1);
  waiting.look();
  count = 1;
  waiting.look();
  await counted;
  await waiting.until("what is so already", () => true);
  await assertRejects(
    () => waiting.until("what never comes", () => false),
    Error,
    "Cannot pass as this must come within 20 ms: what never comes",
  );
  assertEquals(await withTimeout(turn().then(() => 7), "the next turn"), 7);
});

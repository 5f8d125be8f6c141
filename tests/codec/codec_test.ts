// Tests of Frame. Runtime neutral.

import { assertEquals, assertStrictEquals } from "@std/assert";
import test from "node:test";
import { Frame } from "../../src/codec/codec.ts";

test("Frame() is empty when made", () => {
  const frame = new Frame();
  assertEquals([frame.buffer.length, frame.offset, frame.length, frame.needBytes], [0, 0, 0, 0]);
});

test("Frame.set() points at the payload and leaves needBytes when called", () => {
  const frame = new Frame();
  frame.needBytes = 7;
  const buffer = new Uint8Array(10);
  frame.set(buffer, 2, 3);
  assertStrictEquals(frame.buffer, buffer);
  assertEquals([frame.offset, frame.length, frame.needBytes], [2, 3, 7]);
});

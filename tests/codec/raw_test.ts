// Tests of raw(). Runtime neutral.

import { assertEquals, assertThrows } from "@std/assert";
import { concat } from "@std/bytes";
import test from "node:test";
import { raw } from "../../src/codec/raw.ts";
import { assertRefusesOptions } from "./refused_options.ts";
import { encodeFrame, forEveryCut, pattern, readStream } from "./streams.ts";

test("raw() gives every chunk as a message when none is too long", () => {
  const stream = pattern(300);
  forEveryCut(stream, (chunks) => {
    const { messages, isInsideFrame, rentedClasses } = readStream(raw().createDecoder(), chunks);
    assertEquals(messages, chunks.filter(({ length }) => length > 0));
    assertEquals([isInsideFrame, rentedClasses], [false, []]);
  });
});

test("raw() gives the same bytes in pieces when chunks are longer than maxPayloadBytes", () => {
  const stream = pattern(300);
  forEveryCut(stream, (chunks) => {
    const { messages, rentedClasses } = readStream(raw({ maxPayloadBytes: 7 }).createDecoder(), chunks);
    assertEquals(concat(messages), stream);
    assertEquals(messages.filter(({ length }) => length < 1 || length > 7), []);
    assertEquals(rentedClasses, []);
  });
});

test("raw() cuts a chunk in two when it is one byte longer than maxPayloadBytes", () => {
  const codec = raw({ maxPayloadBytes: 8 });
  const lengthsOf = (bytes: number) =>
    readStream(codec.createDecoder(), [pattern(bytes)]).messages.map((m) => m.length);
  assertEquals([lengthsOf(7), lengthsOf(8), lengthsOf(9)], [[7], [8], [8, 1]]);
});

test("raw() gives nothing when chunks are empty", () => {
  const { messages, isInsideFrame } = readStream(raw().createDecoder(), [pattern(0), pattern(0)]);
  assertEquals([messages, isInsideFrame], [[], false]);
});

test("raw() encodes a payload as it is when it is empty, short or at the limit", () => {
  const codec = raw({ maxPayloadBytes: 100 });
  for (const length of [0, 1, 32, 33, 100]) {
    assertEquals(encodeFrame(codec, pattern(length)), pattern(length));
    assertEquals(codec.createEncoder().frameBytes(length), length);
  }
});

test("raw() says its name and limits when asked", () => {
  const codec = raw({ maxPayloadBytes: 100 });
  assertEquals([codec.name, codec.createEncoder().maxPayloadBytes, codec.createDecoder().maxFrameBytes], [
    "raw",
    100,
    100,
  ]);
  assertEquals(raw().createEncoder().maxPayloadBytes, 65_536);
});

test("raw() takes maxPayloadBytes when it is at the ends of its range", () => {
  for (const maxPayloadBytes of [1, 2 ** 31 - 1]) {
    assertEquals(raw({ maxPayloadBytes }).createEncoder().maxPayloadBytes, maxPayloadBytes);
  }
});

test("raw() throws a RangeError when maxPayloadBytes is out of range", () => {
  assertRefusesOptions(raw, RangeError, [
    [{ maxPayloadBytes: 0 }, "maxPayloadBytes must be an integer from 1 to 2147483647: current value is 0"],
    [{ maxPayloadBytes: -1 }, "current value is -1"],
    [{ maxPayloadBytes: 2 ** 31 }, "current value is 2147483648"],
    [{ maxPayloadBytes: 1.5 }, "current value is 1.5"],
    [{ maxPayloadBytes: NaN }, "current value is NaN"],
    [{ maxPayloadBytes: "64" }, 'current value is "64"'],
  ]);
});

test("raw() throws a TypeError when an option has another name", () => {
  assertThrows(() => raw({ maxPayload: 5 } as object), TypeError, `current value is "maxPayload"`);
  assertThrows(() => raw(null as unknown as object), TypeError, "current value is null");
});

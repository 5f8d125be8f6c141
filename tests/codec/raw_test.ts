// Tests of rawCodec(). Runtime neutral.

import { assertEquals, assertThrows } from "@std/assert";
import test from "node:test";
import { rawCodec } from "../../src/codec/raw.ts";
import { assertRefusesOptions } from "./refused_options.ts";
import { concat, encodeFrame, forEveryCut, pattern, readStream } from "./streams.ts";

test("rawCodec() gives every chunk as a message when none is too long", () => {
  const stream = pattern(300);
  forEveryCut(stream, (chunks) => {
    const { messages, isInsideFrame, rentedClasses } = readStream(rawCodec().createDecoder(), chunks);
    assertEquals(messages, chunks.filter(({ length }) => length > 0));
    assertEquals([isInsideFrame, rentedClasses], [false, []]);
  });
});

test("rawCodec() gives the same bytes in pieces when chunks are longer than maxPayloadBytes", () => {
  const stream = pattern(300);
  forEveryCut(stream, (chunks) => {
    const { messages, rentedClasses } = readStream(rawCodec({ maxPayloadBytes: 7 }).createDecoder(), chunks);
    assertEquals(concat(messages), stream);
    assertEquals(messages.filter(({ length }) => length < 1 || length > 7), []);
    assertEquals(rentedClasses, []);
  });
});

test("rawCodec() cuts a chunk in two when it is one byte longer than maxPayloadBytes", () => {
  const codec = rawCodec({ maxPayloadBytes: 8 });
  const lengthsOf = (bytes: number) =>
    readStream(codec.createDecoder(), [pattern(bytes)]).messages.map((m) => m.length);
  assertEquals([lengthsOf(7), lengthsOf(8), lengthsOf(9)], [[7], [8], [8, 1]]);
});

test("rawCodec() gives nothing when chunks are empty", () => {
  const { messages, isInsideFrame } = readStream(rawCodec().createDecoder(), [pattern(0), pattern(0)]);
  assertEquals([messages, isInsideFrame], [[], false]);
});

test("rawCodec() encodes a payload as it is when it is empty, short or at the limit", () => {
  const codec = rawCodec({ maxPayloadBytes: 100 });
  for (const length of [0, 1, 32, 33, 100]) {
    assertEquals(encodeFrame(codec, pattern(length)), pattern(length));
    assertEquals(codec.createEncoder().frameBytes(length), length);
  }
});

test("rawCodec() says its name and limits when asked", () => {
  const codec = rawCodec({ maxPayloadBytes: 100 });
  assertEquals([codec.name, codec.createEncoder().maxPayloadBytes, codec.createDecoder().maxFrameBytes], [
    "raw",
    100,
    100,
  ]);
  assertEquals(rawCodec().createEncoder().maxPayloadBytes, 65_536);
});

test("rawCodec() takes maxPayloadBytes when it is at the ends of its range", () => {
  for (const maxPayloadBytes of [1, 2 ** 31 - 1]) {
    assertEquals(rawCodec({ maxPayloadBytes }).createEncoder().maxPayloadBytes, maxPayloadBytes);
  }
});

test("rawCodec() throws a RangeError when maxPayloadBytes is out of range", () => {
  assertRefusesOptions(rawCodec, RangeError, [
    [{ maxPayloadBytes: 0 }, "maxPayloadBytes must be an integer from 1 to 2147483647: current value is 0"],
    [{ maxPayloadBytes: -1 }, "current value is -1"],
    [{ maxPayloadBytes: 2 ** 31 }, "current value is 2147483648"],
    [{ maxPayloadBytes: 1.5 }, "current value is 1.5"],
    [{ maxPayloadBytes: NaN }, "current value is NaN"],
    [{ maxPayloadBytes: "64" }, "current value is 64"],
  ]);
});

test("rawCodec() throws a TypeError when an option has another name", () => {
  assertThrows(() => rawCodec({ maxPayload: 5 } as object), TypeError, `current value is "maxPayload"`);
  assertThrows(() => rawCodec(null as unknown as object), TypeError, "current value is null");
});

// Tests of simpleBinary(). Runtime neutral.

import { assertEquals, assertThrows } from "@std/assert";
import { concat } from "@std/bytes";
import fc from "fast-check";
import test from "node:test";
import { Frame } from "../../src/codec/codec.ts";
import { simpleBinary } from "../../src/codec/simple_binary.ts";
import { check } from "../property.ts";
import { PLAIN_SHAPE, referenceFrame, writeLength } from "./reference_frame.ts";
import { assertRefusesOptions } from "./refused_options.ts";
import { assertMessages, assertRefused, encodeFrame, pattern, readStream } from "./streams.ts";

const LIMIT = 600;
const codec = simpleBinary({ maxPayloadBytes: LIMIT });

function header(length: number): Uint8Array {
  return writeLength(4, "little", BigInt(length));
}

test("simpleBinary() round-trips frames when they are empty, short and at the limit", () => {
  const payloads = [0, 0, 1, 2, 27, 28, 29, 127, 128, 255, 256, 257, LIMIT, 0].map(pattern);
  const frames = payloads.map((payload) => encodeFrame(codec, payload));
  assertEquals(frames, payloads.map((payload) => referenceFrame(PLAIN_SHAPE, payload)));
  assertMessages(codec, concat(frames), payloads, 100);
});

test("simpleBinary() round-trips frames when they are drawn at random", () => {
  const payloads = fc.array(fc.uint8Array({ maxLength: 80 }), { maxLength: 10 });
  check(
    fc.property(payloads, (drawn) => {
      const frames = drawn.map((payload) => encodeFrame(codec, payload));
      assertEquals(frames, drawn.map((payload) => referenceFrame(PLAIN_SHAPE, payload)));
      assertMessages(codec, concat(frames), drawn, 2);
    }),
    50,
  );
});

test("simpleBinary() round-trips a frame when its length takes three bytes", () => {
  const large = simpleBinary({ maxPayloadBytes: 70_000 });
  const payload = pattern(70_000);
  const frame = encodeFrame(large, payload);
  assertEquals(frame.subarray(0, 4), Uint8Array.of(0x70, 0x11, 0x01, 0));
  assertMessages(large, frame, [payload], 5);
});

test("simpleBinary() writes and reads all four bytes when a length is past 2^24", () => {
  const codec = simpleBinary({ maxPayloadBytes: 2 ** 31 - 1 });
  const payload = new Uint8Array(0x0103_0201);
  const output = new Uint8Array(payload.length + 4);
  codec.createEncoder().encode(payload, 0, payload.length, output, 0);
  assertEquals(output.subarray(0, 4), Uint8Array.of(1, 2, 3, 1));
  const frame = new Frame();
  assertEquals(codec.createDecoder().decode(header(0x7654_3210), 0, 4, frame), 0);
  assertEquals(frame.needBytes, 0x7654_3214);
});

test("simpleBinary() refuses a negative length at once when it decodes", () => {
  for (const length of [-1, -2, -3, -4, -5, -256, -65_536, -(2 ** 31)]) {
    assertRefused(codec, header(length), "negative-length");
    assertRefused(codec, concat([header(length), pattern(40)]), "negative-length");
  }
});

test("simpleBinary() refuses a length past the limit at its header when it decodes", () => {
  for (const length of [LIMIT + 1, 65_536, 0x0100_0000, 2 ** 31 - 1]) {
    assertRefused(codec, header(length), "too-large");
    assertRefused(codec, concat([header(length), pattern(40)]), "too-large");
  }
  assertRefused(simpleBinary(), header(65_537), "too-large");
});

test("simpleBinary() says the length and the limit when it refuses", () => {
  const decoder = codec.createDecoder();
  const decode = (bytes: Uint8Array) => decoder.decode(bytes, 0, bytes.length, new Frame());
  assertThrows(() => decode(header(-7)), Error, "Cannot decode frame as its length is negative: current value is -7");
  assertThrows(() => decode(header(601)), Error, "its length is at most 600 bytes: current value is 601");
});

test("simpleBinary() takes empty frames alone when maxPayloadBytes is 0", () => {
  const empty = simpleBinary({ maxPayloadBytes: 0 });
  assertMessages(empty, concat([header(0), header(0)]), [pattern(0), pattern(0)]);
  assertRefused(empty, header(1), "too-large");
});

test("simpleBinary() gives the frames before a bad one when they come together", () => {
  const stream = concat([referenceFrame(PLAIN_SHAPE, pattern(3)), header(-1)]);
  const { messages, refusal } = readStream(codec.createDecoder(), [stream]);
  assertEquals([messages, refusal], [[pattern(3)], "negative-length"]);
});

test("simpleBinary() says its name and limits when asked", () => {
  assertEquals(codec.name, "simple-binary");
  assertEquals([codec.createEncoder().maxPayloadBytes, codec.createDecoder().maxFrameBytes], [600, 604]);
  assertEquals([codec.createEncoder().frameBytes(0), codec.createEncoder().frameBytes(600)], [4, 604]);
  assertEquals(simpleBinary().createEncoder().maxPayloadBytes, 65_536);
});

test("simpleBinary() takes maxPayloadBytes when it is at the ends of its range", () => {
  for (const maxPayloadBytes of [0, 2 ** 31 - 1]) {
    assertEquals(simpleBinary({ maxPayloadBytes }).createEncoder().maxPayloadBytes, maxPayloadBytes);
  }
});

test("simpleBinary() throws a RangeError when maxPayloadBytes is out of range", () => {
  assertRefusesOptions(simpleBinary, RangeError, [
    [{ maxPayloadBytes: -1 }, "maxPayloadBytes must be an integer from 0 to 2147483647: current value is -1"],
    [{ maxPayloadBytes: 2 ** 31 }, "current value is 2147483648"],
    [{ maxPayloadBytes: Infinity }, "current value is Infinity"],
    [{ maxPayloadBytes: 0.5 }, "current value is 0.5"],
    [{ maxPayloadBytes: NaN }, "current value is NaN"],
    [{ maxPayloadBytes: "64" }, 'current value is "64"'],
    [{ maxPayloadBytes: true }, "current value is true"],
  ]);
});

test("simpleBinary() throws a TypeError when an option has another name", () => {
  assertThrows(() => simpleBinary({ maxPayload: 5 } as object), TypeError, `current value is "maxPayload"`);
  assertThrows(() => simpleBinary(null as unknown as object), TypeError, "current value is null");
  assertThrows(() => simpleBinary(5 as unknown as object), TypeError, "current value is 5");
});

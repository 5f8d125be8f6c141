// Tests of tagged(). Runtime neutral.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { concat } from "@std/bytes";
import fc from "fast-check";
import test from "node:test";
import { FrameError, tagged, type TaggedOptions } from "@laster/net";
import { check } from "../property.ts";
import { assertMessages, encodeFrame, forEveryCut, readStream } from "./streams.ts";

/** A protocol as older games have: a hello, a move, a chat line, a file. */
const OPTIONS: TaggedOptions = { sizes: { 1: 0, 2: 4, 3: "uint8", 4: "uint16" }, maxPayloadBytes: 40 };

test("tagged() cuts frames of each kind, wherever the chunks are cut", () => {
  const stream = new Uint8Array([1, 2, 9, 8, 7, 6, 3, 0, 3, 2, 104, 105, 1, 4, 3, 0, 7, 7, 7]);
  forEveryCut(stream, (chunks) => {
    const { messages, refusal } = readStream(tagged(OPTIONS).createDecoder(), chunks);
    assertEquals(messages.map((each) => [...each]), [[1], [2, 9, 8, 7, 6], [3], [3, 104, 105], [1], [4, 7, 7, 7]]);
    assertEquals(refusal, undefined);
  });
});

test("tagged() round-trips random payloads, with either tag and byte order", () => {
  const body = (size: number | string | undefined) =>
    fc.uint8Array(typeof size === "number" ? { minLength: size, maxLength: size } : { maxLength: 30 });
  for (const tagBytes of [1, 2] as const) {
    for (const byteOrder of ["little", "big"] as const) {
      const codec = tagged({ ...OPTIONS, tagBytes, byteOrder });
      const payload = fc.constantFrom(1, 2, 3, 4).chain((tag) =>
        body(OPTIONS.sizes[tag]).map((bytes) => {
          const head = tagBytes === 1 ? [tag] : byteOrder === "big" ? [0, tag] : [tag, 0];
          return Uint8Array.from([...head, ...bytes]);
        })
      );
      check(
        fc.property(fc.array(payload, { maxLength: 5 }), (payloads) => {
          const stream = concat(payloads.map((each) => encodeFrame(codec, each)));
          const { messages, refusal } = readStream(codec.createDecoder(), [stream]);
          assertEquals([messages.map((each) => [...each]), refusal], [payloads.map((each) => [...each]), undefined]);
        }),
        100,
      );
    }
  }
});

test("tagged() refuses what is not in its table, or too long, as soon as that is known", () => {
  const refuse = (bytes: number[]) => readStream(tagged(OPTIONS).createDecoder(), [Uint8Array.from(bytes)]).refusal;
  assertEquals(refuse([9]), "malformed");
  assertEquals(refuse([1, 0]), "malformed");
  assertEquals([refuse([4, 39, 0]), refuse([4, 40, 0])], [undefined, "too-large"]);
});

test("tagged() refuses to encode what would arrive as something else", () => {
  for (const payload of [[], [9], [1, 0], [2, 1, 2, 3], [2, 1, 2, 3, 4, 5]]) {
    assertThrows(() => encodeFrame(tagged(OPTIONS), Uint8Array.from(payload)), FrameError, "Cannot encode payload");
  }
  const long = tagged({ sizes: { 3: "uint8" } });
  assertThrows(() => encodeFrame(long, new Uint8Array(257).fill(3)), FrameError, "255");
});

test("tagged() asks for the room of a payload with the widest length field, and not more", () => {
  const encoder = tagged({ sizes: { 5: "uint32" } }).createEncoder();
  for (const length of [1, 2, 100]) {
    const payload = new Uint8Array(length).fill(5, 0, 1);
    assertEquals(encoder.frameBytes(length), encoder.encode(payload, 0, length, new Uint8Array(200), 0));
  }
});

test("tagged() takes every tag that its bytes can say, and none past them", () => {
  for (const [tagBytes, last] of [[1, 255], [2, 65_535]] as const) {
    const payload = new Uint8Array(tagBytes + 1).fill(255, 0, tagBytes);
    assertMessages(tagged({ sizes: { 0: 1, [last]: 1 }, tagBytes }), payload, [payload]);
    assertThrows(() => tagged({ sizes: { [last + 1]: 1 }, tagBytes }), RangeError, `${last + 1}`);
  }
});

test("tagged() refuses options that make no sense", () => {
  const wrong: readonly (readonly [object, string])[] = [
    [{}, "sizes"],
    [{ sizes: { 256: 1 } }, "256"],
    [{ sizes: { 1: -1 } }, "-1"],
    [{ sizes: { 1: 41 }, maxPayloadBytes: 40 }, "41"],
    [{ sizes: { 1: "uint64" } }, "uint64"],
    [{ sizes: { one: 1 } }, '"one"'],
    [{ sizes: { "": 1 } }, '""'],
    [{ sizes: { 1: 1, "0x1": 2 } }, '"0x1"'],
    [{ sizes: new Map([[1, 1]]) }, "sizes must be a table"],
    [{ sizes: {}, tagBytes: 3 }, "tagBytes"],
    [{ sizes: {}, byteOrder: "middle" }, "byteOrder"],
    [{ sizes: {}, size: 1 }, '"size"'],
  ];
  for (const [options, part] of wrong) {
    const error = assertThrows(() => tagged(options as TaggedOptions));
    assert(error instanceof Error && error.message.includes(part), `${error}`);
  }
});

// What lengthPrefixed() refuses: streams, payloads and options; and streams that end too early. Runtime neutral.

import { assertEquals, assertThrows } from "@std/assert";
import { concat } from "@std/bytes";
import test from "node:test";
import type { LengthWidth } from "../../src/codec/length_field.ts";
import { lengthPrefixed } from "../../src/codec/length_prefixed.ts";
import { FrameError } from "../../src/errors.ts";
import { type FrameShape, PLAIN_SHAPE, referenceFrame, writeLength } from "./reference_frame.ts";
import { assertRefusesOptions } from "./refused_options.ts";
import { assertMessages, assertRefused, encodeFrame, pattern, readStream } from "./streams.ts";

const LIMIT = 200;
const FIXED_WIDTHS = [1, 2, 3, 4, 8] as const;
const WIDTHS: readonly LengthWidth[] = [...FIXED_WIDTHS, "varint"];
const ORDERS = ["little", "big"] as const;

for (const width of WIDTHS) {
  for (const byteOrder of ORDERS) {
    const where = `when width ${width} ${byteOrder}-endian`;
    const shape: FrameShape = { ...PLAIN_SHAPE, width, byteOrder };
    const codec = lengthPrefixed({ width, byteOrder, maxPayloadBytes: LIMIT });

    test(`lengthPrefixed() takes a length at the limit and refuses one past it ${where}`, () => {
      assertMessages(codec, referenceFrame(shape, pattern(LIMIT)), [pattern(LIMIT)]);
      for (const behind of [pattern(0), pattern(300)]) {
        const header = writeLength(width, byteOrder, BigInt(LIMIT + 1));
        assertRefused(codec, concat([header, behind]), "too-large");
      }
    });

    test(`lengthPrefixed() refuses the largest lengths at their header ${where}`, () => {
      const lengths = [2n ** 31n - 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n];
      const largest = width === "varint" ? 2n ** 35n - 1n : 2n ** BigInt(8 * width) - 1n;
      for (const length of [largest, ...lengths.filter((value) => value < largest)]) {
        assertRefused(codec, writeLength(width, byteOrder, length), "too-large");
      }
    });

    test(`lengthPrefixed() waits inside a frame and then goes on when its header is cut ${where}`, () => {
      const payload = pattern(150);
      const stream = concat([new Uint8Array(3), writeLength(width, byteOrder, 150n), payload]);
      const offset = lengthPrefixed({ width, byteOrder, lengthOffset: 3, maxPayloadBytes: LIMIT });
      for (let place = 0; place <= stream.length; place++) {
        const start = readStream(offset.createDecoder(), [stream.subarray(0, place)]);
        assertEquals(start.isInsideFrame, place > 0 && place < stream.length);
        assertEquals([start.messages.length, start.refusal], [place === stream.length ? 1 : 0, undefined]);
        const both = readStream(offset.createDecoder(), [stream.subarray(0, place), stream.subarray(place)]);
        assertEquals([both.messages, both.isInsideFrame], [[payload], false]);
      }
    });

    test(`lengthPrefixed() refuses a length smaller than the header it counts ${where}`, () => {
      const counting = { width, byteOrder, lengthIncludesHeader: true, lengthOffset: 3, maxPayloadBytes: LIMIT };
      const headerBytes = 3 + (width === "varint" ? 1 : width);
      const streamOf = (length: number) => concat([new Uint8Array(3), writeLength(width, byteOrder, BigInt(length))]);
      assertMessages(lengthPrefixed(counting), streamOf(headerBytes), [pattern(0)]);
      for (let length = 0; length < headerBytes; length++) {
        assertRefused(lengthPrefixed(counting), streamOf(length), "negative-length");
        if (width === "varint") continue;
        assertRefused(lengthPrefixed({ ...counting, keepHeader: true }), streamOf(length), "negative-length");
      }
    });
  }
}

test("lengthPrefixed() refuses a length when lengthAdjustment makes it negative", () => {
  const codec = lengthPrefixed({ width: 2, lengthAdjustment: -2 });
  assertMessages(codec, Uint8Array.of(2, 0), [pattern(0)]);
  for (const length of [0, 1]) assertRefused(codec, Uint8Array.of(length, 0), "negative-length");
});

test("lengthPrefixed() counts lengthAdjustment when it compares with the limit", () => {
  const codec = lengthPrefixed({ width: 1, lengthAdjustment: 3, maxPayloadBytes: 10 });
  assertMessages(codec, concat([Uint8Array.of(7), pattern(10)]), [pattern(10)]);
  assertRefused(codec, Uint8Array.of(8), "too-large");
});

test("lengthPrefixed() counts the header when it compares with the limit and keepHeader is set", () => {
  const codec = lengthPrefixed({ width: 4, keepHeader: true, maxPayloadBytes: 10 });
  const frame = concat([Uint8Array.of(6, 0, 0, 0), pattern(6)]);
  assertMessages(codec, frame, [frame]);
  assertRefused(codec, Uint8Array.of(7, 0, 0, 0), "too-large");
  // Whole in a chunk too, where no reader has to make room for it.
  assertRefused(codec, concat([Uint8Array.of(7, 0, 0, 0), pattern(7)]), "too-large");
});

test("lengthPrefixed() refuses a varint when it goes on past five bytes", () => {
  const codec = lengthPrefixed({ width: "varint" });
  assertRefused(codec, Uint8Array.of(0x80, 0x80, 0x80, 0x80, 0x80), "malformed");
  assertRefused(codec, Uint8Array.of(0x81, 0x80, 0x80, 0x80, 0x80, 0x00), "malformed");
  assertRefused(codec, new Uint8Array(40).fill(0xff), "malformed");
  const four = readStream(codec.createDecoder(), [Uint8Array.of(0x80, 0x80, 0x80, 0x80)]);
  assertEquals([four.refusal, four.isInsideFrame], [undefined, true]);
});

test("lengthPrefixed() refuses to encode when a payload is too short for lengthAdjustment", () => {
  const codec = lengthPrefixed({ width: 2, lengthAdjustment: 3 });
  for (const length of [0, 1, 2]) {
    const error = assertThrows(() => encodeFrame(codec, pattern(length)), FrameError, `current value is ${length - 3}`);
    assertEquals(error.code, "unencodable");
  }
  assertEquals(encodeFrame(codec, pattern(3)).subarray(0, 2), Uint8Array.of(0, 0));
});

test("lengthPrefixed() refuses to encode when a kept header is not whole", () => {
  const codec = lengthPrefixed({ width: 2, lengthOffset: 3, keepHeader: true });
  for (const length of [0, 4]) {
    const error = assertThrows(() => encodeFrame(codec, pattern(length)), FrameError, `current value is ${length}`);
    assertEquals(error.code, "unencodable");
  }
  assertEquals(encodeFrame(codec, pattern(5)).length, 5);
});

test("lengthPrefixed() throws a RangeError when an option is out of range", () => {
  assertRefusesOptions(lengthPrefixed, RangeError, [
    ...[0, 5, 7, 9, -1, 2.5, NaN].map((width) => [{ width }, `current value is ${width}`] as const),
    [{ width: "4" }, 'width must be 1, 2, 3, 4, 8 or "varint": current value is "4"'],
    [{ byteOrder: "middle" }, 'byteOrder must be "little" or "big": current value is "middle"'],
    [{ byteOrder: true }, "current value is true"],
    ...[-1, 1025, 0.5, NaN, "3"].map((value) =>
      [{ lengthOffset: value }, `current value is ${typeof value === "string" ? `"${value}"` : value}`] as const
    ),
    [{ lengthOffset: -1 }, "lengthOffset must be an integer from 0 to 1024"],
    ...[-1025, 1025, 0.5, NaN, "3"].map((value) =>
      [{ lengthAdjustment: value }, `current value is ${typeof value === "string" ? `"${value}"` : value}`] as const
    ),
    [{ lengthAdjustment: -1025 }, "lengthAdjustment must be an integer from -1024 to 1024"],
    ...[-1, 2 ** 31, 0.5, NaN, "3"].map((value) =>
      [{ maxPayloadBytes: value }, `current value is ${typeof value === "string" ? `"${value}"` : value}`] as const
    ),
  ]);
});

test("lengthPrefixed() throws a RangeError when maxPayloadBytes is not one that the length field can say", () => {
  const refused: [object, string][] = [
    [{ width: 1, maxPayloadBytes: 256 }, "at most 255 bytes: current maxPayloadBytes is 256"],
    [{ width: 1, lengthIncludesHeader: true, maxPayloadBytes: 255 }, "at most 254 bytes"],
    [{ width: 2, lengthAdjustment: -2, maxPayloadBytes: 65_534 }, "at most 65533 bytes"],
    [{ width: 1, keepHeader: true, maxPayloadBytes: 257 }, "at most 256 bytes"],
    [{ width: 4, lengthOffset: 3, keepHeader: true, maxPayloadBytes: 6 }, "from 7 to 2147483647: current value is 6"],
    [{ width: 1, lengthAdjustment: -256 }, "a payload of 0 bytes or more: current value is at most -1"],
    [{ width: 1, lengthIncludesHeader: true, lengthOffset: 255 }, "current value is at most -1"],
  ];
  assertRefusesOptions(lengthPrefixed, RangeError, refused);
});

test("lengthPrefixed() takes options when they are at the ends of their ranges", () => {
  const taken: [object, number][] = [
    [{ width: 1, lengthAdjustment: -255 }, 0],
    [{ width: 1, lengthAdjustment: 1024 }, 1279],
    [{ width: 4, lengthOffset: 1024 }, 65_536],
    [{ width: 4, lengthOffset: 3, keepHeader: true, maxPayloadBytes: 7 }, 7],
    ...[4, 8, "varint"].map((width) => [{ width, maxPayloadBytes: 2 ** 31 - 1 }, 2 ** 31 - 1] as [object, number]),
  ];
  for (const [options, most] of taken) {
    assertEquals(lengthPrefixed(options).createEncoder().maxPayloadBytes, most);
  }
});

test("lengthPrefixed() throws a TypeError when an option is of the wrong kind or has another name", () => {
  assertRefusesOptions(lengthPrefixed, TypeError, [
    [{ keepHeader: true, width: "varint" }, 'keepHeader needs a fixed width: current value is "varint"'],
    [{ keepHeader: 1 }, "keepHeader must be true or false: current value is 1"],
    [{ lengthIncludesHeader: "no" }, 'lengthIncludesHeader must be true or false: current value is "no"'],
    [{ maxPayload: 5 }, 'current value is "maxPayload"'],
    [{ width: 4, endian: "big" }, 'current value is "endian"'],
    [null as unknown as object, "current value is null"],
  ]);
});

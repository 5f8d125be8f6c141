// Tests of ByteWriter: numbers against DataView, strings against TextEncoder, both back through ByteReader.
// Runtime neutral.

import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import test from "node:test";
import { ByteReader } from "../../src/buffer/byte_reader.ts";
import { ByteWriter } from "../../src/buffer/byte_writer.ts";
import type { LengthPrefix } from "../../src/buffer/length_prefix.ts";
import { BIGINT_CASES, NUMBER_CASES } from "./numbers.ts";
import type { NumberCase } from "./numbers.ts";
import { anyText, check } from "../property.ts";

const PREFIXES: readonly LengthPrefix[] = ["uint8", "uint16-le", "uint16-be", "uint32-le", "uint32-be", "varint"];

function testNumber<Value extends number | bigint>(format: NumberCase<Value>): void {
  test(`ByteWriter.write${format.name}() writes what DataView writes, and ByteReader reads it back`, () => {
    const writer = new ByteWriter({ initialBytes: 0, maxBytes: 9 });
    const assertWritten = (value: Value): void => {
      writer.reset();
      writer.writeUint8(0xee);
      format.write(writer, value);
      assertEquals([...writer.written], [0xee, ...format.encode(value)]);
      assertEquals(format.read(new ByteReader(writer.written, 1)), value);
    };
    for (const value of format.edges) {
      assertWritten(value);
    }
    check(fc.property(format.values, assertWritten), 100);
  });

  test(`ByteWriter.write${format.name}() refuses values outside its range and stays`, () => {
    const writer = new ByteWriter();
    for (const value of format.refused) {
      assertThrows(() => format.write(writer, value), RangeError, `current value is ${value}`);
    }
    assertEquals(writer.position, 0);
  });

  test(`ByteWriter.write${format.name}() fits exactly, and throws and stays when one byte is missing`, () => {
    const [value] = format.edges;
    const bytes = new Uint8Array(format.byteLength + 8);
    const writer = new ByteWriter();
    writer.reset(bytes, 1, format.byteLength);
    format.write(writer, value);
    assertEquals([writer.remaining, [...writer.written]], [0, format.encode(value)]);
    const before = [...bytes];
    writer.reset(bytes, 1, format.byteLength - 1);
    assertThrows(
      () => format.write(writer, value),
      RangeError,
      `as remaining bytes must be at least ${format.byteLength}: current value is ${format.byteLength - 1}`,
    );
    assertEquals([writer.position, [...bytes]], [0, before]);
  });
}

for (const format of NUMBER_CASES) testNumber(format);
for (const format of BIGINT_CASES) testNumber(format);

test("ByteWriter() over an array fills it and never grows", () => {
  const bytes = new Uint8Array(2);
  const writer = new ByteWriter(bytes);
  assertEquals([writer.position, writer.remaining, writer.written.length], [0, 2, 0]);
  writer.writeUint16BE(0x0102);
  assertEquals([...bytes], [1, 2]);
  assertStrictEquals(writer.written.buffer, bytes.buffer);
  assertThrows(() => writer.writeUint8(1), RangeError, "Cannot write uint8");
  writer.writeBytes(new Uint8Array(0));
});

test("ByteWriter() refuses sizes outside their range", () => {
  for (const maxBytes of [-1, 1.5, NaN, 2 ** 30 + 1]) {
    assertThrows(() => new ByteWriter({ maxBytes }), RangeError, `current value is ${maxBytes}`);
  }
  assertThrows(() => new ByteWriter({ initialBytes: 9, maxBytes: 8 }), RangeError, "from 0 to 8: current value is 9");
});

test("ByteWriter() resolves a size that is not given from the other", () => {
  assertEquals(new ByteWriter().remaining, 65_536);
  assertEquals(new ByteWriter({ initialBytes: 100_000 }).remaining, 100_000);
  const none = new ByteWriter({ maxBytes: 0 });
  assertThrows(() => none.writeUint8(0), RangeError, "current value is 0");
});

test("ByteWriter grows to exactly maxBytes and keeps what was written", () => {
  const writer = new ByteWriter({ initialBytes: 1, maxBytes: 100 });
  for (let value = 0; value < 100; value++) writer.writeUint8(value);
  assertEquals([writer.position, writer.remaining], [100, 0]);
  assertEquals([...writer.written], Array.from({ length: 100 }, (_, value) => value));
  assertThrows(() => writer.writeUint8(0), RangeError, "Cannot write uint8");
  assertEquals(writer.position, 100);
});

test("ByteWriter.reset() starts over on the same array, twice as well", () => {
  const writer = new ByteWriter({ initialBytes: 4, maxBytes: 64 });
  writer.writeBytes(new Uint8Array(20));
  const { buffer } = writer.written;
  writer.reset();
  writer.reset();
  assertEquals([writer.position, writer.remaining, writer.written.length], [0, 64, 0]);
  writer.writeBytes(new Uint8Array(20));
  assertStrictEquals(writer.written.buffer, buffer);
});

test("ByteWriter.reset() points at a range of another array and refuses one outside it", () => {
  const bytes = new Uint8Array(6);
  const writer = new ByteWriter();
  writer.writeUint8(1);
  writer.reset(bytes, 2, 2);
  writer.writeUint16BE(0x0304);
  assertEquals([[...bytes], [...writer.written], writer.remaining], [[0, 0, 3, 4, 0, 0], [3, 4], 0]);
  for (const [offset, length] of [[-1, 1], [7, 0], [0, 7], [5, 2], [0.5, 1], [0, -1]]) {
    assertThrows(() => writer.reset(bytes, offset, length), RangeError, "Cannot reset ByteWriter");
  }
  assertEquals(writer.position, 2);
  writer.reset();
  assertEquals([writer.position, writer.remaining], [0, 2]);
  writer.reset(bytes, 4);
  assertEquals(writer.remaining, 2);
});

test("ByteWriter.writeUint64LE() stays when given a number instead of a bigint", () => {
  const writer = new ByteWriter();
  assertThrows(() => writer.writeUint64LE(1 as unknown as bigint), TypeError);
  assertEquals(writer.position, 0);
});

test("ByteWriter.writeVarint() writes the shortest form, which ByteReader reads back", () => {
  const edges = [0, 1, 127, 128, 300, 16_383, 16_384, 2 ** 31, 2 ** 32, 2 ** 49 - 1, 2 ** 49, 2 ** 53 - 1];
  const writer = new ByteWriter({ maxBytes: 8 });
  const assertWritten = (value: number): void => {
    writer.reset();
    writer.writeVarint(value);
    const bitLength = Math.max(1, value.toString(2).length);
    assertEquals(writer.position, Math.ceil(bitLength / 7));
    const reader = new ByteReader(writer.written);
    assertEquals([reader.readVarint(), reader.remaining], [value, 0]);
  };
  for (const value of edges) assertWritten(value);
  check(fc.property(fc.maxSafeNat(), assertWritten));
  writer.reset();
  writer.writeVarint(300);
  assertEquals([...writer.written], [0xac, 2]);
});

test("ByteWriter.writeVarint() refuses what it cannot hold or has no room for, and stays", () => {
  const writer = new ByteWriter(new Uint8Array(1));
  for (const value of [-1, 0.5, 2 ** 53, NaN, Infinity]) {
    assertThrows(() => writer.writeVarint(value), RangeError, `current value is ${value}`);
  }
  assertThrows(() => writer.writeVarint(128), RangeError, "at least 2: current value is 1");
  assertEquals(writer.position, 0);
  writer.writeVarint(127);
});

test("ByteWriter.writeBytes() copies whole arrays and parts, short and long", () => {
  const source = Uint8Array.from({ length: 100 }, (_, index) => index);
  const writer = new ByteWriter();
  writer.writeBytes(source);
  writer.writeBytes(source, 90);
  writer.writeBytes(source, 10, 50);
  writer.writeBytes(source, 100, 0);
  assertEquals([...writer.written], [...source, ...source.subarray(90), ...source.subarray(10, 60)]);
  assertThrows(() => writer.writeBytes(source, 99, 2), RangeError, "Cannot write bytes");
  assertThrows(() => new ByteWriter({ maxBytes: 99 }).writeBytes(source), RangeError, "current value is 99");
  assertEquals(writer.position, 160);
});

test("ByteWriter.writeBytes() moves bytes of its own array, also where they overlap what it writes", () => {
  for (const length of [5, 16, 40, 100, 200]) {
    for (const isView of [false, true]) {
      const target = Uint8Array.from({ length: 256 }, (_, index) => index);
      const expected = target.slice(0, length);
      const writer = new ByteWriter(target);
      writer.writeUint16LE(0x0100);
      if (isView) writer.writeBytes(target.subarray(0, length));
      else writer.writeBytes(target, 0, length);
      assertEquals(target.slice(2, 2 + length), expected, `${length} bytes`);
    }
  }
});

test("ByteWriter.writeString() writes every well-formed text as TextEncoder does, behind every prefix", () => {
  const texts = fc.oneof(
    anyText(60),
    fc.string({ maxLength: 60, size: "max" }),
  );
  const writer = new ByteWriter({ initialBytes: 0 });
  check(fc.property(texts, fc.constantFrom(...PREFIXES), (text, prefix) => {
    writer.reset();
    writer.writeString(text, prefix);
    const encoded = new TextEncoder().encode(text);
    assertEquals([...writer.written.subarray(writer.position - encoded.length)], [...encoded]);
    const reader = new ByteReader(writer.written);
    assertEquals([reader.readString(prefix), reader.remaining], [text, 0]);
  }));
});

test("ByteWriter.writeString() takes the longest text of its prefix and refuses one byte more", () => {
  for (const [prefix, longest] of [["uint8", 255], ["uint16-le", 65_535], ["uint16-be", 65_535]] as const) {
    const writer = new ByteWriter({ maxBytes: 100_000 });
    writer.writeString("x".repeat(longest), prefix);
    const { position } = writer;
    assertThrows(() => writer.writeString("x".repeat(longest + 1), prefix), RangeError, `${longest + 1}`);
    assertEquals(writer.position, position);
  }
});

test("ByteWriter.writeString() stays before the prefix when the text does not fit", () => {
  const writer = new ByteWriter(new Uint8Array(4));
  assertThrows(() => writer.writeString("abcd", "uint8"), RangeError, "Cannot write string");
  assertEquals(writer.position, 0);
  writer.writeString("abc", "uint8");
  assertEquals(writer.remaining, 0);
});

test("ByteWriter.writeString() refuses a surrogate without its partner and stays", () => {
  const writer = new ByteWriter();
  const texts: [string, string][] = [
    ["\ud800", "U+D800 at index 0"],
    ["a\udc00", "U+DC00 at index 1"],
    ["\ud83d\ud83d\ude00", "U+D83D at index 0"],
    ["😀\ude00", "U+DE00 at index 2"],
    ["\ud800x", "U+D800 at index 0"],
  ];
  for (const [text, shown] of texts) {
    assertThrows(() => writer.writeString(text, "uint8"), TypeError, shown);
    assertThrows(() => writer.writeUtf8(text), TypeError, shown);
    assertThrows(() => writer.writeFixedString(text, 20), TypeError, shown);
  }
  assertEquals(writer.position, 0);
});

test("ByteWriter.writeUtf8() writes the bytes alone", () => {
  const writer = new ByteWriter();
  writer.writeUtf8("");
  writer.writeUtf8("é😀");
  writer.writeUtf8("plain ASCII that is longer than the thirty-two bytes of the loop");
  const encoded = new TextEncoder().encode("é😀plain ASCII that is longer than the thirty-two bytes of the loop");
  assertEquals([...writer.written], [...encoded]);
});

test("ByteWriter.writeFixedString() fills up with zero bytes, also over old contents", () => {
  const bytes = new Uint8Array(6).fill(0xee);
  const writer = new ByteWriter(bytes);
  writer.writeFixedString("é", 4);
  writer.writeFixedString("ab", 2);
  assertEquals([...bytes], [0xc3, 0xa9, 0, 0, 97, 98]);
  const reader = new ByteReader(bytes);
  assertEquals([reader.readFixedString(4), reader.readFixedString(2)], ["é", "ab"]);
});

test("ByteWriter.writeFixedString() refuses a text that is too long or ends in U+0000, and stays", () => {
  const writer = new ByteWriter();
  assertThrows(() => writer.writeFixedString("ééé", 5), RangeError, "current value is 6");
  assertThrows(() => writer.writeFixedString("a\0", 5), TypeError, "U+0000");
  assertThrows(() => writer.writeFixedString("a", -1), RangeError, "current value is -1");
  assertThrows(() => new ByteWriter({ maxBytes: 4 }).writeFixedString("a", 5), RangeError, "at least 5");
  assertEquals(writer.position, 0);
  writer.writeFixedString("", 0);
  assert(writer.written.length === 0);
});

// Tests of ByteReader: numbers against DataView, strings against TextEncoder. Runtime neutral.

import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import test from "node:test";
import { ByteReader } from "../../src/buffer/byte_reader.ts";
import type { LengthPrefix } from "../../src/buffer/length_prefix.ts";
import { BIGINT_CASES, NUMBER_CASES } from "./numbers.ts";
import type { NumberCase } from "./numbers.ts";
import { anyText, check } from "../property.ts";

const PADDING = 3;

/** Reads a value at an odd offset inside a larger array, so that alignment and the range's ends matter. */
function readPadded<Value extends number | bigint>(format: NumberCase<Value>, value: Value): Value {
  const bytes = new Uint8Array(format.byteLength + 2 * PADDING).fill(0xee);
  bytes.set(format.encode(value), PADDING);
  const reader = new ByteReader(bytes, PADDING, format.byteLength);
  const read = format.read(reader);
  assertEquals([reader.position, reader.remaining], [format.byteLength, 0]);
  return read;
}

function testNumber<Value extends number | bigint>(format: NumberCase<Value>): void {
  test(`ByteReader.read${format.name}() reads what DataView wrote`, () => {
    for (const value of format.edges) assertEquals(readPadded(format, value), value);
    check(fc.property(format.values, (value) => assertEquals(readPadded(format, value), value)), 100);
  });

  test(`ByteReader.read${format.name}() throws and stays when one byte is missing`, () => {
    const reader = new ByteReader(new Uint8Array(format.byteLength + 8), 1, format.byteLength);
    reader.skip(1);
    const remaining = format.byteLength - 1;
    assertThrows(
      () => format.read(reader),
      RangeError,
      `as remaining bytes must be at least ${format.byteLength}: current value is ${remaining}`,
    );
    assertEquals([reader.position, reader.remaining], [1, remaining]);
  });
}

for (const format of NUMBER_CASES) testNumber(format);
for (const format of BIGINT_CASES) testNumber(format);

test("ByteReader() starts at the front of the whole array or of a range", () => {
  const bytes = Uint8Array.of(1, 2, 3, 4);
  const whole = new ByteReader(bytes);
  assertEquals([whole.position, whole.length, whole.remaining], [0, 4, 4]);
  const tail = new ByteReader(bytes, 3);
  assertEquals([tail.length, tail.readUint8()], [1, 4]);
  const empty = new ByteReader(bytes, 4);
  assertEquals([empty.length, empty.remaining], [0, 0]);
});

test("ByteReader.reset() points at another range and refuses one outside its array", () => {
  const reader = new ByteReader(Uint8Array.of(1, 2, 3));
  reader.readUint16LE();
  reader.reset(Uint8Array.of(9, 8, 7, 6), 1, 2);
  assertEquals([reader.position, reader.length, reader.readUint8(), reader.readUint8()], [0, 2, 8, 7]);
  for (const [offset, length] of [[-1, 1], [5, 0], [0, 5], [3, 2], [0.5, 1], [0, -1]]) {
    assertThrows(() => reader.reset(new Uint8Array(4), offset, length), RangeError, "Cannot point ByteReader");
  }
  assertEquals([reader.position, reader.length], [2, 2]);
  reader.reset(new Uint8Array(0));
  reader.reset(new Uint8Array(0));
  assertEquals(reader.length, 0);
});

test("ByteReader.seek() goes anywhere in the range and no further", () => {
  const reader = new ByteReader(Uint8Array.of(0, 1, 2, 3), 1, 2);
  reader.seek(2);
  assertEquals(reader.remaining, 0);
  reader.seek(0);
  assertEquals(reader.readUint8(), 1);
  for (const position of [-1, 3, 0.5]) {
    assertThrows(() => reader.seek(position), RangeError, `current value is ${position}`);
  }
  assertEquals(reader.position, 1);
});

test("ByteReader.skip() passes over exactly what remains and no more", () => {
  const reader = new ByteReader(new Uint8Array(4));
  reader.skip(0);
  reader.skip(3);
  assertThrows(() => reader.skip(2), RangeError, "current value is 2");
  assertThrows(() => reader.skip(-1), RangeError, "current value is -1");
  reader.skip(1);
  assertEquals([reader.position, reader.remaining], [4, 0]);
});

test("ByteReader.readSafeUint64LE() and its kin refuse what a number cannot hold, and stay", () => {
  const view = new DataView(new ArrayBuffer(8));
  const bytes = new Uint8Array(view.buffer);
  const reader = new ByteReader(bytes);
  const refuse = (read: () => number): void => {
    assertThrows(read, RangeError, "within 2^53-1");
    assertEquals(reader.position, 0);
  };
  view.setBigUint64(0, 2n ** 53n);
  refuse(() => reader.readSafeUint64BE());
  refuse(() => reader.readSafeInt64BE());
  view.setBigUint64(0, 2n ** 53n + 1n, true);
  refuse(() => reader.readSafeUint64LE());
  view.setBigInt64(0, -(2n ** 53n), true);
  refuse(() => reader.readSafeInt64LE());
  refuse(() => reader.readSafeUint64LE());
  assertEquals(reader.readInt64LE(), -(2n ** 53n));
});

test("ByteReader.readVarint() reads the smallest and largest of each width", () => {
  const cases: [number, number[]][] = [
    [0, [0]],
    [127, [0x7f]],
    [128, [0x80, 1]],
    [300, [0xac, 2]],
    [16_383, [0xff, 0x7f]],
    [16_384, [0x80, 0x80, 1]],
    [2 ** 32, [0x80, 0x80, 0x80, 0x80, 0x10]],
    [Number.MAX_SAFE_INTEGER, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]],
  ];
  for (const [value, bytes] of cases) {
    const reader = new ByteReader(Uint8Array.from([...bytes, 0xee]));
    assertEquals([reader.readVarint(), reader.position], [value, bytes.length]);
  }
});

test("ByteReader.readVarint() accepts a longer form than needed, up to 8 bytes", () => {
  assertEquals(new ByteReader(Uint8Array.of(0x85, 0)).readVarint(), 5);
  assertEquals(new ByteReader(Uint8Array.of(0x85, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0)).readVarint(), 5);
});

test("ByteReader.readVarint() refuses one that is cut off, too large or too long, and stays", () => {
  const refused: number[][] = [
    [],
    [0x80],
    [0xff, 0xff, 0xff],
    [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10],
    [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
    [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0],
  ];
  for (const bytes of refused) {
    const reader = new ByteReader(Uint8Array.from(bytes));
    assertThrows(() => reader.readVarint(), RangeError, "Cannot read varint");
    assertEquals(reader.position, 0);
  }
});

test("ByteReader.readBytes() gives a view without a copy, up to what remains", () => {
  const bytes = Uint8Array.of(1, 2, 3, 4);
  const reader = new ByteReader(bytes, 1, 2);
  assertEquals(reader.readBytes(0).length, 0);
  assertThrows(() => reader.readBytes(3), RangeError, "current value is 3");
  const view = reader.readBytes(2);
  assertStrictEquals(view.buffer, bytes.buffer);
  assertEquals([[...view], reader.remaining], [[2, 3], 0]);
});

test("ByteReader.readInto() moves bytes within its own array, also where the ranges overlap", () => {
  for (const length of [5, 16, 40, 100, 200]) {
    for (const [from, to] of [[2, 0], [0, 2]]) {
      const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
      const expected = bytes.slice(from, from + length);
      const reader = new ByteReader(bytes, from);
      reader.readInto(bytes.subarray(to, to + length));
      assertEquals(bytes.slice(to, to + length), expected, `${length} bytes from ${from} to ${to}`);
    }
  }
});

test("ByteReader.readInto() fills the target whole or not at all", () => {
  const reader = new ByteReader(Uint8Array.from({ length: 100 }, (_, index) => index));
  const target = new Uint8Array(60);
  reader.readInto(target);
  assertEquals([target[0], target[59], reader.position], [0, 59, 60]);
  assertThrows(() => reader.readInto(target), RangeError, "current value is 40");
  assertEquals([target[0], reader.position], [0, 60]);
  reader.readInto(new Uint8Array(0));
  reader.readInto(target.subarray(0, 40));
  assertEquals([target[0], target[39], reader.remaining], [60, 99, 0]);
});

test("ByteReader.readString() reads behind every kind of prefix", () => {
  const prefixes: [LengthPrefix, number[]][] = [
    ["uint8", [2]],
    ["uint16-le", [2, 0]],
    ["uint16-be", [0, 2]],
    ["uint32-le", [2, 0, 0, 0]],
    ["uint32-be", [0, 0, 0, 2]],
    ["varint", [2]],
  ];
  for (const [prefix, bytes] of prefixes) {
    const reader = new ByteReader(Uint8Array.from([...bytes, 0xc3, 0xa9, 0xee]));
    assertEquals([reader.readString(prefix), reader.remaining], ["é", 1]);
  }
  assertEquals(new ByteReader(Uint8Array.of(0)).readString("uint8"), "");
  assertThrows(() => new ByteReader(Uint8Array.of(0)).readString("uint64" as LengthPrefix), TypeError, "uint64");
});

test("ByteReader.readString() stays before the prefix when prefix or text is cut off", () => {
  for (const bytes of [[], [0], [0, 3], [0, 3, 65, 66]]) {
    const reader = new ByteReader(Uint8Array.from(bytes));
    assertThrows(() => reader.readString("uint16-be"), RangeError);
    assertEquals(reader.position, 0);
  }
});

test("ByteReader.readString() refuses ill-formed UTF-8 every time and stays", () => {
  for (const bytes of [[0xff], [0xc3], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [65, 0x80]]) {
    const reader = new ByteReader(Uint8Array.from([bytes.length, ...bytes]));
    for (let time = 0; time < 2; time++) {
      assertThrows(() => reader.readString("uint8"), TypeError, "must be valid UTF-8");
      assertEquals(reader.position, 0);
    }
  }
  assertEquals(new ByteReader(Uint8Array.of(1, 65)).readString("uint8"), "A");
});

test("ByteReader.readUtf8() reads every well-formed text as it is, byte order mark included", () => {
  const texts = anyText(100);
  check(fc.property(fc.oneof(texts, texts.map((text) => `\ufeff${text}`)), (text) => {
    const bytes = new TextEncoder().encode(text);
    const reader = new ByteReader(bytes);
    assertEquals(reader.readUtf8(bytes.length), text);
    assertEquals(reader.remaining, 0);
  }));
});

test("ByteReader.readUtf8() refuses more bytes than remain", () => {
  const reader = new ByteReader(new Uint8Array(4), 1, 2);
  assertThrows(() => reader.readUtf8(3), RangeError, "current value is 3");
  assertThrows(() => reader.readUtf8(-1), RangeError, "current value is -1");
  assertEquals([reader.position, reader.readUtf8(2)], [0, "\0\0"]);
});

test("ByteReader.readFixedString() leaves out the filling and passes over it", () => {
  const reader = new ByteReader(Uint8Array.of(65, 66, 0, 0, 67, 0, 68, 0, 0, 0));
  assertEquals([reader.readFixedString(4), reader.readFixedString(3), reader.readFixedString(3)], ["AB", "C\0D", ""]);
  assertEquals([reader.remaining, reader.readFixedString(0)], [0, ""]);
  assertThrows(() => reader.readFixedString(1), RangeError, "current value is 1");
});

// Tests of lengthField(). Runtime neutral.

import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import test from "node:test";
import { lengthField, type LengthWidth } from "../../src/codec/length_field.ts";
import { FrameError } from "../../src/errors.ts";
import { check } from "../property.ts";
import { writeLength } from "./reference_frame.ts";

const WIDTHS: readonly LengthWidth[] = [1, 2, 3, 4, 8, "varint"];

for (const width of WIDTHS) {
  for (const byteOrder of ["little", "big"] as const) {
    const field = lengthField(width, byteOrder);

    test(`lengthField() writes and reads every value when width ${width} ${byteOrder}-endian`, () => {
      const values = fc.oneof(fc.constantFrom(0, 1, 127, 128, 255, field.largestValue), fc.maxSafeNat());
      check(fc.property(values, (drawn) => {
        const value = drawn % (field.largestValue + 1);
        const expected = writeLength(width, byteOrder, BigInt(value));
        const output = new Uint8Array(expected.length + 2).fill(0xee);
        field.write(output, 1, value);
        assertEquals(output, Uint8Array.of(0xee, ...expected, 0xee));
        assertEquals(field.bytesOf(value), expected.length);
        assertEquals(field.measure(output, 1, output.length), expected.length);
        assertEquals(field.read(output, 1), value);
      }));
    });

    test(`lengthField() measures 0 when a field is not whole and width ${width} ${byteOrder}-endian`, () => {
      const input = writeLength(width, byteOrder, BigInt(field.largestValue));
      assertEquals(input.length, field.mostBytes);
      for (let end = 0; end < input.length; end++) assertEquals(field.measure(input, 0, end), 0);
      assertEquals(field.measure(input, 0, input.length), field.mostBytes);
    });
  }
}

test("lengthField() says what it holds when asked", () => {
  const largest = WIDTHS.map((width) => lengthField(width, "big").largestValue);
  assertEquals(largest, [255, 65_535, 2 ** 24 - 1, 2 ** 32 - 1, Number.MAX_SAFE_INTEGER, 2 ** 35 - 1]);
  assertEquals(WIDTHS.map((width) => lengthField(width, "big").mostBytes), [1, 2, 3, 4, 8, 5]);
});

test("lengthField() refuses a varint when its fifth byte has a successor", () => {
  const input = new Uint8Array(8).fill(0x80);
  assertEquals(lengthField("varint", "little").measure(input, 2, 6), 0);
  const error = assertThrows(() => lengthField("varint", "little").measure(input, 2, 7), FrameError, "at most 5 bytes");
  assertEquals(error.code, "malformed");
});

test("lengthField() reads a value above every limit when 8 bytes go beyond 2^53", () => {
  for (const byteOrder of ["little", "big"] as const) {
    const field = lengthField(8, byteOrder);
    for (const value of [2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n]) {
      assertEquals(field.read(writeLength(8, byteOrder, value), 0), Number(value));
    }
  }
});

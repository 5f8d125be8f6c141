// copyBytes(): every way it copies gives the same bytes.

import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { equals } from "@std/bytes";
import { copyBytes, moveBytes } from "../../src/buffer/copy_bytes.ts";

const GUARD = 170;
const OFFSETS = [0, 1, 3, 8] as const;

/** Bytes that are as 64-bit numbers what a runtime may not keep: NaN of both signs, infinite, denormal, minus zero. */
const ODD_NUMBERS: readonly (readonly number[])[] = [
  [1, 0, 0, 0, 0, 0, 240, 127],
  [255, 255, 255, 255, 255, 255, 255, 255],
  [0, 0, 0, 0, 0, 0, 240, 127],
  [1, 0, 0, 0, 0, 0, 0, 0],
  [0, 0, 0, 0, 0, 0, 0, 128],
];

/** Copies all lengths up to 140 bytes, each twice from the same array: only then are there views. */
function checkAllLengths(source: Uint8Array): void {
  for (let length = 0; length <= 140; length++) {
    for (const from of OFFSETS) {
      for (const to of OFFSETS) {
        const target = new Uint8Array(160).fill(GUARD);
        for (let time = 0; time < 2; time++) {
          target.fill(GUARD);
          copyBytes(source, from, target, to, length);
          const expected = new Uint8Array(160).fill(GUARD);
          expected.set(source.subarray(from, from + length), to);
          assertEquals(equals(target, expected), true, `${length} bytes ${from} ${to}`);
        }
      }
    }
  }
}

// First, for only an interpreter makes other bits of them.
test("copyBytes() copies one that is no number as 64 bits, wherever it lies", () => {
  const [signalling] = ODD_NUMBERS;
  const target = new Uint8Array(64);
  for (const length of [40, 48, 64]) {
    for (let at = 0; at < length; at += 8) {
      const source = new Uint8Array(64);
      source.set(signalling, at);
      for (let time = 0; time < 3; time++) {
        target.fill(GUARD);
        copyBytes(source, 0, target, 0, length);
        assertEquals(target.subarray(0, length), source.subarray(0, length), `${length} bytes, at ${at}`);
      }
    }
  }
});

test("copyBytes() copies what is no number as 64 bits", () => {
  for (const number of ODD_NUMBERS) {
    checkAllLengths(Uint8Array.from({ length: 160 }, (_, index) => number[index % 8]));
    const once = new Uint8Array(160);
    once.set(number, 32);
    checkAllLengths(once);
  }
  const infinities = new Float64Array(20).map((_, index) => index % 2 === 0 ? Infinity : -Infinity);
  checkAllLengths(new Uint8Array(infinities.buffer));
});

test("copyBytes() copies any number of bytes, and touches no others", () => {
  checkAllLengths(Uint8Array.from({ length: 160 }, (_, index) => index * 37));
});

test("copyBytes() copies from and into the middle of an array", () => {
  const whole = Uint8Array.from({ length: 400 }, (_, index) => index * 7);
  checkAllLengths(whole.subarray(101, 301));
  const target = new Uint8Array(100);
  for (let time = 0; time < 2; time++) copyBytes(whole, 5, target.subarray(10), 0, 64);
  assertEquals(target.subarray(10, 74), whole.subarray(5, 69));
});

test("copyBytes() sees what was written to an array, or added to it, since the last copy", () => {
  const buffer = new ArrayBuffer(64, { maxByteLength: 256 });
  const source = new Uint8Array(buffer);
  const target = new Uint8Array(256);
  for (let time = 0; time < 3; time++) copyBytes(source, 0, target, 0, 64);
  buffer.resize(256);
  source.fill(9);
  copyBytes(source, 150, target, 0, 64);
  assertEquals(target.subarray(0, 65), new Uint8Array(65).fill(9, 0, 64));
});

test("copyBytes() copies from and into many arrays in turns", () => {
  const sources = [1, 2, 3].map((value) => new Uint8Array(64).fill(value));
  const targets = [0, 1].map(() => new Uint8Array(64));
  for (const turn of [0, 0, 1, 1, 0, 2, 2, 1, 0, 0]) {
    for (const target of targets) {
      for (let time = 0; time < 2; time++) {
        copyBytes(sources[turn], 0, target, 0, 64);
        assertEquals(target, sources[turn]);
      }
    }
  }
  for (const source of sources) {
    copyBytes(source, 0, targets[0], 0, 64);
    assertEquals(targets[0], source);
  }
});

test("moveBytes() moves bytes within an array, and between two views of one buffer, however the ranges overlap", () => {
  for (const isOneArray of [true, false]) {
    for (let length = 0; length <= 140; length++) {
      for (const shift of [-140, -20, -8, -7, -1, 0, 1, 7, 8, 20, 140]) {
        const whole = Uint8Array.from({ length: 500 }, (_, index) => index * 7);
        const expected = whole.slice().copyWithin(150 + shift, 150, 150 + length);
        const source = isOneArray ? whole : new Uint8Array(whole.buffer, 150, length);
        copyBytes(source, 0, new Uint8Array(200), 0, Math.min(40, length)); // So that the next copy may have a view.
        moveBytes(source, isOneArray ? 150 : 0, whole, 150 + shift, length);
        assertEquals(equals(whole, expected), true, `${length} bytes by ${shift}`);
      }
    }
  }
});

test("moveBytes() copies between arrays of two buffers", () => {
  const source = Uint8Array.from({ length: 200 }, (_, index) => index);
  for (let length = 0; length <= 140; length++) {
    for (const [from, to] of [[0, 0], [0, 3], [3, 0], [50, 20]]) {
      const target = new Uint8Array(200).fill(GUARD);
      moveBytes(source, from, target, to, length);
      const expected = new Uint8Array(200).fill(GUARD);
      expected.set(source.subarray(from, from + length), to);
      assertEquals(equals(target, expected), true, `${length} bytes ${from} ${to}`);
    }
  }
});

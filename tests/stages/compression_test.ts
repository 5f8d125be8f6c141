// Tests of compression(). Runtime neutral.

import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { concat } from "@std/bytes";
import fc from "fast-check";
import test from "node:test";
import process from "node:process";
import { deflateRawSync, inflateRawSync } from "node:zlib";
import { FrameError } from "@laster/net";
import { compression, type CompressionOptions } from "@laster/net/stages";
import { pattern } from "../codec/streams.ts";
import { check } from "../property.ts";
import { makeBomb, MEBIBYTE } from "./bomb.ts";
import { bytesOf, frameOf, noise, StageRun } from "./stacks.ts";

const STORED = Uint8Array.of(0);
const DEFLATED = Uint8Array.of(1);

function decode(bytes: Uint8Array, options?: CompressionOptions): Uint8Array {
  const frame = frameOf(bytes);
  compression(options).createDecoder().decode(frame);
  return bytesOf(frame);
}

function refuse(bytes: Uint8Array, options?: CompressionOptions): FrameError {
  return assertThrows(() => decode(bytes, options), FrameError);
}

test("compression() round-trips payloads when they are drawn at random", () => {
  const payloads = fc.tuple(fc.nat({ max: 5_000 }), fc.boolean(), fc.nat());
  const levels = fc.integer({ min: 1, max: 9 });
  check(
    fc.property(payloads, levels, fc.constantFrom(0, 128, 10_000), ([length, isNoise, seed], level, leastBytes) => {
      const payload = isNoise ? noise(length, seed) : pattern(length, seed);
      const bytes = new StageRun(compression({ level, leastBytes })).encode(payload);
      assert(bytes.length <= length + 1);
      assertEquals(decode(bytes), payload);
    }),
    100,
  );
});

test("compression() sends a payload as it is when it is below leastBytes, and deflates it from there on", () => {
  const run = new StageRun(compression({ leastBytes: 100 }));
  assertEquals(run.encode(new Uint8Array(99)), new Uint8Array(100));
  assertEquals(run.encode(new Uint8Array(100)), concat([DEFLATED, deflateRawSync(new Uint8Array(100), { level: 1 })]));
  assertEquals(run.encode(new Uint8Array(0)), STORED);
});

test("compression() sends a payload as it is when deflate would not make it shorter", () => {
  const run = new StageRun(compression({ leastBytes: 0 }));
  for (const length of [0, 1, 2, 500, 65_536]) {
    assertEquals(run.encode(noise(length)), concat([STORED, noise(length)]));
  }
});

test("compression() hands on a view of what was sent as it is, and bytes of its own of what was deflated", () => {
  const decoder = compression().createDecoder();
  const stored = frameOf(concat([STORED, pattern(20)]));
  const { buffer, offset } = stored;
  decoder.decode(stored);
  assertStrictEquals(stored.buffer, buffer);
  assertEquals([stored.offset, stored.length], [offset + 1, 20]);
  const deflated = [1, 2].map((seed) => {
    const frame = frameOf(concat([DEFLATED, deflateRawSync(pattern(500, seed))]));
    decoder.decode(frame);
    return frame;
  });
  assertEquals(deflated.map(bytesOf), [pattern(500, 1), pattern(500, 2)]);
});

test("compression() takes a payload at maxInflatedBytes, and refuses one past it, deflated or not", () => {
  for (const maxInflatedBytes of [1, 100, 65_536, 200_000]) {
    for (const isStored of [true, false]) {
      const make = (length: number) =>
        isStored
          ? concat([STORED, new Uint8Array(length)])
          : concat([DEFLATED, deflateRawSync(new Uint8Array(length))]);
      assertEquals(decode(make(maxInflatedBytes), { maxInflatedBytes }).length, maxInflatedBytes);
      assertEquals(refuse(make(maxInflatedBytes + 1), { maxInflatedBytes }).code, "inflated-too-large");
    }
  }
});

test("compression() makes no more than its limit of a frame that inflates to 200 MiB", () => {
  const bomb = makeBomb(200);
  const grownBytes = (run: () => void) => {
    const before = process.memoryUsage().rss;
    run();
    return process.memoryUsage().rss - before;
  };
  const refused = grownBytes(() => assertEquals(refuse(bomb).code, "inflated-too-large"));
  assert(refused < 20 * MEBIBYTE, `refusing it took ${refused} bytes`);
  // That the measure would show it, and that the bomb is one: without the limit it takes all of that.
  const inflated = grownBytes(() => assertEquals(inflateRawSync(bomb.subarray(1)).length, 200 * MEBIBYTE));
  assert(inflated > 100 * MEBIBYTE, `inflating it took only ${inflated} bytes`);
});

test("compression() refuses a deflated payload as incomplete when it ends too early, wherever", () => {
  const whole = concat([DEFLATED, deflateRawSync(pattern(300))]);
  for (let length = 0; length < whole.length; length++) {
    assertEquals(refuse(whole.subarray(0, length)).code, "incomplete");
  }
  assertEquals(decode(whole), pattern(300));
});

test("compression() refuses a payload as malformed when it is no deflate", () => {
  const error = refuse(Uint8Array.of(1, 255, 255, 255));
  assertEquals(error.code, "malformed");
  assert(error.cause instanceof Error);
});

test("compression() refuses a deflated payload as malformed when something stands behind its end", () => {
  const whole = concat([DEFLATED, deflateRawSync(pattern(300))]);
  assertEquals(decode(whole), pattern(300));
  for (const rest of [1, 100]) assertEquals(refuse(concat([whole, new Uint8Array(rest)])).code, "malformed");
});

test("compression() gives another payload or refuses when a deflated one was changed anywhere", () => {
  const whole = concat([DEFLATED, deflateRawSync(pattern(300))]);
  for (let index = 8; index < 8 * whole.length; index++) {
    const changed = whole.slice();
    changed[index >>> 3] ^= 1 << (index & 7);
    try {
      assert(decode(changed).length <= 65_536);
    } catch (error) {
      assert(error instanceof FrameError && ["incomplete", "malformed", "inflated-too-large"].includes(error.code));
    }
  }
});

test("compression() refuses a payload as malformed when its mark is unknown", () => {
  for (let mark = 2; mark < 256; mark++) assertEquals(refuse(Uint8Array.of(mark, 1, 2)).code, "malformed");
});

test("compression() throws a RangeError when an option is out of range, and a TypeError when it has another name", () => {
  const wrong: readonly CompressionOptions[] = [
    { maxInflatedBytes: 0 },
    { maxInflatedBytes: 2 ** 31 },
    { leastBytes: -1 },
    { leastBytes: 0.5 },
    { level: 0 },
    { level: 10 },
    { level: NaN },
  ];
  for (const options of wrong) assertThrows(() => compression(options), RangeError, "current value is");
  assertThrows(() => compression({ limit: 5 } as object), TypeError, "limit");
  for (const level of [1, 9]) assertEquals(compression({ level, leastBytes: 0, maxInflatedBytes: 1 }).overheadBytes, 1);
});

// Tests of checksum(). Runtime neutral.

import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import test from "node:test";
import { FrameError } from "@laster/net";
import { checksum } from "@laster/net/stages";
import { pattern } from "../codec/streams.ts";
import { check } from "../property.ts";
import { bytesOf, frameOf, StageRun } from "./stacks.ts";

const decoder = checksum().createDecoder();

/** CRC-32 by its definition, bit by bit. */
function referenceCrc(payload: Uint8Array): number {
  let sum = 0xffff_ffff;
  for (const byte of payload) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0xedb8_8320 : sum >>> 1;
  }
  return ~sum >>> 0;
}

function codeOf(bytes: Uint8Array): string {
  return assertThrows(() => decoder.decode(frameOf(bytes)), FrameError).code;
}

test("checksum() puts the CRC-32 behind the payload, little-endian", () => {
  const check = new TextEncoder().encode("123456789");
  assertEquals(new StageRun(checksum()).encode(check).subarray(9), Uint8Array.of(0x26, 0x39, 0xf4, 0xcb));
  assertEquals(new StageRun(checksum()).encode(new Uint8Array(0)), new Uint8Array(4));
});

test("checksum() puts what the definition says when payloads are drawn at random", () => {
  check(fc.property(fc.uint8Array({ maxLength: 300 }), (payload) => {
    const bytes = new StageRun(checksum()).encode(payload);
    assertEquals(new DataView(bytes.buffer).getUint32(payload.length, true), referenceCrc(payload));
    const frame = frameOf(bytes);
    decoder.decode(frame);
    assertEquals(bytesOf(frame), payload);
  }));
});

test("checksum() refuses a payload as checksum-mismatch when any one bit is another", () => {
  const bytes = new StageRun(checksum()).encode(pattern(20));
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    const changed = bytes.slice();
    changed[bit >>> 3] ^= 1 << (bit & 7);
    assertEquals(codeOf(changed), "checksum-mismatch");
  }
});

test("checksum() refuses a payload as incomplete when it is too short for a sum", () => {
  for (let length = 0; length < 4; length++) assertEquals(codeOf(new Uint8Array(length)), "incomplete");
  const frame = frameOf(new Uint8Array(4));
  decoder.decode(frame);
  assertEquals(frame.length, 0);
});

test("checksum() refuses a payload as checksum-mismatch when its end is missing", () => {
  const bytes = new StageRun(checksum()).encode(pattern(20));
  for (let length = 4; length < bytes.length; length++) {
    assertEquals(codeOf(bytes.subarray(0, length)), "checksum-mismatch");
  }
});

test("checksum() hands on a view", () => {
  const frame = frameOf(new StageRun(checksum()).encode(pattern(20)));
  const { buffer, offset } = frame;
  decoder.decode(frame);
  assertStrictEquals(frame.buffer, buffer);
  assertEquals([frame.offset, frame.length], [offset, 20]);
});

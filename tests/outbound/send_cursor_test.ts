// Tests of SendCursor: what an encoder throws or says wrongly goes to the owner, and nothing of the frame is left.

import test from "node:test";
import { assert, assertEquals } from "@std/assert";
import { FrameError } from "@laster/net";
import { OutboundBlock } from "../../src/outbound/outbound_blocks.ts";
import { type CursorOwner, SendCursor } from "../../src/outbound/send_cursor.ts";
import { ODD_FAULTS } from "../promises/odd_values.ts";

/** A cursor in a block, of an owner whose encoder does `encode`. */
function setUp(encode: () => number, frames = 10) {
  const faults: unknown[] = [];
  const owner: CursorOwner = {
    encoder: { maxPayloadBytes: 100, frameBytes: (length) => length + 1, encode },
    hasCursor: false,
    settle: () => cursor.close(),
    handleEncodeError: (error) => faults.push(error),
  };
  const cursor = new SendCursor();
  const block = new OutboundBlock();
  block.bytes = new Uint8Array(64);
  cursor.open(owner, block, 64, frames);
  return { cursor, owner, faults };
}

for (const [name, make] of Object.entries(ODD_FAULTS)) {
  test(`SendCursor.take() tells its owner that the encoder has thrown ${name}`, () => {
    const fault = make();
    const { cursor, owner, faults } = setUp(() => {
      throw fault;
    });
    assertEquals(cursor.take(owner, new Uint8Array(3), 0, 3), false);
    assert(faults.length === 1 && faults[0] === fault);
    assertEquals([cursor.end, cursor.frames], [0, 0]);
  });
}

for (const written of [-1, 5, 1.5, NaN, Infinity, undefined as unknown as number, "4" as unknown as number]) {
  test(`SendCursor.take() refuses an encoder that has written ${String(written)} of 0 to 4 bytes`, () => {
    const { cursor, owner, faults } = setUp(() => written);
    assertEquals(cursor.take(owner, new Uint8Array(3), 0, 3), false);
    assert(faults[0] instanceof FrameError && faults[0].code === "codec-fault", String(faults[0]));
    assertEquals([cursor.end, cursor.frames], [0, 0]);
  });
}

test("SendCursor.take() counts what an encoder has written that is less than it asked room for", () => {
  const { cursor, owner, faults } = setUp(() => 2);
  assertEquals([cursor.take(owner, new Uint8Array(3), 0, 3), cursor.end, cursor.frames, faults], [true, 2, 1, []]);
});

test("SendCursor.take() takes as many frames as it was opened for, and no more", () => {
  const { cursor, owner } = setUp(() => 4, 2);
  const taken = Array.from({ length: 3 }, () => cursor.take(owner, new Uint8Array(3), 0, 3));
  assertEquals([taken, cursor.frames, cursor.framesLeft], [[true, true, false], 2, 0]);
});

// Frames that are for the codec itself: readers and stages pass them by, and hand on what answers them.

import test from "node:test";
import { assert, assertEquals } from "@std/assert";
import { BufferPool } from "@laster/net/buffer";
import { Frame, FrameReader } from "@laster/net/codec";
import { checksum, staged } from "@laster/net/stages";
import { heartbeat } from "../../examples/heartbeat_codec.ts";
import { text } from "../support.ts";

const STREAM = new Uint8Array([1, 0, 2, 0, 104, 105, 2, 1, 1, 0, 0, 0, 2, 0, 1, 0, 33, 1]);

for (let size = 1; size <= STREAM.length; size++) {
  test(`FrameReader.next() passes by what is for the codec, in chunks of ${size} bytes`, () => {
    const pool = new BufferPool();
    const replies: number[][] = [];
    let pongs = 0;
    const codec = heartbeat({ onPong: () => pongs++ });
    const reader = new FrameReader(codec.createDecoder(), pool, undefined, (reply) => replies.push([...reply]));
    const messages: string[] = [];
    for (let at = 0; at < STREAM.length; at += size) {
      reader.feed(STREAM.subarray(at, at + size));
      while (reader.next()) {
        messages.push(
          text(reader.frame.buffer.subarray(reader.frame.offset, reader.frame.offset + reader.frame.length)),
        );
      }
    }
    assertEquals([messages, replies, pongs], [["hi", "", "!"], [[2], [2], [2], [2]], 2]);
    assert(!reader.isInsideFrame);
    reader.close();
    assertEquals(pool.outstanding, 0);
  });
}

test("FrameReader.next() says false where nothing but frames for the codec came, and drops answers that nobody takes", () => {
  const reader = new FrameReader(heartbeat().createDecoder(), new BufferPool());
  reader.feed(new Uint8Array([2, 1, 1]));
  assertEquals([reader.next(), reader.hasInput], [false, false]);
});

test("Frame.consume() and acknowledge() say what one frame is answered with and whether it is an answer, not the frame before", () => {
  const frame = new Frame();
  const says = () => [frame.isConsumed, frame.reply, frame.isAnswer];
  const reply = new Uint8Array([2]);
  frame.consume(reply);
  assertEquals(says(), [true, reply, false]);
  frame.acknowledge();
  assertEquals(says(), [true, undefined, true]);
  frame.consume();
  assertEquals(says(), [true, undefined, false]);
  frame.set(reply, 0, 1);
  assertEquals(frame.isConsumed, false);
});

test("Stages do not touch what is for the codec below them", () => {
  const decoder = staged(heartbeat(), [checksum()]).createDecoder();
  const frame = new Frame();
  assertEquals([decoder.decode(new Uint8Array([1]), 0, 1, frame), frame.isConsumed], [1, true]);
  assertEquals([frame.reply, frame.expandedBytes], [new Uint8Array([2]), 0]);
});

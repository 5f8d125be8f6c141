// Tests of FrameReader with decoders that keep their word. Runtime neutral.

import { assert, assertEquals, assertNotStrictEquals, assertStrictEquals } from "@std/assert";
import { concat } from "@std/bytes";
import fc from "fast-check";
import test from "node:test";
import { BufferPool } from "../../src/buffer/buffer_pool.ts";
import { Frame } from "../../src/codec/codec.ts";
import { FrameReader } from "../../src/codec/frame_reader.ts";
import { lengthPrefixed } from "../../src/codec/length_prefixed.ts";
import { simpleBinary } from "../../src/codec/simple_binary.ts";
import { check } from "../property.ts";
import { zeroEnded } from "./decoders.ts";
import { PLAIN_SHAPE, referenceFrame } from "./reference_frame.ts";
import { cutAt, forEveryCut, pattern, payloadOf, POOL_CLASSES, readStream, rentCount } from "./streams.ts";

const LARGE_BYTES = 50_000;

function frameOf(length: number, seed = 0): Uint8Array {
  return referenceFrame(PLAIN_SHAPE, pattern(length, seed));
}

/** Makes a reader of simpleBinary() frames, and checks in the end that its pool has everything back. */
function withReader(run: (reader: FrameReader, pool: BufferPool) => void): void {
  const pool = new BufferPool();
  const reader = new FrameReader(simpleBinary().createDecoder(), pool);
  try {
    run(reader, pool);
  } finally {
    reader.close();
  }
  assertEquals(pool.outstanding, 0);
}

test("FrameReader.next() gives views of the chunk and rents nothing when frames lie whole in it", () => {
  withReader((reader, pool) => {
    const chunk = concat([frameOf(3), frameOf(0), frameOf(200)]);
    reader.feed(chunk);
    for (const [offset, length] of [[4, 3], [11, 0], [15, 200]]) {
      assertEquals([reader.next(), reader.frame.offset, reader.frame.length], [true, offset, length]);
      assertStrictEquals(reader.frame.buffer, chunk);
    }
    assertEquals([reader.hasInput, reader.next(), reader.isInsideFrame, rentCount(pool)], [false, false, false, 0]);
  });
});

test("FrameReader.next() reads a chunk from its own start when the chunk is a view", () => {
  withReader((reader) => {
    const chunk = concat([pattern(9), frameOf(5), pattern(9)]).subarray(9, 18);
    reader.feed(chunk);
    assertEquals([reader.next(), reader.frame.offset, payloadOf(reader)], [true, 4, pattern(5)]);
    assertEquals(reader.next(), false);
  });
});

test("FrameReader.next() says false when nothing was fed, or an empty chunk", () => {
  withReader((reader, pool) => {
    assertEquals([reader.next(), reader.hasInput], [false, false]);
    reader.feed(new Uint8Array(0));
    assertEquals([reader.next(), reader.next(), reader.isInsideFrame, rentCount(pool)], [false, false, false, 0]);
  });
});

test("FrameReader keeps a tail only while a frame is unfinished when chunks cut frames", () => {
  withReader((reader, pool) => {
    const stream = concat([frameOf(6), frameOf(7, 1), frameOf(8, 2)]);
    const [first, second] = cutAt(stream, [16]);
    reader.feed(first);
    assertEquals([reader.next(), pool.outstanding], [true, 0]);
    assertEquals([reader.next(), pool.outstanding, reader.isInsideFrame], [false, 1, true]);
    reader.feed(second);
    assertEquals([reader.next(), payloadOf(reader), reader.isInsideFrame], [true, pattern(7, 1), false]);
    assertNotStrictEquals(reader.frame.buffer, second);
    // The frame behind is a view again, and the tail is back with it.
    assertEquals([reader.next(), payloadOf(reader), pool.outstanding], [true, pattern(8, 2), 0]);
    assertStrictEquals(reader.frame.buffer, second);
    assertEquals([reader.next(), reader.isInsideFrame, pool.outstanding], [false, false, 0]);
  });
});

test("FrameReader keeps what it has when an empty chunk comes inside a frame", () => {
  withReader((reader) => {
    const [first, second] = cutAt(frameOf(20), [9]);
    for (const chunk of [first, new Uint8Array(0)]) {
      reader.feed(chunk);
      assertEquals([reader.next(), reader.isInsideFrame], [false, true]);
    }
    reader.feed(second);
    assertEquals([reader.next(), payloadOf(reader)], [true, pattern(20)]);
  });
});

test("FrameReader.next() leaves the payload valid until the next call when it lies in the tail", () => {
  withReader((reader, pool) => {
    const chunks = cutAt(frameOf(100), [50]);
    for (const chunk of chunks) {
      reader.feed(chunk);
      reader.next();
    }
    chunks[1].fill(0xee);
    const other = pool.rent(104);
    other.bytes.fill(0xee);
    assertEquals([payloadOf(reader), pool.outstanding], [pattern(100), 2]);
    other.release();
    assertEquals([reader.next(), pool.outstanding], [false, 0]);
  });
});

test("FrameReader takes memory as a large frame arrives, and not as its header announces it", () => {
  withReader((reader, pool) => {
    const chunks = cutAt(frameOf(LARGE_BYTES), [4, 1000, 20_000, 20_001]);
    const outstanding: number[] = [];
    for (const chunk of chunks.slice(0, -1)) {
      reader.feed(chunk);
      assertEquals(reader.next(), false);
      outstanding.push(pool.stats().outstandingBytes);
    }
    assertEquals(outstanding, [4_096, 4_096, 20_000, 40_000]);
    reader.feed(chunks[chunks.length - 1]);
    assertEquals([reader.next(), payloadOf(reader), rentCount(pool)], [true, pattern(LARGE_BYTES), 4]);
  });
});

test("FrameReader takes memory twice before the rest of a large frame whose header comes byte by byte", () => {
  withReader((reader, pool) => {
    const chunks = cutAt(frameOf(LARGE_BYTES), [1, 2, 3, 4, 3000]);
    for (const chunk of chunks) {
      reader.feed(chunk);
      const isWhole = chunk === chunks[chunks.length - 1];
      assertEquals(reader.next(), isWhole);
      assertEquals(pool.outstanding, 1);
    }
    assertEquals(payloadOf(reader), pattern(LARGE_BYTES));
    // The header's bytes had a small buffer first, and what came next 4 KiB.
    const { classes, oversize } = pool.stats();
    assertEquals([oversize, classes.map(({ misses }) => misses)], [1, [1, 0, 0, 0, 1]]);
  });
});

test("FrameReader reads again from the chunk when it looked past a short frame for a header", () => {
  withReader((reader) => {
    const stream = concat([frameOf(1), frameOf(2), frameOf(3)]);
    const [first, second] = cutAt(stream, [2]);
    reader.feed(first);
    assertEquals(reader.next(), false);
    reader.feed(second);
    assertEquals([reader.next(), payloadOf(reader), reader.hasInput], [true, pattern(1), true]);
    assertEquals([reader.next(), payloadOf(reader), reader.frame.buffer === second], [true, pattern(2), true]);
    assertEquals([reader.next(), payloadOf(reader), reader.hasInput], [true, pattern(3), false]);
    assertEquals([reader.next(), reader.isInsideFrame], [false, false]);
  });
});

test("FrameReader gives the same frames when a header is longer than its first look", () => {
  const decoder = lengthPrefixed({ width: 2, lengthOffset: 300 }).createDecoder();
  const shape = { ...PLAIN_SHAPE, width: 2, lengthOffset: 300 } as const;
  const payloads = [0, 1, 40, 400].map(pattern);
  const stream = concat(payloads.map((payload) => referenceFrame(shape, payload)));
  forEveryCut(stream, (chunks) => assertEquals(readStream(decoder, chunks).messages, payloads));
});

test("FrameReader gives the same frames when the decoder cannot tell their size", () => {
  const lengths = [0, 5, 31, 32, 33, 64, 500, 0];
  const payloads = lengths.map((length) => new Uint8Array(length).fill(7));
  const stream = concat(payloads.flatMap((payload) => [payload, Uint8Array.of(0)]));
  forEveryCut(stream, (chunks) => {
    const { messages, isInsideFrame } = readStream(zeroEnded(501), chunks);
    assertEquals([messages, isInsideFrame], [payloads, false]);
  }, 100);
  forEveryCut(stream, (chunks) => assertEquals(readStream(zeroEnded(500), chunks).refusal, "too-large"));
});

test("FrameReader keeps readers apart when they share one Frame", () => {
  const pool = new BufferPool();
  const frame = new Frame();
  const first = new FrameReader(simpleBinary().createDecoder(), pool, frame);
  const second = new FrameReader(simpleBinary().createDecoder(), pool, frame);
  const chunks = [cutAt(frameOf(40, 1), [10]), cutAt(frameOf(60, 2), [2])];
  for (let index = 0; index < 2; index++) {
    const isWhole = index === 1;
    first.feed(chunks[0][index]);
    assertEquals(first.next(), isWhole);
    if (isWhole) assertEquals(payloadOf(first), pattern(40, 1));
    second.feed(chunks[1][index]);
    assertEquals(second.next(), isWhole);
    if (isWhole) assertEquals(payloadOf(second), pattern(60, 2));
  }
  first.close();
  second.close();
  assertEquals(pool.outstanding, 0);
});

test("FrameReader.switchDecoder() loses nothing of a chunk that was fed into an unfinished frame and not read yet", () => {
  withReader((reader) => {
    const stream = concat([frameOf(20), frameOf(3, 1)]);
    reader.feed(stream.subarray(0, 9));
    assertEquals([reader.next(), reader.isInsideFrame], [false, true]);
    reader.feed(stream.subarray(9));
    reader.switchDecoder(lengthPrefixed().createDecoder());
    assertEquals([reader.next(), payloadOf(reader)], [true, pattern(20)]);
    assertEquals([reader.next(), payloadOf(reader)], [true, pattern(3, 1)]);
    assertEquals([reader.next(), reader.isInsideFrame], [false, false]);
  });
});

test("FrameReader.close() gives everything back when called at any point", () => {
  const stream = concat([3, 0, 40, 700, 5000, 1].map((length) => frameOf(length)));
  const places = fc.array(fc.nat({ max: stream.length }), { maxLength: 8 });
  check(fc.property(places, fc.nat({ max: 20 }), (cuts, closeAfter) => {
    const pool = new BufferPool({ classes: POOL_CLASSES });
    const reader = new FrameReader(simpleBinary().createDecoder(), pool);
    let steps = 0;
    for (const chunk of cutAt(stream, cuts)) {
      reader.feed(chunk);
      while (steps++ < closeAfter && reader.next());
      if (steps > closeAfter) break;
    }
    reader.close();
    assertEquals([pool.outstanding, reader.isInsideFrame, reader.hasInput, reader.next()], [0, false, false, false]);
    reader.close();
    assertEquals(pool.outstanding, 0);
  }));
});

test("FrameReader.close() does nothing when nothing was fed", () => {
  withReader((reader, pool) => {
    reader.close();
    assertEquals([reader.next(), rentCount(pool)], [false, 0]);
  });
});

test("FrameReader keeps no chunk alive once it is used up, whole or not", () => {
  withReader((reader) => {
    const chunk = frameOf(3);
    reader.feed(chunk);
    assert(reader.next());
    assertStrictEquals(reader.frame.buffer, chunk);
    assert(!reader.next());
    assertEquals(reader.frame.buffer.length, 0);
    reader.feed(concat([chunk, chunk.subarray(0, 5)]));
    assert(reader.next());
    assert(!reader.next());
    assertEquals([reader.frame.buffer.length, reader.isInsideFrame], [0, true]);
  });
});

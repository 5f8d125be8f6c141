// Tests of FrameReader with decoders that break their contract, and of how often it asks one. Runtime neutral.

import { assertEquals, assertLessOrEqual, assertThrows } from "@std/assert";
import test from "node:test";
import { BufferPool } from "../../src/buffer/buffer_pool.ts";
import type { FrameDecoder } from "../../src/codec/codec.ts";
import { FrameReader } from "../../src/codec/frame_reader.ts";
import { simpleBinary } from "../../src/codec/simple_binary.ts";
import { FrameError, type FrameErrorCode } from "../../src/errors.ts";
import { type Answer, CountingDecoder, scripted, zeroEnded } from "./decoders.ts";
import { PLAIN_SHAPE, referenceFrame } from "./reference_frame.ts";
import { cutAt, pattern, payloadOf, readStream, rentCount } from "./streams.ts";

/** What a decoder may not say of the 10 bytes it is shown, and what is said of it. */
const LIES: readonly (readonly [name: string, answer: Answer, code: FrameErrorCode, text: string])[] = [
  ["uses a negative count", { used: -1 }, "codec-fault", "or 0: current value is -1"],
  ["uses NaN", { used: NaN }, "codec-fault", "or 0: current value is NaN"],
  ["uses half a byte", { used: 1.5 }, "codec-fault", "or 0: current value is 1.5"],
  ["uses one more than there is", { used: 11 }, "codec-fault", "to 10 bytes, or 0: current value is 11"],
  ["uses Infinity", { used: Infinity }, "codec-fault", "or 0: current value is Infinity"],
  ["returns nothing", { used: undefined as unknown as number }, "codec-fault", "or 0: current value is undefined"],
  ["needs one more than it may", { used: 0, needBytes: 65 }, "too-large", "at most 64 bytes: current value is 65"],
  ["needs 2^53 bytes", { used: 0, needBytes: 2 ** 53 }, "too-large", "current value is 9007199254740992"],
  ["needs Infinity", { used: 0, needBytes: Infinity }, "too-large", "current value is Infinity"],
  ["needs a negative count", { used: 0, needBytes: -1 }, "codec-fault", "current value is -1"],
  ["needs NaN", { used: 0, needBytes: NaN }, "codec-fault", "current value is NaN"],
  ["needs half a byte", { used: 0, needBytes: 20.5 }, "codec-fault", "current value is 20.5"],
];

/** Feeds chunks until the reader throws; checks that all memory is back after close(). */
function assertFault(decoder: FrameDecoder, chunks: readonly Uint8Array[], code: FrameErrorCode, text: string): void {
  const pool = new BufferPool();
  const reader = new FrameReader(decoder, pool);
  for (const chunk of chunks.slice(0, -1)) {
    reader.feed(chunk);
    assertEquals(reader.next(), false);
  }
  reader.feed(chunks[chunks.length - 1]);
  const error = assertThrows(() => reader.next(), FrameError, text);
  assertEquals([error.code, pool.stats().oversize], [code, 0]);
  reader.close();
  assertEquals(pool.outstanding, 0);
}

for (const [name, answer, code, text] of LIES) {
  test(`FrameReader.next() throws ${code} when the decoder ${name} of a chunk`, () => {
    assertFault(scripted(64, [answer]), [pattern(10)], code, text);
  });

  test(`FrameReader.next() throws ${code} when the decoder ${name} of a tail`, () => {
    assertFault(scripted(64, [{ used: 0 }, answer]), [pattern(4), pattern(6)], code, text);
  });
}

test("FrameReader.next() throws codec-fault when a frame ends in bytes that were too few before", () => {
  const chunks = [pattern(4), pattern(6)];
  const text = "must use 5 to 10 bytes, or 0: current value is 4";
  assertFault(scripted(64, [{ used: 0 }, { used: 4 }]), chunks, "codec-fault", text);
});

test("FrameReader.next() throws too-large at maxFrameBytes when the decoder says 0 for ever", () => {
  const zero = () => scripted(64, [{ used: 0 }]);
  const text = "at most 64 bytes: current value is 64 or more";
  assertFault(zero(), [pattern(64)], "too-large", text);
  assertFault(zero(), [pattern(63), pattern(1)], "too-large", text);
  assertFault(zero(), cutAt(pattern(64), [...pattern(64).keys()]).slice(1), "too-large", text);
  assertFault(zero(), [pattern(10), pattern(500)], "too-large", text);
  assertEquals(readStream(zero(), [pattern(60), pattern(3)]).isInsideFrame, true);
});

test("FrameReader.next() throws again when it is called after a fault", () => {
  const pool = new BufferPool();
  const reader = new FrameReader(scripted(64, [{ used: -1 }]), pool);
  reader.feed(pattern(10));
  for (let call = 0; call < 2; call++) assertThrows(() => reader.next(), FrameError, "current value is -1");
  reader.close();
  assertEquals([reader.next(), pool.outstanding], [false, 0]);
});

test("FrameReader.next() passes an error on and leaks nothing when the decoder throws one of its own", () => {
  const pool = new BufferPool();
  const reader = new FrameReader({
    maxFrameBytes: 64,
    decode(_input, _start, end) {
      if (end >= 10) throw new SyntaxError("what");
      return 0;
    },
  }, pool);
  reader.feed(pattern(4));
  assertEquals([reader.next(), pool.outstanding], [false, 1]);
  reader.feed(pattern(6));
  assertThrows(() => reader.next(), SyntaxError, "what");
  reader.close();
  assertEquals(pool.outstanding, 0);
});

test("FrameReader.next() takes a frame when it needs exactly maxFrameBytes", () => {
  const decoder = scripted(64, [{ used: 0, needBytes: 64 }, { used: 64 }]);
  assertEquals(readStream(decoder, [pattern(1), pattern(63)]).messages.length, 1);
});

test("FrameReader.next() takes a needBytes that is not more than there is as not known", () => {
  const decoder = scripted(64, [{ used: 0, needBytes: 3 }, { used: 0, needBytes: 5 }, { used: 6 }]);
  const { messages, isInsideFrame } = readStream(decoder, [pattern(4), pattern(1), pattern(1)]);
  assertEquals([messages.map(({ length }) => length), isInsideFrame], [[6], false]);
});

test("FrameReader asks the decoder five times when a 64 KiB frame comes byte by byte", () => {
  const payload = pattern(65_536);
  const stream = referenceFrame(PLAIN_SHAPE, payload);
  const decoder = new CountingDecoder(simpleBinary().createDecoder());
  const pool = new BufferPool();
  const reader = new FrameReader(decoder, pool);
  let frames = 0;
  for (let index = 0; index < stream.length; index++) {
    reader.feed(stream.subarray(index, index + 1));
    while (reader.next()) frames += Number(payloadOf(reader).length === payload.length);
  }
  // Asked once for each byte of the header, and once for the whole; memory: 32 bytes, then 4 KiB, doubling.
  assertEquals([frames, decoder.calls, rentCount(pool)], [1, 5, 7]);
  reader.close();
  assertEquals(pool.outstanding, 0);
});

test("FrameReader moves a tail a few times only when a 64 KiB frame of unknown size comes byte by byte", () => {
  const bytes = 65_536;
  const pool = new BufferPool();
  const reader = new FrameReader({ maxFrameBytes: bytes, decode: () => 0 }, pool);
  for (let index = 0; index < bytes - 1; index++) {
    reader.feed(Uint8Array.of(1));
    reader.next();
  }
  // 16, 128, 256, 1024, 4096, and then doubled up to the limit.
  assertEquals([rentCount(pool), pool.stats().outstandingBytes], [9, bytes]);
  reader.close();
  assertEquals(pool.outstanding, 0);
});

test("FrameReader doubles its look when a frame of unknown size goes on in a long chunk", () => {
  const decoder = new CountingDecoder(zeroEnded(100_000));
  const chunk = new Uint8Array(65_536).fill(1);
  chunk[chunk.length - 1] = 0;
  const { messages } = readStream(decoder, [Uint8Array.of(1), chunk]);
  assertEquals(messages.map(({ length }) => length), [65_536]);
  assertLessOrEqual(decoder.calls, 14);
});

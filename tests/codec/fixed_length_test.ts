// Tests of fixedLength(). Runtime neutral.

import { assertEquals, assertThrows } from "@std/assert";
import { concat } from "@std/bytes";
import test from "node:test";
import { fixedLength, FrameError } from "@laster/net";
import { assertRefusesOptions } from "./refused_options.ts";
import { assertMessages, encodeFrame, forEveryCut, pattern, readStream } from "./streams.ts";

test("fixedLength() round-trips frames of 1, 12 and 5,000 bytes", () => {
  for (const frameBytes of [1, 12, 5_000]) {
    const codec = fixedLength({ frameBytes });
    const payloads = [pattern(frameBytes), pattern(frameBytes, 1), pattern(frameBytes, 2)];
    const frames = payloads.map((payload) => encodeFrame(codec, payload));
    assertEquals(frames, payloads);
    assertMessages(codec, concat(frames), payloads, 10);
  }
});

test("fixedLength() stands inside a frame when the stream ends one byte early", () => {
  const codec = fixedLength({ frameBytes: 12 });
  forEveryCut(pattern(23), (chunks) => {
    const { messages, isInsideFrame } = readStream(codec.createDecoder(), chunks);
    assertEquals([messages.length, isInsideFrame], [1, true]);
  });
});

test("fixedLength() refuses a shorter payload, fills it up if it is told with what, and takes no longer one", () => {
  const plain = fixedLength({ frameBytes: 4 });
  assertThrows(() => encodeFrame(plain, pattern(3)), FrameError, "must have 4 bytes: current value is 3");
  assertThrows(() => encodeFrame(plain, pattern(0)), FrameError, "current value is 0");
  const filled = fixedLength({ frameBytes: 4, fill: 32 });
  assertEquals(encodeFrame(filled, Uint8Array.of(1, 2)), Uint8Array.of(1, 2, 32, 32));
  assertEquals(encodeFrame(filled, Uint8Array.of()), Uint8Array.of(32, 32, 32, 32));
  assertEquals(plain.createEncoder().maxPayloadBytes, 4);
});

test("fixedLength() refuses options that are out of range or have another name", () => {
  const make = fixedLength as (options: object) => ReturnType<typeof fixedLength>;
  assertRefusesOptions(make, RangeError, [
    [{}, "frameBytes must be an integer from 1 to 2147483647: current value is undefined"],
    [{ frameBytes: 0 }, "current value is 0"],
    [{ frameBytes: 1.5 }, "current value is 1.5"],
    [{ frameBytes: 2 ** 31 }, "current value is 2147483648"],
    [{ frameBytes: 1, fill: 256 }, "fill must be an integer from 0 to 255: current value is 256"],
  ]);
  assertThrows(() => make({ frameBytes: 1, length: 2 }), TypeError, `current value is "length"`);
});

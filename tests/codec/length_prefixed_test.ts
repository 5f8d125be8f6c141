// Round trips of lengthPrefixed() through every shape of header, against frames written by hand. Runtime neutral.

import { assertEquals } from "@std/assert";
import { concat } from "@std/bytes";
import test from "node:test";
import type { LengthWidth } from "../../src/codec/length_field.ts";
import { Frame } from "../../src/codec/codec.ts";
import { lengthPrefixed } from "../../src/codec/length_prefixed.ts";
import { type FrameShape, PLAIN_SHAPE, referenceFrame, shortestPayload } from "./reference_frame.ts";
import { assertMessages, encodeFrame, pattern } from "./streams.ts";

const WIDTHS: readonly LengthWidth[] = [1, 2, 3, 4, 8, "varint"];
/** Past what one byte says and where a varint takes its second, and short enough for a thousand streams. */
const MOST_BYTES = 270;

for (const shape of allShapes()) {
  const most = Math.min(MOST_BYTES, longestPayload(shape));
  test(`lengthPrefixed() round-trips frames when ${nameOf(shape)}`, () => {
    const codec = lengthPrefixed({ ...shape, maxPayloadBytes: most });
    const payloads = lengthsTo(shape, most).map(pattern);
    const expected = payloads.map((payload) => referenceFrame(shape, payload));
    const frames = payloads.map((payload) => encodeFrame(codec, payload));
    assertEquals(frames, expected);
    assertMessages(codec, concat(frames), shape.keepHeader ? expected : payloads, 4);
  });
}

test("lengthPrefixed() round-trips the longest payload when the length field sets the limit", () => {
  const shapes: [Partial<FrameShape>, number][] = [
    [{ width: 1 }, 255],
    [{ width: 1, lengthIncludesHeader: true, lengthOffset: 3 }, 251],
    [{ width: 1, lengthAdjustment: -2 }, 253],
    [{ width: 1, lengthAdjustment: 3 }, 258],
    [{ width: 1, keepHeader: true }, 256],
    [{ width: 1, keepHeader: true, lengthIncludesHeader: true }, 255],
    [{ width: 2 }, 65_535],
    [{ width: 2, lengthIncludesHeader: true, byteOrder: "big" }, 65_533],
    [{ width: 2, lengthAdjustment: 3 }, 65_536],
    [{ width: 3 }, 65_536],
    [{ width: "varint", lengthIncludesHeader: true }, 65_536],
  ];
  for (const [part, most] of shapes) {
    const shape = { ...PLAIN_SHAPE, ...part };
    const codec = lengthPrefixed(part);
    assertEquals(codec.createEncoder().maxPayloadBytes, most);
    const payload = pattern(most);
    const frame = encodeFrame(codec, payload);
    assertEquals(frame, referenceFrame(shape, payload));
    assertMessages(codec, frame, [shape.keepHeader ? frame : payload], 3);
  }
});

test("lengthPrefixed() round-trips a varint that counts itself when the count makes it longer", () => {
  const shape: FrameShape = { ...PLAIN_SHAPE, width: "varint", lengthIncludesHeader: true };
  const codec = lengthPrefixed({ width: "varint", lengthIncludesHeader: true, maxPayloadBytes: 16_400 });
  for (const [first, last] of [[124, 130], [16_378, 16_386]]) {
    for (let length = first; length <= last; length++) {
      const frame = encodeFrame(codec, pattern(length));
      assertEquals(frame, referenceFrame(shape, pattern(length)));
      assertMessages(codec, frame, [pattern(length)], 1);
    }
  }
});

test("lengthPrefixed() fills in the length and leaves the rest of the header when keepHeader is set", () => {
  const codec = lengthPrefixed({ width: 2, byteOrder: "big", lengthOffset: 2, keepHeader: true });
  const frame = encodeFrame(codec, Uint8Array.of(7, 8, 0xff, 0xff, 1, 2, 3));
  assertEquals(frame, Uint8Array.of(7, 8, 0, 3, 1, 2, 3));
  assertMessages(codec, frame, [frame]);
});

test("lengthPrefixed() skips the bytes before the length when keepHeader is not set", () => {
  const codec = lengthPrefixed({ width: 2, byteOrder: "big", lengthOffset: 2 });
  assertEquals(encodeFrame(codec, Uint8Array.of(1, 2)), Uint8Array.of(0, 0, 0, 2, 1, 2));
  assertMessages(codec, Uint8Array.of(0xff, 0x80, 0, 2, 1, 2), [Uint8Array.of(1, 2)]);
});

test("lengthPrefixed() is 4 bytes little-endian when no options are given", () => {
  const codec = lengthPrefixed();
  assertEquals([codec.name, codec.createEncoder().maxPayloadBytes], ["length-prefixed", 65_536]);
  assertEquals(encodeFrame(codec, Uint8Array.of(9)), Uint8Array.of(1, 0, 0, 0, 9));
});

test("lengthPrefixed() says the most that a frame takes when asked", () => {
  const boundsOf = (part: Partial<FrameShape>) => {
    const codec = lengthPrefixed({ ...part, maxPayloadBytes: 100 });
    return [codec.createDecoder().maxFrameBytes, codec.createEncoder().frameBytes(100)];
  };
  assertEquals(boundsOf({ width: 2 }), [102, 102]);
  assertEquals(boundsOf({ width: "varint", lengthOffset: 3 }), [108, 108]);
  assertEquals(boundsOf({ width: 8, keepHeader: true, lengthOffset: 3 }), [100, 100]);
});

test("lengthPrefixed() has room for a ping in the most that a frame takes where there are pings, and only there", () => {
  const bounds = [0, 1, 2].map((maxPayloadBytes) =>
    [false, true].map((controlFrames) =>
      lengthPrefixed({ maxPayloadBytes, controlFrames }).createDecoder().maxFrameBytes
    )
  );
  assertEquals(bounds, [[4, 5], [5, 5], [6, 6]]);
});

test("lengthPrefixed() waits for the last byte of a ping that is cut behind a message, whatever lies behind it", () => {
  const decoder = lengthPrefixed({ controlFrames: true }).createDecoder();
  const frame = new Frame();
  const input = new Uint8Array([1, 0, 0, 0, 7, 255, 255, 255, 255, 99]);
  assertEquals([decoder.decode(input, 5, 9, frame), frame.needBytes], [0, 5]);
  input[9] = 1;
  assertEquals([decoder.decode(input, 5, 10, frame), frame.isConsumed], [5, true]);
});

test("lengthPrefixed() decodes a varint when it is padded with zero groups", () => {
  const codec = lengthPrefixed({ width: "varint" });
  assertMessages(codec, Uint8Array.of(0x82, 0x80, 0x80, 0x80, 0x00, 5, 6), [Uint8Array.of(5, 6)]);
});

function allShapes(): FrameShape[] {
  const shapes: FrameShape[] = [];
  for (const width of WIDTHS) {
    for (const byteOrder of ["little", "big"] as const) {
      for (const lengthOffset of [0, 3]) {
        for (const lengthAdjustment of [-2, 0, 3]) {
          for (const lengthIncludesHeader of [false, true]) {
            for (const keepHeader of width === "varint" ? [false] : [false, true]) {
              shapes.push({ width, byteOrder, lengthOffset, lengthAdjustment, lengthIncludesHeader, keepHeader });
            }
          }
        }
      }
    }
  }
  return shapes;
}

function nameOf({ width, byteOrder, lengthOffset, lengthAdjustment, ...flags }: FrameShape): string {
  const names = [`width ${width} ${byteOrder}-endian`, `offset ${lengthOffset}`, `adjustment ${lengthAdjustment}`];
  if (flags.lengthIncludesHeader) names.push("header counted");
  if (flags.keepHeader) names.push("header kept");
  return names.join(", ");
}

/** The longest payload that a one-byte length can say; no other width limits these tests. */
function longestPayload(shape: FrameShape): number {
  if (shape.width !== 1) return MOST_BYTES;
  const headerBytes = shape.lengthOffset + 1;
  const bodyBytes = 255 + shape.lengthAdjustment - (shape.lengthIncludesHeader ? headerBytes : 0);
  return shape.keepHeader ? bodyBytes + headerBytes : bodyBytes;
}

/** Lengths at the ends of the range, and around where a varint takes its second byte. */
function lengthsTo(shape: FrameShape, most: number): number[] {
  const least = shortestPayload(shape);
  const lengths = [
    least,
    least,
    least + 1,
    30,
    31,
    64,
    119,
    120,
    121,
    122,
    123,
    124,
    125,
    126,
    127,
    128,
    129,
    130,
    most,
  ];
  return [...lengths, most - 1, least].filter((length) => length >= least && length <= most);
}

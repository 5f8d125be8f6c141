// RecordRing: what is written last is there, whole, wherever the end of the array falls; the rest is gone and says so.

import test from "node:test";
import { assertEquals } from "@std/assert";
import { GONE, RECEIVED, RecordRing, SENT } from "../../src/recorder/record_ring.ts";
import { pattern } from "../support.ts";
import { printedRandom } from "../random.ts";

function payloadOf(ring: RecordRing, position: number): Uint8Array {
  const { kept } = ring.read(position);
  const bytes = new Uint8Array(kept);
  ring.copy(position, kept, bytes);
  return bytes;
}

test("RecordRing.append() fills the array to its last byte, and begins again at the first", () => {
  const ring = new RecordRing(128, 1_000);
  const first = ring.append(RECEIVED, -1, 1.5, 48, pattern(48), 0);
  const second = ring.append(SENT, first, 2.5, 48, pattern(60, 9), 12);
  assertEquals([first, second, ring.has(first), ring.has(second)], [0, 64, true, true], "exactly full");
  assertEquals(payloadOf(ring, second), pattern(60, 9).subarray(12));
  const third = ring.append(GONE, second, 3.5, 0);
  assertEquals([third, ring.has(first), ring.has(second), ring.has(third)], [128, false, true, true]);
  assertEquals(ring.read(third), { kind: GONE, length: 0, kept: 0, timeMs: 3.5, previous: second });
  assertEquals(ring.read(second), { kind: SENT, length: 48, kept: 48, timeMs: 2.5, previous: first });
});

test("RecordRing.append() lets bytes go round the end, a header never", () => {
  for (let filler = 0; filler <= 96; filler++) {
    const ring = new RecordRing(128, 1_000);
    ring.append(RECEIVED, -1, 0, filler, pattern(filler), 0);
    for (const length of [0, 1, 15, 16, 17, 49, 100, 111, 112]) {
      const position = ring.append(SENT, -1, 7, length, pattern(length, length), 0);
      assertEquals([position % 16, ring.read(position).timeMs], [0, 7]);
      assertEquals(payloadOf(ring, position), pattern(length, length), `${length} bytes behind ${filler}`);
    }
  }
});

test("RecordRing.append() copies from arrays that come again as from others, both ways, at any place and of any length", () => {
  const ring = new RecordRing(65_536, 1_000);
  const [received, sent] = [pattern(90, 1).subarray(3), pattern(90, 7).subarray(6)];
  for (let length = 0; length <= 60; length++) {
    for (const start of [0, 1, 6, 20]) {
      for (
        const [kind, source] of [[RECEIVED, received], [SENT, sent], [RECEIVED, sent], [RECEIVED, received]] as const
      ) {
        const position = ring.append(kind, -1, 0, length, source, start);
        assertEquals(payloadOf(ring, position), source.slice(start, start + length), `${length} bytes from ${start}`);
        assertEquals(
          payloadOf(ring, ring.append(kind, -1, 0, length, source, start)),
          source.slice(start, start + length),
        );
      }
    }
  }
});

test("RecordRing.append() keeps the last bytes of what is longer than a record may be, or than the array", () => {
  const [bounded, tight] = [new RecordRing(1_024, 100), new RecordRing(135, 1_000)];
  assertEquals(tight.capacity, 128);
  for (const [ring, kept] of [[bounded, 100], [tight, 112]] as const) {
    const position = ring.append(RECEIVED, -1, 1, 500, pattern(500), 0);
    assertEquals(ring.read(position), { kind: RECEIVED, length: 500, kept, timeMs: 1, previous: -1 });
    assertEquals(payloadOf(ring, position), pattern(500).subarray(500 - kept));
  }
});

test("RecordRing.read() says that there is none before, of one whose previous record is further back than the array", () => {
  const ring = new RecordRing(128, 1_000);
  const old = ring.append(GONE, -1, 0, 0);
  for (let count = 0; count < 7; count++) ring.append(GONE, -1, 0, 0);
  assertEquals(ring.read(ring.append(GONE, old, 0, 0)).previous, old, "just as far as the array is long");
  assertEquals(ring.has(old), false);
  assertEquals(ring.read(ring.append(GONE, old, 0, 0)).previous, -1);
});

test("RecordRing keeps what a list of the last records does, of random connections and lengths", () => {
  const random = printedRandom("RecordRing");
  const ring = new RecordRing(4_096, 300);
  const last = new Map<number, number>();
  const all = new Map<number, { bytes: Uint8Array; previous: number }>();
  for (let count = 0; count < 5_000; count++) {
    const id = Math.floor(random() * 5);
    const length = Math.floor(random() * 400);
    const bytes = pattern(length, count);
    const previous = last.get(id) ?? -1;
    const position = ring.append(RECEIVED, previous, count, length, bytes, 0);
    last.set(id, position);
    all.set(position, { bytes: bytes.subarray(Math.max(0, length - 300)), previous });
    if (count % 50 !== 0) continue;
    let size = 0;
    for (const [at, { bytes, previous }] of [...all].reverse()) {
      size += 16 + Math.ceil(bytes.length / 16) * 16;
      assertEquals(ring.has(at), size <= 4_096, `record ${count} at ${at}`);
      if (size > 4_096) break;
      assertEquals(payloadOf(ring, at), bytes);
      const read = ring.read(at).previous;
      assertEquals(ring.has(read) ? read : -1, ring.has(previous) ? previous : -1);
    }
  }
});

// What FrameCutter does not hold: a large chunk that is used up, which a collector would promote. Runtime neutral.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import test from "node:test";
import { assertEquals } from "@std/assert";
import { concat } from "@std/bytes";
import { BufferPool } from "../../src/buffer/buffer_pool.ts";
import { FrameCutter } from "../../src/codec/frame_cutter.ts";
import { simpleBinary } from "../../src/codec/simple_binary.ts";
import { PLAIN_SHAPE, referenceFrame } from "./reference_frame.ts";
import { pattern } from "./streams.ts";
import { turn } from "../support.ts";

const FRAME_BYTES = 4_000;
const FRAMES_A_CHUNK = 4;
/** Of several chunks the last would be held: more than one, since what lies on the stack may keep one. */
const CHUNKS = 4;

/** Makes the function that runs the runtime's collector over the whole heap. */
function makeCollect(): () => unknown {
  const { Bun: bun } = globalThis as { readonly Bun?: { gc(isSync: boolean): void } };
  if (bun !== undefined) return () => bun.gc(true);
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as (options: { type: "major"; execution: "async" }) => Promise<void>;
  // Not in step: what is on the stack counts as alive.
  return () => gc({ type: "major", execution: "async" });
}

/** Cuts chunks that end so many bytes into a frame; hands nothing out but weak references. */
function cutChunks(cutter: FrameCutter, tailBytes: number): WeakRef<Uint8Array>[] {
  return Array.from({ length: CHUNKS }, () => {
    const frame = referenceFrame(PLAIN_SHAPE, pattern(FRAME_BYTES));
    const chunk = concat([...Array<Uint8Array>(FRAMES_A_CHUNK).fill(frame), frame.subarray(0, tailBytes)]);
    cutter.feed(chunk, chunk.length);
    while (cutter.next());
    cutter.feed(frame.slice(tailBytes), frame.length - tailBytes);
    while (cutter.next());
    return new WeakRef(chunk);
  });
}

for (const tailBytes of [20, 57]) {
  test(`FrameCutter lets go of a chunk that ends ${tailBytes} bytes into a frame`, async () => {
    const cutter = new FrameCutter(simpleBinary().createDecoder(), new BufferPool());
    const collect = makeCollect();
    const chunks = cutChunks(cutter, tailBytes);
    await turn();
    await collect();
    assertEquals(chunks.map((chunk) => chunk.deref()?.length), Array(CHUNKS).fill(undefined));
    cutter.close();
  });
}

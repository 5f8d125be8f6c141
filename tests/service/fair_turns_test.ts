// Turns of time: sessions with expensive handlers, or frames that expand, do not keep the others waiting.

import test from "node:test";
import { assert, assertEquals } from "@std/assert";
import { raw, simpleBinary } from "@laster/net";
import { compression, staged } from "@laster/net/stages";
import { FakeClock, memoryTransport } from "@laster/net/testing";
import { framesOf, RawPeer } from "../raw_peer.ts";
import { bytes, startPair, transportsHere, turn, until, within } from "../support.ts";

const FLOODERS = 4;
const HANDLER_MS = 0.5;
const PINGS = 15;
/** A turn of 4 ms is 8 handlers, a few turns some dozens; without turns of time one alone is 1,024. */
const MOST_FRAMES = 500;
const MOST_MS = 150;

function work(): void {
  for (const endMs = performance.now() + HANDLER_MS; performance.now() < endMs;);
}

function median(values: readonly number[]): number {
  return [...values].sort((one, other) => one - other)[values.length >> 1];
}

for (const { name, make } of transportsHere()) {
  test(`Session is answered soon though four others flood handlers of half a millisecond on ${name}`, async () => {
    const transport = make();
    let flooded = 0;
    await using pair = await startPair(transport, {
      closeTimeoutMs: 50,
      onMessage(session, payload) {
        if (payload.length === 4) return void session.send(payload);
        flooded++;
        work();
      },
    });
    const { near } = await pair.connect();
    const peers: RawPeer[] = [];
    let isOver = false;
    const chunk = framesOf(Array.from({ length: 4_000 }, () => new Uint8Array(5)));
    for (let count = 0; count < FLOODERS; count++) {
      const peer = await RawPeer.dial(transport, pair.port);
      void peer.flood(chunk, () => isOver);
      peers.push(peer);
    }
    await until(() => flooded > 0, "the flood");
    const waits: { readonly frames: number; readonly ms: number }[] = [];
    for (let count = 0; count < PINGS; count++) {
      const before = { flooded, ms: performance.now() };
      near.send(bytes("ping"));
      await within(near.receive(), "the answer");
      const ms = performance.now() - before.ms;
      await turn(); // Many an answer comes within one turn of the event loop: what the flood takes of the next one counts.
      waits.push({ frames: flooded - before.flooded, ms });
    }
    await until(() => flooded > 4 * PINGS, "the flood goes on");
    isOver = true;
    for (const { connection } of peers) connection.abort();
    const frames = Math.max(...waits.map((wait) => wait.frames));
    assert(frames <= MOST_FRAMES, `${frames} of the flood's frames came within a turn or two`);
    const ms = median(waits.map((wait) => wait.ms));
    assert(ms <= MOST_MS, `${ms} ms`);
  });
}

/** A fake clock whose deferred calls are made one at a time. */
class SteppedClock extends FakeClock {
  readonly deferred: (() => void)[] = [];

  override defer(callback: () => void): void {
    this.deferred.push(callback);
  }
}

test("Session counts expanded bytes: small frames that inflate to 64 KiB end a turn after a few", async () => {
  const clock = new SteppedClock();
  const codec = staged(simpleBinary(), [compression()]);
  const frames = await encode(() => staged(simpleBinary(), [compression()]), new Uint8Array(65_000), 40);
  assert(frames.length < 40 * 1_000, `${frames.length} bytes`);
  let handled = 0;
  const transport = memoryTransport();
  await using pair = await startPair(transport, { clock, codec, turnMs: 0, onMessage: () => handled++ });
  const peer = await RawPeer.dial(transport, pair.port);
  await peer.write(frames);
  const counts: number[] = [];
  let before = 0; // The first ones are handled already.
  for (let next: (() => void) | undefined = () => {}; next !== undefined; next = clock.deferred.shift()) {
    next();
    for (let count = 0; count < 10; count++) await turn();
    counts.push(handled - before);
    before = handled;
  }
  assertEquals(handled, 40);
  // 128 KiB are two of them and a bit; every fourth is looked at.
  assert(counts.every((count) => count <= 6), `turns of ${counts.join(", ")} frames`);
  peer.connection.abort();
});

test("Session does not count frames that do not expand", async () => {
  const clock = new SteppedClock();
  const transport = memoryTransport();
  let handled = 0;
  await using pair = await startPair(transport, { clock, turnMs: 0, onMessage: () => handled++ });
  const peer = await RawPeer.dial(transport, pair.port);
  await peer.write(framesOf(Array.from({ length: 100 }, () => new Uint8Array(150))));
  await until(() => handled === 100, "all of them, in one turn");
  assertEquals(clock.deferred.length, 0);
  peer.connection.abort();
});

/** What a session sends for a payload so many times, as bytes. */
async function encode(makeCodec: () => ReturnType<typeof simpleBinary>, payload: Uint8Array, count: number) {
  const chunks: Uint8Array[] = [];
  await using pair = await startPair(memoryTransport(), {
    codec: raw(),
    onMessage: (_, chunk) => {
      chunks.push(chunk.slice());
    },
  }, { codec: makeCodec() });
  const { near } = await pair.connect();
  for (let number = 0; number < count; number++) near.send(payload);
  await near.close();
  await until(() => pair.server.sessionCount === 0, "all bytes");
  const all = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    all.set(chunk, offset);
    offset += chunk.length;
  }
  return all;
}

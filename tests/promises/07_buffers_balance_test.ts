// Promise 7: buffers balance. After stop() every rented buffer is back, whatever happened before.

import test from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { PoolError, raw, type Session } from "@laster/net";
import { BufferPool } from "@laster/net/buffer";
import { assertNothingLeft, pattern, startPair, transportsHere, turn, until } from "../support.ts";
import { printedRandom } from "../random.ts";

const STEPS = 400;

for (const { name, make } of transportsHere()) {
  test(`TcpService has every buffer back after a random life on ${name}`, async () => {
    const random = printedRandom("buffers balance");
    const pick = (count: number) => Math.floor(random() * count);
    const pair = await startPair(make(), {
      closeTimeoutMs: 200,
      onMessage(session, payload) {
        if (payload[0] === 1) throw new Error("on purpose");
        session.send(payload);
        if (payload[0] === 2) pair.server.broadcast(payload);
        if (payload[0] === 3) return turn();
      },
    }, {
      codec: raw(),
      closeTimeoutMs: 200,
      onMessage: (_session, payload) => payload.length % 7 === 0 ? turn() : undefined,
    });
    const sessions: Session[] = [];
    for (let step = 0; step < STEPS; step++) {
      const session = sessions[pick(sessions.length)];
      const action = pick(10);
      if (session === undefined || session.state !== "open" || action === 0) {
        sessions.push(await pair.client.connect({ port: pair.port }));
      } else if (action < 7) {
        // A frame, or a piece of one: the raw client cuts where it likes.
        const payload = pattern(pick(30_000), pick(256));
        const frame = new Uint8Array(4 + payload.length);
        new DataView(frame.buffer).setUint32(0, payload.length, true);
        frame.set(payload, 4);
        session.send(frame.subarray(0, action < 5 ? frame.length : pick(frame.length)));
      } else if (action === 7) session.close();
      else if (action === 8) session.abort();
      else await turn();
    }
    await Promise.all([pair.server.stop(), pair.client.stop()]);
    assertNothingLeft(pair.server);
    assertNothingLeft(pair.client);
    // And it can begin again.
    await pair.server.start();
    await pair.server.stop();
    assertNothingLeft(pair.server);
  });

  test(`TcpService has every buffer back when stopped in the middle of large frames on ${name}`, async () => {
    await using pair = await startPair(make(), { closeTimeoutMs: 100, onMessage: () => new Promise<void>(() => {}) }, {
      codec: raw({ maxPayloadBytes: 100_000 }),
      closeTimeoutMs: 100,
    });
    for (let count = 0; count < 8; count++) {
      const { near } = await pair.connect();
      const frame = new Uint8Array(4 + 60_000);
      new DataView(frame.buffer).setUint32(0, 60_000, true);
      near.send(frame.subarray(0, 40_000), { flush: "now" });
      if (count % 2 === 0) near.send(frame.subarray(40_000));
    }
    await until(() => pair.server.stats().pool.outstanding > 0, "the tails");
  });
}

test("BufferPool refuses a buffer that comes back twice", () => {
  const pool = new BufferPool();
  const rented = pool.rent(100);
  rented.release();
  pool.rent(100);
  const error = assertThrows(() => rented.release(), PoolError);
  assertEquals(error.code, "double-release");
});

// Promise 5: close() loses nothing. It flushes, ends the sending side, reads to the peer's end, then closes; and it never
// resets what it has accepted, even if the peer reads slowly and keeps talking.

import test from "node:test";
import { assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import process from "node:process";
import { type CloseEvent, raw } from "@laster/net";
import { FakeClock, memoryTransport } from "@laster/net/testing";
import { bytes, CloseLog, pattern, startPair, transportsHere, turn, until, within } from "../support.ts";

const REPLY_BYTES = 8 * 1_024 * 1_024;
/** Rounds at the same time: their bytes are in memory together. */
const LANES = 4;
/** Sockets differ from round to round, memory does not. LASTER_LONG=1 has more. */
const ROUNDS = process.env.LASTER_LONG === "1" ? 24 : 12;
const MEMORY_ROUNDS = LANES;
/** The slow peer talks and rests after this many bytes. */
const REST_BYTES = 1_024 * 1_024;

test("Session.close() waits for a peer that reads slowly, far beyond closeTimeoutMs", async () => {
  const clock = new FakeClock();
  let gate = Promise.withResolvers<void>();
  let received = 0;
  const transport = memoryTransport({ dialScript: { capacityBytes: 4_096, chunkBytes: () => 4_096 } });
  await using pair = await startPair(transport, { clock, closeTimeoutMs: 5_000 }, {
    codec: raw(),
    idleTimeoutMs: 0,
    async onMessage(_session, chunk) {
      await gate.promise;
      received += chunk.length;
    },
  });
  const { far } = await pair.connect();
  far.send(pattern(40_000));
  const closed = far.close();
  for (let elapsedMs = 0; elapsedMs < 20_000; elapsedMs += 4_000) {
    gate.resolve();
    gate = Promise.withResolvers();
    await clock.advance(4_000);
  }
  assertEquals(far.state, "closing");
  const before = received;
  const reading = setInterval(() => gate.resolve(), 1);
  const { isConfirmed, reason } = await within(closed, "the close");
  await until(() => received === 40_004, "the last chunk");
  clearInterval(reading);
  assertEquals([reason, isConfirmed, before < 40_004], ["local-closing", true, true]);
});

test("Session.close() waits no longer for a peer that only talks", async () => {
  const clock = new FakeClock();
  const transport = memoryTransport({ dialScript: { capacityBytes: 4_096 } });
  await using pair = await startPair(transport, { clock, closeTimeoutMs: 5_000 }, {
    codec: raw(),
    idleTimeoutMs: 0,
    onMessage: () => new Promise<void>(() => {}),
    closeTimeoutMs: 1,
  });
  const { near, far } = await pair.connect();
  far.send(pattern(50_000));
  far.flush();
  await clock.advance(0);
  far.send(pattern(50_000));
  const closed = far.close();
  for (let elapsedMs = 0; elapsedMs < 5_000; elapsedMs += 1_000) {
    near.send(bytes("still here"), { flush: "now" });
    await clock.advance(1_000);
  }
  const { isConfirmed, unsentFrames } = await within(closed, "the close");
  assertEquals([isConfirmed, unsentFrames], [false, 2]);
});

for (const { name, make } of transportsHere()) {
  const rounds = name === "memory" ? MEMORY_ROUNDS : ROUNDS;
  test(`Session.close() delivers 8 MB to a slow peer that keeps talking, ${rounds} times of ${rounds}, on ${name}`, async () => {
    const reply = pattern(REPLY_BYTES);
    const events: CloseEvent[] = [];
    await using pair = await startPair(make(), {
      codec: raw({ maxPayloadBytes: REPLY_BYTES }),
      closeTimeoutMs: 20_000,
      onMessage(session) {
        session.send(reply);
        session.close();
      },
      onClose: (_session, event) => {
        events.push(event);
      },
    }, { codec: raw() });

    const runRound = async () => {
      const session = await pair.client.connect({ port: pair.port });
      session.send(bytes("give"));
      let received = 0;
      let isRight = true;
      let restAt = REST_BYTES;
      for await (const chunk of session) {
        isRight &&= Buffer.compare(chunk, reply.subarray(received, received + chunk.length)) === 0;
        received += chunk.length;
        if (received < restAt) continue;
        restAt += REST_BYTES;
        session.send(bytes("and another thing"), { flush: "now" });
        await turn();
        await turn();
      }
      assertEquals({ received, isRight }, { received: REPLY_BYTES, isRight: true });
    };
    const runLane = async () => {
      for (let round = 0; round < rounds / LANES; round++) await within(runRound(), "8 MB");
    };
    await Promise.all(Array.from({ length: LANES }, runLane));
    await pair.server.stop();
    const wrong = events.filter((event) =>
      event.reason !== "local-closing" || event.unsentBytes > 0 || !event.isConfirmed
    );
    assertEquals({ rounds: events.length, wrong }, { rounds, wrong: [] });
  });

  test(`Session.close() says what stayed unsent when the peer reads nothing on ${name}`, async () => {
    const log = new CloseLog();
    const held = Promise.withResolvers<void>();
    await using pair = await startPair(make(), {
      codec: raw({ maxPayloadBytes: 4 * REPLY_BYTES }),
      closeTimeoutMs: 50,
      onClose: log.onClose,
    }, { codec: raw(), closeTimeoutMs: 50, onMessage: () => held.promise });
    const { far } = await pair.connect();
    far.send(pattern(4 * REPLY_BYTES));
    const event = await within(far.close(), "the deadline");
    assertEquals(event.reason, "local-closing");
    assertEquals(event.isConfirmed, false);
    assertEquals(event.unsentFrames, 1);
    assertEquals(event.unsentBytes > 0, true);
    held.resolve();
  });
}

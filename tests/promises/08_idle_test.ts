// Promise 8: idle means silence from the peer; only received bytes count.

import test from "node:test";
import { assertEquals } from "@std/assert";
import { raw } from "@laster/net";
import { FakeClock, memoryTransport } from "@laster/net/testing";
import { CloseLog, pattern, startPair, transportsHere, turn, within } from "../support.ts";

test("Session closes with idle-timeout though it is being sent to", async () => {
  const clock = new FakeClock();
  const log = new CloseLog();
  await using pair = await startPair(memoryTransport(), { clock, idleTimeoutMs: 1_000, onClose: log.onClose }, {
    onMessage: () => {},
  });
  const { far } = await pair.connect();
  for (let elapsedMs = 0; elapsedMs < 900; elapsedMs += 100) {
    far.send(new Uint8Array(10));
    await clock.advance(100);
  }
  assertEquals(log.events.length, 0);
  await clock.advance(100);
  assertEquals((await within(log.first, "the close")).reason, "idle-timeout");
});

test("Session stays open while the peer sends, a single byte of a frame too", async () => {
  const clock = new FakeClock();
  const log = new CloseLog();
  await using pair = await startPair(memoryTransport(), {
    clock,
    idleTimeoutMs: 1_000,
    onMessage: () => {},
    onClose: log.onClose,
  }, { codec: raw() });
  const { near } = await pair.connect();
  for (let elapsedMs = 0; elapsedMs < 10_000; elapsedMs += 999) {
    near.send(new Uint8Array(1));
    await clock.advance(999);
  }
  assertEquals(log.events.length, 0);
  await clock.advance(2);
  assertEquals(log.events.map(({ reason }) => reason), ["idle-timeout"]);
});

test("Session is not idle while its own handler keeps it from reading, as long as the peer reads", async () => {
  const clock = new FakeClock();
  const log = new CloseLog();
  const gate = Promise.withResolvers<void>();
  let step = Promise.withResolvers<void>();
  const transport = memoryTransport({ dialScript: { capacityBytes: 1_024 } });
  await using pair = await startPair(transport, {
    clock,
    idleTimeoutMs: 1_000,
    closeTimeoutMs: 100,
    onMessage(session) {
      for (let count = 0; count < 8; count++) session.send(pattern(60_000));
      return gate.promise;
    },
    onClose: log.onClose,
  }, { codec: raw(), closeTimeoutMs: 100, onMessage: () => step.promise });
  const { near } = await pair.connect();
  near.send(new Uint8Array([1, 0, 0, 0, 7]));
  for (let elapsedMs = 0; elapsedMs < 10_000; elapsedMs += 900) {
    await clock.advance(900);
    step.resolve();
    step = Promise.withResolvers();
  }
  assertEquals(log.events.length, 0, "a slow handler is not the peer's fault");
  await clock.advance(2_100);
  assertEquals(log.events.map(({ reason }) => reason), ["idle-timeout"], "nothing moves any more");
  gate.resolve();
});

for (const { name, make } of transportsHere()) {
  test(`Session closes with idle-timeout by the clock of the machine on ${name}`, async () => {
    const log = new CloseLog();
    await using pair = await startPair(make(), { idleTimeoutMs: 30, onClose: log.onClose }, { onMessage: () => {} });
    const startMs = performance.now();
    const { far } = await pair.connect();
    while (log.events.length === 0) {
      far.send(new Uint8Array(10));
      await turn();
    }
    assertEquals(log.events[0].reason, "idle-timeout");
    assertEquals(performance.now() - startMs >= 30, true, "never early");
  });
}

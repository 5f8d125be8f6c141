// Promise 4: everything is bounded, and the behaviour at each limit is stated.

import test from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { ConnectError, raw } from "@laster/net";
import { FakeClock, memoryTransport } from "@laster/net/testing";
import { bytes, CloseLog, startPair, transportsHere, until, within } from "../support.ts";

/** A frame of `simpleBinary` that says it is `length` bytes long, and is not. */
function header(length: number): Uint8Array {
  const frame = new Uint8Array(4);
  new DataView(frame.buffer).setInt32(0, length, true);
  return frame;
}

for (const { name, make } of transportsHere()) {
  for (const length of [-1, -(2 ** 31), 65_537, 2 ** 31 - 1]) {
    test(`Session refuses a frame of ${length} bytes before it makes room for it on ${name}`, async () => {
      const log = new CloseLog();
      await using pair = await startPair(make(), { onClose: log.onClose }, { codec: raw(), onMessage: () => {} });
      const { near } = await pair.connect();
      const before = pair.server.stats().pool;
      near.send(header(length));
      const event = await within(log.first, "the close");
      assertEquals(event.reason, "decode-error");
      assertEquals(event.error?.name, "FrameError");
      const after = pair.server.stats().pool;
      assertEquals([after.misses, after.oversize], [before.misses, before.oversize]);
    });
  }

  test(`TcpService refuses the connection over maxConnections and serves the others on ${name}`, async () => {
    await using pair = await startPair(make(), {
      maxConnections: 2,
      onMessage: (session, payload) => session.send(payload),
    });
    const first = await pair.connect();
    await pair.connect();
    const third = await within(pair.client.connect({ port: pair.port }), "the third dial");
    const event = await within(third.closed, "its end");
    assert(event.reason === "remote-closing" || event.reason === "reset", event.reason);
    await until(() => pair.server.stats().refusedConnections === 1, "the refusal is counted");
    assertEquals(pair.server.sessionCount, 2);
    first.near.send(bytes("still here"));
    for await (const _payload of first.near) break;
    await within(first.near.close(), "the first to close");
    await until(() => pair.server.sessionCount === 1, "room for one");
    await pair.connect();
  });

  test(`Session.send() answers full at maxQueuedFrames on ${name}`, async () => {
    await using pair = await startPair(
      make(),
      { maxQueuedFrames: 3, flushIntervalMs: 1_000_000, closeTimeoutMs: 100 },
      {
        onMessage: () => {},
      },
    );
    const { far } = await pair.connect();
    // The queue's limit first lets what is queued go, so the transport must refuse to take it at once to be full.
    const payload = new Uint8Array(60_000);
    const answers = Array.from({ length: 20_000 }, () => far.send(payload));
    assert(answers.includes("full"));
    assert(far.stats.queuedFrames <= 3);
  });
}

test("TcpService.connect() rejects with limit when maxDials are under way", async () => {
  const transport = memoryTransport({ silentHosts: ["nowhere"] });
  await using pair = await startPair(transport, {}, { maxDials: 1, clock: new FakeClock() });
  const abort = new AbortController();
  const first = pair.client.connect({ hostname: "nowhere", port: 1, signal: abort.signal });
  const error = await assertRejects(() => pair.client.connect({ port: pair.port }), ConnectError);
  assertEquals(error.code, "limit");
  abort.abort();
  assertEquals((await assertRejects(() => first, ConnectError)).code, "aborted");
  await pair.connect();
});

test("TcpService sets no more timers for a thousand sessions than for one", async () => {
  const clock = new FakeClock();
  await using pair = await startPair(memoryTransport(), { clock, onMessage: () => {} }, { onMessage: () => {} });
  await pair.connect();
  const timers = clock.timerCount;
  for (let count = 0; count < 1_000; count++) await pair.client.connect({ port: pair.port });
  assertEquals(clock.timerCount, timers);
});

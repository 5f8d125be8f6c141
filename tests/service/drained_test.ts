// drained() of a service and of a group: a sender is as fast as those who read, and those who do not read hold nobody up.

import test from "node:test";
import { assert, assertEquals } from "@std/assert";
import { type Session, simpleBinary, type TcpServiceOptions } from "@laster/net";
import { FakeClock, memoryTransport } from "@laster/net/testing";
import type { Transport } from "@laster/net/transport";
import { RawPeer } from "../raw_peer.ts";
import { pattern, startPair, transportsHere, turn, until, within } from "../support.ts";

const RECEIVERS = 10;
const STUCK = 2;
const MESSAGES = 600;
const PAYLOAD_BYTES = 16_000;
const FRAME_BYTES = PAYLOAD_BYTES + 4;
const LIMITS = { highWaterMarkBytes: 131_072, maxQueuedBytes: 262_144 };

/** A server with so many raw peers in the order of its sessions, the first of which read nothing. */
async function setUp(transport: Transport, receivers: number, stuck: number, options: TcpServiceOptions = {}) {
  const pair = await startPair(transport, { ...LIMITS, onMessage: () => {}, ...options });
  const peers: RawPeer[] = [];
  for (let count = 0; count < receivers; count++) {
    const peer = await RawPeer.dial(transport, pair.port);
    await until(() => pair.server.sessionCount === count + 1, "the session");
    if (count < stuck) peer.connection.pause();
    peers.push(peer);
  }
  const sessions: Session[] = [...pair.server.sessions()];
  return {
    server: pair.server,
    peers,
    sessions,
    async [Symbol.asyncDispose]() {
      for (const { connection } of peers) connection.abort();
      await pair[Symbol.asyncDispose]();
    },
  };
}

for (const { name, make } of transportsHere()) {
  for (const isGroup of [false, true]) {
    const what = isGroup ? "Group" : "TcpService";
    test(`${what}.drained() lets all who read have everything, though two of ten read nothing, on ${name}`, async () => {
      await using fixture = await setUp(make(), RECEIVERS, STUCK);
      const { server, peers, sessions } = fixture;
      for (const session of sessions) server.group("all").join(session);
      const many = isGroup ? server.group("all") : server;
      let waits = 0;
      for (let number = 0; number < MESSAGES; number++) {
        const { congested } = many.broadcast(pattern(PAYLOAD_BYTES, number));
        if (congested === 0) continue;
        waits++;
        await within(many.drained(), "the receivers");
      }
      const readers = peers.slice(STUCK);
      assertEquals(sessions.slice(STUCK).map(({ stats }) => stats.refused.full), Array(RECEIVERS - STUCK).fill(0));
      assert(waits > 0, "the sender was held back");
      await until(() => readers.every((peer) => peer.receivedBytes >= MESSAGES * FRAME_BYTES), "all who read have all");
      for (const { stats } of sessions.slice(0, STUCK)) assert(stats.refused.full > 0);
    });
  }
}

/** A server on a fake clock whose first receiver reads nothing, or one chunk whenever it is let. */
async function setUpFake(receivers: number, stuck: number, options: TcpServiceOptions = {}) {
  const clock = new FakeClock();
  const fixture = await setUp(memoryTransport(), receivers, stuck, { clock, idleTimeoutMs: 0, ...options });
  return { clock, ...fixture };
}

/** Broadcasts until somebody is congested. */
function fill(server: Awaited<ReturnType<typeof setUpFake>>["server"]): number {
  let congested = 0;
  for (let count = 0; congested === 0 && count < 100; count++) {
    ({ congested } = server.broadcast(pattern(PAYLOAD_BYTES, count)));
  }
  return congested;
}

test("TcpService.broadcast() counts one who is stuck as congested until he was waited for, and again once he reads", async () => {
  const fixture = await setUpFake(1, 1);
  const { clock, server, peers: [peer], sessions: [session] } = fixture;
  assertEquals(fill(server), 1);
  const drained = server.drained();
  await clock.advance(199);
  let isOver = false;
  drained.then(() => isOver = true);
  await clock.advance(0);
  assertEquals(isOver, false);
  await clock.advance(1);
  await within(drained, "the end of the wait");
  const { accepted, congested } = server.broadcast(pattern(1_000));
  assertEquals([accepted, congested], [1, 0], "he takes nothing, so nobody is to wait for him");
  await within(server.drained(), "nobody");
  peer.connection.resume();
  await until(() => session.queuedBytes === 0, "he reads");
  peer.connection.pause();
  assertEquals(fill(server), 1, "who has read is waited for again");
  peer.connection.abort();
  await clock.advance(1_000);
  await server.stop();
});

test("TcpService.drained() waits for one who reads slowly, though one write to him takes longer than 200 ms", async () => {
  const clock = new FakeClock();
  const transport = memoryTransport();
  // Frames of 400 KB, and a peer that takes 64 KiB in 100 ms.
  const payloadBytes = 400_000;
  const codec = simpleBinary({ maxPayloadBytes: payloadBytes });
  await using pair = await startPair(transport, { clock, idleTimeoutMs: 0, codec });
  let receivedBytes = 0;
  const connection = await transport.connect({ kind: "tcp", hostname: "127.0.0.1", port: pair.port });
  connection.start({
    onData(_buffer, length) {
      receivedBytes += length;
      connection.pause();
    },
    onEnd: () => {},
    onDrain: () => {},
    onClose: () => {},
  });
  await until(() => pair.server.sessionCount === 1, "the session");
  const [session] = pair.server.sessions();
  const frames = 15;
  const allBytes = frames * (payloadBytes + 4);
  const sending = (async () => {
    for (let number = 0; number < frames; number++) {
      const { congested } = pair.server.broadcast(pattern(payloadBytes, number));
      if (congested > 0) await pair.server.drained();
    }
  })();
  for (let count = 0; count < 200 && receivedBytes < allBytes; count++) {
    connection.resume();
    for (let turns = 0; turns < 5; turns++) await turn(); // Memory lets the event loop have a turn now and then.
    await clock.advance(100);
  }
  await within(sending, "the sender");
  const { refused } = session.stats;
  connection.abort();
  await clock.advance(10_000);
  assertEquals([refused.full, receivedBytes], [0, allBytes]);
});

test("TcpService.drained() stops waiting for a session that closes, and by a signal", async () => {
  const fixture = await setUpFake(2, 2);
  const { clock, server, sessions: [first, second] } = fixture;
  assertEquals(fill(server), 2);
  const controller = new AbortController();
  const called = server.drained({ signal: controller.signal });
  const drained = server.drained();
  controller.abort(new RangeError("enough"));
  assertEquals(await within(called.catch((error: unknown) => error instanceof RangeError), "the signal"), true);
  for (const session of [first, second]) session.abort();
  await clock.advance(20);
  await within(drained, "the end of the wait");
  await clock.advance(1_000);
  for (const { connection } of fixture.peers) connection.abort();
  await server.stop();
});

test("drained() that nobody waits for ends no process when it rejects", async () => {
  const { default: process } = await import("node:process");
  const unhandled: unknown[] = [];
  const onUnhandled = (reason: unknown) => void unhandled.push(reason);
  process.on("unhandledRejection", onUnhandled);
  try {
    const fixture = await setUpFake(1, 1);
    const { clock, server, sessions: [session] } = fixture;
    const group = server.group("all");
    group.join(session);
    fill(server);
    const controller = new AbortController();
    session.drained();
    session.drained({ signal: controller.signal });
    server.drained({ signal: controller.signal });
    group.drained({ signal: controller.signal });
    controller.abort();
    server.drained({ signal: controller.signal });
    server.drained({ signal: "wrong" as unknown as AbortSignal });
    session.abort();
    await clock.advance(1_000);
    session.drained();
    for (let count = 0; count < 20; count++) await turn();
    assertEquals(unhandled, []);
    await server.stop();
  } finally {
    process.off("unhandledRejection", onUnhandled);
  }
});

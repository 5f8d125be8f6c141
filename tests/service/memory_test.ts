// The memory of a service: what is counted, what peers can take of it, and who goes when it runs short.

import test from "node:test";
import { assert, assertEquals } from "@std/assert";
import { type CloseReason, simpleBinary, type TcpService } from "@laster/net";
import { memoryTransport } from "@laster/net/testing";
import { fastClock } from "../fast_clock.ts";
import { framesOf, RawPeer } from "../raw_peer.ts";
import { bytes, pattern, startPair, transportsHere, turn, until, within } from "../support.ts";

const MIB = 1_048_576;

const outBytes = (server: Pick<TcpService, "stats">) => server.stats().pool.outstandingBytes;

for (const { name, make } of transportsHere()) {
  test(`TcpService counts the chunks that wait behind handlers, and has them back once they are handled, on ${name}`, async () => {
    const transport = make();
    const gate = Promise.withResolvers<void>();
    const peers: RawPeer[] = [];
    let handled = 0;
    await using pair = await startPair(transport, {
      clock: fastClock(20),
      codec: simpleBinary({ maxPayloadBytes: 4_000 }),
      onMessage() {
        handled++;
        return gate.promise;
      },
    });
    const frames = framesOf(Array.from({ length: 10 }, () => pattern(3_000)));
    for (let count = 0; count < 20; count++) {
      const peer = await RawPeer.dial(transport, pair.port);
      await peer.write(frames);
      peers.push(peer);
    }
    await until(() => handled === 20, "a handler of each runs");
    // What was read with the message that is being handled is 3 KB at the least.
    await until(() => outBytes(pair.server) >= 20 * 3_004, "all chunks are counted");
    gate.resolve();
    await until(() => handled === 200 && outBytes(pair.server) === 0, "nothing is held");
    assertEquals(pair.server.sessionCount, 20);
    for (const { connection } of peers) connection.abort();
  });

  test(`TcpService counts no chunk any more of a session that ends while its handler runs, on ${name}`, async () => {
    const transport = make();
    const pair = await startPair(transport, { closeTimeoutMs: 50, onMessage: () => new Promise(() => {}) });
    const peers: RawPeer[] = [];
    for (let count = 0; count < 6; count++) {
      const peer = await RawPeer.dial(transport, pair.port);
      await peer.write(framesOf(Array.from({ length: 10 }, () => pattern(3_000))));
      peers.push(peer);
    }
    await until(() => pair.server.stats().receivedFrames === 6, "a handler of each runs");
    const sessions = [...pair.server.sessions()];
    sessions[0].abort();
    sessions[1].close();
    peers[2].connection.abort();
    await pair[Symbol.asyncDispose]();
    assertEquals(outBytes(pair.server), 0);
    for (const { connection } of peers) connection.abort();
  });

  test(`TcpService gives 4 KiB to each of those that announce a megabyte and send little, on ${name}`, async () => {
    const count = name === "memory" ? 1_000 : 200;
    const transport = make();
    const heard: number[] = [];
    const closes: CloseReason[] = [];
    const pair = await startPair(transport, {
      codec: simpleBinary({ maxPayloadBytes: MIB }),
      pool: { maxBytes: 64 * MIB },
      closeTimeoutMs: 50,
      onMessage: (_session, payload) => heard.push(payload.reduce((sum, byte) => sum + byte, 0)),
      onClose: (_session, { reason }) => closes.push(reason),
    });
    const announcement = new Uint8Array([0, 0, 16, 0, 7, 7, 7, 7]);
    const peers: RawPeer[] = [];
    for (let number = 0; number < count; number++) {
      const peer = await RawPeer.dial(transport, pair.port);
      await peer.write(announcement);
      peers.push(peer);
    }
    await until(() => pair.server.stats().receivedBytes === 8 * count, "all have announced");
    const out = outBytes(pair.server);
    assert(out <= 4_096 * count, `${out} bytes for ${count} peers`);
    const rest = new Uint8Array(MIB - 4).fill(7);
    await peers[0].write(rest);
    await until(() => heard.length === 1, "one sends all of it");
    assertEquals([heard, closes], [[7 * MIB], []]);
    for (const { connection } of peers) connection.abort();
    await pair[Symbol.asyncDispose]();
    assertEquals(outBytes(pair.server), 0);
  });

  test(`TcpService cuts those that hold most when memory runs short, and none of the others, on ${name}`, async () => {
    const transport = make();
    const maxBytes = 8 * MIB;
    const greedy = 4;
    const closes = new Map<number, CloseReason>();
    const pair = await startPair(transport, {
      codec: simpleBinary({ maxPayloadBytes: MIB }),
      pool: { maxBytes },
      maxQueuedBytes: 4 * MIB,
      closeTimeoutMs: 50,
      onMessage: (session, payload) => session.send(payload),
      onClose: (session, { reason }) => closes.set(session.id, reason),
    });
    const peers: RawPeer[] = [];
    for (let number = 0; number < 20; number++) {
      peers.push(await RawPeer.dial(transport, pair.port));
      await until(() => pair.server.sessionCount === number + 1, "the session");
    }
    const sessions = [...pair.server.sessions()];
    for (const { connection } of peers.slice(0, greedy)) connection.pause();
    let mostBytes = 0;
    for (let round = 0; round < 400 && closes.size === 0; round++) {
      for (const session of sessions.slice(0, greedy)) session.send(pattern(60_000));
      mostBytes = Math.max(mostBytes, outBytes(pair.server));
      if (round % 10 === 9) await peers[greedy + round % 16].write(framesOf([bytes("ping")]));
      await turn();
    }
    await until(() => closes.size > 0, "somebody is cut");
    for (let count = 0; count < 20; count++) await turn();
    assert(mostBytes <= maxBytes, `${mostBytes} bytes`);
    for (const [id, reason] of closes) {
      assertEquals([reason, sessions.findIndex((session) => session.id === id) < greedy], ["over-budget", true]);
    }
    assert(closes.size < greedy, "no more are cut than it takes");
    for (const session of sessions.slice(greedy)) assertEquals(session.state, "open");
    await peers[19].write(framesOf([bytes("fine")]));
    await until(() => peers[19].receivedBytes % 8 === 0 && peers[19].receivedBytes > 0, "the others are answered");
    for (const { connection } of peers) connection.abort();
    await pair[Symbol.asyncDispose]();
    assertEquals(outBytes(pair.server), 0);
  });
}

test("TcpService has an unfinished frame take memory as it arrives, twice what has come at the most", async () => {
  const transport = memoryTransport();
  await using pair = await startPair(transport, { codec: simpleBinary({ maxPayloadBytes: MIB }), onMessage: () => {} });
  const peer = await RawPeer.dial(transport, pair.port);
  await peer.write(new Uint8Array([0, 0, 16, 0]));
  let sent = 4;
  for (const length of [1, 1_000, 3_000, 3_000, 20_000, 60_000, 200_000, 400_000]) {
    await peer.write(new Uint8Array(length));
    sent += length;
    await until(() => pair.server.stats().receivedBytes === sent, "it has come");
    const out = outBytes(pair.server);
    // The pool's classes go up by four.
    assert(out >= sent && out <= Math.max(4_096, 4.1 * 2 * sent), `${out} bytes for ${sent}`);
  }
  await peer.write(new Uint8Array(MIB + 4 - sent));
  await until(() => pair.server.stats().receivedFrames === 1, "the frame");
  peer.connection.abort();
});

for (const isAsync of [false, true]) {
  const kind = isAsync ? "async" : "plain";
  for (const payloadBytes of [10_000, MIB]) {
    test(`Session gives the memory of a frame of ${payloadBytes} bytes back once its ${kind} handler is done`, async () => {
      const transport = memoryTransport();
      let handled = 0;
      await using pair = await startPair(transport, {
        codec: simpleBinary({ maxPayloadBytes: MIB }),
        onMessage() {
          handled++;
          return isAsync ? turn() : undefined;
        },
      });
      const peer = await RawPeer.dial(transport, pair.port);
      const frame = framesOf([pattern(payloadBytes)]);
      await peer.write(frame.subarray(0, 5_000));
      await peer.write(frame.subarray(5_000));
      await until(() => handled === 1, "the message");
      await until(() => outBytes(pair.server) === 0, "the memory is back, though the peer says no more", 2_000);
      peer.connection.abort();
    });
  }
}

test("TcpService counts the chunks of those whose handlers have not ended, and cuts who holds most", async () => {
  const transport = memoryTransport();
  const gate = Promise.withResolvers<void>();
  await using pair = await startPair(transport, {
    codec: simpleBinary({ maxPayloadBytes: 80_000 }),
    pool: { maxBytes: 150 * 1_024 },
    onMessage: () => gate.promise,
  });
  const [waits, sleeps] = [await RawPeer.dial(transport, pair.port), await RawPeer.dial(transport, pair.port)];
  await until(() => pair.server.sessionCount === 2, "the sessions");
  const [waiting, sleeping] = [...pair.server.sessions()];
  void waits.write(framesOf([bytes("waits"), pattern(80_000)])).catch(() => {}); // It waits, too.
  sleeps.connection.pause();
  for (let round = 0; round < 100 && waiting.state === "open" && sleeping.state === "open"; round++) {
    sleeping.send(pattern(2_000));
    await turn();
  }
  gate.resolve();
  assertEquals([(await within(waiting.closed, "the end")).reason, sleeping.state], ["over-budget", "open"]);
  for (const { connection } of [waits, sleeps]) connection.abort();
});

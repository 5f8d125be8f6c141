// How long an end takes at the most: after a fault of the peer, with a peer that only talks, and while the service stops.

import test from "node:test";
import { assert, assertEquals } from "@std/assert";
import { type CloseEvent, simpleBinary, type TcpServiceOptions } from "@laster/net";
import { checksum, staged } from "@laster/net/stages";
import { FakeClock, memoryTransport } from "@laster/net/testing";
import type { Transport } from "@laster/net/transport";
import { frameOf, RawPeer } from "../raw_peer.ts";
import { bytes, CloseLog, pattern, startPair, transportsHere, turn, until, within } from "../support.ts";

const CLOSE_TIMEOUT_MS = 5_000;
const GARBAGE = new Uint8Array([255, 255, 255, 255]);
const ONE_BYTE = new Uint8Array(1);

/** A server on a fake clock in memory, and a raw peer of it. */
async function setUp(options: TcpServiceOptions = {}) {
  const clock = new FakeClock();
  const events: [CloseEvent["reason"], number][] = [];
  const transport = memoryTransport();
  const pair = await startPair(transport, {
    clock,
    closeTimeoutMs: CLOSE_TIMEOUT_MS,
    onMessage: () => {},
    ...options,
    onClose: (_session, { reason }) => events.push([reason, clock.now()]),
  });
  const peer = await RawPeer.dial(transport, pair.port);
  await until(() => pair.server.sessionCount === 1, "the session");
  return { pair, peer, clock, events };
}

const TALKS: Record<string, (peer: RawPeer) => unknown> = {
  "says nothing": () => {},
  "sends a byte now and then": (peer) => peer.write(ONE_BYTE),
  "reads nothing": ({ connection }) => connection.pause(),
};

for (const [what, talk] of Object.entries(TALKS)) {
  test(`Session ends within a second of its peer's fault though the peer ${what}`, async () => {
    const faults: [TcpServiceOptions, Uint8Array][] = [
      [{}, GARBAGE],
      [{ codec: staged(simpleBinary(), [checksum()]) }, frameOf(bytes("no checksum at all"))],
    ];
    for (const [options, fault] of faults) {
      const { pair, peer, clock, events } = await setUp(options);
      await peer.write(fault);
      const [far] = pair.server.sessions();
      await until(() => far.state === "closing", "the fault");
      const startMs = clock.now();
      for (let count = 0; count < 10 && events.length === 0; count++) {
        talk(peer);
        await clock.advance(100);
      }
      assertEquals(events.length, 1, "it is over");
      const [reason, overMs] = events[0];
      assertEquals(reason, "decode-error");
      assert(overMs - startMs <= 1_000, `${overMs - startMs} ms`);
      await pair[Symbol.asyncDispose]();
    }
  });

  test(`Session.close() waits closeTimeoutMs and no longer for a peer that ${what}`, async () => {
    const { pair, peer, clock, events } = await setUp();
    const [far] = pair.server.sessions();
    far.close();
    for (let count = 0; count < 100 && events.length === 0; count++) {
      talk(peer);
      await clock.advance(100);
    }
    assertEquals(events, [["local-closing", CLOSE_TIMEOUT_MS]]);
    await pair[Symbol.asyncDispose]();
  });
}

test("Session.close() is drawn out to twelve close timeouts at the most by a peer that takes a little all the time", async () => {
  const clock = new FakeClock();
  const log: [string, number][] = [];
  const transport = memoryTransport({ dialScript: { capacityBytes: 1_024 } });
  await using pair = await startPair(transport, {
    clock,
    closeTimeoutMs: CLOSE_TIMEOUT_MS,
    maxQueuedBytes: 10_000_000,
    onClose: (_session, { reason }) => log.push([reason, clock.now()]),
  });
  const connection = await transport.connect({ kind: "tcp", hostname: "127.0.0.1", port: pair.port });
  connection.start({
    onData: () => connection.pause(),
    onEnd: () => {},
    onDrain: () => {},
    onClose: () => {},
  });
  await until(() => pair.server.sessionCount === 1, "the session");
  const [far] = pair.server.sessions();
  for (let count = 0; count < 20; count++) far.send(pattern(60_000));
  far.close();
  for (let count = 0; count < 30 && log.length === 0; count++) {
    connection.resume(); // For one chunk.
    await clock.advance(4_000);
  }
  assertEquals(log.map(([reason]) => reason), ["local-closing"]);
  const [[, overMs]] = log;
  assert(overMs >= 12 * CLOSE_TIMEOUT_MS && overMs <= 12 * CLOSE_TIMEOUT_MS + 500, `${overMs} ms`);
});

/** What peers do that would keep a stop from ending. */
const HINDRANCES: Record<string, {
  readonly options?: TcpServiceOptions;
  readonly begin: (peer: RawPeer) => unknown;
}> = {
  "floods": { begin: (peer) => void peer.flood(frameOf(pattern(60_000))) },
  "reads nothing": {
    options: {
      maxQueuedBytes: 40_000_000,
      onOpen: (session) => {
        const payload = pattern(60_000);
        for (let count = 0; count < 500; count++) session.send(payload);
      },
    },
    begin: ({ connection }) => connection.pause(),
  },
  "never ends": { begin: () => {} },
  "waits for a handler that never settles": {
    options: { onMessage: () => new Promise(() => {}) },
    begin: (peer) => peer.write(frameOf(bytes("hang"))),
  },
  "waits for an onClose that never settles": { options: { onClose: () => new Promise(() => {}) }, begin: () => {} },
};

/** A server with a session whose peer is a hindrance. */
async function startHindered(transport: Transport, { options, begin }: (typeof HINDRANCES)[string]) {
  const pair = await startPair(transport, { closeTimeoutMs: 60_000, onMessage: () => {}, ...options });
  const peer = await RawPeer.dial(transport, pair.port);
  await until(() => pair.server.sessionCount === 1, "the session");
  begin(peer);
  for (let count = 0; count < 20; count++) await turn();
  return { pair, peer };
}

for (const { name, make } of transportsHere()) {
  for (const [what, hindrance] of Object.entries(HINDRANCES)) {
    test(`TcpService.stop({ timeoutMs }) ends in time, and says what it cut, though a peer ${what}, on ${name}`, async () => {
      const { pair, peer } = await startHindered(make(), hindrance);
      const startMs = performance.now();
      const { abortedSessions } = await within(pair.server.stop({ timeoutMs: 300 }), "stop()", 5_000);
      const tookMs = performance.now() - startMs;
      assert(tookMs >= 290 && tookMs < 2_500, `${tookMs} ms`);
      assertEquals([abortedSessions, pair.server.state], [1, "stopped"]);
      peer.connection.resume();
      await until(() => peer.end !== undefined || peer.hasEnded, "the peer is told");
      peer.connection.abort();
      await pair[Symbol.asyncDispose]();
    });
  }

  test(`TcpService.stop() cuts nobody who ends in time, on ${name}`, async () => {
    const log = new CloseLog();
    const pair = await startPair(make(), { onClose: log.onClose }, { onMessage: () => {} });
    await pair.connect();
    await pair.connect();
    assertEquals(await within(pair.server.stop({ timeoutMs: 5_000 }), "stop()"), { abortedSessions: 0 });
    assertEquals(log.events.map(({ reason }) => reason), ["shutdown", "shutdown"]);
    await pair[Symbol.asyncDispose]();
  });

  test(`TcpService.stop() counts whom closeTimeoutMs cut, and nobody who went by itself, on ${name}`, async () => {
    const closeTimeoutMs = 200;
    const log = new CloseLog();
    const transport = make();
    const pair = await startPair(transport, { closeTimeoutMs, onClose: log.onClose });
    const deaf = await RawPeer.dial(transport, pair.port);
    await until(() => pair.server.sessionCount === 1, "the session");
    deaf.connection.pause();
    const [session] = pair.server.sessions();
    while (session.queuedBytes < 500_000) {
      session.send(new Uint8Array(60_000));
      await turn();
    }
    const gone = await RawPeer.dial(transport, pair.port);
    await until(() => pair.server.sessionCount === 2, "the other session");
    const stopped = pair.server.stop({ timeoutMs: 30_000 });
    gone.connection.abort();
    const result = await within(stopped, "stop()");
    assertEquals([result, log.events.some(({ unsentFrames }) => unsentFrames > 0)], [{ abortedSessions: 1 }, true]);
    deaf.connection.abort();
    await pair[Symbol.asyncDispose]();
  });

  test(`TcpService.stop({ timeoutMs: 0 }) cuts all at once, on ${name}`, async () => {
    const { pair, peer } = await startHindered(make(), HINDRANCES.floods);
    const { abortedSessions } = await within(pair.server.stop({ timeoutMs: 0 }), "stop()", 2_000);
    assertEquals(abortedSessions, 1);
    peer.connection.abort();
    await pair[Symbol.asyncDispose]();
  });

  test(`Session with a peer that floods behind a fault reads it slowly, and is over in a second, on ${name}`, async () => {
    const transport = make();
    const log = new CloseLog();
    await using pair = await startPair(transport, { onClose: log.onClose });
    const peer = await RawPeer.dial(transport, pair.port);
    await peer.write(GARBAGE);
    const startMs = performance.now();
    let writes = 0;
    const chunk = new Uint8Array(262_144);
    void peer.flood(chunk, () => {
      writes++;
      return false;
    });
    const { reason } = await within(log.first, "the close");
    const tookMs = performance.now() - startMs;
    assertEquals(reason, "decode-error");
    assert(tookMs < 2_000, `${tookMs} ms`);
    // 256 KiB in each 10 ms, what the system buffers, and what runs late.
    assert(writes < 40 + 2 * tookMs / 10, `${writes} writes within ${tookMs} ms`);
    peer.connection.abort();
  });

  test(`Session that closes while its peer floods reads to the peer's end, on ${name}`, async () => {
    const transport = make();
    const log = new CloseLog();
    await using pair = await startPair(transport, { onClose: log.onClose, onMessage: () => {} });
    const peer = await RawPeer.dial(transport, pair.port);
    await until(() => pair.server.sessionCount === 1, "the session");
    const [far] = pair.server.sessions();
    let writes = 0;
    const flooding = peer.flood(frameOf(pattern(60_000)), () => ++writes > 100);
    await until(() => far.stats.receivedFrames > 5, "the flood");
    far.send(bytes("bye"));
    far.close();
    await within(flooding, "the flood's end");
    peer.connection.shutdown();
    const { reason, isConfirmed } = await within(log.first, "the close");
    assertEquals([reason, isConfirmed, peer.received], ["local-closing", true, [...frameOf(bytes("bye"))]]);
  });
}

// Connections that are refused: what the peer is told, what the application is told, and when they are gone.

import test from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { type RefusedEvent, silentLogger, simpleBinary, TcpService } from "@laster/net";
import { memoryTransport } from "@laster/net/testing";
import { RawPeer } from "../raw_peer.ts";
import { bytes, startPair, text, transportsHere, turn, until, within } from "../support.ts";

const FULL = bytes("server full");

for (const { name, make } of transportsHere()) {
  test(`TcpService tells whom it refuses why, as a message, and the application too, on ${name}`, async () => {
    const refused: RefusedEvent[] = [];
    await using pair = await startPair(make(), {
      maxConnections: 1,
      refusalMessage: FULL,
      onConnectionRefused: (event) => refused.push(event),
    });
    await pair.connect();
    const heard: string[] = [];
    for (let count = 0; count < 3; count++) {
      const second = await pair.client.connect({ port: pair.port });
      for await (const payload of second) heard.push(text(payload));
      assertEquals((await within(second.closed, "the end")).reason, "remote-closing");
    }
    assertEquals(heard, Array(3).fill("server full"));
    assertEquals(refused.map(({ reason, remoteAddress }) => [reason, remoteAddress.kind]), [
      ["max-connections", "tcp"],
      ["max-connections", "tcp"],
      ["max-connections", "tcp"],
    ]);
    const { sessions, refusedConnections, openedSessions } = pair.server.stats();
    assertEquals([sessions, refusedConnections, openedSessions], [1, 3, 1]);
  });

  test(`TcpService is rid within a second of a peer that it refused and that never ends, on ${name}`, async () => {
    const transport = make();
    await using pair = await startPair(transport, { maxConnections: 1, refusalMessage: FULL });
    await pair.connect();
    const peer = await RawPeer.dial(transport, pair.port);
    const startMs = performance.now();
    await until(() => peer.hasEnded, "the server's end");
    assertEquals(text(Uint8Array.from(peer.received.slice(4))), "server full");
    // It goes on talking: it hears of the end by a reset.
    await within(peer.flood(new Uint8Array(1)), "the peer's end");
    const tookMs = performance.now() - startMs;
    assertEquals(tookMs > 900 && tookMs < 3_000, true, `${tookMs} ms`);
  });

  test(`TcpService.stop() does not wait for those it has refused, on ${name}`, async () => {
    const transport = make();
    const pair = await startPair(transport, { maxConnections: 1, refusalMessage: FULL });
    const peers: RawPeer[] = [];
    for (let count = 0; count < 5; count++) peers.push(await RawPeer.dial(transport, pair.port));
    await until(() => peers.filter(({ hasEnded }) => hasEnded).length === 4, "four are refused");
    for (const { connection } of peers) connection.shutdown();
    await within(pair.server.stop(), "stop()", 900);
    for (const { connection } of peers) connection.abort();
    await pair[Symbol.asyncDispose]();
  });

  test(`TcpService goes on whatever onConnectionRefused does, on ${name}`, async () => {
    const faults: string[] = [];
    let calls = 0;
    await using pair = await startPair(make(), {
      maxConnections: 1,
      onConnectionRefused() {
        if (calls++ === 0) throw Object.create(null);
        return Promise.reject(new Error("later"));
      },
      logger: { ...silentLogger(), error: (message) => faults.push(message) },
      onMessage: (session, payload) => session.send(payload),
    });
    const { near } = await pair.connect();
    for (let count = 0; count < 2; count++) {
      // Closed before it is started, a connection may be reset as well.
      await pair.client.connect({ port: pair.port }).then((session) => within(session.closed, "the end"), () => {});
    }
    near.send(bytes("hi"));
    assertEquals(text(await within(near.receive(), "the answer") ?? bytes("none")), "hi");
    assertEquals([calls, faults[0]], [2, "The onConnectionRefused handler failed: {error}"]);
  });
}

test("TcpService refuses with open-files, and says so at its start, where the process may open few files", async () => {
  const warnings: unknown[] = [];
  const refused: string[] = [];
  const transport = { ...memoryTransport(), traits: { maxOpenFiles: 100 } };
  await using pair = await startPair(transport, {
    onConnectionRefused: ({ reason }) => refused.push(reason),
    logger: { ...silentLogger(), warn: (_message, properties) => warnings.push(properties) },
  });
  assertEquals(warnings, [{ sessions: 36, maxConnections: 10_000, maxOpenFiles: 100 }]);
  const peers: RawPeer[] = [];
  for (let count = 0; count < 40; count++) peers.push(await RawPeer.dial(transport, pair.port));
  await until(() => refused.length === 4, "four are refused");
  assertEquals([pair.server.sessionCount, refused], [36, Array(4).fill("open-files")]);
  peers[0].connection.abort();
  await until(() => pair.server.sessionCount === 35, "one leaves");
  peers.push(await RawPeer.dial(transport, pair.port));
  await until(() => pair.server.sessionCount === 36, "another comes");
  for (const { connection } of peers) connection.abort();
});

test("TcpService says nothing of files where there are enough, or nobody knows", async () => {
  for (const maxOpenFiles of [undefined, 20_000]) {
    const warnings: string[] = [];
    const transport = { ...memoryTransport(), traits: { maxOpenFiles } };
    const logger = { ...silentLogger(), warn: (message: string) => void warnings.push(message) };
    await using service = new TcpService({ transport, logger });
    await service.start();
    await turn();
    assertEquals(warnings, []);
  }
});

test("TcpService() takes a refusalMessage that the codec takes, and no other", () => {
  const codec = simpleBinary({ maxPayloadBytes: 10 });
  new TcpService({ codec, refusalMessage: new Uint8Array(10) });
  assertThrows(() => new TcpService({ codec, refusalMessage: new Uint8Array(11) }), RangeError, "at most 10 bytes");
});

// The service's own life: starting, stopping, what it knows of its sessions.

import test from "node:test";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import process from "node:process";
import { type ServiceObserver, silentLogger, TcpService } from "@laster/net";
import { FakeClock, memoryTransport } from "@laster/net/testing";
import type { Transport } from "@laster/net/transport";
import {
  assertNothingLeft,
  bytes,
  socketTransportsHere,
  startPair,
  text,
  transportsHere,
  turn,
  until,
  within,
} from "../support.ts";
import { TemporaryFolder } from "../temporary_folder.ts";

for (const { name, make } of transportsHere()) {
  test(`TcpService starts and stops again and again on the same port on ${name}`, async () => {
    const probe = await startPair(make());
    const { port } = probe;
    const transport = make();
    await probe[Symbol.asyncDispose]();
    const service = new TcpService({
      transport,
      listeners: [{ hostname: "127.0.0.1", port }],
      onMessage: (session, payload) => session.send(payload),
    });
    await using client = new TcpService({ transport });
    await client.start();
    for (let round = 0; round < 3; round++) {
      await Promise.all([service.start(), service.start()]);
      await service.start();
      const session = await client.connect({ port });
      session.send(bytes(`round ${round}`));
      for await (const payload of session) {
        assertEquals(text(payload), `round ${round}`);
        break;
      }
      await Promise.all([within(service.stop(), "stop()"), service.stop()]);
      await service.stop();
      assertEquals(service.state, "stopped");
      assertNothingLeft(service);
    }
  });

  test(`TcpService stops while it starts, and starts while it stops on ${name}`, async () => {
    const service = new TcpService({ transport: make(), listeners: [{ hostname: "127.0.0.1", port: 0 }] });
    const started = service.start();
    await within(service.stop(), "stop()");
    await started;
    assertEquals(service.state, "stopped");
    await service.start();
    const stopped = service.stop();
    await within(service.start(), "start()");
    await stopped;
    assertEquals([service.state, service.stats().listeners.length], ["running", 1]);
    await service.stop();
    assertNothingLeft(service);
  });

  test(`TcpService stops with 200 sessions in the middle of traffic on ${name}`, async () => {
    const pair = await startPair(make(), { onMessage: (session, payload) => session.send(payload) }, {
      onMessage: (session, payload) => session.send(payload),
    });
    await Promise.all(Array.from({ length: 200 }, () => pair.client.connect({ port: pair.port })));
    for (const session of pair.client.sessions()) session.send(bytes("round and round"));
    await until(() => pair.server.sessionCount === 200 && pair.server.stats().receivedFrames > 1_000, "traffic");
    await within(pair.server.stop(), "stop()");
    assertEquals(pair.server.stats().closedSessions, { shutdown: 200 });
    await pair[Symbol.asyncDispose]();
  });

  test(`TcpService opens and closes listeners at run time on ${name}`, async () => {
    await using pair = await startPair(make(), { onMessage: (session, payload) => session.send(payload) });
    const { near } = await pair.connect();
    const listener = await pair.server.listen({ hostname: "127.0.0.1", port: 0 });
    const port = listener.address.kind === "tcp" ? listener.address.port : 0;
    await pair.client.connect({ port });
    await listener.close();
    await listener.close();
    await pair.client.connect({ port }).then(() => assert(false, "nobody listens"), () => {});
    near.send(bytes("still here"));
    for await (const _payload of near) break;
    assertEquals(pair.server.stats().listeners.length, 1);
  });

  test(`TcpService finds, sends to and closes sessions by id on ${name}`, async () => {
    await using pair = await startPair(make(), {}, { onMessage: (session, payload) => session.send(payload) });
    const { far } = await pair.connect();
    assertEquals(pair.server.session(far.id), far);
    assertEquals([...pair.server.sessions()], [far]);
    assertEquals(pair.server.sendTo(far.id, bytes("hi")), "queued");
    assertEquals(pair.server.sendTo(999, bytes("hi")), "closed");
    assertEquals((await within(pair.server.closeSession(far.id), "the close"))?.reason, "local-closing");
    assertEquals(await pair.server.closeSession(999), undefined);
    await until(() => pair.server.session(far.id) === undefined, "the session is forgotten");
  });

  test(`TcpService gives sessions typed data, their addresses and their origin on ${name}`, async () => {
    await using pair = await startPair(make(), {
      createData: () => ({ score: 1 }),
      onOpen: (session) => session.data.score++,
    });
    const near = await pair.client.connect({ port: pair.port, token: "mine" });
    await until(() => pair.server.sessionCount === 1, "the session");
    const [far] = pair.server.sessions();
    const address = { kind: "tcp", hostname: "127.0.0.1", port: pair.port } as const;
    assertEquals([far.data.score, near.origin], [2, { kind: "connected", address, token: "mine" }]);
    assertEquals(far.origin, { kind: "accepted", listener: { name: undefined, address } });
    assertEquals(near.remoteAddress, { kind: "tcp", hostname: "127.0.0.1", port: pair.port });
    assertEquals(far.remoteAddress, near.localAddress);
  });
}

for (const { name, make } of socketTransportsHere()) {
  const skip = process.platform === "win32" ? "Windows has no Unix sockets in these runtimes" : false;
  test(`TcpService listens and dials on a Unix socket on ${name}`, { skip }, async () => {
    using folder = new TemporaryFolder();
    const path = folder.file("game.sock");
    const service = new TcpService({
      transport: make(),
      listeners: [{ path }],
      onMessage: (session, payload) => session.send(payload),
    });
    await service.start();
    const client = new TcpService({ transport: make() });
    await client.start();
    const session = await client.connect({ path });
    session.send(bytes("hi"));
    for await (const payload of session) {
      assertEquals(text(payload), "hi");
      break;
    }
    await client.stop();
    await service.stop();
    // The path is free again.
    await service.start();
    await service.stop();
    assertNothingLeft(service);
  });
}

test("TcpService begins the dials of its options, and tells when they fail", async () => {
  const clock = new FakeClock();
  const transport = memoryTransport();
  await using server = new TcpService({ transport, clock, listeners: [{ hostname: "127.0.0.1", port: 1 }] });
  const failures: unknown[] = [];
  const opened: unknown[] = [];
  await using client = new TcpService({
    transport,
    clock,
    logger: silentLogger(),
    dials: [{ port: 1, token: "good", retries: 5 }, { port: 2, token: "bad" }],
    onOpen: (session) => opened.push(session.origin.kind === "connected" && session.origin.token),
    onConnectFailed: ({ token, error, attempts }) => failures.push([token, error.code, attempts]),
  });
  await client.start();
  await turn();
  assertEquals([opened, failures], [[], [["bad", "refused", 1]]]);
  await server.start();
  await clock.advance(100);
  assertEquals(opened, ["good"]);
  assertEquals(client.stats().failedDials, 1);
});

test("TcpService survives a createData that throws, and goes on", async () => {
  let calls = 0;
  await using pair = await startPair(memoryTransport(), {
    createData() {
      if (++calls === 1) throw new Error("on purpose");
      return calls;
    },
    onMessage: (session, payload) => session.send(payload),
  });
  const first = await pair.client.connect({ port: pair.port });
  await within(first.closed, "the refused one");
  const { near } = await pair.connect();
  near.send(bytes("hi"));
  for await (const _payload of near) break;
});

test("TcpService keeps no session of a connection whose start() throws, and releases its admission once", async () => {
  const memory = memoryTransport();
  const fail = () => {
    throw new Error("on purpose");
  };
  const transport: Transport = {
    ...memory,
    connect: async (...details) => Object.assign(await memory.connect(...details), { start: fail }),
    listen: (address, handler, options) =>
      memory.listen(address, {
        ...handler,
        onConnection: (connection) => handler.onConnection(Object.assign(connection, { start: fail })),
      }, options),
  };
  const log: string[] = [];
  const observer: ServiceObserver = { onOpened: () => log.push("opened"), onClosed: () => log.push("closed") };
  await using pair = await startPair(transport, {
    observers: [observer],
    admission: [{ admit: () => void log.push("admitted"), release: () => log.push("released") }],
    onClose: () => log.push("onClose"),
  });
  await using client = new TcpService({ transport: memory, logger: silentLogger() });
  await client.start();
  const session = await client.connect({ port: pair.port });
  await within(session.closed, "the refused one");
  assertEquals(log, ["admitted", "opened", "closed", "released"]);
  const { sessions, closedSessions } = pair.server.stats();
  assertEquals([sessions, closedSessions], [0, { "socket-error": 1 }]);
  await assertRejects(() => pair.client.connect({ port: pair.port }), Error, "on purpose");
  assertEquals([pair.client.sessionCount, pair.client.stats().openedSessions], [0, 1]);
});

test("TcpService.stats() and dump() tell what happened", async () => {
  await using pair = await startPair(memoryTransport(), { onMessage: (session, payload) => session.send(payload) }, {
    onMessage: (session) => session.close(),
  });
  const { near } = await pair.connect();
  near.send(bytes("12345678"));
  await until(() => pair.server.sessionCount === 0, "the end");
  const { pool, listeners, ...rest } = pair.server.stats();
  assertEquals(rest, {
    state: "running",
    dials: 0,
    failedDials: 0,
    failedDialAttempts: 0,
    sessions: 0,
    openedSessions: 1,
    closedSessions: { "remote-closing": 1 },
    refusedConnections: 0,
    refusals: {},
    acceptErrors: 0,
    receivedFrames: 1,
    receivedBytes: 12,
    sentFrames: 1,
    sentBytes: 12,
    droppedSends: 0,
    refusedSends: 0,
    fullSends: 0,
    queuedFrames: 0,
    queuedBytes: 0,
    longestQueueFrames: 0,
    longestQueueBytes: 0,
    writes: 1,
  });
  assertEquals([listeners.length, pool.outstanding], [1, 0]);
  const dump = pair.server.dump();
  for (const part of ["running", "remote-closing 1", "received  1 frames, 12 bytes", "0 bytes out"]) {
    assertStringIncludes(dump, part);
  }
});

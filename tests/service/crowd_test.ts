// Many things at once: dials and connections in flight while services stop, floods over the limit, restarts.

import test from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { ConnectError, ListenError, silentLogger, TcpService } from "@laster/net";
import { memoryTransport } from "@laster/net/testing";
import type { Transport } from "@laster/net/transport";
import { assertNothingLeft, bytes, type Pair, startPair, transportsHere, turn, until, within } from "../support.ts";

const DIALS = 150;

for (const { name, make } of transportsHere()) {
  for (const who of ["server", "client", "both"] as const) {
    test(`TcpService.stop() of ${who} in the middle of ${DIALS} dials settles every dial on ${name}`, async () => {
      let opened = 0;
      let closed = 0;
      const handlers = { onOpen: () => opened++, onClose: () => closed++ };
      const pair = await startPair(make(), handlers, { ...handlers, maxDials: DIALS });
      const dials = Array.from({ length: DIALS }, () => pair.client.connect({ port: pair.port, timeoutMs: 5_000 }));
      const settled = Promise.allSettled(dials);
      await turn();
      const stops = [];
      if (who !== "client") stops.push(pair.server.stop());
      if (who !== "server") stops.push(pair.client.stop());
      await within(Promise.all(stops), "stop()");
      for (const result of await within(settled, "the dials")) {
        if (result.status === "fulfilled") continue;
        assert(result.reason instanceof ConnectError, `${result.reason}`);
        assert(["aborted", "refused", "reset"].includes(result.reason.code), result.reason.code);
      }
      await pair[Symbol.asyncDispose]();
      assertEquals(opened, closed);
    });
  }

  test(`TcpService keeps to maxConnections in a flood, and serves who is inside on ${name}`, async () => {
    let most = 0;
    await using pair: Pair = await startPair(make(), {
      maxConnections: 10,
      onOpen() {
        most = Math.max(most, pair.server.sessionCount);
      },
      onMessage: (session, payload) => session.send(payload),
    }, { maxDials: DIALS, onMessage: () => {} });
    const dials = Array.from({ length: DIALS }, () => pair.client.connect({ port: pair.port }));
    await within(Promise.allSettled(dials), "the dials");
    await until(() => pair.server.stats().refusedConnections === DIALS - 10, "the refusals");
    await until(() => pair.client.sessionCount === 10, "the refused to hear of it");
    assertEquals([most, pair.server.sessionCount], [10, 10]);
    for (const session of pair.client.sessions()) session.send(bytes("hi"));
    await until(() => pair.client.stats().receivedFrames === 10, "the echoes");
  });

  test(`TcpService stops and starts under a client that dials again and again on ${name}`, async () => {
    const transport = make();
    const probe = await startPair(transport);
    const { port } = probe;
    await probe.server.stop();
    const service = new TcpService({
      transport,
      logger: silentLogger(),
      listeners: [{ hostname: "127.0.0.1", port }],
      onMessage: (session, payload) => session.send(payload),
    });
    let isOver = false;
    let echoed = 0;
    const lane = async () => {
      while (!isOver) {
        await turn(); // In memory all of this happens in microtasks.
        try {
          const session = await probe.client.connect({ port, retries: 50, minRetryDelayMs: 1, maxRetryDelayMs: 5 });
          session.send(bytes("hi"));
          for await (const _payload of session) {
            echoed++;
            break;
          }
          await session.close();
        } catch {
          // The server stopped in the middle.
        }
      }
    };
    const lanes = [lane(), lane(), lane()];
    for (let round = 0; round < 4; round++) {
      await service.start();
      const before = echoed;
      await until(() => echoed > before + 5, "some echoes");
      await within(service.stop(), "stop()");
      assertNothingLeft(service);
    }
    isOver = true;
    await service.start();
    await within(Promise.all(lanes), "the lanes");
    await service.stop();
    assertNothingLeft(service);
    await probe[Symbol.asyncDispose]();
  });

  test(`Session has its addresses still in onClose on ${name}`, async () => {
    const addresses: unknown[] = [];
    await using pair = await startPair(make(), {
      onOpen: (session) => addresses.push(session.localAddress, session.remoteAddress),
      onClose: (session) => addresses.push(session.localAddress, session.remoteAddress),
    }, { onMessage: () => {} });
    const { near } = await pair.connect();
    await near.close();
    await until(() => addresses.length === 4, "the close");
    assertEquals(addresses.slice(2), addresses.slice(0, 2));
  });
}

test("TcpService.start() that fails closes the sessions that came in the meantime", async () => {
  const memory = memoryTransport();
  const gate = Promise.withResolvers<void>();
  const transport: Transport = {
    ...memory,
    async listen(address, handler) {
      if (address.kind === "tcp" && address.port === 2) {
        await gate.promise;
        throw new ListenError("permission-denied", "127.0.0.1:2");
      }
      return await memory.listen(address, handler);
    },
  };
  const log: string[] = [];
  const service = new TcpService({
    transport,
    listeners: [{ hostname: "127.0.0.1", port: 1 }, { hostname: "127.0.0.1", port: 2 }],
    onOpen: () => log.push("open"),
    onClose: (_session, { reason }) => log.push(reason),
  });
  await using client = new TcpService({ transport: memory, onMessage: () => {} });
  await client.start();
  const started = assertRejects(() => service.start(), ListenError);
  await turn();
  const session = await client.connect({ port: 1 });
  gate.resolve();
  assertEquals((await started).code, "permission-denied");
  assertEquals([log, service.state], [["open", "shutdown"], "stopped"]);
  assertEquals((await session.closed).reason, "remote-closing");
  assertNothingLeft(service);
});

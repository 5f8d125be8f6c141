// Addresses that cannot be listened on or dialled: each is a typed error, and the service goes on.

import test from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import { ConnectError, ListenError, ServiceStateError, TcpService } from "@laster/net";
import { FakeClock, memoryTransport } from "@laster/net/testing";
import { assertNothingLeft, bytes, socketTransportsHere, startPair, within } from "../support.ts";

for (const { name, make } of socketTransportsHere()) {
  test(`TcpService.listen() rejects with address-in-use and goes on when the port is in use on ${name}`, async () => {
    await using pair = await startPair(make(), { onMessage: (session, payload) => session.send(payload) });
    const error = await assertRejects(
      () => pair.client.listen({ hostname: "127.0.0.1", port: pair.port }),
      ListenError,
    );
    assertEquals([error.code, error.address], ["address-in-use", `127.0.0.1:${pair.port}`]);
    const { near } = await pair.connect();
    near.send(bytes("hi"));
    for await (const _payload of near) break;
  });

  test(`TcpService.start() rejects and closes the listeners before when one port is in use on ${name}`, async () => {
    await using pair = await startPair(make());
    const service = new TcpService({
      transport: make(),
      listeners: [{ hostname: "127.0.0.1", port: 0 }, { hostname: "127.0.0.1", port: pair.port }],
    });
    await assertRejects(() => service.start(), ListenError);
    assertEquals(service.state, "stopped");
    assertNothingLeft(service);
  });

  test(`TcpService.connect() rejects with host-not-found when the host does not resolve on ${name}`, async () => {
    await using pair = await startPair(make());
    const dial = pair.client.connect({ hostname: "no-such-host.invalid", port: 1 });
    assertEquals((await within(assertRejects(() => dial, ConnectError), "the lookup")).code, "host-not-found");
  });

  test(`TcpService.connect() rejects with refused when nobody listens on ${name}`, async () => {
    const pair = await startPair(make());
    await pair.server.stop();
    const error = await assertRejects(
      () => pair.client.connect({ port: pair.port, retries: 2, minRetryDelayMs: 1 }),
      ConnectError,
    );
    assertEquals([error.code, error.address], ["refused", `127.0.0.1:${pair.port}`]);
    await pair[Symbol.asyncDispose]();
  });

  test(`TcpService.listen() rejects with host-not-found when the host does not resolve on ${name}`, async () => {
    await using pair = await startPair(make());
    const error = await within(
      assertRejects(() => pair.server.listen({ hostname: "no-such-host.invalid", port: 0 }), ListenError),
      "the lookup",
    );
    assertEquals(error.code, "host-not-found");
  });
}

test("TcpService.connect() rejects with timeout when the dial is never answered, and tells onConnectFailed", async () => {
  const clock = new FakeClock();
  const failures: unknown[] = [];
  await using pair = await startPair(memoryTransport({ silentHosts: ["silent"] }), {}, {
    clock,
    random: () => 0,
    onConnectFailed: ({ error, attempts, token }) => failures.push([error.code, attempts, token]),
  });
  const dial = assertRejects(
    () =>
      pair.client.connect({ hostname: "silent", port: 1, timeoutMs: 100, retries: 2, minRetryDelayMs: 50, token: "t" }),
    ConnectError,
  );
  await clock.advance(100 + 50 + 100 + 100 + 99);
  assertEquals(failures, []);
  await clock.advance(1);
  assertEquals((await dial).code, "timeout");
  assertEquals(failures, [["timeout", 3, "t"]]);
});

test("TcpService.connect() rejects with aborted by its signal, at once and in a pause between attempts", async () => {
  const clock = new FakeClock();
  await using pair = await startPair(memoryTransport({ silentHosts: ["silent"] }), {}, { clock });
  const early = pair.client.connect({ port: pair.port, signal: AbortSignal.abort() });
  assertEquals((await assertRejects(() => early, ConnectError)).code, "aborted");
  const abort = new AbortController();
  const dial = assertRejects(
    () => pair.client.connect({ port: 1, retries: Infinity, minRetryDelayMs: 1_000, signal: abort.signal }),
    ConnectError,
  );
  await clock.advance(5_000);
  abort.abort();
  assertEquals((await dial).code, "aborted");
  assertEquals(clock.timerCount, 0);
});

for (const fail of [() => Promise.reject(new Error("on purpose")), () => JSON.parse("no JSON")]) {
  test("TcpService goes on when onConnectFailed fails", async () => {
    await using pair = await startPair(memoryTransport(), {}, { onConnectFailed: fail });
    const error = await assertRejects(() => pair.client.connect({ port: 1 }), ConnectError);
    assertEquals(error.code, "refused");
    await pair.connect();
  });
}

test("TcpService.stop() ends the dials under way", async () => {
  const pair = await startPair(memoryTransport({ silentHosts: ["silent"] }));
  const dial = assertRejects(() => pair.client.connect({ hostname: "silent", port: 1 }), ConnectError);
  await pair[Symbol.asyncDispose]();
  assertEquals((await dial).code, "aborted");
});

test("TcpService.listen() and connect() reject before start()", async () => {
  const service = new TcpService({ transport: memoryTransport() });
  await assertRejects(() => service.listen({ port: 1 }), ServiceStateError);
  await assertRejects(() => service.connect({ port: 1 }), ServiceStateError);
});

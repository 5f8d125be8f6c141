// Dialler: what is told and counted of dials that fail, once or for good.

import test from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import { ConnectError, silentLogger, TcpService, type TcpServiceOptions } from "@laster/net";
import { FakeClock, memoryTransport } from "@laster/net/testing";
import { startPair, transportsHere, turn, until, within } from "../support.ts";

const MIN_RETRY_DELAY_MS = 100;

/** A client on a fake clock, of whose dials nobody answers the first ones. */
async function setUp(options: TcpServiceOptions = {}) {
  const clock = new FakeClock();
  const transport = memoryTransport();
  const log: string[] = [];
  const client = new TcpService({
    transport,
    clock,
    random: () => 0,
    logger: silentLogger(),
    onConnectAttemptFailed: ({ attempt, retryDelayMs, error, token, address }) => {
      log.push(`attempt ${attempt} ${error.code} ${retryDelayMs} ${token} ${address.kind}`);
    },
    onConnectFailed: ({ attempts, error, token }) => log.push(`failed ${attempts} ${error.code} ${token}`),
    ...options,
  });
  await client.start();
  const counts = () => {
    const { dials, failedDials, failedDialAttempts } = client.stats();
    return [dials, failedDials, failedDialAttempts];
  };
  return { clock, transport, client, log, counts };
}

test("TcpService.connect() that retries tells of each attempt that failed, and of the end, and counts them", async () => {
  const { clock, client, log, counts } = await setUp();
  const dial = client.connect({ port: 1, retries: 2, minRetryDelayMs: MIN_RETRY_DELAY_MS, token: "t" });
  dial.catch(() => {});
  await turn();
  assertEquals([log, counts()], [["attempt 1 refused 100 t tcp"], [1, 0, 1]], "at once, before the pause");
  await clock.advance(MIN_RETRY_DELAY_MS);
  assertEquals([log[1], counts()], ["attempt 2 refused 200 t tcp", [1, 0, 2]]);
  await clock.advance(2 * MIN_RETRY_DELAY_MS);
  await assertRejects(() => dial, ConnectError);
  assertEquals([log.slice(2), counts()], [["failed 3 refused t"], [0, 1, 3]]);
  await client.stop();
});

test("TcpService.connect() that retries for ever tells each time that nobody answers, until somebody does", async () => {
  const { clock, transport, client, log, counts } = await setUp();
  const dial = client.connect({ port: 1, retries: Infinity, maxRetryDelayMs: 100 });
  await clock.advance(2_000);
  assertEquals([log.length, counts()], [21, [1, 0, 21]]);
  const server = new TcpService({ transport, logger: silentLogger() });
  await server.start();
  await server.listen({ hostname: "127.0.0.1", port: 1 });
  await clock.advance(100);
  await within(dial, "the dial");
  assertEquals([log.length, counts()], [21, [0, 0, 21]], "what came about is no failure");
  await server.stop();
  await client.stop();
});

test("TcpService.connect() goes on whatever onConnectAttemptFailed does, and reports its fault", async () => {
  const faults: string[] = [];
  const odd: (() => unknown)[] = [
    () => {
      throw new Error("handler");
    },
    () => Promise.reject(Object.create(null)),
  ];
  for (const onConnectAttemptFailed of odd) {
    const { clock, client, log } = await setUp({
      onConnectAttemptFailed,
      logger: { ...silentLogger(), error: (message) => faults.push(message) },
    });
    const dial = client.connect({ port: 1, retries: 1 });
    dial.catch(() => {});
    await clock.advance(MIN_RETRY_DELAY_MS);
    await assertRejects(() => dial, ConnectError, "refused");
    assertEquals(log, ["failed 2 refused undefined"]);
    await client.stop();
  }
  assertEquals(faults, Array(2).fill("The onConnectAttemptFailed handler failed: {error}"));
});

test("TcpService.connect() that connects and finds no room any more tells how many attempts it made", async () => {
  const { clock, transport, client, log, counts } = await setUp({ maxConnections: 1 });
  const dial = client.connect({ port: 1, retries: 5, minRetryDelayMs: MIN_RETRY_DELAY_MS, token: "t" });
  dial.catch(() => {});
  await clock.advance(MIN_RETRY_DELAY_MS);
  assertEquals(log.length, 2, "two attempts have failed");
  await client.listen({ hostname: "127.0.0.1", port: 2 });
  await using other = new TcpService({ transport, logger: silentLogger(), listeners: [{ port: 1 }] });
  await other.start();
  await other.connect({ port: 2 });
  await until(() => client.sessionCount === 1, "the service is full");
  await clock.advance(2 * MIN_RETRY_DELAY_MS);
  await assertRejects(() => dial, ConnectError, "limit");
  assertEquals([log.slice(2), counts()], [["failed 3 limit t"], [0, 1, 2]]);
  const stopping = client.stop();
  await clock.advance(10_000);
  await stopping;
});

test("TcpService.stop() ends a dial that retries for ever", async () => {
  const { clock, client, log, counts } = await setUp();
  const dial = client.connect({ port: 1, retries: Infinity });
  dial.catch(() => {});
  await clock.advance(250);
  await client.stop();
  await assertRejects(() => dial, ConnectError);
  assertEquals([log.at(-1), counts()], ["failed 2 aborted undefined", [0, 1, 2]], "two attempts were made");
  assertEquals(clock.timerCount, 0);
});

for (const { name, make } of transportsHere()) {
  test(`TcpService tells of a dial that nobody answers, and connects once somebody does, on ${name}`, async () => {
    const transport = make();
    let port = 0;
    const attempts: number[] = [];
    {
      await using pair = await startPair(transport);
      ({ port } = pair);
    }
    await using client = new TcpService({
      transport,
      logger: silentLogger(),
      dials: [{ port, retries: Infinity, minRetryDelayMs: 1, maxRetryDelayMs: 5 }],
      onConnectAttemptFailed: ({ attempt }) => attempts.push(attempt),
    });
    await client.start();
    await until(() => attempts.length >= 3, "three attempts");
    assertEquals(attempts.slice(0, 3), [1, 2, 3]);
    await using server = new TcpService({ transport, logger: silentLogger() });
    await server.start();
    await server.listen({ hostname: "127.0.0.1", port });
    await until(() => client.sessionCount === 1, "the session");
    assertEquals(client.stats().failedDialAttempts, attempts.length);
    await server.stop();
  });
}

// Promise 10: time, randomness and transport are injected. A whole service runs on the in-memory transport and a fake
// clock, and touches nothing else.

import test from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import { ConnectError, silentLogger, TcpService } from "@laster/net";
import { FakeClock, memoryTransport } from "@laster/net/testing";
import { nodeTransport } from "@laster/net/transport";
import { bytes, startPair, text, until } from "../support.ts";

/** Runs a service through retries, traffic, silence and stop, and gives the log with the fake times. */
async function run(): Promise<readonly string[]> {
  const clock = new FakeClock();
  const log: string[] = [];
  const note = (what: string) => log.push(`${clock.now()} ${what}`);
  let seed = 1;
  const random = () => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
  const transport = memoryTransport({ silentHosts: ["silent"] });
  const pair = await startPair(transport, {
    clock,
    random,
    idleTimeoutMs: 5_000,
    onOpen: () => note("open"),
    onMessage(session, payload) {
      note(text(payload));
      session.send(payload);
    },
    onClose: (_session, { reason }) => note(reason),
  }, { clock, random, idleTimeoutMs: 0, onMessage: (_session, payload) => note(`echo ${text(payload)}`) });
  const silent = assertRejects(
    () => pair.client.connect({ hostname: "silent", port: 1, timeoutMs: 700, retries: 2 }),
    ConnectError,
  );
  await clock.advance(10_000);
  note(`${(await silent).code}`);
  const session = await pair.client.connect({ port: pair.port });
  session.send(bytes("hello"));
  await clock.advance(1_000);
  await clock.advance(5_000);
  await Promise.all([pair.client.stop(), pair.server.stop()]);
  assertEquals(clock.timerCount, 0, "no timer is left");
  return log;
}

test("TcpService runs on a fake clock and in memory, the same every time", async () => {
  const first = await run();
  assertEquals(first, ["10000 timeout", "10000 open", "10000 hello", "10000 echo hello", "15000 idle-timeout"]);
  assertEquals(await run(), first);
});

test("TcpService takes neither time, timers nor random numbers from the runtime when it is given its own", async () => {
  const real = { now: performance.now, setTimeout: globalThis.setTimeout, random: Math.random };
  const called: string[] = [];
  const forbid = (name: string) => () => {
    called.push(name);
    throw new Error(`${name} was called`);
  };
  // The harness uses none of these while it runs in memory, so the service is the only suspect.
  performance.now = forbid("performance.now");
  Math.random = forbid("Math.random");
  globalThis.setTimeout = forbid("setTimeout") as unknown as typeof setTimeout;
  try {
    await runQuietly();
  } finally {
    performance.now = real.now;
    Math.random = real.random;
    globalThis.setTimeout = real.setTimeout;
  }
  assertEquals(called, [], "nor where a fault of what is called goes unheard");
});

async function runQuietly(): Promise<void> {
  const { TcpService, silentLogger } = await import("@laster/net");
  const clock = new FakeClock();
  const transport = memoryTransport();
  const options = { clock, transport, logger: silentLogger(), random: () => 0.5 };
  const server = new TcpService({ ...options, onMessage: (session, payload) => session.send(payload) });
  const client = new TcpService({ ...options });
  await server.start();
  await client.start();
  await server.listen({ port: 1 });
  const refused = assertRejects(() => client.connect({ port: 2, retries: 1 }), ConnectError);
  await clock.advance(1_000);
  await refused;
  const session = await client.connect({ hostname: "0.0.0.0", port: 1 });
  session.send(bytes("hello"));
  for await (const payload of session) {
    assertEquals(text(payload), "hello");
    break;
  }
  await clock.advance(200_000);
  await Promise.all([client.stop(), server.stop()]);
}

test(
  "TcpService gives the runtime's transport its clock",
  { skip: "Deno" in globalThis && "no late keep-alive" },
  async () => {
    const delays: number[] = [];
    const clock = new (class extends FakeClock {
      override setTimer(callback: () => void, delayMs: number): unknown {
        delays.push(delayMs);
        return super.setTimer(callback, delayMs);
      }
    })();
    const server = new TcpService({ clock, idleTimeoutMs: 0, logger: silentLogger() });
    await server.start();
    const { address } = await server.listen({ hostname: "127.0.0.1", port: 0 });
    const connection = await nodeTransport().connect(address);
    await until(() => server.sessionCount === 1, "a session");
    connection.start({ onData() {}, onEnd() {}, onDrain() {}, onClose() {} });
    connection.abort();
    await until(() => server.sessionCount === 0, "its end");
    await server.stop();
    assertEquals(delays.filter((delayMs) => delayMs === 1_000), [1_000], "late keep-alive");
  },
);

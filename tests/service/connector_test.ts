// Connector: attempts, pauses, cancelling, and connections that come too late.

import test from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { ConnectError, type ConnectErrorCode } from "@laster/net";
import { FakeClock, memoryPair } from "@laster/net/testing";
import type { Connection, DialOptions, Transport } from "@laster/net/transport";
import { type ConnectOptions, Connector, resolveDial } from "../../src/service/connector.ts";
import { turn } from "../support.ts";

/** A transport whose dials are answered by hand. */
function setUp(random: () => number = () => 0) {
  const clock = new FakeClock();
  const dials: {
    readonly atMs: number;
    readonly answer: PromiseWithResolvers<Connection>;
    readonly signal: AbortSignal;
    readonly options: DialOptions;
  }[] = [];
  const transport: Transport = {
    name: "by hand",
    listen: () => Promise.reject(new Error("not here")),
    connect(_address, options) {
      const answer = Promise.withResolvers<Connection>();
      assert(options?.signal !== undefined);
      dials.push({ atMs: clock.now(), answer, signal: options.signal, options });
      return answer.promise;
    },
  };
  const connector = new Connector(transport, clock, random);
  return {
    clock,
    dials,
    dial: (options: Partial<ConnectOptions> = {}) => connector.dial(resolveDial({ port: 1, ...options })),
    /** Fails the last attempt. */
    async refuse(code: ConnectErrorCode = "refused") {
      dials.at(-1)?.answer.reject(new ConnectError(code, "127.0.0.1:1"));
      await clock.advance(0);
    },
  };
}

test("Connector.dial() gives the connection, and leaves no timer and no listener behind", async () => {
  const { clock, dials, dial } = setUp();
  const abort = new AbortController();
  const result = dial({ signal: abort.signal });
  const [connection] = memoryPair();
  dials[0].answer.resolve(connection);
  assertEquals(await result, { state: "connected", connection, attempts: 1 });
  assertEquals(clock.timerCount, 0);
  abort.abort();
  assertEquals(dials[0].signal.aborted, false, "the connection is nobody else's any more");
});

test("Connector.dial() tries once by default, and retries + 1 times otherwise, and gives the last error", async () => {
  for (const retries of [undefined, 0, 1, 3]) {
    const { dials, dial, refuse, clock } = setUp();
    const result = dial({ retries, minRetryDelayMs: 0, maxRetryDelayMs: 0 });
    const most = (retries ?? 0) + 1;
    for (let attempt = 1; attempt <= most; attempt++) {
      assertEquals(dials.length, attempt);
      await refuse(attempt === most ? "unreachable" : "refused");
    }
    const { state, attempts } = await result;
    assertEquals([state, attempts, dials.length], ["failed", most, most]);
    assert("error" in await result);
    assertEquals(clock.timerCount, 0);
  }
});

test("Connector.dial() hands the options of TCP on, and does not try again for one that the transport lacks", async () => {
  const { dials, dial, refuse } = setUp();
  const options = { keepAlive: { delayMs: 5_000 }, localAddress: "127.0.0.1", noDelay: false };
  const result = dial({ ...options, retries: 5 });
  const { signal: _signal, ...given } = dials[0].options;
  assertEquals(given, { ...options, tls: undefined });
  await refuse("unsupported");
  assertEquals([(await result).attempts, dials.length], [1, 1]);
});

test("Connector.dial() doubles its pauses up to the longest", async () => {
  const { clock, dials, dial, refuse } = setUp();
  dial({ retries: 6, minRetryDelayMs: 100, maxRetryDelayMs: 1_000 });
  const pauses: number[] = [];
  for (let attempt = 1; attempt <= 6; attempt++) {
    const refusedAtMs = clock.now();
    await refuse();
    while (dials.length === attempt) await clock.advance(50);
    pauses.push(dials[attempt].atMs - refusedAtMs);
  }
  assertEquals(pauses, [100, 200, 400, 800, 1_000, 1_000]);
  await refuse();
});

test("Connector.dial() cuts each pause by up to half at random", async () => {
  for (const [value, expectedMs] of [[0, 1_000], [0.5, 750], [0.999, 500.5]]) {
    const { clock, dials, dial, refuse } = setUp(() => value);
    dial({ retries: 1, minRetryDelayMs: 1_000 });
    await refuse();
    await clock.advance(expectedMs - 0.25);
    assertEquals(dials.length, 1);
    await clock.advance(0.25);
    assertEquals(dials.length, 2);
  }
});

test("Connector.dial() goes on for ever with Infinity, at the longest pause", async () => {
  const { clock, dials, dial, refuse } = setUp();
  const abort = new AbortController();
  const result = dial({ retries: Infinity, minRetryDelayMs: 1, maxRetryDelayMs: 50, signal: abort.signal });
  for (let attempt = 1; attempt <= 100; attempt++) {
    assertEquals(dials.length, attempt);
    await refuse();
    await clock.advance(50);
  }
  abort.abort();
  await clock.advance(0);
  const { state, attempts } = await result;
  assertEquals([state, attempts, clock.timerCount], ["failed", 101, 0]);
});

test("Connector.dial() gives up an attempt after timeoutMs, tells the transport, and tries again", async () => {
  const { clock, dials, dial } = setUp();
  const result = dial({ timeoutMs: 300, retries: 1, minRetryDelayMs: 10 });
  await clock.advance(299);
  assertEquals([dials.length, dials[0].signal.aborted], [1, false]);
  await clock.advance(1);
  assertEquals(dials[0].signal.aborted, true);
  await clock.advance(10);
  assertEquals(dials.length, 2);
  await clock.advance(300);
  const outcome = await result;
  assert(outcome.state === "failed");
  assertEquals([outcome.error.code, outcome.error.address, outcome.attempts], ["timeout", "127.0.0.1:1", 2]);
  assertEquals(clock.timerCount, 0);
});

test("Connector.dial() waits as long as the transport does when timeoutMs is 0", async () => {
  const { clock, dials, dial, refuse } = setUp();
  const result = dial({ timeoutMs: 0 });
  assertEquals(clock.timerCount, 0);
  await clock.advance(10_000_000);
  assertEquals(dials[0].signal.aborted, false);
  await refuse("unreachable");
  assertEquals((await result).state, "failed");
});

test("Connector.dial() aborts a connection that comes after it gave up", async () => {
  for (const isAborted of [false, true]) {
    const { clock, dials, dial } = setUp();
    const abort = new AbortController();
    const result = dial({ timeoutMs: 100, signal: abort.signal });
    if (isAborted) abort.abort();
    else await clock.advance(100);
    const outcome = await result;
    assert(outcome.state === "failed");
    assertEquals(outcome.error.code, isAborted ? "aborted" : "timeout");
    const [late, peer] = memoryPair();
    let end: unknown = undefined;
    peer.start({ onData() {}, onEnd() {}, onDrain() {}, onClose: (close) => end = close.error?.code });
    dials[0].answer.resolve(late);
    await turn();
    assertEquals(end, "reset");
  }
});

test("Connector.dial() fails at once by a signal that is aborted, and in the pause by one that aborts", async () => {
  const { clock, dials, dial, refuse } = setUp();
  const early = await dial({ signal: AbortSignal.abort(), retries: 5 });
  assert(early.state === "failed");
  assertEquals([early.error.code, early.attempts], ["aborted", 1]);
  const abort = new AbortController();
  const result = dial({ signal: abort.signal, retries: 5, minRetryDelayMs: 1_000 });
  await refuse();
  assertEquals(clock.timerCount, 1);
  abort.abort();
  const { state, attempts } = await result;
  assertEquals([state, attempts, clock.timerCount, dials.length], ["failed", 1, 0, 2]);
});

test("Connector.dial() makes a ConnectError of whatever else a transport fails with, and does not try again", async () => {
  const { dials, dial, clock } = setUp();
  const result = dial({ retries: 5 });
  const bug = new RangeError("a bug");
  dials[0].answer.reject(bug);
  const { state, error, attempts } = await result as { state: string; error: ConnectError; attempts: number };
  assertEquals([state, error.code, error.cause, attempts], ["failed", "unknown", bug, 1]);
  assertEquals(clock.timerCount, 0);
});

test("resolveDial() fills in the defaults that the docs name", () => {
  const { address, timeoutMs, retries, minRetryDelayMs, maxRetryDelayMs, signals } = resolveDial({ port: 1 });
  assertEquals(address, { kind: "tcp", hostname: "127.0.0.1", port: 1 });
  assertEquals([timeoutMs, retries, minRetryDelayMs, maxRetryDelayMs, signals], [10_000, 0, 100, 10_000, []]);
  assertEquals(resolveDial({ port: 65_535, minRetryDelayMs: 20_000 }).maxRetryDelayMs, 20_000);
  assertEquals(resolveDial({ path: "/run/x" }).address, { kind: "unix", path: "/run/x" });
});

test("resolveDial() refuses every number out of its range, and shows it", () => {
  const most = 2 ** 31 - 1;
  const wrong: readonly (readonly [keyof ConnectOptions, readonly number[]])[] = [
    ["timeoutMs", [-1, 0.5, NaN, most + 1]],
    ["retries", [-1, 0.5, NaN, -Infinity]],
    ["minRetryDelayMs", [-1, 0.5, NaN, most + 1]],
    ["maxRetryDelayMs", [99, NaN, most + 1]],
  ];
  for (const [name, values] of wrong) {
    for (const value of values) {
      assertThrows(() => resolveDial({ port: 1, [name]: value }), RangeError, `current value is ${value}`);
    }
  }
});

test("resolveDial() refuses port 0 alike on every transport", () => {
  assertThrows(() => resolveDial({ port: 0 }), RangeError, "port must be an integer from 1 to 65535");
});

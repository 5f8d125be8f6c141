// tick(): steps in time, drift, overruns, and the flush behind each.

import test from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { TcpService, tick } from "@laster/net";
import { FakeClock, memoryTransport } from "@laster/net/testing";
import { bytes, startPair, text, transportsHere, until } from "../support.ts";

/** What a tick needs of a service, without one. */
function setUp() {
  const clock = new FakeClock();
  const log: string[] = [];
  return { clock, log, service: { clock, flush: () => log.push("flush") } };
}

test("tick() makes its steps at their times, and flushes behind each", async () => {
  const { clock, log, service } = setUp();
  const running = tick(service, { hz: 30 }, ({ index, deltaMs }) => log.push(`${index} ${Math.round(deltaMs)}`));
  await clock.advance(100.1);
  assertEquals(log, ["0 33", "flush", "1 33", "flush", "2 33", "flush"]);
  running.stop();
  running.stop();
  await clock.advance(1_000);
  assertEquals([log.length, clock.timerCount], [6, 0]);
});

test("tick() has no drift: after an hour at 60 Hz it has made 216,000 steps", async () => {
  const { clock, service } = setUp();
  using running = tick(service, { hz: 60 }, () => {});
  for (let minute = 0; minute < 2; minute++) await clock.advance(60_000);
  assert(Math.abs(running.stats.steps - 7_200) <= 1, `${running.stats.steps} steps`);
  assertEquals([running.stats.skipped, running.stats.overruns], [0, 0]);
});

test("tick() makes up for what it was late, up to maxCatchUp, and counts what it leaves out", async () => {
  const { clock, service } = setUp();
  let nowMs = 0;
  const late = { ...service, clock: { ...clockOf(clock), now: () => nowMs } };
  const indices: number[] = [];
  using running = tick(late, { hz: 10, maxCatchUp: 2 }, ({ index }) => indices.push(index));
  nowMs = 1_050;
  await clock.advance(100);
  assertEquals(indices, [7, 8, 9]);
  assertEquals([running.stats.steps, running.stats.skipped], [3, 7]);
});

test("tick() counts steps that take too long, and goes on after one that throws", async () => {
  const { clock, service } = setUp();
  let nowMs = 0;
  const errors: unknown[] = [];
  const slow = { ...service, clock: { ...clockOf(clock), now: () => nowMs } };
  using running = tick(slow, { hz: 10, onError: (error) => errors.push(error) }, ({ index }) => {
    if (index > 0) return;
    nowMs += 150;
    throw new Error("by purpose");
  });
  nowMs = 100;
  await clock.advance(100);
  assertEquals([errors.length, running.stats.overruns, running.stats.longestMs], [1, 1, 150]);
  assert(running.stats.steps >= 2);
});

test("tick() tells onError of a promise that a step should not have given", async () => {
  const { clock, service } = setUp();
  const errors: unknown[] = [];
  const step = () => Promise.reject(new Error("by purpose"));
  using _running = tick(service, { hz: 10, onError: (error) => errors.push(error) }, step);
  await clock.advance(100);
  await until(() => errors.length === 1, "the rejection");
});

test("tick() may be stopped by its own step", async () => {
  const { clock, log, service } = setUp();
  const running = tick(service, { hz: 100 }, () => {
    log.push("step");
    running.stop();
  });
  await clock.advance(100);
  assertEquals([log, clock.timerCount], [["step", "flush"], 0]);
});

test("tick() refuses what is no rate", () => {
  const { service } = setUp();
  for (const hz of [0, -1, 1_001, 1.5, NaN, "20"]) {
    assertThrows(() => tick(service, { hz: hz as number }, () => {}), RangeError, "hz");
  }
  assertThrows(() => tick(service, { hz: 1, maxCatchUp: -1 }, () => {}), RangeError, "maxCatchUp");
  assertThrows(() => tick(service, { Hz: 20 } as unknown as { hz: number }, () => {}), TypeError, '"Hz"');
});

for (const { name, make } of transportsHere()) {
  test(`A service under manual answers at once and sends the tick's messages together on ${name}`, async () => {
    const heard: string[] = [];
    await using pair = await startPair(make(), {
      flush: "manual",
      onMessage: (session, payload) => session.send(payload),
    }, { onMessage: (_session, payload) => heard.push(text(payload)) });
    const { near, far } = await pair.connect();
    far.send(bytes("from a tick"));
    near.send(bytes("question"));
    // The answer's flush takes along what waits for the same peer.
    await until(() => heard.length === 2, "the answer");
    assertEquals(heard, ["from a tick", "question"]);
    far.send(bytes("waits"));
    const startMs = performance.now();
    await until(() => performance.now() - startMs > 50, "it would have left");
    assertEquals(heard.length, 2);
    pair.server.flush();
    await until(() => heard.length === 3, "the tick's message");
  });
}

test("TcpService refuses a flush mode that does not fit its interval", () => {
  const transport = memoryTransport();
  assertThrows(() => new TcpService({ transport, flush: "interval" }), RangeError, "flushIntervalMs");
  assertThrows(() => new TcpService({ transport, flush: "manual", flushIntervalMs: 5 }), RangeError, "flushIntervalMs");
  assertThrows(() => new TcpService({ transport, flush: "batch" as "turn" }), TypeError, "turn, manual, interval");
});

function clockOf(clock: FakeClock) {
  return {
    setTimer: (callback: () => void, delayMs: number) => clock.setTimer(callback, delayMs),
    clearTimer: (handle: unknown) => clock.clearTimer(handle),
    defer: (callback: () => void) => clock.defer(callback),
  };
}

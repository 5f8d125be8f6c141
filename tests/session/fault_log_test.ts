// FaultLog: each kind at once, then once a second with a count.

import test from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { FakeClock } from "@laster/net/testing";
import { FrameError, SessionClosedError } from "../../src/errors.ts";
import type { CloseReason } from "../../src/session/close_reason.ts";
import { FaultLog } from "../../src/session/fault_log.ts";

function setUp() {
  const clock = new FakeClock();
  const lines: string[] = [];
  const write = (level: string) => (message: string, properties: Record<string, unknown> = {}) =>
    lines.push(`${level} ${message} ${Object.values(properties).join(" ")}`);
  const logger = { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
  const faults = new FaultLog(clock, logger);
  return { clock, lines, faults, take: () => lines.splice(0) };
}

test("FaultLog.report() writes the first of a kind at once, and needs no timer for it", () => {
  const { clock, faults, take } = setUp();
  faults.report("session", "warn", "{id} was reset", { id: 1 });
  faults.report("session", "info", "{id} sent garbage", { id: 2 });
  assertEquals([take(), clock.timerCount], [["warn {id} was reset 1", "info {id} sent garbage 2"], 0]);
});

test("FaultLog.report() writes thousands of a kind as one line a second, the last of them with their number", async () => {
  const { clock, faults, take } = setUp();
  faults.report("session", "warn", "{id} was reset", { id: 0 });
  take();
  for (let second = 0; second < 3; second++) {
    for (let id = 1; id <= 10_000; id++) faults.report("session", "warn", "{id} was reset", { id });
    assertEquals(take(), []);
    await clock.advance(1_000);
    assertEquals(take(), ["warn {id} was reset ({count} times within a second) 10000 10000"]);
  }
  assertEquals(clock.timerCount, 0);
  await clock.advance(5_000);
  assertEquals(take(), []);
  faults.report("session", "warn", "{id} was reset", { id: 7 });
  assertEquals(take(), ["warn {id} was reset 7"], "after a quiet second it is told at once again");
});

test("FaultLog.report() writes a single one that was held back as itself, without a count", async () => {
  const { clock, faults, take } = setUp();
  for (const id of [1, 2]) faults.report("session", "warn", "{id} was reset", { id });
  await clock.advance(1_000);
  assertEquals(take(), ["warn {id} was reset 1", "warn {id} was reset 2"]);
});

test("FaultLog.report() holds back for less than a second, and writes at once from then on", async () => {
  const { clock, faults, take } = setUp();
  faults.report("session", "warn", "{id} was reset", { id: 1 });
  await clock.advance(1_000);
  faults.report("session", "warn", "{id} was reset", { id: 2 });
  assertEquals([take(), clock.timerCount], [["warn {id} was reset 1", "warn {id} was reset 2"], 0]);
  await clock.advance(999);
  faults.report("session", "warn", "{id} was reset", { id: 3 });
  assertEquals([take(), clock.timerCount], [[], 1]);
  faults.flush();
});

test("FaultLog.flush() writes what was held back, once, and stops the timer", async () => {
  const { clock, faults, take } = setUp();
  for (let id = 0; id < 4; id++) faults.report("session", "warn", "{id} was reset", { id });
  take();
  faults.flush();
  assertEquals([take(), clock.timerCount], [["warn {id} was reset ({count} times within a second) 3 3"], 0]);
  faults.flush();
  await clock.advance(2_000);
  assertEquals(take(), []);
});

test("FaultLog tells 64 kinds apart, and all others are one", async () => {
  const { clock, faults, take } = setUp();
  for (let kind = 0; kind < 1_000; kind++) faults.report("session", "warn", `fault ${kind}`, {});
  assertEquals(take().length, 65);
  await clock.advance(1_000);
  assertEquals(take(), ["warn fault 999 ({count} times within a second) 935"]);
});

test("FaultLog.observe() tells of each report, not of those made meanwhile, and goes on after one who throws", () => {
  const { faults } = setUp();
  const told: string[] = [];
  let isFaulty = true;
  faults.observe((_level, message) => {
    told.push(message);
    faults.report("session", "warn", "a fault of who is told", {});
    if (isFaulty) throw new Error("no");
  });
  assertThrows(() => faults.report("session", "warn", "first", {}), Error, "no");
  isFaulty = false;
  faults.report("session", "warn", "second", {});
  assertEquals(told, ["first", "second"]);
});

test("FaultLog.reportEnd() is loud for a handler's fault, and quiet for one that met the end of its own session", () => {
  const levelOf = (reason: CloseReason, error: Error) => {
    const { faults, take } = setUp();
    faults.reportEnd({ id: 7, remoteAddress: { kind: "tcp", hostname: "1.2.3.4", port: 5 } }, reason, error);
    return take()[0].split(" ")[0];
  };
  assertEquals(levelOf("handler-error", new Error("a fault of the application")), "error");
  assertEquals(levelOf("handler-error", new SessionClosedError(8, "reset")), "error");
  assertEquals(levelOf("handler-error", new SessionClosedError(7, "reset")), "debug");
  assertEquals(levelOf("decode-error", new FrameError("malformed", "a fault of the peer")), "info");
});

test("FaultLog.reportEnd() counts a handler's fault apart from those that met the end of their own session", async () => {
  const { clock, faults, take } = setUp();
  const peer = { id: 7, remoteAddress: { kind: "tcp", hostname: "1.2.3.4", port: 5 } } as const;
  const ownEnd = new SessionClosedError(7, "reset");
  for (const error of [ownEnd, new Error("a bug"), ownEnd]) faults.reportEnd(peer, "handler-error", error);
  await clock.advance(1_000);
  const errors = take().filter((line) => line.startsWith("error"));
  assertEquals(errors.map((line) => line.includes("a bug")), [true]);
});

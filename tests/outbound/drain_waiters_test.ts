// DrainWaiters: the promises of drained().

import test from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import { DrainWaiters } from "../../src/outbound/drain_waiters.ts";
import { turn } from "../support.ts";

test("DrainWaiters.resolve() lets all go on who wait, and nobody who comes later", async () => {
  const waiters = new DrainWaiters();
  const log: string[] = [];
  waiters.resolve();
  waiters.wait(undefined).then(() => log.push("one"));
  waiters.wait(new AbortController().signal).then(() => log.push("two"));
  await turn();
  assertEquals([log, waiters.isAwaited], [[], true]);
  waiters.resolve();
  assertEquals(waiters.isAwaited, false);
  waiters.resolve();
  waiters.wait(undefined).then(() => log.push("late"));
  await turn();
  assertEquals(log, ["one", "two"]);
});

test("DrainWaiters.reject() fails all who wait, those with a signal too", async () => {
  const waiters = new DrainWaiters();
  const error = new Error("closed");
  waiters.reject(error);
  const both = [waiters.wait(undefined), waiters.wait(new AbortController().signal)];
  waiters.reject(error);
  waiters.resolve();
  for (const waiter of both) assertEquals(await assertRejects(() => waiter), error);
});

test("DrainWaiters.wait() rejects with the reason of its signal, alone, when that aborts", async () => {
  const waiters = new DrainWaiters();
  const controller = new AbortController();
  const other = waiters.wait(undefined);
  const aborted = assertRejects(() => waiters.wait(controller.signal), RangeError, "enough");
  controller.abort(new RangeError("enough"));
  await aborted;
  await assertRejects(() => waiters.wait(controller.signal), RangeError, "enough");
  waiters.resolve();
  await other;
});

test("DrainWaiters.wait() takes its listener off the signal when it ends", async () => {
  const waiters = new DrainWaiters();
  const controller = new AbortController();
  let listeners = 0;
  const { signal } = controller;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listeners++;
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listeners--;
    remove(...args);
  };
  const waiter = waiters.wait(signal);
  assertEquals(listeners, 1);
  waiters.resolve();
  await waiter;
  await turn();
  assertEquals(listeners, 0);
});

// QueryQueue when things go wrong: connections that are lost again and again, queries that are given up while they run, options
// out of range, and drivers and listeners that throw or never answer.

import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { type DatabaseDriver, QueryError, QueryQueue } from "@laster/database";
import { FakeClock } from "@laster/net/testing";
import { until } from "../../../tests/support.ts";

/** What a driver says of a connection that is gone. */
class Lost extends Error {}

/** A driver with four functions of which a test replaces some; its connections are numbers. */
function makeDriver(parts: Partial<DatabaseDriver<number>>): DatabaseDriver<number> {
  let made = 0;
  return {
    connect: () => Promise.resolve(++made),
    query: () => Promise.resolve([]),
    close: () => Promise.resolve(),
    isLost: (error) => error instanceof Lost,
    ...parts,
  };
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "answered",
    (error: unknown) =>
      error instanceof QueryError ? `${error.code} ${error.mayBeDone} ${error.canRepeat}` : String(error),
  );

test("a query that was lost and waits to run again may be done, however it ends", async () => {
  const clock = new FakeClock();
  let isDown = false;
  const driver = makeDriver({
    connect: () => isDown ? Promise.reject(new Error("down")) : Promise.resolve(1),
    query() {
      isDown = true;
      return Promise.reject(new Lost("reset"));
    },
  });
  const lose = async (options: { readonly timeoutMs?: number; readonly signal?: AbortSignal }) => {
    isDown = false;
    const queries = new QueryQueue({ driver, connections: 1, clock });
    const code = codeOf(queries.query("set", [], { isRepeatable: true, ...options }));
    await until(() => queries.stats.repeated === 1 && queries.stats.waiting === 1, "it waits again");
    return { queries, code };
  };
  const late = await lose({ timeoutMs: 100 });
  await clock.advance(100);
  assertEquals(await late.code, "timeout true true");
  const controller = new AbortController();
  const aborted = await lose({ signal: controller.signal });
  controller.abort();
  assertEquals(await aborted.code, "aborted true true");
  const closed = await lose({});
  const ends = [closed, late, aborted].map(({ queries }) => queries.close({ timeoutMs: 10 }));
  await clock.advance(10);
  assertEquals(await closed.code, "closed true true");
  await clock.advance(10_000);
  await Promise.all(ends);
});

test("a query that was lost and then fails may be done: the first run may be why it fails", async () => {
  let runs = 0;
  const driver = makeDriver({
    query: () => Promise.reject(++runs === 1 ? new Lost("reset") : new Error("the name is taken")),
  });
  const queries = new QueryQueue({ driver, connections: 1 });
  assertEquals(await codeOf(queries.query("insert", [], { isRepeatable: true })), "failed true true");
  await queries.close();
});

test("connections that are lost before they answer are made again after growing pauses", async () => {
  const clock = new FakeClock();
  let connects = 0;
  const driver = makeDriver({
    connect: () => Promise.resolve(++connects),
    query: () => Promise.reject(new Lost("reset")),
  });
  const queries = new QueryQueue({ driver, connections: 1, clock, timeoutMs: 60_000 });
  const code = codeOf(queries.query("deadly", [], { isRepeatable: true }));
  await until(() => queries.stats.lostConnections === 1, "the first is lost");
  await clock.advance(0);
  assertEquals(connects, 1, "it waits");
  for (let step = 0; step < 3_000; step++) await clock.advance(20);
  assertEquals(await code, "timeout true true");
  assert(connects >= 17 && connects <= 35, `${connects} connections in a minute`);
  await queries.close();
});

test("a connection that has answered is made again at once, and so is one whose query was given up", async () => {
  const clock = new FakeClock();
  let connects = 0;
  const driver = makeDriver({
    connect: () => Promise.resolve(++connects),
    query: (_connection, text) =>
      text === "ends"
        ? Promise.reject(new Lost("reset"))
        : text === "hangs"
        ? new Promise(() => {})
        : Promise.resolve([]),
  });
  const queries = new QueryQueue({ driver, connections: 1, clock });
  for (let round = 1; round <= 3; round++) {
    await queries.query("fine");
    assertEquals(await codeOf(queries.query("ends")), "lost true false");
    await until(() => connects === 2 * round, "another is made");
    const controller = new AbortController();
    const code = codeOf(queries.query("hangs", [], { signal: controller.signal }));
    await until(() => queries.stats.running === 1, "it runs");
    controller.abort();
    assertEquals(await code, "aborted true false");
    await until(() => connects === 2 * round + 1, "another is made");
  }
  await queries.close();
});

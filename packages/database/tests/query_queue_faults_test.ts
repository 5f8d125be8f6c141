// QueryQueue when things go wrong: connections that are lost again and again, queries that are given up while they run, options
// out of range, and drivers and listeners that throw or never answer.

import { test } from "node:test";
import { assertEquals } from "@std/assert";
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

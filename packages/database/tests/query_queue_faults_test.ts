// QueryQueue when things go wrong: connections that are lost again and again, queries that are given up while they run, options
// out of range, and drivers and listeners that throw or never answer.

import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { type DatabaseDriver, QueryError, QueryQueue, sqliteDriver } from "@laster/database";
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

test("a query that was not sent, as its connection was gone already, runs on the next one", async () => {
  const driver = makeDriver({
    query: (connection) => connection === 1 ? Promise.reject(new QueryError("lost", false)) : Promise.resolve([]),
    isLost: (error) => error instanceof QueryError,
  });
  const queries = new QueryQueue({ driver, connections: 1 });
  assertEquals(await codeOf(queries.query("insert")), "answered");
  assertEquals(queries.stats.lostConnections, 1);
  await queries.close();
});

test("a database that cannot be reached is told of once a second, and is the cause of each timeout", async () => {
  const clock = new FakeClock();
  const faults: string[] = [];
  let why = "nobody is there";
  const driver = makeDriver({ connect: () => Promise.reject(new Error(why)) });
  const onConnectionFault = (error: unknown) => faults.push((error as Error).message);
  const queries = new QueryQueue({ driver, connections: 64, clock, onConnectionFault });
  const answer = queries.query("insert", [], { timeoutMs: 3_050 }).catch((error) => error);
  for (let step = 0; step < 61; step++) await clock.advance(50);
  const error: QueryError = await answer;
  assertEquals([error.code, error.mayBeDone, (error.cause as Error).message], ["timeout", false, why]);
  assert(faults.length >= 3 && faults.length <= 4, `${faults.length} faults in three seconds`);
  why = "the password is wrong";
  for (let step = 0; step < 100 && faults.at(-1) !== why; step++) await clock.advance(50);
  assertEquals(faults.at(-1), why);
  await queries.close();
});

test("an option with a misspelt name is refused", async () => {
  const driver = makeDriver({});
  const message = (action: string, name: string) =>
    `Cannot ${action} as it has no option of that name: current value is "${name}", known are `;
  const wrong = { driver, maxWait: 5 };
  assertThrows(() => new QueryQueue(wrong), TypeError, message("create query queue", "maxWait"));
  const file = { path: ":memory:", sychronous: "normal" };
  assertThrows(() => sqliteDriver(file), TypeError, message("create SQLite driver", "sychronous"));
  const queries = new QueryQueue({ driver, connections: 1 });
  const options = { timeoutMs: 5, isRepeatible: true };
  await assertRejects(() => queries.query("set", [], options), TypeError, message("run query", "isRepeatible"));
  await queries.close();
});

test("query() takes its parameters as they are at the call", async () => {
  const seen: unknown[] = [];
  const driver = makeDriver({
    query(_connection, _text, parameters) {
      seen.push(...parameters);
      return Promise.resolve([]);
    },
  });
  const queries = new QueryQueue({ driver, connections: 1 });
  const blob = new Uint8Array([1, 2, 3]);
  const parameters: unknown[] = [blob, "ann"];
  const answer = queries.query("insert", parameters);
  blob.fill(9);
  parameters[1] = "bob";
  await answer;
  assertEquals(seen, [new Uint8Array([1, 2, 3]), "ann"]);
  await queries.close();
});

test("query() leaves the handling of its promise to the caller: one that is dropped is an unhandled rejection", async (context) => {
  const queries = new QueryQueue({ driver: makeDriver({ query: () => Promise.reject(new Error("no such table")) }) });
  const then = context.mock.method(Promise.prototype, "then");
  const answer = queries.query("insert");
  const isHandled = then.mock.calls.some((call) => call.this === answer);
  then.mock.restore();
  assertEquals([await codeOf(answer), isHandled, queries.stats.rejected], ["failed false true", false, 1]);
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

test("behind a query that is given up, the next of its key begins once the connection is closed", async () => {
  const clock = new FakeClock();
  const log: string[] = [];
  const closes: (() => void)[] = [];
  const driver = makeDriver({
    query(_connection, text) {
      log.push(text);
      return text === "hangs"
        ? new Promise(() => {})
        : text === "lost"
        ? Promise.reject(new Lost())
        : Promise.resolve([]);
    },
    close: () => new Promise((resolve) => closes.push(resolve)),
  });
  const queries = new QueryQueue({ driver, connections: 2, clock });
  const abort = new AbortController();
  const ends = [{ timeoutMs: 100 }, { signal: abort.signal }, {}].map((options, key) => {
    const first = codeOf(queries.query(key === 2 ? "lost" : "hangs", [], { key, ...options }));
    return { first, next: queries.query(`next of ${key}`, [], { key }) };
  });
  await until(() => queries.stats.running === 2, "two hang");
  await clock.advance(100);
  assertEquals(await ends[0].first, "timeout true false");
  abort.abort();
  assertEquals(await ends[1].first, "aborted true false");
  await until(() => closes.length === 2, "both are being closed");
  await clock.advance(10);
  assertEquals(log, ["hangs", "hangs"]);
  closes[0]();
  await until(() => log.includes("lost"), "a new connection");
  assertEquals(await ends[2].first, "lost true false");
  await until(() => closes.length === 3, "that is closed, too");
  await clock.advance(10);
  assertEquals(log, ["hangs", "hangs", "lost"]);
  await clock.advance(7_000); // The longest that a close may take.
  await Promise.all(ends.map(({ next }) => next));
  const closed = queries.close();
  await clock.advance(7_000);
  await closed;
});

test("behind a query that goes on after close(), the next of its key waits, and the connection is made again", async () => {
  const clock = new FakeClock();
  const log: string[] = [];
  const ends: (() => void)[] = [];
  const driver = makeDriver({
    query(_connection, text) {
      log.push(text);
      return text.startsWith("slow") ? new Promise((resolve) => ends.push(() => resolve([]))) : Promise.resolve([]);
    },
  });
  const queries = new QueryQueue({ driver, connections: 1, clock, keepAliveMs: 0 });
  const giveUp = async (key: string) => {
    const given = codeOf(queries.query(`slow ${key}`, [], { key, timeoutMs: 100 }));
    const next = codeOf(queries.query(`next ${key}`, [], { key }));
    await until(() => log.includes(`slow ${key}`), "it runs");
    await clock.advance(100);
    assertEquals(await given, "timeout true false");
    await queries.query(`not ${key}`);
    return { next };
  };
  const ann = await giveUp("ann");
  assertEquals(log, ["slow ann", "not ann"]);
  ends[0]();
  assertEquals(await ann.next, "answered");
  assertEquals(log, ["slow ann", "not ann", "next ann"]);
  const bob = await giveUp("bob");
  await clock.advance(6_000);
  assertEquals(log.slice(3), ["slow bob", "not bob"]);
  await clock.advance(1_000); // Nobody waits longer than seven seconds.
  assertEquals([await bob.next, log.at(-1)], ["answered", "next bob"]);
  const eve = await giveUp("eve");
  const closed = queries.close({ timeoutMs: 50 });
  await clock.advance(50);
  assertEquals(await eve.next, "closed false true");
  await closed;
  assertEquals([clock.timerCount, log.at(-1)], [0, "not eve"]);
});

test("timeoutMs: Infinity is any time, and what a timer cannot wait is refused", async () => {
  const clock = new FakeClock();
  const answers: (() => void)[] = [];
  const driver = makeDriver({ query: () => new Promise((resolve) => answers.push(() => resolve([]))) });
  const queries = new QueryQueue({ driver, connections: 2, clock, timeoutMs: Infinity, keepAliveMs: 0 });
  for (const timeoutMs of [0, -1, 1.5, NaN, 3e9, -Infinity]) {
    const message = `as timeoutMs must be an integer from 1 to 2147483647: current value is ${timeoutMs}`;
    assertThrows(() => new QueryQueue({ driver, timeoutMs }), RangeError, `Cannot create query queue ${message}`);
    await assertRejects(() => queries.query("wrong", [], { timeoutMs }), RangeError, `Cannot run query ${message}`);
    await assertRejects(() => queries.close({ timeoutMs }), RangeError, `Cannot close query queue ${message}`);
  }
  const codes = [codeOf(queries.query("own", [], { timeoutMs: Infinity })), codeOf(queries.query("the queue's"))];
  await until(() => answers.length === 2, "both run");
  const closed = queries.close({ timeoutMs: Infinity });
  await clock.advance(1e10);
  assertEquals(queries.stats, {
    waiting: 0,
    running: 2,
    connections: 2,
    answered: 0,
    rejected: 0,
    repeated: 0,
    lostConnections: 0,
  });
  for (const answer of answers) answer();
  assertEquals(await Promise.all(codes), ["answered", "answered"]);
  await closed;
  assertEquals(clock.timerCount, 0);
});

test("onConnectionFault and isLost() that throw, or reject, stop nothing", async () => {
  const clock = new FakeClock();
  const faults = [() => {
    throw new Error("the log is full");
  }, () => Promise.reject(new Error("the log is full"))];
  for (const onConnectionFault of faults) {
    let connects = 0;
    const driver = makeDriver({
      connect: () => ++connects % 2 === 0 ? Promise.reject(new Error("down")) : Promise.resolve(connects),
      query: (_connection, text) => text === "fine" ? Promise.resolve([]) : Promise.reject(new Lost(text)),
      close: () => {
        throw new Error("closing is hard");
      },
      isLost(error) {
        if ((error as Error).message === "odd") throw new Error("judging is hard");
        return true;
      },
    });
    const queries = new QueryQueue({ driver, connections: 1, clock, keepAliveMs: 1_000, onConnectionFault });
    const move = async (promise: Promise<string>) => {
      let code: string | undefined;
      void promise.then((given) => code = given);
      while (code === undefined) await clock.advance(10);
      return code;
    };
    for (const text of ["ends", "odd"]) {
      assertEquals(await move(codeOf(queries.query(text))), "lost true false");
      assertEquals(await move(codeOf(queries.query("fine"))), "answered");
    }
    await clock.advance(1_000); // "select 1" finds the connection gone.
    assertEquals(await move(codeOf(queries.query("fine"))), "answered");
    assertEquals(queries.stats.lostConnections, 3);
    await queries.close();
  }
});

test("a driver whose connect() or close() never settles holds up neither the queue nor its end for ever", async () => {
  const clock = new FakeClock();
  const connects: ((connection: number) => void)[] = [];
  const closed: number[] = [];
  const faults: unknown[] = [];
  const driver = makeDriver({
    connect: () => new Promise((resolve) => connects.push(resolve)),
    close(connection) {
      closed.push(connection);
      return new Promise(() => {});
    },
  });
  const onConnectionFault = (error: unknown) => faults.push(error);
  const queries = new QueryQueue({ driver, connections: 1, clock, timeoutMs: 100_000, onConnectionFault });
  const code = codeOf(queries.query("waits"));
  await clock.advance(30_000);
  assertEquals(faults.length, 1);
  await clock.advance(50);
  assertEquals(connects.length, 2, "it tries again");
  connects[1](2);
  assertEquals(await code, "answered");
  connects[0](1);
  await until(() => closed.length === 1, "the late one is closed");
  assertEquals(closed, [1]);
  const end = queries.close();
  await until(() => closed.length === 2, "so is the other");
  await clock.advance(7_000);
  await end;
  const connecting = new QueryQueue({ driver, connections: 1, clock });
  const other = connecting.close();
  await clock.advance(7_000);
  await other;
  connects[2](3);
  await until(() => closed.length === 3, "a connection that comes after the end is closed");
});

test("a driver's answer of undefined or null is no rows, and the connection goes on", async () => {
  let made = 0;
  const driver = makeDriver({
    connect: () => Promise.resolve(++made),
    query: (_connection, text) => Promise.resolve((text === "nothing" ? undefined : null) as never),
  });
  const queries = new QueryQueue({ driver, connections: 1, timeoutMs: 1_000 });
  try {
    for (const text of ["nothing", "null", "nothing"]) assertEquals(await queries.query(text), []);
    assertEquals([made, queries.stats.answered, queries.stats.running], [1, 3, 0]);
  } finally {
    await queries.close({ timeoutMs: 100 });
  }
});

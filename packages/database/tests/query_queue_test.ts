// QueryQueue over a database that is made up: order, bounds, deadlines, lost connections, and the end.

import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { type DatabaseDriver, QueryError, QueryQueue, type Row } from "@laster/database";
import { FakeClock } from "@laster/net/testing";
import { turn, until, within } from "../../../tests/support.ts";

/** A database that answers when it is told to. */
class Fake implements DatabaseDriver<{ id: number }> {
  readonly seen: string[] = [];
  readonly open = new Set<{ id: number }>();
  readonly waiting: { text: string; resolve: (rows: readonly Row[]) => void; reject: (error: unknown) => void }[] = [];
  isDown = false;
  connects = 0;
  readonly isManual: boolean;

  constructor(isManual = false) {
    this.isManual = isManual;
  }

  async connect(): Promise<{ id: number }> {
    await turn();
    this.connects++;
    if (this.isDown) throw Object.assign(new Error("nobody is there"), { code: "ECONNREFUSED" });
    const connection = { id: this.connects };
    this.open.add(connection);
    return connection;
  }

  query(_connection: { id: number }, text: string): Promise<readonly Row[]> {
    if (this.isDown) return Promise.reject(Object.assign(new Error("gone"), { code: "ECONNRESET" }));
    this.seen.push(text);
    if (text === "wrong") return Promise.reject(new Error("syntax"));
    if (!this.isManual) return turn().then(() => [{ text }]);
    const { promise, resolve, reject } = Promise.withResolvers<readonly Row[]>();
    this.waiting.push({ text, resolve, reject });
    return promise;
  }

  close(connection: { id: number }): Promise<void> {
    this.open.delete(connection);
    return Promise.resolve();
  }

  isLost(error: unknown): boolean {
    return String((error as { code?: unknown }).code).startsWith("ECONN");
  }

  lose(): void {
    for (const { reject } of this.waiting.splice(0)) reject(Object.assign(new Error("gone"), { code: "ECONNRESET" }));
  }

  answer(): void {
    for (const { text, resolve } of this.waiting.splice(0)) resolve([{ text }]);
  }
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "answered",
    (error: unknown) => error instanceof QueryError ? `${error.code} ${error.mayBeDone}` : String(error),
  );

test("queries of a key keep their order, those of others do not wait for them", async () => {
  const driver = new Fake(true);
  const queries = new QueryQueue({ driver, connections: 4 });
  const ann = ["ann 1", "ann 2", "ann 3"].map((text) => queries.query(text, [], { key: "ann" }));
  const bob = ["bob 1", "bob 2"].map((text) => queries.query(text, [], { key: "bob" }));
  const free = queries.query("free");
  await until(() => driver.waiting.length === 3, "three run");
  assertEquals(driver.seen.toSorted(), ["ann 1", "bob 1", "free"]);
  await until(() => queries.stats.connections === 4, "one has nothing to do");
  ann.push(queries.query("ann 4", [], { key: "ann" }));
  for (let count = 0; count < 5; count++) await turn();
  assertEquals([queries.stats.waiting, queries.stats.running], [4, 3]);
  driver.waiting.find(({ text }) => text === "bob 1")?.resolve([]);
  await until(() => driver.seen.includes("bob 2"), "bob goes on");
  assertEquals(driver.seen.includes("ann 2"), false);
  while (queries.stats.running + queries.stats.waiting > 0) {
    driver.answer();
    await turn();
  }
  await Promise.all([...ann, ...bob, free]);
  assertEquals(driver.seen.filter((text) => text.startsWith("ann")), ["ann 1", "ann 2", "ann 3", "ann 4"]);
  await queries.close();
  assertEquals([driver.open.size, queries.stats.connections], [0, 0]);
});

test("an error of the database is the query's alone", async () => {
  const driver = new Fake();
  const queries = new QueryQueue({ driver, connections: 1 });
  assertEquals(await codeOf(queries.query("wrong", [], { key: 1 })), "failed false");
  assertEquals(await queries.query("right", [], { key: 1 }), [{ text: "right" }]);
  const { answered, rejected, lostConnections } = queries.stats;
  assertEquals([answered, rejected, lostConnections, driver.connects], [1, 1, 0, 1]);
  await queries.close();
});

test("a lost connection: what may be repeated is, in its place; of the rest it is said that it may be done", async () => {
  const driver = new Fake(true);
  const faults: unknown[] = [];
  const queries = new QueryQueue({ driver, connections: 2, onConnectionFault: (error) => void faults.push(error) });
  const first = queries.query("ann 1", [], { key: "ann", isRepeatable: true });
  const second = queries.query("ann 2", [], { key: "ann", isRepeatable: true });
  const other = codeOf(queries.query("bob 1", [], { key: "bob" }));
  await until(() => driver.waiting.length === 2, "two run");
  driver.isDown = true;
  driver.lose();
  assertEquals(await other, "lost true");
  await until(() => driver.connects >= 4, "it tries again");
  assertEquals(queries.stats.connections, 0);
  driver.isDown = false;
  await until(() => driver.waiting.length === 1, "it runs again");
  driver.answer();
  await first;
  await until(() => driver.waiting.length === 1, "and the next");
  driver.answer();
  await second;
  assertEquals(driver.seen, ["ann 1", "bob 1", "ann 1", "ann 2"]);
  assert(faults.length >= 2 && queries.stats.repeated === 1 && queries.stats.lostConnections === 2);
  await queries.close();
});

test("an error says whether asking again does no harm", async () => {
  const clock = new FakeClock();
  const driver = new Fake(true);
  const queries = new QueryQueue({ driver, connections: 2, clock });
  const canRepeat = (text: string, isRepeatable: boolean, timeoutMs: number) =>
    queries.query(text, [], { isRepeatable, timeoutMs }).catch((
      error: QueryError,
    ) => [error.mayBeDone, error.canRepeat]);
  const answers = [canRepeat("take", false, 100), canRepeat("set", true, 100)];
  await until(() => driver.waiting.length === 2, "two run");
  answers.push(canRepeat("waits", false, 50));
  await clock.advance(100);
  assertEquals(await Promise.all(answers), [[true, false], [true, true], [false, true]]);
  const closed = queries.close();
  await clock.advance(10_000);
  await closed;
});

test("a query that is given up in the turn of its call is never run, and its connection goes on", async () => {
  const driver = new Fake();
  const queries = new QueryQueue({ driver, connections: 1 });
  await queries.query("first");
  await turn(); // The connection waits for a query.
  const controller = new AbortController();
  const [given, next] = [
    codeOf(queries.query("given up", [], { key: "ann", signal: controller.signal })),
    codeOf(queries.query("next", [], { key: "ann" })),
  ];
  controller.abort();
  assertEquals([await given, await next], ["aborted false", "answered"]);
  assertEquals([driver.seen, driver.connects], [["first", "next"], 1]);
  const { answered, rejected, lostConnections, waiting } = queries.stats;
  assertEquals([answered, rejected, lostConnections, waiting], [2, 1, 0, 0]);
  await queries.close();
});

test("a text that is none, and a signal that is none, are refused at the call", async () => {
  const driver = new Fake();
  const queries = new QueryQueue({ driver, connections: 1 });
  const asked = [
    () => queries.query({ sql: "a" } as never),
    () => queries.query("a", [], { signal: new AbortController() as never, timeoutMs: 10 }),
    () => queries.query("a", [], { signal: null as never }),
  ];
  for (const ask of asked) await assertRejects(ask, TypeError, "Cannot run query as ");
  await turn();
  assertEquals([driver.seen, queries.stats.rejected, queries.stats.waiting], [[], 0, 0]);
  await queries.close();
});

test("bounds and deadlines: full, timeout, aborted; nothing of them is kept", async () => {
  const clock = new FakeClock();
  const driver = new Fake(true);
  const queries = new QueryQueue({ driver, connections: 1, maxWaiting: 2, timeoutMs: 1_000, clock });
  const running = codeOf(queries.query("running", [], { timeoutMs: 500 }));
  await until(() => driver.waiting.length === 1, "one runs");
  const controller = new AbortController();
  const waiting = [codeOf(queries.query("a")), codeOf(queries.query("b", [], { signal: controller.signal }))];
  assertEquals(await codeOf(queries.query("c")), "full false");
  controller.abort();
  assertEquals(await waiting[1], "aborted false");
  assertEquals(await codeOf(queries.query("d", [], { signal: AbortSignal.abort() })), "aborted false");
  await clock.advance(500);
  assertEquals(await running, "timeout true", "it was under way, and its connection is not free");
  await until(() => driver.open.size === 1 && driver.waiting.length === 2, "the next runs");
  assertEquals(driver.connects, 2, "on another connection");
  await clock.advance(500);
  assertEquals(await waiting[0], "timeout true");
  assertEquals(driver.seen, ["running", "a"], "what waits is never run once it is given up");
  // An outage: what waits is let go of in time, however much comes.
  driver.isDown = true;
  driver.lose();
  for (let round = 0; round < 50; round++) {
    const answers = [
      codeOf(queries.query(`${round}`)),
      codeOf(queries.query(`${round}`)),
      codeOf(queries.query(`${round}`)),
    ];
    await clock.advance(1_000);
    for (const answer of await Promise.all(answers)) assert(/^(?:timeout|full|lost) /.test(answer), answer);
  }
  assertEquals(queries.stats.waiting, 0);
  const closed = queries.close({ timeoutMs: 100 });
  await clock.advance(100);
  await within(closed, "the end");
});

test("close() waits for what was asked, and takes no more", async () => {
  const driver = new Fake();
  const queries = new QueryQueue({ driver, connections: 2 });
  const answers = Array.from({ length: 50 }, (_, index) => queries.query(`${index}`, [], { key: index % 3 }));
  const closed = queries.close();
  assertEquals(await codeOf(queries.query("late")), "closed false");
  await within(closed, "the end");
  assertEquals((await Promise.all(answers)).length, 50);
  assertEquals(driver.open.size, 0);
  const down = new Fake();
  down.isDown = true;
  const never = new QueryQueue({ driver: down });
  const lost = codeOf(never.query("never"));
  await within(never.close({ timeoutMs: 50 }), "the end without a database");
  assertEquals(await lost, "closed false");
});

test("close() twice waits for one end", async () => {
  const clock = new FakeClock();
  const driver = new Fake(true);
  const queries = new QueryQueue({ driver, connections: 1, clock });
  const answer = queries.query("a");
  await until(() => driver.waiting.length === 1, "it runs");
  const closed = [queries.close(), queries.close()];
  driver.answer();
  await answer;
  await within(Promise.all(closed), "both ends, though no time passes", 2_000);
  await within(queries.close(), "the end that was", 2_000);
});

test("a connection that gives no sign of life in time is made again", async () => {
  const clock = new FakeClock();
  const driver = new Fake(true);
  const faults: unknown[] = [];
  const onConnectionFault = (error: unknown) => void faults.push(error);
  const queries = new QueryQueue({
    driver,
    connections: 1,
    keepAliveMs: 5_000,
    timeoutMs: 1_000,
    clock,
    onConnectionFault,
  });
  await until(() => driver.open.size === 1, "it is connected");
  await turn();
  await clock.advance(5_000);
  await until(() => driver.seen.length === 1, "it is asked");
  await clock.advance(999);
  assertEquals(queries.stats.lostConnections, 0);
  await clock.advance(1);
  await until(() => driver.connects === 2 && driver.open.size === 1, "another is there");
  assertEquals([queries.stats.lostConnections, faults.length], [1, 1]);
  await queries.close();
});

test("a silent connection is asked for a sign of life", async () => {
  const clock = new FakeClock();
  const driver = new Fake();
  const queries = new QueryQueue({ driver, connections: 1, keepAliveMs: 5_000, clock });
  await until(() => driver.open.size === 1, "it is connected");
  await turn();
  await clock.advance(5_000);
  await until(() => driver.seen.length === 1, "it is asked");
  assertEquals(driver.seen, ["select 1"]);
  driver.isDown = true;
  await turn();
  await clock.advance(5_000);
  await until(() => queries.stats.lostConnections === 1, "it is found to be gone");
  const closed = queries.close({ timeoutMs: 10 });
  await clock.advance(10_000);
  await closed;
  for (const wrong of [{ connections: 0 }, { maxWaiting: 1.5 }, { timeoutMs: -1 }]) {
    assertThrows(() => new QueryQueue({ driver, ...wrong }), RangeError, "Cannot create query queue");
  }
  await assertRejects(() => queries.query("late"), QueryError);
});

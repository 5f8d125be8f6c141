// sqliteDriver(): values, batches and their failures, bounds, and the end.

import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { type DatabaseDriver, QueryError, QueryQueue, type QueryQueueOptions, sqliteDriver } from "@laster/database";
import { turn, until, within } from "../../../tests/support.ts";
import { TemporaryFolder } from "../../../tests/temporary_folder.ts";
import type { SqliteDriver } from "../src/sqlite_driver.ts";
import { type Question, SqliteFile } from "../src/sqlite_file.ts";

/** What is told of a query: its rows, or why there are none. */
const outcome = (promise: Promise<unknown>) =>
  promise.then(
    (rows) => JSON.stringify(rows),
    (error: unknown) => error instanceof QueryError ? `${error.code} ${error.message}` : `no QueryError: ${error}`,
  );

const memory = (options: Partial<QueryQueueOptions<unknown>> = {}) =>
  new QueryQueue({ driver: sqliteDriver({ path: ":memory:" }), ...options });

/** What is inside of a driver. */
const insideOf = (driver: DatabaseDriver) => driver as unknown as SqliteDriver;

/** Counts on to a number, and cannot be stopped: to five million for half a second or so. */
const countTo = (most: number) =>
  `with recursive c(x) as (select 1 union all select x + 1 from c where x < ${most}) select count(*) n from c`;

test("sqliteDriver() keeps values as they are", async () => {
  const queries = memory();
  await queries.query("create table t (id integer primary key, value)");
  const view = new Uint8Array([9, 1, 2, 255, 9]).subarray(1, 4);
  const values = [null, 0, -7, 2 ** 53 - 1, 2n ** 62n, -(2n ** 63n), 1.5, Infinity, "", "ünï'cödé 🎲", view];
  for (const value of values) {
    const [row] = await queries.query("insert into t (value) values (?) returning value", [value]);
    assertEquals(row, { value: value === view ? new Uint8Array([1, 2, 255]) : value });
  }
  const [kinds] = await queries.query("select group_concat(typeof(value)) kinds from t");
  assertEquals(kinds.kinds, "null,integer,integer,integer,integer,integer,real,real,text,text,blob");
  assertEquals(await queries.query("select ? a, ? b, ? c", [true, false, 5n]), [{ a: 1, b: 0, c: 5 }]);
  assertEquals(await queries.query("select value from t where id = 2"), [{ value: 0 }]);
  assertEquals(await queries.query("select 1 where 1 = 2"), []);
  await queries.close();
});

test("sqliteDriver() takes ?, ?1 and $1, and leaves texts, names and comments alone", async () => {
  const queries = memory();
  assertEquals(await queries.query("select $2 a, $1 b, $2 c", ["x", "y"]), [{ a: "y", b: "x", c: "y" }]);
  assertEquals(await queries.query("select ?2 a, ?1 b, ? c", ["x", "y", "z"]), [{ a: "y", b: "x", c: "z" }]);
  const odd = `select '$1 ''? :a' as "b?""$2", [c] -- $3 ?\n /* @x ? */ from (select $1 as c) as a$1;  -- the end\n`;
  assertEquals(await queries.query(odd, ["z"]), [{ 'b?"$2': "$1 '? :a", c: "z" }]);
  await queries.close();
});

test("sqliteDriver() gives rows the columns that their table has now", async () => {
  const queries = memory();
  await queries.query("create table t (a)");
  await queries.query("insert into t values (1)");
  assertEquals(await queries.query("select * from t"), [{ a: 1 }]);
  await queries.query("alter table t add column b default 2");
  assertEquals(await queries.query("select * from t"), [{ a: 1, b: 2 }]);
  await queries.close();
});

test("queries of one turn, and those that come meanwhile, are one message each time", async () => {
  const driver = sqliteDriver({ path: ":memory:" });
  const queries = new QueryQueue({ driver });
  await queries.query("create table t (a)");
  await until(() => queries.stats.connections === 64, "all are connected");
  const worker = insideOf(driver).thread?.worker;
  assert(worker !== undefined);
  const sent: number[] = [];
  let bytes = 0;
  const post = worker.postMessage.bind(worker);
  worker.postMessage = (message: Question[] | "close") => {
    post(message);
    if (message === "close") return;
    sent.push(message.length);
    for (const value of message[0].parameters) if (value instanceof Uint8Array) bytes += value.buffer.byteLength;
  };
  await Promise.all(Array.from({ length: 100 }, (_, index) => queries.query("insert into t values (?)", [index])));
  assertEquals(sent, [64, 36]);
  const long = queries.query(countTo(1_000_000));
  await until(() => sent.length === 3, "it is under way");
  const others = Array.from({ length: 10 }, (_, index) => queries.query("insert into t values (?)", [index]));
  let turns = 0;
  for (let isDone = false; !isDone; turns++) {
    isDone = await Promise.race([
      long.then(() => true),
      turn().then(() => false),
    ]);
  }
  assert(turns > 10, `the event loop turned ${turns} times while SQLite was busy`);
  await Promise.all(others);
  const early = queries.query("select 1");
  for (let count = 0; count < 50; count++) await Promise.resolve();
  await Promise.all([early, queries.query("select 2")]);
  assertEquals(sent, [64, 36, 1, 10, 2], "a turn of the event loop, however much happens in it");
  await queries.query("insert into t values (?)", [new Uint8Array(1_000_000).subarray(5, 8)]);
  assertEquals(bytes, 3, "of a view only what it shows goes over");
  await queries.close();
});

test("a query that fails undoes nothing of its batch, and each says its own reason", async () => {
  using folder = new TemporaryFolder();
  const queries = new QueryQueue({ driver: sqliteDriver({ path: folder.file("game.db") }) });
  await queries.query("create table t (a unique)");
  await queries.query("create table child (a references t (a) deferrable initially deferred)");
  await until(() => queries.stats.connections === 64, "all are connected");
  const run = (...texts: readonly string[]) => Promise.all(texts.map((text) => outcome(queries.query(text))));
  const first = await run(
    "insert into t values (1)",
    "insert into t values (1)",
    "nonsense",
    "begin",
    "/* so */ Commit",
    "select 1; insert into t values (99)",
    "-- nothing",
    "select :name",
    "insert into t values (2) returning a",
  );
  assertEquals(first, [
    "[]",
    "failed Cannot answer query as the database refused it: UNIQUE constraint failed: t.a",
    'failed Cannot answer query as the database refused it: near "nonsense": syntax error',
    "failed Cannot answer query as the database refused it: Cannot run query as each is a transaction of its own: current value is begin",
    "failed Cannot answer query as the database refused it: Cannot run query as each is a transaction of its own: current value is Commit",
    "failed Cannot answer query as the database refused it: Cannot run query as it must be one statement: current value has insert into t values (99) behind it",
    "failed Cannot answer query as the database refused it: Cannot run query as it must be a statement: current value is empty",
    "failed Cannot answer query as the database refused it: Cannot run query as its placeholders must be ?, ?1 or $1: current value is :name",
    '[{"a":2}]',
  ]);
  // What would undo the whole transaction, as SQLite has it: at once, and at its end.
  const second = await run(
    "insert into t values (3)",
    "insert or rollback into t values (3)",
    "insert into t values (4)",
  );
  assertEquals(second.map((text) => text.slice(0, 6)), ["[]", "failed", "[]"]);
  const third = await run("insert into t values (5)", "insert into child values (77)", "insert into child values (5)");
  assertEquals(third.map((text) => text.slice(0, 6)), ["[]", "failed", "[]"]);
  // What SQLite runs in no transaction.
  assertEquals(await run("insert into t values (6)", "vacuum", "pragma user_version = 3", "insert into t values (7)"), [
    "[]",
    "[]",
    "[]",
    "[]",
  ]);
  const trigger = "create trigger tr after insert on t when new.a = 8 begin insert into t values (9); select 1; end;";
  assertEquals(await run(trigger, "insert into t values (8)", `vacuum into '${folder.file("copy.db")}'`), [
    "[]",
    "[]",
    "[]",
  ]);
  const copy = new DatabaseSync(folder.file("copy.db"));
  assertEquals({ ...copy.prepare("select count(*) n from t").get() }, { n: 9 });
  copy.close();
  const all = await queries.query("select group_concat(a) a, (select group_concat(a) from child) c from t");
  assertEquals(all, [{ a: "1,2,3,4,5,6,7,8,9", c: "5" }]);
  assertEquals(await queries.query("pragma user_version"), [{ user_version: 3 }]);
  await queries.close();
});

test("a deferred foreign key is checked at the end of the batch, as sqliteDriver() says", async () => {
  const queries = memory();
  await queries.query("create table t (a unique)");
  await queries.query("create table child (a references t (a) deferrable initially deferred)");
  await until(() => queries.stats.connections === 64, "all are connected");
  const run = (...texts: readonly string[]) =>
    Promise.all(texts.map(async (text) => (await outcome(queries.query(text))).slice(0, 6)));
  assertEquals(await run("insert into child values (1)"), ["failed"]);
  assertEquals(await run("insert into child values (1)", "insert into t values (1)"), ["[]", "[]"]);
  assertEquals(await run("insert into child values (2)", "insert into t values (3)"), ["failed", "[]"]);
  await queries.close();
});

test("parameters that SQLite would take for others are refused", async () => {
  const queries = memory();
  for (const wrong of [undefined, NaN, {}, [], new Date(0), () => {}]) {
    const text = await outcome(queries.query("select ? a, ? b", [1, wrong]));
    assert(text.startsWith("failed") && text.includes("Cannot bind parameter 2 as it must be null, a boolean"), text);
  }
  for (const [query, parameters] of [["select ? a, ? b", [1]], ["select 1", [1]], ["select ?3 a", [1, 2]]] as const) {
    const text = await outcome(queries.query(query, parameters));
    assert(/Cannot run query as it takes \d parameters: current value is \d$/.test(text), text);
  }
  assert((await outcome(queries.query("select ? a", [2n ** 64n]))).startsWith("failed"));
  assertEquals(queries.stats.lostConnections, 0);
  await queries.close();
});

test("sqliteDriver() checks its options", () => {
  const path = "game.db";
  for (const wrong of [{ path: "" }, { path: 5 as never }, { path, synchronous: "off" as never }]) {
    assertThrows(() => sqliteDriver(wrong), TypeError, "Cannot create SQLite driver as");
  }
  for (
    const wrong of [{ busyTimeoutMs: -1 }, { busyTimeoutMs: 2 ** 31 }, { maxStatements: 0 }, { maxStatements: 1.5 }]
  ) {
    assertThrows(() => sqliteDriver({ path, ...wrong }), RangeError, "Cannot create SQLite driver as");
  }
});

test("maxStatements bounds what is kept prepared: the one not used for longest goes", (context) => {
  const file = new SqliteFile({ path: ":memory:", synchronous: "full", busyTimeoutMs: 0, maxStatements: 2 });
  const prepare = context.mock.method(DatabaseSync.prototype, "prepare");
  const counts = ["select 1", "select 2", "select 1", "select 3", "select 1", "select 2", "select 2"].map((text) => {
    file.run([{ text, parameters: [] }]);
    return prepare.mock.callCount();
  });
  assertEquals(counts, [1, 2, 2, 3, 3, 4, 4]);
  file.close();
});

test("synchronous, and the journal, are what they are said to be", async () => {
  using folder = new TemporaryFolder();
  for (const [synchronous, level] of [[undefined, 2], ["full", 2], ["normal", 1]] as const) {
    const queries = new QueryQueue({ driver: sqliteDriver({ path: folder.file("game.db"), synchronous }) });
    assertEquals(await queries.query("pragma synchronous"), [{ synchronous: level }]);
    assertEquals(await queries.query("pragma journal_mode"), [{ journal_mode: "wal" }]);
    assertEquals(await queries.query("pragma foreign_keys"), [{ foreign_keys: 1 }]);
    await queries.close();
  }
});

test("while another process writes, reads go on, and writes wait for busyTimeoutMs", async () => {
  using folder = new TemporaryFolder();
  const path = folder.file("game.db");
  const queries = new QueryQueue({ driver: sqliteDriver({ path, busyTimeoutMs: 500 }) });
  await queries.query("create table t (a)");
  await until(() => queries.stats.connections === 64, "all are connected");
  const other = new DatabaseSync(path);
  other.exec("begin immediate");
  other.exec("insert into t values (1)");
  const both = () =>
    Promise.all([
      outcome(queries.query("select count(*) n from t")),
      outcome(queries.query("insert into t values (2)")),
      outcome(queries.query("select count(*) n from t")),
    ]);
  const locked = "failed Cannot answer query as the database refused it: database is locked";
  assertEquals(await both(), ['[{"n":0}]', locked, '[{"n":0}]']);
  const startMs = performance.now();
  const writes = Array.from({ length: 20 }, () => outcome(queries.query("insert into t values (3)")));
  assertEquals(new Set(await Promise.all(writes)), new Set([locked]));
  const tookMs = performance.now() - startMs;
  assert(tookMs > 400 && tookMs < 5_000, `a batch waits once: it took ${tookMs} ms`);
  other.exec("commit");
  assertEquals(await both(), ['[{"n":1}]', "[]", '[{"n":2}]']);
  other.close();
  await queries.close();
});

test("a batch that has read what another process then changes runs again", (context) => {
  using folder = new TemporaryFolder();
  const options = { path: folder.file("game.db"), synchronous: "full", busyTimeoutMs: 0, maxStatements: 9 } as const;
  const file = new SqliteFile(options);
  const other = new SqliteFile(options);
  const run = (one: SqliteFile, ...texts: string[]) => one.run(texts.map((text) => ({ text, parameters: [] })));
  run(file, "create table t (a)");
  const insert = "insert into t values (2) returning a";
  const prepare = DatabaseSync.prototype.prepare;
  let isFirst = true;
  context.mock.method(DatabaseSync.prototype, "prepare", function (this: DatabaseSync, text: string) {
    if (text === insert && isFirst) {
      isFirst = false;
      run(other, "insert into t values (1)");
    }
    return prepare.call(this, text);
  });
  assertEquals(run(file, "select count(*) n from t", insert), [{ rows: [{ n: 1 }] }, { rows: [{ a: 2 }] }]);
  file.close();
  other.close();
});

test("a query that takes too long is given up, and those behind it are never run if they are too", async () => {
  using folder = new TemporaryFolder();
  const queries = new QueryQueue({ driver: sqliteDriver({ path: folder.file("game.db") }), connections: 2 });
  await queries.query("create table t (a)");
  await until(() => queries.stats.connections === 2, "both are connected");
  const long = outcome(queries.query(countTo(5_000_000), [], { timeoutMs: 100 }));
  await turn();
  await turn();
  const controller = new AbortController();
  const behind = outcome(queries.query("insert into t values (1)", [], { signal: controller.signal }));
  await until(() => queries.stats.running === 2, "it waits for the thread");
  controller.abort(new Error("no more"));
  assert((await behind).startsWith("aborted"));
  assert((await long).startsWith("timeout"));
  const next = await queries.query("select count(*) n from t", [], { isRepeatable: true });
  assertEquals(next, [{ n: 0 }], "it was not run");
  await queries.close();
});

test("close() waits for what is in flight, may be called twice, and leaves a file that can be opened again", async () => {
  using folder = new TemporaryFolder();
  const driver = sqliteDriver({ path: folder.file("game.db") });
  for (let round = 0; round < 2; round++) {
    const queries = new QueryQueue({ driver });
    await queries.query("create table if not exists t (a)");
    const writes = Array.from({ length: 500 }, (_, index) => queries.query("insert into t values (?)", [index]));
    const closed = Promise.all([queries.close(), queries.close()]);
    assertEquals((await within(Promise.all(writes), "the writes")).length, 500);
    await within(closed, "the end", 5_000);
    assert((await outcome(queries.query("select 1"))).startsWith("closed"));
    assertEquals(insideOf(driver).thread, undefined);
  }
  const file = new DatabaseSync(folder.file("game.db"));
  assertEquals({ ...file.prepare("select count(*) n from t").get() }, { n: 1000 });
  file.close();
});

test("a file that cannot be opened is told of, and tried again", async () => {
  using folder = new TemporaryFolder();
  const faults: unknown[] = [];
  const driver = sqliteDriver({ path: folder.path });
  let tries = 0;
  const queries = new QueryQueue({
    driver: {
      connect: () => driver.connect().finally(() => tries++),
      query: driver.query.bind(driver),
      close: driver.close.bind(driver),
      isLost: driver.isLost,
    },
    connections: 1,
    onConnectionFault: (error) => void faults.push(error),
  });
  await until(() => tries >= 2, "it was tried twice");
  const text = String(faults[0]);
  assert(text.startsWith(`SqliteError: Cannot open ${folder.path} as it must be a database of SQLite: current`), text);
  const lost = outcome(queries.query("select 1"));
  await within(queries.close({ timeoutMs: 10 }), "the end");
  assert((await lost).startsWith("closed"));
});

// One at a time: it runs a server of its own.
//
// postgresDriver(): which errors say that the connection is gone; and with a real server, what it answers and what it still does.

import { after, test } from "node:test";
import { inspect } from "node:util";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { type DatabaseDriver, postgresDriver, QueryError, QueryQueue } from "@laster/database";
import { Cluster, skipWithoutPostgres } from "./cluster.ts";

/** Bun gives a test a minute otherwise. */
const timeout = 120_000;

test("postgresDriver(): what the server did not say is a lost connection; a fault of the query is none", () => {
  const { isLost } = postgresDriver("postgres://game@127.0.0.1:1/game");
  const errorOf = (code: string, severity?: string) => Object.assign(new Error(code), { code, severity });
  const system = [
    "ECONNRESET",
    "EPIPE",
    "ETIMEDOUT",
    "EHOSTUNREACH",
    "ENETUNREACH",
    "ENETDOWN",
    "EIO",
    "ENOENT",
    "ERR_SSL_X",
  ];
  const ofPackage = ["CONNECTION_CLOSED", "CONNECTION_ENDED", "CONNECTION_DESTROYED", "CONNECT_TIMEOUT"];
  const ofServer = ["08000", "08003", "08006", "08007", "40003", "57P01", "57P02", "57P03", "57P04", "57P05"];
  for (const code of [...system, ...ofPackage, ...ofServer]) assert(isLost(errorOf(code)), code);
  assert(isLost(errorOf("53300", "FATAL")), "the server ended the connection");
  assert(isLost(new Error("without a code")));
  for (const code of ["08P01", "23505", "40001", "42601", "57014"]) assert(!isLost(errorOf(code, "ERROR")), code);
  for (const code of ["UNDEFINED_VALUE", "MAX_PARAMETERS_EXCEEDED"]) assert(!isLost(errorOf(code)), code);
  assert(!isLost(new TypeError("Cannot convert a Symbol value to a string")), "it was never sent");
});

test("postgresDriver() refuses a URL that is none, and does not show its password", () => {
  for (const url of ["postgres://game:s3cret@local host/game", "postgres://game:s3cret%@localhost/game", "s3cret"]) {
    const error = assertThrows(() => postgresDriver(url), TypeError, "Cannot create PostgreSQL driver as url must be");
    assert(!inspect(error, { depth: 9, showHidden: true }).includes("s3cret"), url);
  }
  postgresDriver("", { host: "localhost" });
  postgresDriver("postgres://game:s3cret@one:1,two:2/game?sslmode=require");
});

test("postgresDriver() refuses a statement that begins or ends a transaction, which others would be in", async () => {
  const driver = postgresDriver("postgres://game@127.0.0.1:1/game");
  const lone = [
    "begin",
    " Start\n transaction read only;",
    "-- c\n;commit ;;",
    "end",
    "/* c */ rollback to a",
    "ABORT",
    "/* a /* b */ c */ begin",
    "-- /* c\rbegin",
    "/* -- */ begin",
  ];
  for (const text of [...lone, "savepoint a", "release a", "prepare transaction 'a'", "begin -- ; commit"]) {
    const error = await driver.query({ isClosed: false }, text, []).catch((error) => error);
    assert(
      error instanceof TypeError && /^Cannot run query as each is a transaction of its own/.test(error.message),
      text,
    );
    assert(!driver.isLost(error));
  }
  const sent: string[] = [];
  const connection = { isClosed: false, sql: { unsafe: (text: string) => sent.push(text) } };
  const others = [
    "begin; select 1; commit",
    "beginning",
    "select 1",
    "prepare a as select 1",
    "end_of_day()",
    "/* /* */ begin",
    "2 * 3 / 4 - 1",
  ];
  for (const text of others) await driver.query(connection, text, []);
  assertEquals(sent, others);
});

/** The server of all tests here; undefined before the first. */
let cluster: Cluster | undefined;
after(() => cluster?.[Symbol.asyncDispose]());

/** A queue over connections to the server. */
async function start(connections: number) {
  if (cluster === undefined) await (cluster = new Cluster()).start();
  const driver: DatabaseDriver = postgresDriver("", { host: cluster.host, user: "game", database: "postgres" });
  return { cluster, driver, queries: new QueryQueue({ driver, connections }) };
}

test("PostgreSQL: parameters that are wrong fail the query alone, and keep the connection", {
  skip: skipWithoutPostgres,
  timeout,
}, async () => {
  const { queries } = await start(1);
  const codeOf = (text: string, parameters: readonly unknown[]) =>
    queries.query(text, parameters, { isRepeatable: true }).then(() => "answered", (error: QueryError) => {
      const { code } = error.cause as { readonly code?: unknown };
      return `${error.code} ${error.mayBeDone} ${code}`;
    });
  const cycle: unknown[] = [];
  cycle.push({ cycle });
  assertEquals(await codeOf("select $1::int + $2::int", [1]), "failed false 08P01");
  assertEquals(await codeOf("select $1::int", [undefined]), "failed false UNDEFINED_VALUE");
  assertEquals(await codeOf("select $1::json", [{ cycle }]), "failed false undefined");
  assertEquals(await codeOf("select $1::text", [Symbol("text")]), "failed false undefined");
  assertEquals(await codeOf("select $1::bytea", [{}]), "failed false ERR_INVALID_ARG_TYPE");
  assertEquals(await codeOf("select 1", []), "answered");
  assertEquals([queries.stats.lostConnections, queries.stats.repeated], [0, 0]);
  await queries.close();
});

test("PostgreSQL: arrays go in and come out as JSON", { skip: skipWithoutPostgres, timeout }, async () => {
  const { queries } = await start(1);
  const text = "select to_jsonb(array_agg(n)) as found from generate_series(1, 9) as n " +
    "where n in (select value::int from jsonb_array_elements_text($1))";
  assertEquals([...await queries.query(text, [[2, 3, 11]])], [{ found: [2, 3] }]);
  await queries.close();
});

test("PostgreSQL: a text of several statements that fails leaves no transaction behind", {
  skip: skipWithoutPostgres,
  timeout,
}, async () => {
  const { queries } = await start(1);
  const codeOf = (text: string) => queries.query(text).then(() => "answered", (error: QueryError) => error.code);
  for (let count = 0; count < 2; count++) {
    assertEquals(await codeOf("begin; create table half (id int); select 1 / 0; commit"), "failed");
    assertEquals(await codeOf("select 1"), "answered");
  }
  assertEquals(await codeOf("begin; create table half (id int); commit"), "answered");
  assertEquals([queries.stats.lostConnections, queries.stats.repeated], [0, 0]);
  await queries.close();
});

test("PostgreSQL: a copy from or to the client is refused, and the next query is answered", {
  skip: skipWithoutPostgres,
  timeout,
}, async () => {
  const { queries } = await start(1);
  await queries.query("create table copied (id int)");
  await queries.query("insert into copied select generate_series(1, 20000)"); // More than a stream holds.
  for (const text of ["copy copied from stdin", "copy copied to stdout", "select 1; copy copied to stdout"]) {
    const error = await queries.query(text).catch((error) => error);
    assert(error instanceof QueryError && error.cause instanceof TypeError, `${text}: ${error}`);
    assertEquals([error.code, error.cause.message], [
      "failed",
      "Cannot run query as its answer must be rows: current value is a stream of copy",
    ]);
    assertEquals([...await queries.query("select count(*)::int as count from copied")], [{ count: 20_000 }]);
  }
  await queries.close();
});

test("PostgreSQL: a query that is given up ends on the server before the next of its key begins", {
  skip: skipWithoutPostgres,
  timeout,
}, async () => {
  const { queries } = await start(3);
  await queries.query("create table players (id int primary key, gold int)");
  const players = [1, 2, 3, 4, 5];
  for (const id of players) await queries.query("insert into players values ($1, 0)", [id]);
  const startMs = performance.now();
  const slow = "update players set gold = 5 from (select pg_sleep(60)) as slept where id = $1";
  await Promise.all(players.map(async (key) => {
    const given = queries.query(slow, [key], { key, timeoutMs: 200 }).catch((error: QueryError) => error.code);
    const next = queries.query("update players set gold = 7 where id = $1", [key], { key });
    assertEquals(await given, "timeout");
    await next; // Would wait for the row otherwise.
  }));
  const running = await queries.query(
    "select 1 from pg_stat_activity where query like '%pg_sleep(60)%' and pid <> pg_backend_pid() and state = 'active'",
  );
  assertEquals(running.length, 0);
  assertEquals([...await queries.query("select distinct gold from players")], [{ gold: 7 }]);
  assert(performance.now() - startMs < 8_000, `${performance.now() - startMs} ms`);
  await queries.close();
});

test(
  "PostgreSQL: a server that is gone ends no process while a query is given up, and is sent no query of an idle queue",
  {
    skip: skipWithoutPostgres,
    timeout,
  },
  async () => {
    const { cluster, driver, queries } = await start(1);
    const idle = await driver.connect();
    const connection = await driver.connect();
    const query = driver.query(connection, "select pg_sleep(60)", []).catch(() => "lost");
    await queries.query("select 1");
    const killed = cluster.kill();
    await driver.close(connection);
    assertEquals(await query, "lost");
    await killed;
    const unsent = await driver.query(idle, "select 1", []).catch((error) => error);
    assert(unsent instanceof QueryError && driver.isLost(unsent), String(unsent));
    assertEquals([unsent.code, unsent.mayBeDone], ["lost", false]);
    await driver.close(idle);
    await queries.close();
  },
);

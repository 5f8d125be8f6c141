// sqliteDriver() when its thread or its whole process is killed: what was reported done is there, once, and in its order.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Worker } from "node:worker_threads";
import { assert, assertEquals } from "@std/assert";
import { type DatabaseDriver, QueryError, QueryQueue, sqliteDriver } from "@laster/database";
import { ownRuntime } from "../../../tests/examples/program.ts";
import { turn, until, within } from "../../../tests/support.ts";
import { TemporaryFolder } from "../../../tests/temporary_folder.ts";
import { SqliteDriver } from "../src/sqlite_driver.ts";

/** What is inside of a driver. */
const insideOf = (driver: DatabaseDriver) => driver as unknown as SqliteDriver;

test("a thread that is lost while nothing is under way takes nothing with it", async () => {
  using folder = new TemporaryFolder();
  const driver = sqliteDriver({ path: folder.file("game.db") });
  const queries = new QueryQueue({ driver });
  await queries.query("create table t (a)");
  await until(() => queries.stats.connections === 64, "all are connected");
  const thread = insideOf(driver).thread;
  assert(thread !== undefined);
  await thread.worker.terminate();
  await until(() => thread.isOver, "it is gone");
  await within(queries.query("insert into t values (1)"), "an answer of another", 5_000);
  assertEquals(await queries.query("select a from t"), [{ a: 1 }]);
  assertEquals(queries.stats.lostConnections, 0);
  await queries.close();
});

test("a file that cannot be opened is tried by one thread at a time, and again after a growing time", async () => {
  using folder = new TemporaryFolder();
  let nowMs = 0;
  const driver = new SqliteDriver({ path: folder.file("missing/game.db") }, () => nowMs);
  const connectAll = () => Promise.all(Array.from({ length: 64 }, () => driver.connect().catch((error) => error)));
  const faults: unknown[] = [];
  for (const waitMs of [25, 50, 100, 200, 400, 800, 1_600, 2_500, 2_500]) {
    const all = new Set([...await connectAll(), ...await connectAll()]);
    nowMs += waitMs - 1;
    all.add((await connectAll())[0]);
    assertEquals([all.size, driver.thread], [1, undefined], "one thread");
    faults.push(...all);
    nowMs++;
  }
  assertEquals(new Set(faults).size, 9, "each time another");
  mkdirSync(folder.file("missing"));
  const connection = await driver.connect();
  assertEquals(await driver.query(connection, "select 1 as one", []), [{ one: 1 }]);
  await driver.close(connection);
});

/** Far more than are under way when the thread is killed. LASTER_LONG=1 has ten times as many. */
const WRITES = process.env.LASTER_LONG === "1" ? 100_000 : 4_000;
const PLAYERS = 200;
const MOST_WAITING = Math.min(5_000, WRITES / 2);

test(`${WRITES} writes while the thread is killed three times: none is lost, twice or out of order`, async () => {
  using folder = new TemporaryFolder();
  const driver = sqliteDriver({ path: folder.file("game.db") });
  const queries = new QueryQueue({ driver, maxWaiting: MOST_WAITING, timeoutMs: 60_000 });
  await queries.query("create table writes (id integer primary key, player int, number int)");
  const done = new Set<number>();
  const lost = new Set<number>();
  const kills = [0.2, 0.45, 0.7].map((share) => Math.round(share * WRITES));
  const write = async (number: number) => {
    const player = number % PLAYERS;
    try {
      await queries.query("insert into writes (player, number) values ($1, $2)", [player, number], { key: player });
      done.add(number);
    } catch (error) {
      assert(error instanceof QueryError && error.code === "lost" && error.mayBeDone, String(error));
      lost.add(number);
    }
    if (done.size + lost.size < (kills[0] ?? Infinity)) return;
    kills.shift();
    const worker = insideOf(driver).thread?.worker;
    if (worker !== undefined) killAtWork(worker, kills.length);
  };
  const writes: Promise<void>[] = [];
  for (let number = 0; number < WRITES; number++) {
    while (queries.stats.waiting >= MOST_WAITING - 1) await turn();
    writes.push(write(number));
  }
  await within(Promise.all(writes), "all writes to settle", 120_000);
  assertEquals([done.size + lost.size, kills.length], [WRITES, 0]);
  const rows = await queries.query("select player, number from writes order by id", [], { isRepeatable: true });
  const there = checkOrder(rows as readonly Write[]);
  for (const number of done) assert(there.has(number), `${number} was reported done, and is not there`);
  for (const number of there) assert(done.has(number) || lost.has(number), `nobody knows of ${number}`);
  assert(lost.size > 0 && lost.size <= 3 * 64, `${lost.size} were under way when it was killed`);
  assert(queries.stats.lostConnections > 0);
  await queries.close();
});

test("a process that is killed has lost nothing that it reported, and another goes on from there", async () => {
  using folder = new TemporaryFolder();
  const path = folder.file("game.db");
  const said = new Set<number>();
  for (let round = 0; round < 2; round++) {
    const before = said.size;
    const child = startWriter(path, (number) => said.add(number));
    await until(() => said.size >= before + 2_000 || child.exitCode !== null, "it has written");
    child.kill("SIGKILL");
    await new Promise((resolve) => child.on("close", resolve));
    assert(said.size >= before + 2_000, "it was killed while it wrote");
    const queries = new QueryQueue({ driver: sqliteDriver({ path }) });
    const there = checkOrder(await queries.query("select player, number from writes order by id") as readonly Write[]);
    for (const number of said) assert(there.has(number), `${number} was reported done, and is not there`);
    assertEquals(await queries.query("pragma integrity_check"), [{ integrity_check: "ok" }]);
    await queries.close();
  }
});

/** Ends a worker some turns of the event loop after its next batch has gone over to it. */
function killAtWork(worker: Worker, turns: number): void {
  const post = worker.postMessage.bind(worker);
  worker.postMessage = async (message: unknown) => {
    worker.postMessage = post;
    post(message);
    for (let count = 0; count < turns; count++) await turn();
    void worker.terminate();
  };
}

type Write = { readonly player: number; readonly number: number };

/** Checks that each player's writes are in their order, and gives all. */
function checkOrder(rows: readonly Write[]): Set<number> {
  const seen = new Map<number, number>();
  const there = new Set<number>();
  for (const { player, number } of rows) {
    assert(number > (seen.get(player) ?? -1), `${number} of player ${player} comes behind ${seen.get(player)}`);
    seen.set(player, number);
    there.add(number);
  }
  assertEquals(there.size, rows.length, "none is there twice");
  return there;
}

function startWriter(path: string, onDone: (number: number) => void): ChildProcess {
  const { name, command } = ownRuntime();
  const words = name === "deno" ? ["run", "-A", "--no-check"] : [];
  const program = fileURLToPath(new URL("sqlite_writer.ts", import.meta.url));
  const child = spawn(command, [...words, program, path], { stdio: ["ignore", "pipe", "inherit"] });
  let rest = "";
  child.stdout.on("data", (chunk: Uint8Array) => {
    const lines = (rest + new TextDecoder().decode(chunk)).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onDone(Number(line));
  });
  return child;
}

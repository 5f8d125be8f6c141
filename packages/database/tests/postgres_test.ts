// One at a time: it runs a server of its own.
//
// A real PostgreSQL that is killed three times under writes: every promise settles, what was reported done is in the table, and each
// player's writes are in their order.

import process from "node:process";
import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { postgresDriver, QueryError, QueryQueue } from "@laster/database";
import { within } from "../../../tests/support.ts";
import { Cluster, skipWithoutPostgres } from "./cluster.ts";

const isLong = process.env.LASTER_LONG === "1";
const WRITES = isLong ? 100_000 : 4_000;
/** Bun gives a test a minute otherwise. */
const timeout = isLong ? 3_600_000 : 300_000;
const PLAYERS = 200;
const MOST_WAITING = Math.min(5_000, WRITES / 2);

test(`${WRITES} writes while PostgreSQL is killed three times`, { skip: skipWithoutPostgres, timeout }, async () => {
  await using cluster = new Cluster();
  await cluster.start();
  const options = { host: cluster.host, user: "game", database: "postgres" };
  const driver = postgresDriver("", options);
  const queries = new QueryQueue({ driver, connections: 8, maxWaiting: MOST_WAITING, timeoutMs: timeout });
  await queries.query("create table writes (id serial primary key, player int, number int)");
  const done = new Set<number>();
  const lost = new Set<number>();
  let settled = 0;
  let mostWaiting = 0;
  const kills = [0.2, 0.45, 0.7].map((share) => Math.round(share * WRITES));
  const restart = async () => {
    await cluster.kill();
    await new Promise((resolve) => setTimeout(resolve, 200)); // Down for a while.
    await cluster.start();
  };
  let restarted: Promise<void> = Promise.resolve();
  let onSettled = () => {};
  const write = async (number: number) => {
    try {
      const player = number % PLAYERS;
      await queries.query("insert into writes (player, number) values ($1, $2)", [player, number], { key: player });
      done.add(number);
    } catch (error) {
      assert(error instanceof QueryError && error.code === "lost" && error.mayBeDone, String(error));
      lost.add(number);
    }
    settled++;
    onSettled();
    if (settled < (kills[0] ?? Infinity)) return;
    kills.shift();
    restarted = restarted.then(restart);
  };
  const writes: Promise<void>[] = [];
  for (let number = 0; number < WRITES; number++) {
    while (queries.stats.waiting >= MOST_WAITING - 1) await new Promise<void>((resolve) => onSettled = resolve);
    mostWaiting = Math.max(mostWaiting, queries.stats.waiting);
    writes.push(write(number));
  }
  await within(Promise.all(writes), "all writes to settle", 120_000);
  await restarted;
  assertEquals([settled, done.size + lost.size, kills.length], [WRITES, WRITES, 0]);
  assert(mostWaiting < MOST_WAITING, `${mostWaiting}`);
  const rows = await queries.query("select player, number from writes order by id", [], { isRepeatable: true });
  const seen = new Map<number, number>();
  const there = new Set<number>();
  for (const { player, number } of rows as readonly { player: number; number: number }[]) {
    assert(number > (seen.get(player) ?? -1), `${number} of player ${player} comes behind ${seen.get(player)}`);
    seen.set(player, number);
    assert(!there.has(number), `${number} is there twice`);
    there.add(number);
  }
  for (const number of done) assert(there.has(number), `${number} was reported done, and is not there`);
  for (const number of there) {
    assert(done.has(number) || lost.has(number), `${number} is there, and nobody knows of it`);
  }
  assert(lost.size <= 3 * 8, `${lost.size} were under way when it was killed`);
  await queries.close();
});

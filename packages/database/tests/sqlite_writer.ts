// Writes to the file of SQLite that it is given for as long as it lives, and says of each write when it was reported done. Runtime
// neutral.

import process from "node:process";
import { QueryQueue, sqliteDriver } from "@laster/database";

const PLAYERS = 20;
/** How many a player may have waiting: enough for batches. */
const AT_ONCE = 5;

const queries = new QueryQueue({ driver: sqliteDriver({ path: process.argv[2] }) });
await queries.query("create table if not exists writes (id integer primary key, player int, number int)");
const [{ last }] = await queries.query("select ifnull(max(number), -1) as last from writes");
let number = Number(last) + 1;

async function play(player: number): Promise<void> {
  for (;;) {
    const own = number++;
    await queries.query("insert into writes (player, number) values ($1, $2)", [player, own], { key: player });
    process.stdout.write(`${own}\n`);
  }
}

await Promise.all(Array.from({ length: PLAYERS * AT_ONCE }, (_, index) => play(index % PLAYERS)));

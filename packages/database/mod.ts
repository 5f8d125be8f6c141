/**
 * A queue of database queries: connections that are kept, an order for each key, bounds, deadlines.
 *
 * @example SQLite, which needs no server
 * ```ts
 * import { QueryQueue, sqliteDriver } from "@laster/database";
 * import { assertEquals } from "@std/assert";
 *
 * const queries = new QueryQueue({ driver: sqliteDriver({ path: ":memory:" }) }); // { path: "game.db" }
 * await queries.query("create table if not exists players (name text primary key, gold integer not null)");
 * await queries.query("insert into players values ($1, $2)", ["ann", 5], { key: "ann" });
 * const rows = await queries.query("select gold from players where name = $1", ["ann"], { key: "ann" });
 * assertEquals(rows, [{ gold: 5 }]);
 * await queries.close();
 * ```
 *
 * @example A driver of one's own
 * ```ts
 * import { type DatabaseDriver, QueryQueue } from "@laster/database";
 * import { assertEquals } from "@std/assert";
 *
 * const driver: DatabaseDriver<Map<string, number>> = {
 *   connect: () => Promise.resolve(new Map()),
 *   query: (connection, name) => Promise.resolve([{ name, value: connection.get(name) ?? 0 }]),
 *   close: () => Promise.resolve(),
 *   isLost: () => false,
 * };
 * const queries = new QueryQueue({ driver });
 * assertEquals(await queries.query("gold"), [{ name: "gold", value: 0 }]);
 * await queries.close();
 * ```
 *
 * @module
 */

export type { DatabaseDriver, Row } from "./src/driver.ts";
export { postgresDriver } from "./src/postgres_driver.ts";
export { QueryError, type QueryErrorCode } from "./src/query_error.ts";
export { QueryQueue } from "./src/query_queue.ts";
export type { QueryOptions, QueryQueueOptions, QueryQueueStats } from "./src/query_queue_options.ts";
export { sqliteDriver, type SqliteDriverOptions } from "./src/sqlite_driver.ts";
export { SqliteError } from "./src/sqlite_error.ts";

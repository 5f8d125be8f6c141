/**
 * A queue of database queries: connections that are kept, an order for each key, bounds, deadlines.
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
export { type QueryOptions, QueryQueue, type QueryQueueOptions, type QueryQueueStats } from "./src/query_queue.ts";

// postgresDriver(): PostgreSQL, by the package `postgres`. Runtime neutral.

import postgres from "postgres";
import type { DatabaseDriver, Row } from "./driver.ts";

type Sql = postgres.Sql;

const CONNECT_TIMEOUT_SECS = 5;
/** Error codes of a lost connection: those of the package, of the system, and of PostgreSQL. */
const LOST = /^(?:CONNECTION_|CONNECT_TIMEOUT|ECONN|EPIPE|ETIMEDOUT|ENOENT|57P0[123]$|08)/;

/**
 * Makes the driver of a PostgreSQL server. Each connection is a client of the package `postgres` with
 * `max: 1`.
 *
 * @param url Where: `postgres://user:password@host:port/database`.
 * @param options More options of the package `postgres`, by their names there.
 * @returns The driver.
 *
 * @example A queue over eight connections
 * ```ts ignore
 * import { postgresDriver, QueryQueue } from "@laster/database";
 *
 * const queries = new QueryQueue({ driver: postgresDriver("postgres://game@localhost/game"), connections: 8 });
 * ```
 */
export function postgresDriver(url: string, options: Readonly<Record<string, unknown>> = {}): DatabaseDriver {
  const driver: DatabaseDriver<Sql> = {
    async connect() {
      const sql = postgres(url, {
        connect_timeout: CONNECT_TIMEOUT_SECS,
        onnotice: () => {},
        fetch_types: false,
        ...options,
        max: 1,
        idle_timeout: 0,
      });
      try {
        await sql`select 1`;
        return sql;
      } catch (error) {
        await sql.end({ timeout: 0 }).catch(() => {});
        throw error;
      }
    },
    query: async (sql, text, parameters) => await sql.unsafe(text, [...parameters] as never[]) as readonly Row[],
    close: (sql) => sql.end({ timeout: 0 }),
    isLost: (error) => LOST.test(String((error as { code?: unknown } | null)?.code)),
  };
  return driver as DatabaseDriver; // The type of a connection is private to the driver.
}

// postgresDriver(): PostgreSQL, by the package `postgres`. Runtime neutral.

import postgres from "postgres";
import type { DatabaseDriver, Row } from "./driver.ts";

type Sql = postgres.Sql;

const CONNECT_TIMEOUT_SECS = 5;
/** What PostgreSQL says is a code of five characters (SQLSTATE); those of the system may have as many, as `EPIPE`. */
const SQLSTATE = /^(?!E[A-Z]{4}$)[0-9A-Z]{5}$/;
/**
 * Codes of PostgreSQL that tell of a lost connection: class 08 without 08P01, which is a wrong number of parameters, too; 40003,
 * where it does not know itself whether the query was done; and a server that ends or starts.
 */
const LOST = /^(?:08(?!P01)|40003$|57P0[1-5]$)/;
/** Codes of the package for what it refuses to send. */
const UNSENT = /^(?:UNDEFINED_VALUE|MAX_PARAMETERS_EXCEEDED|NOT_TAGGED_CALL|UNSAFE_TRANSACTION|COPY_IN_PROGRESS)$/;

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
    isLost,
  };
  return driver as DatabaseDriver; // The type of a connection is private to the driver.
}

/** Whether an error is no answer of the server, or one that ends the connection. */
function isLost(error: unknown): boolean {
  const { code, severity } = (error ?? {}) as { readonly code?: unknown; readonly severity?: unknown };
  if (typeof code === "string" && SQLSTATE.test(code)) {
    return LOST.test(code) || severity === "FATAL" || severity === "PANIC";
  }
  // Parameters that cannot be written are the query's fault: nothing was sent. All else is the system's, TLS's or the package's.
  return !(error instanceof TypeError || error instanceof RangeError || UNSENT.test(String(code)));
}

// postgresDriver(): PostgreSQL, by the package `postgres`. Runtime neutral.

import { Readable, Writable } from "node:stream";
import postgres from "postgres";
import type { DatabaseDriver, Row } from "./driver.ts";
import { QueryError } from "./query_error.ts";
import { refuseTransaction } from "./sql_text.ts";

/** A client with one connection. */
interface PostgresConnection {
  readonly sql: postgres.Sql;
  /** Whether its socket is closed: the package would connect again within the next query. */
  isClosed: boolean;
  /** The query under way. */
  running: Running | undefined;
}

type Stream = Readable | Writable;
type Running = ReturnType<postgres.Sql["unsafe"]>;

const CONNECT_TIMEOUT_SECS = 5;
/** How often the server is asked to stop a query: a request that comes before the query has begun does nothing. */
const CANCEL_TRIES = 10;
const CANCEL_INTERVAL_MS = 500;
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
 * Makes the driver of a PostgreSQL server. Each connection is a client of the package `postgres` with `max: 1`.
 *
 * Each query is a transaction of its own. `begin` and the like are refused, as the queries of others would be in that transaction;
 * a text without parameters may be several statements, which have to end the transaction that they begin; if one fails, it is
 * rolled back. `copy … from stdin` and `copy … to stdout`, which answer no rows, are refused as well.
 * What `set` changes stays so on its connection, for the queries of others, too; `set local` in a text that begins and commits does
 * not.
 *
 * Arrays are neither parameters nor results, unless as JSON: `in (select value::int from jsonb_array_elements_text($1))` takes one,
 * `to_jsonb(tags)` gives one. The option `fetch_types` of the package allows them, but a connection that is lost while it reads the
 * types is then an unhandled rejection, which ends the process.
 *
 * A query that is given up while it runs is cancelled on the server, and the next one of its key begins once it has ended there.
 * If the server cannot be reached for that, or the connection is lost, a long statement may go on there beside the next one; set
 * the server's `client_connection_check_interval` to have such statements end soon.
 *
 * @param url Where: `postgres://user:password@host:port/database`.
 * @param options More options of the package `postgres`, by their names there; `max` and `idle_timeout` cannot be changed.
 * @returns The driver.
 * @throws {TypeError} if the package cannot read them; the error does not show the URL, which may have a password.
 *
 * @example A queue over eight connections
 * ```ts ignore
 * import { postgresDriver, QueryQueue } from "@laster/database";
 *
 * const queries = new QueryQueue({ driver: postgresDriver("postgres://game@localhost/game"), connections: 8 });
 * ```
 */
export function postgresDriver(url: string, options: Readonly<Record<string, unknown>> = {}): DatabaseDriver {
  try {
    postgres(url, { ...options, max: 1 }); // It connects at the first query.
  } catch {
    throw new TypeError(
      "Cannot create PostgreSQL driver as url must be postgres://user:password@host:port/database, with no unescaped signs, " +
        "and the options those of the package postgres: it cannot read them",
    );
  }
  const driver: DatabaseDriver<PostgresConnection> = {
    async connect() {
      const sql = postgres(url, {
        connect_timeout: CONNECT_TIMEOUT_SECS,
        max_lifetime: null,
        onnotice: () => {},
        fetch_types: false, // Nobody handles its rejection if the connection is lost meanwhile.
        ...options,
        max: 1,
        idle_timeout: 0,
        onclose(id: number) {
          connection.isClosed = true;
          (options.onclose as ((id: number) => void) | undefined)?.(id);
        },
      });
      const connection: PostgresConnection = { sql, isClosed: false, running: undefined };
      try {
        await sql`select 1`;
        return connection;
      } catch (error) {
        await sql.end({ timeout: 0 }).catch(() => {});
        throw error;
      }
    },
    async query(connection, text, parameters) {
      refuseTransaction(text);
      if (connection.isClosed) throw new QueryError("lost", false);
      const running = connection.running = connection.sql.unsafe(text, [...parameters] as never[]);
      let answer: unknown;
      try {
        answer = await running;
      } catch (error) {
        if (parameters.length === 0 && !isLost(error)) await rollBack(connection);
        throw error;
      } finally {
        connection.running = undefined;
      }
      if (isStream(answer)) await endCopy(connection, answer);
      return answer as readonly Row[];
    },
    async close({ sql, running }) {
      if (running !== undefined) await cancel(running);
      await sql.end({ timeout: 0 });
    },
    isLost,
  };
  return driver as DatabaseDriver; // The type of a connection is private to the driver.
}

/** Whether an answer is the stream of a `copy`, and not rows. */
function isStream(answer: unknown): answer is Stream {
  return answer instanceof Readable || answer instanceof Writable;
}

/** Refuses a `copy` over its connection, and closes that: it takes no other query before the stream is at its end. */
async function endCopy(connection: PostgresConnection, stream: Stream): Promise<never> {
  connection.isClosed = true;
  stream.on("error", () => {}); // That it is destroyed.
  stream.destroy();
  await connection.sql.end({ timeout: 0 });
  throw new TypeError("Cannot run query as its answer must be rows: current value is a stream of copy");
}

/** Ends the transaction that a text of several statements began, if it failed within: others' queries would fail in it. */
async function rollBack(connection: PostgresConnection): Promise<void> {
  try {
    await connection.sql.unsafe("rollback");
  } catch {
    connection.isClosed = true;
  }
}

/**
 * Has the server stop a query, as closing the connection would not; waits until it has answered, for five seconds at most. The
 * answer may be that the query is done.
 */
async function cancel(running: Running): Promise<void> {
  let isSettled = false;
  const settled = running.then(() => {}, () => {}).then(() => isSettled = true);
  // Not `running.cancel()`: if the request fails, that leaves a rejection which nobody handles.
  const { canceller } = running as { canceller?: ((query: Running) => Promise<void>) | null };
  for (let tries = 0; tries < CANCEL_TRIES && !isSettled; tries++) {
    canceller?.(running).catch(() => {});
    let timer: ReturnType<typeof setTimeout> | undefined;
    await Promise.race([settled, new Promise((resolve) => timer = setTimeout(resolve, CANCEL_INTERVAL_MS))]);
    clearTimeout(timer);
  }
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

// sqliteDriver(): a file of SQLite in a thread of its own, by the runtime's `node:sqlite`. Runs on Node, Bun and Deno.

import type { DatabaseDriver, Row } from "./driver.ts";
import { checkNames } from "./query_queue_options.ts";
import type { SqliteFileOptions, SqliteValue } from "./sqlite_file.ts";
import { type Asked, SqliteThread, ThreadLostError } from "./sqlite_thread.ts";

/** The default number of connections of a queue, which is the most queries in one batch. */
const CONNECTIONS = 64;
/** How long a connection waits for the thread to open the file, or to finish what it does. */
const CONNECT_TIMEOUT_MS = 5_000;
/**
 * The wait before the file is opened again after it could not be: doubles with each failure. Half of what a queue waits, so that
 * a queue with one connection is not refused. Without it, each of the connections would start a thread.
 */
const FIRST_RETRY_MS = 25;
const LONGEST_RETRY_MS = 2_500;
const LARGEST = 2 ** 31 - 1;
const NAMES: Record<keyof SqliteDriverOptions, true> = {
  path: true,
  synchronous: true,
  busyTimeoutMs: true,
  maxStatements: true,
};

/** Options of {@linkcode sqliteDriver}. */
export interface SqliteDriverOptions {
  /**
   * The file, made if it does not exist; SQLite keeps two more beside it, `-wal` and `-shm`. `":memory:"` is for tests: it is empty
   * again once no connection is open, as when the query of each is given up while it runs.
   */
  readonly path: string;
  /**
   * How durable a write is once its query is answered. `"full"`: it is on the disk, and survives a power cut; each batch waits
   * for the disk. `"normal"`: it survives the end of the process, however that comes, but a power cut may undo the last
   * writes; the file stays sound.
   *
   * @default {"full"}
   */
  readonly synchronous?: "full" | "normal" | undefined;
  /**
   * Milliseconds that a query waits for another process that writes to the file, 0 to 2^31 - 1; then it fails, and so do the
   * writes of its batch. The queries behind it wait as well.
   *
   * @default {5000}
   */
  readonly busyTimeoutMs?: number | undefined;
  /**
   * Statements that are kept prepared, 1 to 2^31 - 1; the least recently used one is dropped.
   *
   * @default {256}
   */
  readonly maxStatements?: number | undefined;
}

/**
 * Makes the driver of a file of SQLite. The file is open in one thread, which all connections of the driver share, so that the
 * event loop never waits for the disk. Queries that come while the thread is busy are its next batch: one message, one
 * transaction, one wait for the disk. Each settles on its own, and one that fails undoes nothing of the others. A batch has as
 * many queries as the queue has connections, at most.
 *
 * Each query is one statement, with `?`, `?1` or `$1` for its parameters: null, booleans (as 0 and 1), numbers, bigints,
 * strings without U+0000, `Uint8Array`s. Numbers that are not safe integers come back as bigints, blobs as `Uint8Array`s.
 * `begin` and the like are refused. SQLite's journal is a write-ahead log, which needs a disk of this machine. Foreign keys are
 * enforced; those that are `deferrable initially deferred` at the end of the batch: a query that breaks one is refused, unless
 * another query of its batch mends it and the whole batch commits. If it does not, as a third query has broken one, or another
 * process has written meanwhile, each query runs again by itself, and the one that is mended by another is refused, too.
 *
 * A statement cannot be interrupted: one that takes long holds up all others of the file, and on Node the end of the process,
 * too.
 *
 * @param options The file, and how safely it is written.
 * @returns The driver.
 * @throws {TypeError | RangeError} if an option is wrong.
 *
 * @example Gold
 * ```ts
 * import { QueryQueue, sqliteDriver } from "@laster/database";
 * import { assertEquals } from "@std/assert";
 *
 * const queries = new QueryQueue({ driver: sqliteDriver({ path: ":memory:" }) });
 * await queries.query("create table players (name text primary key, gold integer)");
 * await queries.query("insert into players values ($1, $2)", ["ann", 5], { key: "ann" });
 * await queries.query("update players set gold = gold + $2 where name = $1", ["ann", 2], { key: "ann" });
 * assertEquals(await queries.query("select gold from players"), [{ gold: 7 }]);
 * await queries.close();
 * ```
 */
export function sqliteDriver(options: SqliteDriverOptions): DatabaseDriver {
  return new SqliteDriver(options) as DatabaseDriver; // The type of a connection is private to the driver.
}

/** A connection: one query at a time, in the thread that all connections share. */
interface SqliteConnection {
  asked: Asked | undefined;
}

/** The driver. */
export class SqliteDriver implements DatabaseDriver<SqliteConnection> {
  readonly connections = CONNECTIONS;
  readonly #options: SqliteFileOptions;
  /** Connections that are open or being made. */
  #count = 0;
  #thread: SqliteThread | undefined = undefined;
  readonly #now: () => number;
  /** Why the file could not be opened, which all connections are told until it may be tried again. */
  #fault: unknown;
  /** How often in a row it could not be opened. */
  #failures = 0;
  #retryAtMs = 0;

  /** Makes one; opens nothing yet. `now` is for tests. */
  constructor(options: SqliteDriverOptions, now: () => number = () => performance.now()) {
    this.#now = now;
    checkNames("create SQLite driver", options, NAMES);
    const { path, synchronous = "full", busyTimeoutMs = 5_000, maxStatements = 256 } = options;
    if (typeof path !== "string" || path === "") {
      throw new TypeError(`Cannot create SQLite driver as path must be the name of a file: current value is "${path}"`);
    }
    if (synchronous !== "full" && synchronous !== "normal") {
      throw new TypeError(
        `Cannot create SQLite driver as synchronous must be "full" or "normal": current value is "${synchronous}"`,
      );
    }
    const check = (name: string, value: number, least: number) => {
      if (Number.isInteger(value) && value >= least && value <= LARGEST) return value;
      throw new RangeError(
        `Cannot create SQLite driver as ${name} must be an integer from ${least} to ${LARGEST}: current value is ${value}`,
      );
    };
    this.#options = {
      path,
      synchronous,
      busyTimeoutMs: check("busyTimeoutMs", busyTimeoutMs, 0),
      maxStatements: check("maxStatements", maxStatements, 1),
    };
  }

  /** The thread that runs, if one does: for tests. */
  get thread(): SqliteThread | undefined {
    return this.#thread;
  }

  async connect(): Promise<SqliteConnection> {
    if (this.#failures > 0 && this.#now() < this.#retryAtMs) throw this.#fault;
    this.#count++;
    const connection: SqliteConnection = { asked: undefined };
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      const { path } = this.#options;
      late.reject(
        new ThreadLostError(`Cannot connect to ${path} as its thread must answer in ${CONNECT_TIMEOUT_MS} ms`),
      );
    }, CONNECT_TIMEOUT_MS);
    try {
      await Promise.race([this.query(connection, "select 1", []), late.promise]);
      this.#failures = 0;
      return connection;
    } catch (error) {
      if (this.#thread?.isOver) this.#countFailure(error);
      await this.close(connection);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Counts a thread that failed, once: it fails all connections with the same error. */
  #countFailure(error: unknown): void {
    if (this.#failures > 0 && error === this.#fault) return;
    this.#fault = error;
    this.#retryAtMs = this.#now() + Math.min(FIRST_RETRY_MS * 2 ** this.#failures++, LONGEST_RETRY_MS);
  }

  async query(
    connection: SqliteConnection,
    text: string,
    parameters: readonly unknown[],
  ): Promise<readonly Row[]> {
    const values = parameters.map(toValue);
    // This query was not in the thread that was lost: a new thread may run it.
    if (this.#thread === undefined || this.#thread.isOver) this.#thread = new SqliteThread(this.#options);
    connection.asked = this.#thread.ask(text, values);
    try {
      return await connection.asked.answer;
    } finally {
      connection.asked = undefined;
    }
  }

  async close({ asked }: SqliteConnection): Promise<void> {
    if (asked !== undefined) this.#thread?.drop(asked);
    this.#count--;
    if (this.#count > 0) return;
    const thread = this.#thread;
    this.#thread = undefined;
    await thread?.end();
  }

  isLost(error: unknown): boolean {
    return error instanceof ThreadLostError;
  }
}

function toValue(value: unknown, index: number): SqliteValue {
  if (typeof value === "boolean") return Number(value);
  if (value instanceof Uint8Array) return new Uint8Array(value); // Copied: of a view, only its own bytes go to the thread.
  if (typeof value === "string" && value.includes("\0")) {
    throw new TypeError(`Cannot bind parameter ${index + 1} as a text must have no U+0000: current value has one`);
  }
  if (value === null || typeof value === "string" || typeof value === "bigint") return value;
  if (typeof value === "number" && !Number.isNaN(value)) return value;
  throw new TypeError(
    `Cannot bind parameter ${
      index + 1
    } as it must be null, a boolean, number, bigint, string or Uint8Array: current value is ${value}`,
  );
}

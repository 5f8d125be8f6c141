// SqliteError: what SQLite says of a query. Runtime neutral.

/**
 * What SQLite refused, the `cause` of a {@linkcode QueryError}.
 *
 * @example A name that is taken
 * ```ts
 * import { QueryError, QueryQueue, SqliteError, sqliteDriver } from "@laster/database";
 * import { assertEquals } from "@std/assert";
 *
 * const queries = new QueryQueue({ driver: sqliteDriver({ path: ":memory:" }) });
 * await queries.query("create table players (name text primary key)");
 * await queries.query("insert into players values ($1)", ["ann"]);
 * const error = await queries.query("insert into players values ($1)", ["ann"]).catch((error) => error);
 * const { code, cause } = error as QueryError;
 * assertEquals([code, (cause as SqliteError).resultCode], ["failed", 1555]); // SQLITE_CONSTRAINT_PRIMARYKEY
 * await queries.close();
 * ```
 */
export class SqliteError extends Error {
  /** The class name. */
  override readonly name = "SqliteError";
  /** SQLite's extended result code; undefined if the query did not come as far as SQLite. */
  readonly resultCode: number | undefined;

  /** Makes one, of what SQLite said. */
  constructor(message: string, resultCode: number | undefined) {
    super(message);
    this.resultCode = resultCode;
  }
}

// DatabaseDriver: what a queue needs of a database. Types only. Runtime neutral.

/** One row of an answer, by the names of its columns. */
export type Row = Readonly<Record<string, unknown>>;

/** A database, by four functions. */
export interface DatabaseDriver<Connection = unknown> {
  /** The default number of connections of a queue over this driver; 4 if it is undefined. */
  readonly connections?: number | undefined;
  /** Makes a connection that can be used at once; in thirty seconds, or it counts as failed and is closed once it is there. */
  connect(): Promise<Connection>;
  /**
   * Runs one query; a connection runs one at a time. If the connection was gone before the query was sent, it may reject with a
   * {@linkcode QueryError} `"lost"` whose `mayBeDone` is false: the query then runs on another connection, repeatable or not.
   * An answer of `undefined` or `null` counts as no rows.
   */
  query(connection: Connection, text: string, parameters: readonly unknown[]): Promise<readonly Row[]>;
  /**
   * Closes a connection at once, even if a query is under way. When it has resolved, and the promise of that query has settled,
   * the database must do nothing more for it: the next query of the same key begins then, and after seven seconds in any case.
   */
  close(connection: Connection): Promise<void>;
  /** Whether an error says that the connection is gone, so that nobody knows whether the query was done. */
  isLost(error: unknown): boolean;
}

// QueryError: why a query has no answer. Runtime neutral.

/** Why: the `code` of a {@linkcode QueryError}. */
export type QueryErrorCode = "failed" | "lost" | "timeout" | "aborted" | "full" | "closed";

const REASONS: Readonly<Record<QueryErrorCode, string>> = {
  failed: "the database refused it",
  lost: "its connection was lost",
  timeout: "it took too long",
  aborted: "it was aborted",
  full: "too many wait already",
  closed: "the queue is closed",
};

/**
 * A query that has no answer.
 *
 * @example What happened
 * ```ts
 * import { QueryError } from "@laster/database";
 * import { assertEquals } from "@std/assert";
 *
 * const error = new QueryError("full", false);
 * assertEquals([error.code, error.mayBeDone], ["full", false]);
 * ```
 */
export class QueryError extends Error {
  /** The class name. */
  override readonly name = "QueryError";
  /** Why. */
  readonly code: QueryErrorCode;
  /** Whether the database may have done the query all the same: it was under way, or was once and its connection was lost. */
  readonly mayBeDone: boolean;
  /** Whether the query may be sent again without harm: it cannot have been done, or it is `isRepeatable`. */
  readonly canRepeat: boolean;

  /** Makes one; `cause` is the database's error. */
  constructor(code: QueryErrorCode, mayBeDone: boolean, cause?: unknown, canRepeat: boolean = !mayBeDone) {
    const doubt = code === "lost" && mayBeDone ? ": it may have been done or not" : "";
    const said = cause instanceof Error ? `: ${cause.message}` : "";
    super(`Cannot answer query as ${REASONS[code]}${doubt}${said}`, cause === undefined ? {} : { cause });
    this.code = code;
    this.mayBeDone = mayBeDone;
    this.canRepeat = canRepeat;
  }
}

// Which failures pass by themselves, and which say that the other side is down. Runtime neutral.

import { ConnectError, type ConnectErrorCode } from "@laster/net";
import { isTaskCancelledError } from "cockatiel";

/** The other side is away, or the way to it. */
const DOWN_DIALS: readonly ConnectErrorCode[] = ["refused", "timeout", "unreachable", "reset", "host-not-found"];
/** This side has no room: the other one is not to blame. */
const FULL_DIALS: readonly ConnectErrorCode[] = ["limit", "too-many-files"];
const DOWN_QUERIES: readonly string[] = ["lost", "timeout"];

/** What is looked at of a `QueryError` of `@laster/database`. */
interface FailedQuery {
  readonly code: string;
  readonly canRepeat: boolean;
}

/**
 * Whether a failure may pass by itself, and doing the same again does no harm: what a retry is for. Of dials: nobody answers, or
 * nothing is free here. Of queries: too many wait, or the time was up or the connection lost, if the error says `canRepeat`. A
 * certificate, a permission, a wrong option, a query that the database refuses, and errors of other classes do not pass.
 *
 * @param error What was thrown.
 * @returns Whether to try again.
 *
 * @example A retry of one's own
 * ```ts
 * import { isTransient } from "@laster/resilience";
 * import { ConnectError } from "@laster/net";
 * import { assertEquals } from "@std/assert";
 * import { handleWhen, retry } from "cockatiel";
 *
 * const policy = retry(handleWhen(isTransient), { maxAttempts: 2 });
 * let attempts = 0;
 * await policy.execute(() => {
 *   attempts++;
 *   throw new ConnectError("certificate-name", "login.example:443");
 * }).catch(() => {});
 * assertEquals(attempts, 1);
 * ```
 */
export function isTransient(error: unknown): boolean {
  const query = asQuery(isTaskCancelledError(error) ? error.cause : error);
  if (query !== undefined) return query.canRepeat && (isDown(error) || query.code === "full");
  return isDown(error) || (error instanceof ConnectError && FULL_DIALS.includes(error.code));
}

/**
 * Whether a failure says that the other side is down or far too slow: what a breaker counts. All that is transient is, but for
 * bounds of this side; and so is a query whose time was up, whether it can be repeated or not.
 *
 * @param error What was thrown.
 * @returns Whether to count it.
 *
 * @example A breaker of one's own
 * ```ts
 * import { isDown } from "@laster/resilience";
 * import { circuitBreaker, ConsecutiveBreaker, handleWhen } from "cockatiel";
 *
 * const breaker = circuitBreaker(handleWhen(isDown), { halfOpenAfter: 10_000, breaker: new ConsecutiveBreaker(5) });
 * console.log(breaker.state);
 * ```
 */
export function isDown(error: unknown): boolean {
  if (isTaskCancelledError(error)) return true;
  if (error instanceof ConnectError) return DOWN_DIALS.includes(error.code);
  return DOWN_QUERIES.includes(asQuery(error)?.code ?? "");
}

/** Known by its name: not everybody who dials has a database. */
function asQuery(error: unknown): FailedQuery | undefined {
  return error instanceof Error && error.name === "QueryError" ? error as Error & FailedQuery : undefined;
}

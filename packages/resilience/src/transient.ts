// Which failures pass by themselves, and which say that the other side is down. Runtime neutral.

import { ConnectError, type ConnectErrorCode } from "@laster/net";
import { isTaskCancelledError } from "cockatiel";

/** The server, or the network to it, is down. */
const DOWN_DIALS: readonly ConnectErrorCode[] = ["refused", "timeout", "unreachable", "reset", "host-not-found"];
/** The server, or one in its place, was there. */
const ANSWERED_DIALS: readonly ConnectErrorCode[] = [
  "handshake-failed",
  "certificate-untrusted",
  "certificate-expired",
  "certificate-name",
];
/** This side has no room; the server is not the cause. */
const FULL_DIALS: readonly ConnectErrorCode[] = ["limit", "too-many-files"];
const DOWN_QUERIES: readonly string[] = ["lost", "timeout"];

/** What is looked at of a `QueryError` of `@laster/database`. */
interface FailedQuery {
  readonly code: string;
  readonly canRepeat: boolean;
}

/**
 * Whether a failure may pass by itself, and trying again does no harm: what a retry is for. Of dials: the server does not
 * answer, or this side has no room. Of queries, if `canRepeat` is true: too many wait, the time was up, or the connection was
 * lost. Not transient are faults of a certificate, a permission or an option, a query that the database refuses, and errors of
 * other classes.
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
 * Whether a failure says that the other side is down or far too slow: what a breaker counts. Counts all transient failures but
 * those for want of room on this side, and each query whose time was up, whether it can be repeated or not.
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

/** Whether a failure is an answer of the other side, which is there then: a query that is refused, a handshake that fails. */
export function isAnswer(error: unknown): boolean {
  if (error instanceof ConnectError) return ANSWERED_DIALS.includes(error.code);
  return asQuery(error)?.code === "failed";
}

/** Whether a failure says what came of a dial or a query, and not only that it was given up. */
export function isOutcome(error: unknown): boolean {
  const code = error instanceof ConnectError ? error.code : asQuery(error)?.code;
  return code !== undefined && code !== "aborted";
}

/** Finds the error by its name, as `@laster/database` may not be installed. */
function asQuery(error: unknown): FailedQuery | undefined {
  return error instanceof Error && error.name === "QueryError" ? error as Error & FailedQuery : undefined;
}

// dialWith(), queryWith(): a dial, or a query, under a policy of cockatiel's. Runtime neutral.

import { ConnectError, type Session } from "@laster/net";
import { TaskCancelledError } from "cockatiel";
import { isOutcome, isTransient } from "./transient.ts";

const NEVER = new AbortController().signal;
const TOO_LATE = "Cannot make attempt as the one before must have failed: it was answered after it was given up";

/** What is used of a policy: any of cockatiel's, several in a `wrap()`, or a `ResiliencePolicy`. */
export interface PolicyLike<Alternative = never> {
  /** Never set: in cockatiel's types it is the type that a `fallback()` gives. */
  readonly _altReturn?: Alternative;
  /** Runs a call, as often as it sees fit. */
  execute<Result>(
    call: (context: { readonly signal: AbortSignal }) => Promise<Result>,
    signal?: AbortSignal,
  ): Promise<Result | Alternative>;
}

/**
 * Dials under a policy. An attempt that the policy gives up ends at once, if `dial` passes the signal on; a session that
 * opens all the same is aborted, as nobody would get it. After a failure that is not transient nothing is
 * dialled again, whatever the policy handles.
 *
 * @param policy The policy.
 * @param dial Dials once, with the signal of the attempt.
 * @param signal Ends the dial, in a pause too.
 * @returns The session, or what the policy has in its place.
 * @throws {ConnectError} of the last attempt.
 * @throws {TaskCancelledError} of cockatiel, if the policy's time was up.
 * @throws {BrokenCircuitError | BulkheadRejectedError} of cockatiel, if the policy does not let it in.
 * @throws the reason of the signal, if that aborts.
 *
 * @example A dial that is tried again
 * ```ts
 * import { connect, serve } from "@laster/net";
 * import { dialWith, ResiliencePolicy } from "@laster/resilience";
 *
 * await using service = await serve({ hostname: "127.0.0.1", port: 0 });
 * const policy = new ResiliencePolicy({ retries: 5 });
 * await using session = await dialWith(policy, (signal) => connect({ port: service.port, signal }));
 * console.log(session.state);
 * ```
 */
export async function dialWith<Data = undefined, Alternative = never>(
  policy: PolicyLike<Alternative>,
  dial: (signal: AbortSignal) => Promise<Session<Data>>,
  signal?: AbortSignal,
): Promise<Session<Data> | Alternative> {
  /** All that opened. */
  const opened = new Set<Session<Data>>();
  let given: Session<Data> | Alternative | undefined;
  try {
    given = await execute(policy, async (attempt) => {
      const session = await dial(attempt);
      if (attempt.aborted || signal?.aborted === true) {
        session.abort();
        throw attempt.reason;
      }
      opened.add(session);
      return session;
    }, signal);
    return given;
  } finally {
    opened.delete(given as Session<Data>);
    for (const session of opened) session.abort(); // The signal, or the policy, came between, or took another.
  }
}

/**
 * Asks a database under a policy. After a failure that is not transient it is not asked again, whatever the policy handles: a
 * query that may have been done runs once, unless it is `isRepeatable`. A policy that handles an answer, such as no rows, has
 * the query asked again, whatever it is.
 *
 * @param policy The policy.
 * @param query Asks once, with the signal of the attempt: a query of a `QueryQueue`.
 * @param signal Ends the query, in a pause too.
 * @returns The rows, or what the policy has in their place.
 * @throws {QueryError} of the last attempt.
 * @throws {TaskCancelledError} of cockatiel, if the policy's time was up; its cause is the query's error.
 * @throws {BrokenCircuitError | BulkheadRejectedError} of cockatiel, if the policy does not let it in.
 * @throws the reason of the signal, if that aborts.
 *
 * @example A query that waits for room
 * ```ts
 * import { QueryQueue } from "@laster/database";
 * import { queryWith, ResiliencePolicy } from "@laster/resilience";
 * import { assertEquals } from "@std/assert";
 *
 * const queries = new QueryQueue({
 *   driver: {
 *     connect: () => Promise.resolve(null),
 *     query: (_connection, text) => Promise.resolve([{ text }]),
 *     close: () => Promise.resolve(),
 *     isLost: () => false,
 *   },
 * });
 * const policy = new ResiliencePolicy();
 * assertEquals(await queryWith(policy, (signal) => queries.query("gold", [], { signal })), [{ text: "gold" }]);
 * await queries.close();
 * ```
 */
export function queryWith<Answer, Alternative = never>(
  policy: PolicyLike<Alternative>,
  query: (signal: AbortSignal) => Promise<Answer>,
  signal?: AbortSignal,
): Promise<Answer | Alternative> {
  return execute(policy, query, signal);
}

async function execute<Result, Alternative>(
  policy: PolicyLike<Alternative>,
  call: (signal: AbortSignal) => Promise<Result>,
  signal: AbortSignal = NEVER,
): Promise<Result | Alternative> {
  /** Why there may be no further attempt; may be set while one is under way. */
  let refusal: { readonly error: unknown } | undefined;
  const attempt = async (context: { readonly signal: AbortSignal }): Promise<Result> => {
    if (signal.aborted) throw new ConnectError("aborted", "the other side"); // Only the policy sees it, as its own failure.
    if (refusal !== undefined) throw refusal.error;
    refusal = { error: new Error("Cannot make attempt as the one before must have ended: it is under way") };
    try {
      const answer = await call(context.signal);
      refusal = context.signal.aborted ? { error: new Error(TOO_LATE) } : undefined;
      return answer;
    } catch (fault) {
      const isGivenUp = context.signal.aborted && !signal.aborted && !isOutcome(fault);
      const error = isGivenUp ? timedOut(fault) : fault;
      refusal = isTransient(error) ? undefined : { error };
      throw error;
    }
  };
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([policy.execute(attempt, signal), aborted.promise]); // cockatiel ends no pause early.
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function timedOut(cause: unknown): TaskCancelledError {
  const error = new TaskCancelledError("Cannot make call as it must end in the policy's time");
  error.cause = cause;
  return error;
}

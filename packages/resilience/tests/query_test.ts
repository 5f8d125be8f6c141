// Queries under policies, over a driver in memory: only what does no harm is asked again.

import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  ConstantBackoff,
  handleAll,
  handleWhenResult,
  retry,
  TaskCancelledError,
  timeout,
  TimeoutStrategy,
  wrap,
} from "cockatiel";
import { type DatabaseDriver, QueryError, QueryQueue } from "@laster/database";
import { Metrics } from "@laster/metrics";
import { ConnectError, type ConnectErrorCode } from "@laster/net";
import { isDown, isTransient, queryWith, ResiliencePolicy } from "@laster/resilience";
import { turn, until, within } from "../../../tests/support.ts";

/** A database that answers "select …", refuses "wrong", loses the connection at "lose", and is silent for all else. */
class Fake implements DatabaseDriver<null> {
  readonly seen: string[] = [];

  connect(): Promise<null> {
    return Promise.resolve(null);
  }

  query(_connection: null, text: string): Promise<readonly Record<string, unknown>[]> {
    this.seen.push(text);
    if (text === "wrong") return Promise.reject(new Error("syntax"));
    if (text === "lose") return Promise.reject(new Error("gone"));
    return text.startsWith("select") ? Promise.resolve([{ text }]) : Promise.withResolvers<never>().promise;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  isLost(error: unknown): boolean {
    return error instanceof Error && error.message === "gone";
  }
}

function start(options: { readonly connections?: number; readonly maxWaiting?: number } = {}) {
  const driver = new Fake();
  const queries = new QueryQueue({ driver, connections: 1, ...options });
  return { driver, queries, [Symbol.asyncDispose]: () => queries.close({ timeoutMs: 1 }) };
}

/** What others try again, whatever it is. */
const anything = retry(handleAll, { maxAttempts: 2, backoff: new ConstantBackoff(0) });

test("a query that found the queue full is asked again, and answered", async () => {
  await using database = start({ maxWaiting: 1 });
  const { queries, driver } = database;
  const stop = new AbortController();
  const { signal } = stop;
  const stuck = [queries.query("stuck", [], { signal }).catch(() => {})];
  await until(() => driver.seen.length === 1, "one runs");
  stuck.push(queries.query("waits", [], { signal }).catch(() => {}));
  const policy = new ResiliencePolicy({ retries: 50, minDelayMs: 1, maxDelayMs: 10 });
  let attempts = 0;
  const answer = queryWith(policy, () => {
    if (++attempts === 2) stop.abort();
    return queries.query("select gold");
  });
  assertEquals(await within(answer, "the answer"), [{ text: "select gold" }]);
  assert(attempts >= 2);
  assertEquals(policy.breaker.lastFailure, undefined, "the database is not to blame");
  await Promise.all(stuck);
});

test("a query that may have been done runs once, whatever the policy handles; a repeatable one again", async () => {
  const policies = [anything, new ResiliencePolicy({ retries: 2, minDelayMs: 0 })];
  for (const policy of policies) {
    await using database = start({ connections: 3 });
    const { queries, driver } = database;
    const ask = (text: string, isRepeatable: boolean) =>
      queryWith(policy, (signal) => queries.query(text, [], { signal, isRepeatable, timeoutMs: 30 }))
        .catch((error: QueryError) => `${error.code} ${error.mayBeDone} ${error.canRepeat}`);
    const times = (text: string) => driver.seen.filter((one) => one === text).length;
    assertEquals([await ask("take gold", false), times("take gold")], ["timeout true false", 1]);
    assertEquals([await ask("lose", false), times("lose")], ["lost true false", 1]);
    assertEquals([await ask("wrong", true), times("wrong")], ["failed false true", 1]);
    assertEquals([await ask("set gold", true), times("set gold")], ["timeout true true", 3]);
  }
});

test("a caller that aborts in a pause: the query is not asked again, and no breaker closes by it", async () => {
  const breaker = { failures: 1, openMs: 0 };
  for (const options of [{ retries: 1, minDelayMs: 50 }, { retries: 1, minDelayMs: 50, breaker }]) {
    const policy = new ResiliencePolicy(options);
    const caller = new AbortController();
    const failed = Promise.withResolvers<void>();
    let calls = 0;
    const answer = queryWith(policy, () => {
      calls++;
      failed.resolve();
      return Promise.reject(new QueryError("lost", false));
    }, caller.signal);
    await failed.promise;
    await turn();
    caller.abort(new Error("no more"));
    await assertRejects(() => answer, Error, "no more");
    await until(() => policy.running === 0, "the pause is over");
    assertEquals([calls, policy.state], [1, "breaker" in options ? "open" : "closed"]);
  }
});

test("a policy that handles an answer asks again; an answer that came too late is not asked for again", async () => {
  const answers: unknown[][] = [[], [{ gold: 5 }]];
  const someRows = retry(handleWhenResult((rows) => (rows as unknown[]).length === 0), { maxAttempts: 2 });
  assertEquals(await queryWith(someRows, () => Promise.resolve(answers.shift())), [{ gold: 5 }]);
  let calls = 0;
  const policy = wrap(
    retry(handleAll, { maxAttempts: 2, backoff: new ConstantBackoff(50) }),
    timeout(10, TimeoutStrategy.Aggressive),
  );
  const late = queryWith(policy, (signal) => {
    calls++;
    return new Promise((resolve) => signal.addEventListener("abort", () => resolve([])));
  });
  await assertRejects(() => late, Error, "it was answered after it was given up");
  assertEquals(calls, 1);
});

test("the policy's time: given up by the signal; what may have been done is not asked again", async () => {
  for (const strategy of [TimeoutStrategy.Cooperative, TimeoutStrategy.Aggressive]) {
    await using database = start({ connections: 3 });
    const { queries, driver } = database;
    const policy = wrap(anything, timeout(30, strategy));
    const ask = (text: string, isRepeatable: boolean) =>
      assertRejects(
        () => queryWith(policy, (signal) => queries.query(text, [], { signal, isRepeatable })),
        TaskCancelledError,
      );
    await ask("take gold", false);
    await ask("set gold", true);
    assertEquals(driver.seen, ["take gold", "set gold", "set gold", "set gold"]);
    // A call that is not told of the signal goes on: it is not made a second time beside itself.
    const forgetful = queryWith(policy, () => queries.query("set gold", [], { timeoutMs: 200, isRepeatable: true }));
    const error = await forgetful.catch((fault) => fault);
    if (strategy === TimeoutStrategy.Aggressive) assert(error.message.includes("it is under way"), error.message);
    await until(() => queries.stats.running === 0, "it is over");
  }
});

test("the breaker counts what says that the database is down, and the metrics tell of it", async () => {
  await using database = start({ connections: 3 });
  const { queries } = database;
  const metrics = new Metrics();
  const policy = new ResiliencePolicy({ retries: 0, breaker: { failures: 2, openMs: 60_000 } });
  metrics.watchPolicy(policy, "database");
  const isOpen = async () =>
    (await (await metrics.handler(new Request("http://localhost/"))).text())
      .includes('laster_policy_breaker_open{policy="database"} 1');
  const ask = (text: string) => queryWith(policy, () => queries.query(text, [], { timeoutMs: 20 })).catch(() => {});
  for (let count = 0; count < 3; count++) await ask("wrong");
  await ask("lose");
  assertEquals([policy.state, await isOpen()], ["closed", false]);
  await ask("take gold");
  assertEquals([policy.state, await isOpen()], ["open", true]);
  metrics.stop();
});

test("isTransient(), isDown(): every code of a dial and of a query", () => {
  const dials: Record<ConnectErrorCode, readonly [boolean, boolean]> = {
    "refused": [true, true],
    "timeout": [true, true],
    "unreachable": [true, true],
    "reset": [true, true],
    "host-not-found": [true, true],
    "limit": [true, false],
    "too-many-files": [true, false],
    "aborted": [false, false],
    "path-too-long": [false, false],
    "permission-denied": [false, false],
    "handshake-failed": [false, false],
    "certificate-untrusted": [false, false],
    "certificate-expired": [false, false],
    "certificate-name": [false, false],
    "unsupported": [false, false],
    "unknown": [false, false],
  };
  for (const [code, expected] of Object.entries(dials)) {
    const error = new ConnectError(code as ConnectErrorCode, "login");
    assertEquals([isTransient(error), isDown(error)], [...expected], code);
  }
  const queries: readonly (readonly [QueryError, boolean, boolean])[] = [
    [new QueryError("full", false), true, false],
    [new QueryError("timeout", false), true, true],
    [new QueryError("timeout", true), false, true],
    [new QueryError("timeout", true, undefined, true), true, true],
    [new QueryError("lost", true), false, true],
    [new QueryError("failed", false), false, false],
    [new QueryError("aborted", false), false, false],
    [new QueryError("closed", false), false, false],
  ];
  for (const [error, mayPass, counts] of queries) {
    assertEquals([isTransient(error), isDown(error)], [mayPass, counts], `${error.code} ${error.mayBeDone}`);
  }
  for (const other of [new TypeError("a wrong option"), undefined, "text"]) {
    assertEquals([isTransient(other), isDown(other)], [false, false]);
  }
});

test("a policy whose numbers are wrong is refused", () => {
  const wrong = [
    { retries: -1 },
    { minDelayMs: 0.5 },
    { minDelayMs: 50, maxDelayMs: 49 },
    { timeoutMs: 0 },
    { breaker: { failures: 0, openMs: 1 } },
    { breaker: { failures: 1, openMs: -1 } },
    { maxRunning: 0 },
    { maxWaiting: 2 ** 31 },
  ];
  for (const options of wrong) assertThrows(() => new ResiliencePolicy(options), RangeError, "Cannot create policy as");
});

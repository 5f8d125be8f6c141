// Dials under policies, over this runtime's sockets: what is tried again, what is given up, and that no session is left behind.

import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import {
  BrokenCircuitError,
  BulkheadRejectedError,
  circuitBreaker,
  ConsecutiveBreaker,
  ConstantBackoff,
  fallback,
  handleAll,
  handleWhenResult,
  noop,
  retry,
  TaskCancelledError,
  timeout,
  TimeoutStrategy,
  wrap,
} from "cockatiel";
import { connect, ConnectError, serve, type Session, TcpService } from "@laster/net";
import {
  type BreakerState,
  dialWith,
  type PolicyLike,
  ResiliencePolicy,
  type ResiliencePolicyOptions,
} from "@laster/resilience";
import { Authority, skipWithoutOpenssl } from "../../../tests/tls/certificates.ts";
import { TemporaryFolder } from "../../../tests/temporary_folder.ts";
import { turn, until, within } from "../../../tests/support.ts";
import { freePort, hostname, logger, SilentServer } from "./server.ts";

/** What others try again, whatever it is. */
const anything = () => retry(handleAll, { maxAttempts: 3, backoff: new ConstantBackoff(1) });

/** Dials a server that never ends the handshake. */
const hang = (port: number) => (signal: AbortSignal) =>
  connect({ port, logger, signal, tls: { serverName: "localhost" } });

test("dialWith() dials again until the server is there, by connect() and by a service", async () => {
  await using client = new TcpService({ logger });
  await client.start();
  const ways = [connect, (options: { port: number; signal: AbortSignal }) => client.connect(options)];
  for (const dial of ways) {
    const port = await freePort();
    let attempts = 0;
    let service: TcpService | undefined;
    const policy = new ResiliencePolicy({ retries: 3, minDelayMs: 1 });
    const session = await within(
      dialWith(policy, async (signal) => {
        if (++attempts === 3) {
          service = await serve({
            hostname,
            port,
            logger,
            onMessage: (one, payload) => one.send(payload),
          });
        }
        return await dial({ port, signal });
      }),
      "the dial",
    );
    assertEquals([attempts, policy.state, policy.running], [3, "closed", 0]);
    session.send(new Uint8Array([7]));
    assertEquals(
      await within(session.receive(), "the echo"),
      new Uint8Array([7]),
      "the policy's end is not the session's",
    );
    await session.close();
    await service?.stop();
  }
});

test("dialWith() gives up after its retries, with the error of the last attempt", async () => {
  const port = await freePort();
  let attempts = 0;
  const policy = new ResiliencePolicy({ retries: 2, minDelayMs: 0 });
  const error = await assertRejects(
    () => dialWith(policy, (signal) => (attempts++, connect({ port, logger, signal }))),
    ConnectError,
  );
  assertEquals([error.code, attempts], ["refused", 3]);
});

test("what cannot pass is dialled once, whatever the policy handles", { skip: skipWithoutOpenssl }, async () => {
  using folder = new TemporaryFolder();
  const authority = new Authority(folder);
  await using service = await serve({ hostname, port: 0, logger, tls: authority.sign() });
  const { port } = service;
  const dials: readonly (readonly [string, (signal: AbortSignal) => Promise<Session>])[] = [
    ["certificate-untrusted", (signal) => connect({ port, logger, signal, tls: { serverName: "localhost" } })],
    ["must be an integer", (signal) => connect({ port: -1, logger, signal })],
  ];
  const policies: readonly (() => PolicyLike)[] = [anything, () => new ResiliencePolicy({ minDelayMs: 0 })];
  for (const [what, dial] of dials) {
    for (const makePolicy of policies) {
      let attempts = 0;
      const policy = makePolicy();
      const fault = await dialWith(policy, (signal) => (attempts++, dial(signal))).catch((error) => error);
      assert(`${fault.code} ${fault.message}`.includes(what), String(fault));
      assertEquals(attempts, 1, what);
      if (policy instanceof ResiliencePolicy) assertEquals(policy.breaker.lastFailure, undefined, "nor is it counted");
    }
  }
});

test("the policy's time: an attempt that hangs is ended by its signal, tried again, and nothing is left of it", async () => {
  await using silent = await SilentServer.start();
  const policy = new ResiliencePolicy({
    retries: 2,
    minDelayMs: 0,
    timeoutMs: 300,
    breaker: { failures: 3, openMs: 60_000 },
  });
  const error = await assertRejects(() => dialWith(policy, hang(silent.port)), TaskCancelledError);
  assert(error.cause instanceof ConnectError && error.cause.code === "aborted", String(error.cause));
  assertEquals(policy.state, "open", "the breaker counts what hangs");
  await until(() => silent.accepted === 3 && silent.open.size === 0, "three were dialled, and none is left");
  const others = wrap(retry(handleAll, { maxAttempts: 1 }), timeout(300, TimeoutStrategy.Aggressive));
  await assertRejects(() => dialWith(others, hang(silent.port)), TaskCancelledError);
  await until(() => silent.accepted === 5 && silent.open.size === 0, "the same by a policy of others");
});

test("a failure that cannot pass is not dialled again though it comes after the policy's time", async () => {
  for (const strategy of [TimeoutStrategy.Cooperative, TimeoutStrategy.Aggressive]) {
    const policy = wrap(retry(handleAll, { maxAttempts: 2, backoff: new ConstantBackoff(20) }), timeout(10, strategy));
    let attempts = 0;
    const dialled = dialWith(policy, (signal) => {
      attempts++;
      const late = new ConnectError("certificate-name", "login:1");
      return new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(late)));
    });
    const error = await assertRejects(() => dialled, ConnectError);
    assertEquals([error.code, attempts], ["certificate-name", 1], strategy);
  }
});

test("a caller that aborts: at once, with its reason, and no breaker counts it", async () => {
  await using silent = await SilentServer.start();
  const policy = new ResiliencePolicy({ breaker: { failures: 1, openMs: 60_000 } });
  const reason = new Error("the player has left");
  const controller = new AbortController();
  const dialled = dialWith(policy, hang(silent.port), controller.signal).catch((error) => error);
  await until(() => silent.accepted === 1, "it is dialled");
  controller.abort(reason);
  assertStrictEquals(await within(dialled, "the end"), reason);
  await until(() => silent.open.size === 0 && policy.running === 0, "nothing is left");
  assertEquals(policy.state, "closed");
  let attempts = 0;
  const late = dialWith(policy, (signal) => (attempts++, hang(silent.port)(signal)), controller.signal);
  assertStrictEquals(await late.catch((error) => error), reason);
  assertEquals(attempts, 0);
});

test("a caller that aborts in a pause does not wait for its end", async () => {
  const port = await freePort();
  let attempts = 0;
  const policy = new ResiliencePolicy({ minDelayMs: 1_000 });
  const controller = new AbortController();
  const ended = Promise.withResolvers<void>();
  const dialled = dialWith(policy, (signal) => {
    attempts++;
    return connect({ port, logger, signal }).finally(() => ended.resolve());
  }, controller.signal);
  await ended.promise;
  await turn();
  controller.abort(new Error("no more"));
  await assertRejects(() => dialled, Error, "no more");
  assertEquals([attempts, policy.running], [1, 1], "the pause is not over, and keeps its place");
  await until(() => policy.running === 0, "the pause is over");
});

test("a session that comes when nobody wants it any more is aborted", async () => {
  await using service = await serve({ hostname, port: 0, logger });
  const controller = new AbortController();
  let session: Session | undefined;
  const dialled = dialWith(noop, async (signal) => {
    session = await connect({ port: service.port, logger, signal });
    controller.abort(new Error("too late"));
    return session;
  }, controller.signal);
  await assertRejects(() => dialled, Error, "too late");
  assertEquals((await within(session?.closed ?? Promise.reject(), "its end")).reason, "local-abort");
});

test("a session that opened just before its caller aborted is aborted too, or handed over", async () => {
  for (let turns = 0; turns < 12; turns++) {
    const controller = new AbortController();
    let isAborted = false;
    const session = { abort: () => void (isAborted = true) } as unknown as Session;
    const dialled = await dialWith(new ResiliencePolicy(), () => {
      let later = Promise.resolve();
      for (let count = 0; count < turns; count++) later = later.then(() => {});
      void later.then(() => controller.abort(new Error("too late")));
      return Promise.resolve(session);
    }, controller.signal).catch(() => undefined);
    assertEquals(isAborted, dialled === undefined, `after ${turns} turns`);
  }
});

test("a session in whose place the policy gives something else is aborted", async () => {
  let isAborted = false;
  const session = { abort: () => void (isAborted = true) } as unknown as Session;
  const instead: PolicyLike<string> = {
    execute: (call) => call({ signal: new AbortController().signal }).then(() => "nobody"),
  };
  assertEquals<unknown>(await dialWith(instead, () => Promise.resolve(session)), "nobody");
  assertEquals(isAborted, true);
});

test("of sessions that the policy tries again by what they are, the last one alone stays", async () => {
  await using service = await serve({ hostname, port: 0, logger });
  const policy = retry(handleWhenResult(() => true), { maxAttempts: 2, backoff: new ConstantBackoff(1) });
  const opened: Session[] = [];
  const session = await dialWith(policy, async (signal) => {
    const one = await connect({ port: service.port, logger, signal });
    opened.push(one);
    return one;
  });
  assertEquals([opened.length, opened.indexOf(session)], [3, 2]);
  await until(() => service.sessionCount === 1, "the others are gone");
  assertEquals(opened.map(({ state }) => state), ["closed", "closed", "open"]);
  await session.close();
});

test("the breaker: open after failures in a row, one trial, closed again; its state is heard of", async () => {
  const port = await freePort();
  const states: BreakerState[] = [];
  const onState = (state: BreakerState) => void states.push(state);
  const slow = new ResiliencePolicy({ retries: 0, breaker: { failures: 2, openMs: 60_000 }, onState });
  let attempts = 0;
  const dial = (signal: AbortSignal) => (attempts++, connect({ port, logger, signal }));
  for (let count = 0; count < 2; count++) await assertRejects(() => dialWith(slow, dial), ConnectError);
  await assertRejects(() => dialWith(slow, dial), BrokenCircuitError);
  assertEquals([attempts, slow.state, states.splice(0)], [2, "open", ["open"]], "it is not dialled");
  const hold = slow.breaker.isolate();
  assertEquals(slow.state, "isolated");
  hold.dispose();
  states.length = 0;
  const faults: string[] = [];
  const quick = new ResiliencePolicy({
    retries: 0,
    breaker: { failures: 2, openMs: 0 },
    logger: { ...logger, error: (message) => void faults.push(message) },
    onState: (state) => {
      onState(state);
      throw new Error("a fault of the handler");
    },
  });
  for (let count = 0; count < 3; count++) await assertRejects(() => dialWith(quick, dial), ConnectError);
  assertEquals(states, ["open", "half-open", "open"], "the trial has failed");
  await using service = await serve({ hostname, port, logger });
  await using session = await dialWith(quick, dial);
  assertEquals([session.state, quick.state, states.slice(3)], ["open", "closed", ["half-open", "closed"]]);
  assertEquals([faults.length, service.sessionCount], [5, 1]);
});

test("the breaker lets a trial in after openMs, however the wall clock is set", async (context) => {
  const now = Date.now;
  context.after(() => Date.now = now);
  for (const jumpMs of [-3_600_000, 3_600_000]) {
    const policy = new ResiliencePolicy({ retries: 0, breaker: { failures: 1, openMs: 0 } });
    const slow = new ResiliencePolicy({ retries: 0, breaker: { failures: 1, openMs: 60_000 } });
    for (const one of [policy, slow]) {
      const refuse = () => Promise.reject(new ConnectError("refused", "login:1"));
      await assertRejects(() => one.execute(refuse), ConnectError);
    }
    Date.now = () => now() + jumpMs;
    assertEquals(await policy.execute(() => Promise.resolve("answer")), "answer");
    await assertRejects(() => slow.execute(() => Promise.resolve("answer")), BrokenCircuitError);
    Date.now = now;
  }
});

test("a trial that says nothing of the server leaves the breaker open: aborted by its caller, no room here, a wrong option", async () => {
  const queryError = (code: string) => Object.assign(new Error(code), { name: "QueryError", code, canRepeat: true });
  const cases: readonly (readonly [Error, BreakerState])[] = [
    [new ConnectError("aborted", "login:1"), "open"],
    [new ConnectError("limit", "login:1"), "open"],
    [new ConnectError("too-many-files", "login:1"), "open"],
    [queryError("aborted"), "open"],
    [queryError("full"), "open"],
    [queryError("closed"), "open"],
    [new RangeError("Cannot dial as port must be an integer"), "open"],
    [new ConnectError("unsupported", "login:1"), "open"],
    [new ConnectError("handshake-failed", "login:1"), "closed"],
    [new ConnectError("certificate-name", "login:1"), "closed"],
    [queryError("failed"), "closed"],
  ];
  for (const [error, state] of cases) {
    const policy = new ResiliencePolicy({ retries: 0, breaker: { failures: 1, openMs: 0 } });
    const fail = (fault: Error) =>
      assertRejects(() => policy.execute(() => Promise.reject(fault)), Error, fault.message);
    await fail(error);
    assertEquals(policy.state, "closed", `${error.message}: it is not counted`);
    await fail(new ConnectError("refused", "login:1"));
    assertEquals(policy.state, "open");
    await fail(error);
    assertEquals(policy.state, state, error.message);
  }
});

test("an onState that rejects is logged, and ends no process", async () => {
  const faults: string[] = [];
  const policy = new ResiliencePolicy({
    logger: { ...logger, error: (message) => void faults.push(message) },
    onState: () => Promise.reject(new Error("a fault of the handler")),
  });
  policy.breaker.isolate();
  await until(() => faults.length === 1, "it is logged");
});

test("ResiliencePolicy refuses option names that it does not know", () => {
  const options = { timeoutMS: 5 } as ResiliencePolicyOptions;
  assertThrows(() => new ResiliencePolicy(options), TypeError, 'no option "timeoutMS"');
});

test("the bulkhead: some run, some wait, one more is refused, and one that waits may leave", async () => {
  await using silent = await SilentServer.start();
  const policy = new ResiliencePolicy({ retries: 0, maxRunning: 2, maxWaiting: 1 });
  const running = new AbortController();
  const waiting = new AbortController();
  const dials = [running, running, waiting].map(({ signal }) =>
    dialWith(policy, hang(silent.port), signal).catch((error) => error)
  );
  await until(() => silent.accepted === 2, "two are dialled");
  assertEquals([policy.running, policy.waiting], [2, 1]);
  await assertRejects(() => dialWith(policy, hang(silent.port)), BulkheadRejectedError);
  waiting.abort(new Error("not any more"));
  assertEquals((await within(dials[2], "the one that waits")).message, "not any more");
  running.abort();
  await within(Promise.all(dials), "the others");
  await until(() => policy.running === 0 && policy.waiting === 0, "all places are free");
  assertEquals(silent.accepted, 2, "what was given up is not dialled");
});

test("policies of others: a breaker and a retry in a wrap(), and what a fallback has", async () => {
  const port = await freePort();
  let attempts = 0;
  const dial = (signal: AbortSignal) => (attempts++, connect({ port, logger, signal }));
  const breaker = circuitBreaker(handleAll, { halfOpenAfter: 60_000, breaker: new ConsecutiveBreaker(2) });
  await assertRejects(() => dialWith(wrap(anything(), breaker), dial), BrokenCircuitError);
  assertEquals(attempts, 2);
  assertEquals<unknown>(await dialWith(fallback(handleAll, "nobody is there"), dial), "nobody is there");
});

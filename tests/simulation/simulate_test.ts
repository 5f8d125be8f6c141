// simulate(): the same seed is the same run, failures are found, shrunk and told, and a game holds for some seeds. The many seeds are
// for `deno task sim`.

import test from "node:test";
import process from "node:process";
import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { type AnySession, lengthPrefixed, raw } from "@laster/net";
import {
  MessageLedger,
  type Scenario,
  SeededRandom,
  simulate,
  type SimulatedWorld,
  SimulationError,
} from "@laster/net/testing";
import { shareOf } from "../share.ts";
import { playSeed } from "./worker.ts";

const FIRST_SEED = Number(process.env.LASTER_SEED ?? Date.now() % 1_000_000_000);
const SEEDS = process.env.LASTER_LONG === "1" ? 1_000 : shareOf(25);

test(`simulate() plays a whole game with ${SEEDS} seeds, each the same twice`, async () => {
  console.log(`seeds from ${FIRST_SEED} (LASTER_SEED=${FIRST_SEED} repeats them)`);
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
    const { hash, failure } = await playSeed(seed);
    assertEquals(failure, undefined);
    if (seed % 5 === 0) assertEquals((await playSeed(seed)).hash, hash, `the traces of seed ${seed} differ`);
  }
});

/** A server that a wrong order of things breaks: who is told to wait for a second player may be gone by then. */
function brokenLobby(): Scenario<{ join: (world: SimulatedWorld) => Promise<void> }> {
  return {
    async start(world) {
      let waiting: AnySession | undefined;
      const server = world.service({
        listeners: [{ port: 1 }],
        onOpen(session: AnySession) {
          if (waiting === undefined) waiting = session;
          else {
            if (waiting.state === "closed") throw new Error("paired with somebody who is gone");
            waiting = undefined;
          }
        },
      });
      await server.start();
      return {
        async join(world) {
          const session = await world.connect({ port: 1, timeoutMs: 1_000 }).catch(() => undefined);
          await world.sleep(50);
          await session?.close();
        },
      };
    },
    actions: { join: (world, { join }) => join(world) },
  };
}

test("simulate() finds a fault of a user's server, and the fewest steps that it takes", async () => {
  const found = await assertRejects(
    () => simulate({ seed: 3, steps: 60, scenario: brokenLobby(), faults: [] }),
    SimulationError,
  );
  assertStringIncludes(found.message, "paired with somebody who is gone");
  const repeat = `repeat it with: seed: 3, steps: 60, only: [${found.only.join(", ")}], faults: []\n`;
  assertStringIncludes(found.message, repeat);
  assert(found.only.length < 8, `${found.only.length} steps are left of 60`);
  const again = await assertRejects(
    () => simulate({ seed: 3, steps: 60, scenario: brokenLobby(), faults: [], only: found.only, shrink: false }),
    SimulationError,
  );
  assertEquals(again.trace, found.trace);
});

test("simulate() fails by what the scenario checks, and by an action that fails", async () => {
  const start = () => ({ count: 0 });
  const actions = { count: (_world: SimulatedWorld, state: { count: number }) => void state.count++ };
  const check = (_world: SimulatedWorld, { count }: { count: number }) => assert(count < 5, "too many");
  const counted = await assertRejects(
    () => simulate({ seed: 1, steps: 20, faults: [], scenario: { start, actions, check } }),
    SimulationError,
  );
  assertStringIncludes(counted.message, "too many");
  assertEquals(counted.only.length, 5);
  const failing = { fails: () => Promise.reject(new Error("an action failed")) };
  const failed = await assertRejects(
    () => simulate({ seed: 1, steps: 20, faults: [], scenario: { start, actions: failing } }),
    SimulationError,
  );
  assertStringIncludes(failed.message, "an action failed");
  assertEquals(failed.only.length, 1);
});

test("simulate() does nothing more once it has failed: `end` is not called, and the failure is the trace's last line", async () => {
  let ends = 0;
  const late = async (world: SimulatedWorld) => {
    await world.sleep(100_000); // Until all steps were taken.
    throw new Error("an action failed");
  };
  const early = () => Promise.reject(new Error("an action failed"));
  for (const fails of [early, late]) {
    const scenario = { start: () => ({}), actions: { fails }, end: () => void ends++ };
    const failed = await assertRejects(
      () => simulate({ seed: 1, steps: 1, faults: [], shrink: false, scenario }),
      SimulationError,
      "an action failed",
    );
    assertEquals(failed.trace.at(-1)?.replace(/^[0-9.]+ /, ""), "FAILED an action failed");
  }
  assertEquals(ends, 0);
});

test("simulate() fails by what never settles, and says which; `stopped` has the simulation's time", async () => {
  const start = () => ({});
  const nothing = { nothing: () => {} };
  const never = () => new Promise<void>(() => {});
  const fails = async (scenario: Scenario<object>) => {
    const failed = await assertRejects(() => simulate({ seed: 1, steps: 3, faults: [], scenario }), SimulationError);
    return failed.message;
  };
  assertStringIncludes(await fails({ start, actions: { never } }), "scenario.actions.never of step 2 has not settled");
  assertStringIncludes(
    await fails({ start: () => never() as never, actions: nothing }),
    "scenario.start has not settled",
  );
  assertStringIncludes(await fails({ start, actions: nothing, end: never }), "scenario.end has not settled");
  assertStringIncludes(await fails({ start, actions: nothing, stopped: never }), "scenario.stopped has not settled");
  const check: () => void = () => Promise.reject(new Error("nobody hears of it"));
  assertStringIncludes(await fails({ start, actions: nothing, check }), "scenario.check must not be async");
  let sleptMs = 0;
  const { simulatedMs } = await simulate({
    seed: 1,
    steps: 3,
    scenario: {
      start,
      actions: nothing,
      async stopped(world) {
        const startMs = world.clock.now();
        await world.sleep(3_000);
        sleptMs = world.clock.now() - startMs;
        world.clock.clearTimer(undefined); // As every clock, it takes a handle that is none.
        assertThrows(
          () => world.sleep("5" as never),
          RangeError,
          'durationMs must be a number, 0 or more: current value is "5"',
        );
      },
    },
  });
  assertEquals([sleptMs, simulatedMs > 3_000], [3_000, true]);
});

test("simulate() fails by a mayFail that throws, or is async", async () => {
  const failing = (mayFail: () => unknown): Scenario<void> => ({
    async start(world: SimulatedWorld) {
      await world.service({ listeners: [{ port: 1 }], onMessage: () => assert(false, "no such item") }).start();
    },
    actions: {
      async visit(world: SimulatedWorld) {
        const session = await world.connect({ port: 1 });
        session.send(new Uint8Array(1));
      },
    },
    mayFail: mayFail as () => boolean,
  });
  const fails = async (mayFail: () => unknown) => {
    const options = { seed: 1, steps: 3, faults: [], scenario: failing(mayFail) };
    return (await assertRejects(() => simulate(options), SimulationError)).message;
  };
  assertStringIncludes(
    await fails(() => assert(false, "mayFail is wrong")),
    "scenario.mayFail failed: mayFail is wrong",
  );
  assertStringIncludes(
    await fails(() => Promise.reject(new Error("nobody hears of it"))),
    "scenario.mayFail failed: it must return true or false: current value is [object Promise]",
  );
});

test("simulate() says of a failure that does not come again that something is from outside, with its trace", async () => {
  let calls = 0; // Outside of the scenario's state, so it goes on from run to run.
  const actions = { count: () => assert(++calls !== 3, "the third call ever") };
  const scenario = { start: () => ({}), actions };
  const failed = await assertRejects(() => simulate({ seed: 1, steps: 5, faults: [], scenario }), SimulationError);
  assertStringIncludes(failed.message, "the third call ever");
  assertStringIncludes(failed.message, "the same steps did not fail again");
  assertEquals(failed.only, [0, 1, 2, 3, 4]);
  assert(failed.trace.some((line) => line.endsWith("FAILED the third call ever")), failed.trace.join("\n"));
});

test("simulate() fails by a handler that never settles, and not by one that waits for its session's end", async () => {
  const scenario = (handler: (session: AnySession) => Promise<unknown>) => ({
    async start(world: SimulatedWorld) {
      await world.service({ listeners: [{ port: 1 }], onMessage: handler }).start();
    },
    actions: {
      async visit(world: SimulatedWorld) {
        const session = await world.connect({ port: 1 });
        session.send(new Uint8Array(1));
      },
    },
  });
  const options = { seed: 1, steps: 2, faults: [] };
  const failed = await assertRejects(
    () => simulate({ ...options, scenario: scenario(() => new Promise<void>(() => {})) }),
    SimulationError,
  );
  assertStringIncludes(failed.message, "a handler of service 1 session 1 has not settled");
  await simulate({ ...options, scenario: scenario((session) => session.closed) });
});

test("simulate() has no accept fail once nothing goes wrong any more", async () => {
  for (let seed = 1; seed <= 10; seed++) {
    const scenario = {
      async start(world: SimulatedWorld) {
        await world.service({ listeners: [{ port: 1 }], onMessage: () => {} }).start();
      },
      actions: { nothing: () => {} },
      async end(world: SimulatedWorld) {
        const session = await world.connect({ port: 1 });
        await world.sleep(1_000);
        assertEquals(session.state, "open");
      },
    };
    await simulate({ seed, steps: 20, faults: ["accept-error"], scenario });
  }
});

test("simulate() says that it cannot follow sessions behind a proxy", async () => {
  const proxyProtocol = { trusted: ["127.0.0.1"] };
  const scenario = {
    async start(world: SimulatedWorld) {
      await world.service({ listeners: [{ port: 1, proxyProtocol }], onMessage: () => {} }).start();
    },
    actions: {
      async visit(world: SimulatedWorld) {
        const session = await world.connect({ port: 1 }, { codec: raw() });
        session.send(new TextEncoder().encode("PROXY TCP4 198.51.100.1 192.0.2.1 5000 1\r\n"));
      },
    },
  };
  const failed = await assertRejects(() => simulate({ seed: 1, steps: 3, faults: [], scenario }), SimulationError);
  assertStringIncludes(failed.message, "its listener has proxyProtocol");
});

test("a handler that fails is told of in words that are filled in", async () => {
  const scenario = {
    async start(world: SimulatedWorld) {
      const handlers = { onMessage: () => assert(false, "no such item") };
      await world.service({ ...handlers, listeners: [{ port: 1 }] }).start();
    },
    actions: {
      async visit(world: SimulatedWorld) {
        const session = await world.connect({ port: 1 });
        session.send(new Uint8Array(1));
      },
    },
  };
  const found = await assertRejects(() => simulate({ seed: 1, steps: 5, faults: [], scenario }), SimulationError);
  assertStringIncludes(found.message, "service 1: Session 1 ends by handler-error: no such item");
});

test("simulate() has promises settle and checks behind each message", async () => {
  const MESSAGES = 20;
  const counts = { received: 0, settled: 0, checked: 0 };
  await simulate({
    seed: 1,
    steps: 1,
    faults: [],
    conditions: { segmentBytes: 1 }, // No two messages in one chunk.
    scenario: {
      async start(world) {
        const server = world.service({
          listeners: [{ port: 1 }],
          onMessage() {
            assertEquals(counts.checked, counts.received++);
            Promise.resolve().then(() => counts.settled++);
          },
        });
        await server.start();
        return await world.connect({ port: 1 });
      },
      actions: {
        send(_world, session) {
          for (let count = 0; count < MESSAGES; count++) session.send(new Uint8Array(3));
        },
      },
      check() {
        assertEquals(counts.settled, counts.received);
        counts.checked = counts.received;
      },
    },
  });
  assertEquals(counts.received, MESSAGES);
});

test("simulate() refuses options that are wrong", async () => {
  const scenario = { start: () => ({}), actions: { nothing: () => {} } };
  for (
    const [options, rule] of [
      [{ seed: 1.5, steps: 1, scenario }, "seed must be a whole number"],
      [{ seed: 1, steps: 0, scenario }, "steps must be a whole number from 1 to 1000000: current value is 0"],
      [{ seed: 1, steps: 1e12, scenario }, "steps must be a whole number from 1 to 1000000"],
      [{ seed: 1, steps: 1 } as never, "Cannot create scenario as its options must be an object"],
      [{ seed: 1, steps: 1, scenario: { ...scenario, chek: () => {} } as never }, "did you mean check?"],
      [{ seed: 1, steps: 1, scenario: { actions: scenario.actions } as never }, "scenario.start must be a function"],
      [{ seed: 1, steps: 1, scenario: { ...scenario, end: true } as never }, "scenario.end must be a function"],
      [{ seed: 1, steps: 1, scenario: { start: scenario.start } as never }, "scenario.actions must be an object"],
      [
        { seed: 1, steps: 1, scenario: { ...scenario, actions: { go: 5 } } as never },
        "scenario.actions.go must be a function: current value is 5",
      ],
      [{ seed: 1, steps: 1, scenario, faults: "none" as never }, 'faults must be an array: current value is "none"'],
      [
        { seed: 1, steps: 1, scenario, conditions: { latencyMs: -1 } },
        "conditions.latencyMs must be a number, 0 or more",
      ],
      [
        { seed: 1, steps: 1, scenario, conditions: { bytesPerMs: 0 } },
        "conditions.bytesPerMs must be a number, more than 0",
      ],
      [{ seed: 1, steps: 1, scenario, conditions: { segmentBytes: 1.5 } }, "must be a whole number, 1 or more"],
      [{ seed: 1, steps: 1, scenario, conditions: { lantencyMs: 1 } as never }, "did you mean latencyMs?"],
      [{ seed: 1, steps: 1, scenario, only: 1 as never }, "only must be an array: current value is 1"],
      [{ seed: 1, steps: 1, scenario, shrink: "no" as never }, 'shrink must be true or false: current value is "no"'],
      [{ seed: 1, steps: 1, scenario: { ...scenario, actions: {} } }, "scenario.actions must have one"],
      [{ seed: 1, steps: 1, scenario, faults: ["fire"] as never }, "faults must be of reset"],
      [{ seed: 1, steps: 2, scenario, only: [2] }, "only must be of steps below 2"],
      [{ seed: 1, steps: 1, scenario, sead: 1 } as never, "sead"],
    ] as const
  ) {
    const error = await assertRejects(() => simulate(options));
    assertStringIncludes((error as Error).message, rule);
  }
});

test("two sides with messages longer than what may be in flight do not ask each other for ever", async () => {
  const codec = lengthPrefixed({ controlFrames: true });
  const limits = { codec, maxInFlightBytes: 500, heartbeat: { intervalMs: 0 } };
  const ledger = new MessageLedger();
  const handlers = { onMessage: (session: AnySession, payload: Uint8Array) => ledger.receive(session, payload) };
  const random = new SeededRandom(1);
  await simulate({
    seed: 1,
    steps: 1,
    faults: [],
    conditions: { latencyMs: 20, jitterMs: 0 },
    scenario: {
      async start(world) {
        const server = world.service({ ...handlers, ...limits, listeners: [{ port: 1 }] });
        await server.start();
        const client = await world.connect({ port: 1 }, { ...handlers, ...limits });
        return [client, ...server.sessions()] as AnySession[];
      },
      actions: {
        send(_world, sessions) {
          for (const session of sessions) {
            for (let count = 0; count < 4; count++) ledger.send(session, random.bytes(600));
          }
        },
      },
      end: () => assertEquals(ledger.openCount, 0),
    },
  });
});

// simulate(): the same seed is the same run, failures are found, shrunk and told, and a game holds for some seeds. The many seeds are
// for `deno task sim`.

import test from "node:test";
import process from "node:process";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { type AnySession, lengthPrefixed } from "@laster/net";
import {
  MessageLedger,
  type Scenario,
  SeededRandom,
  simulate,
  type SimulatedWorld,
  SimulationError,
} from "@laster/net/testing";
import { playSeed } from "./worker.ts";

const FIRST_SEED = Number(process.env.LASTER_SEED ?? Date.now() % 1_000_000_000);
const SEEDS = process.env.LASTER_LONG === "1" ? 1_000 : 25;

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
  assertStringIncludes(found.message, `repeat it with: seed: 3, only: [${found.only.join(", ")}]`);
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

test("simulate() refuses options that are wrong", async () => {
  const scenario = { start: () => ({}), actions: { nothing: () => {} } };
  for (
    const [options, rule] of [
      [{ seed: 1.5, steps: 1, scenario }, "seed must be a whole number"],
      [{ seed: 1, steps: 0, scenario }, "steps must be a whole number, 1 or more"],
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

// simulate(): a whole server, its clients and its network on one event loop, in simulated time, as a seed decides.
// Runtime neutral.

import { describeValue } from "../../options.ts";
import { FAULT_KINDS, inject } from "./faults.ts";
import { Runner, STRANGE_TIME } from "./runner.ts";
import { checkSimulateOptions, type SimulateOptions } from "./scenario.ts";
import { SeededRandom } from "./seeded_random.ts";
import { shrinkSteps } from "./shrink.ts";
import { SimulationError } from "./simulation_error.ts";
import { World } from "./world.ts";

/** The second seed of the steps' generators; the third is the number of the step. */
const FOR_STEPS = 4;
/** Milliseconds between two steps; short gaps are as likely as long ones. */
const SHORTEST_GAP_MS = 0.1;
const LONGEST_GAP_MS = 400;
/** How long everything has to arrive once nothing goes wrong any more. */
const SETTLE_MS = 150_000;
/** How long a session may wait after that without moving a byte. */
const STILL_MS = 2_000;
/** How long services may take to stop, and `start` and `end` of the scenario to settle. */
const STOP_MS = 600_000;
/** The share of steps that are faults. */
const FAULT_SHARE = 0.15;

/** What came of a simulation. */
export interface SimulationReport {
  /** The SHA-256 of the trace: the same for a seed in every run, and on every runtime, but see {@linkcode simulate}. */
  readonly hash: string;
  /** What happened, a line for each thing. */
  readonly trace: readonly string[];
  /** How long it took, in simulated milliseconds. */
  readonly simulatedMs: number;
  /** How often each thing was reached, by name: `"closed: reset"`, `"opened: accepted"`. */
  readonly reached: ReadonlyMap<string, number>;
}

/**
 * Runs a scenario in simulated time, on a network that is as bad as the seed decides. The same seed is the same run on every
 * runtime. It checks every service: each session that opens closes once, for a reason and with figures that fit what the network
 * did. `isConfirmed` tells the truth, all buffers are returned, and no timer is left. Connections are used as their contract
 * says, and all arrives once there are no more faults. The scenario adds checks of its own.
 *
 * Services that are made by `world.service()` have no other time than the simulation's: code of yours that asks for
 * `Date.now()`, `Math.random()` or a timer of the runtime is not repeated. `compression()` gives other bytes on Node than on Bun
 * and Deno, as their zlib differs: with it the same seed is the same run on one runtime only.
 *
 * @param options The seed, how long, and what.
 * @returns What happened.
 * @throws {SimulationError} if something did not hold: with the fewest steps that still fail, and how to repeat it; or with
 * all steps, and a line that says so, if the same steps do not fail again.
 * @throws {TypeError | RangeError} if an option is wrong.
 *
 * @example An echo server in a bad network
 * ```ts
 * import { simulate, type SimulatedWorld } from "@laster/net/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const scenario = {
 *   async start(world: SimulatedWorld) {
 *     const server = world.service({ listeners: [{ port: 1 }], onMessage: (session, payload) => session.send(payload) });
 *     await server.start();
 *   },
 *   actions: {
 *     async visit(world: SimulatedWorld) {
 *       const session = await world.connect({ port: 1, timeoutMs: 1_000 }).catch(() => undefined);
 *       session?.send(new Uint8Array(3));
 *     },
 *   },
 * };
 * const { hash } = await simulate({ seed: 7, steps: 100, scenario });
 * assertEquals((await simulate({ seed: 7, steps: 100, scenario })).hash, hash);
 * ```
 */
export async function simulate<State>(options: SimulateOptions<State>): Promise<SimulationReport> {
  checkSimulateOptions(options);
  const steps = options.only ?? Array.from({ length: options.steps }, (_, index) => index);
  const run = await runSteps(options, new Set(steps));
  const { failure } = run;
  if (failure === undefined) return await report(run);
  if (options.shrink === false) throw new SimulationError(failure, { ...run, options, kept: steps });
  const attempt = async (some: readonly number[]) => await runSteps(options, new Set(some));
  const kept = await shrinkSteps(steps, async (some) => (await attempt(some)).failure !== undefined);
  const shrunk = await attempt(kept);
  if (shrunk.failure !== undefined) throw new SimulationError(shrunk.failure, { ...shrunk, options, kept });
  throw new SimulationError(failure, { ...run, options, kept: steps, isRepeatable: false });
}

/** What a run left. */
interface Run {
  readonly failure: Error | undefined;
  readonly world: World;
  /** The steps that were taken, as lines. */
  readonly schedule: readonly string[];
}

async function report({ world: { trace, clock, watch } }: Run): Promise<SimulationReport> {
  return { hash: await trace.hash(), trace: trace.lines, simulatedMs: clock.now(), reached: watch.reached };
}

/** Runs the steps that are in `kept`. */
async function runSteps<State>(options: SimulateOptions<State>, kept: ReadonlySet<number>): Promise<Run> {
  const { seed, scenario, conditions = {} } = options;
  const world = new World({ seed, conditions, mayFail: (event) => scenario.mayFail?.(event) ?? false });
  const schedule: string[] = [];
  const pending = new Set<string>();
  const runner = new Runner(world);
  try {
    const state = await runner.until("scenario.start", () => scenario.start(world, new SeededRandom(seed)), STOP_MS);
    runner.check = () => refusePromise(scenario.check?.(world, state));
    let atMs = world.clock.now();
    for (let step = 0; step < options.steps; step++) {
      const random = new SeededRandom(seed, FOR_STEPS, step);
      atMs += random.spread(SHORTEST_GAP_MS, LONGEST_GAP_MS);
      if (!kept.has(step)) continue;
      await runner.runTo(atMs);
      await runner.run(() => schedule.push(take(options, { world, state, random, step, pending })));
    }
    world.trace.add("nothing goes wrong any more");
    world.network.heal();
    await runner.runFor(SETTLE_MS);
    world.watch.mark();
    await runner.runFor(STILL_MS);
    world.watch.checkArrived();
    await runner.until("scenario.end", () => scenario.end?.(world, state), STOP_MS);
    world.trace.add("all services stop");
    await runner.until("stop() of the services", () => world.stop(), STOP_MS);
    await runner.runFor(SETTLE_MS);
    world.watch.checkRest();
    await runner.until("scenario.stopped", () => scenario.stopped?.(world, state), STOP_MS);
    for (const action of pending) throw new Error(`${action} has not settled: ${STRANGE_TIME}`);
  } catch (error) {
    world.fail(error);
  }
  return { failure: world.failure, world, schedule };
}

/** Takes one step, an action or a fault; gives its line of the schedule. */
function take<State>(
  { scenario: { actions }, faults = FAULT_KINDS }: SimulateOptions<State>,
  { world, state, random, step, pending }: {
    readonly world: World;
    readonly state: State;
    readonly random: SeededRandom;
    readonly step: number;
    readonly pending: Set<string>;
  },
): string {
  const isFault = faults.length > 0 && random.chance(FAULT_SHARE);
  const kind = isFault ? random.pick(faults) : undefined;
  const name = random.pick(Object.keys(actions));
  const line = `step ${step}: ${kind ?? name}`;
  world.beginStep(step);
  world.trace.add(line);
  world.watch.reach(kind === undefined ? `action: ${name}` : `fault: ${kind}`);
  if (kind !== undefined) inject(kind, world, random);
  else {perform(() => actions[name](world, state, random), `scenario.actions.${name} of step ${step}`, {
      world,
      pending,
    });}
  return `${world.clock.now().toFixed(3)} ms ${line}`;
}

/** Calls an action. Fails the simulation if it throws, or its promise is rejected. */
function perform(
  action: () => unknown,
  name: string,
  { world, pending }: { readonly world: World; readonly pending: Set<string> },
): void {
  pending.add(name);
  const run = async () => void await action();
  run().catch((error: unknown) => world.fail(error)).finally(() => pending.delete(name));
}

/** Refuses an async `check`: it runs after each event, and must not take time of its own. */
function refusePromise(result: unknown): void {
  if (!(result instanceof Promise)) return;
  result.catch(() => {}); // The refusal says more.
  throw new TypeError(`Cannot simulate as scenario.check must not be async: current value is ${describeValue(result)}`);
}

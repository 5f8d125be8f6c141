// simulate(): a whole server, its clients and its network on one event loop, in simulated time, as a seed decides.
// Runtime neutral.

import type { FaultEvent } from "../../service/observers.ts";
import { checkKeys, describeValue } from "../../options.ts";
import type { LinkConditions } from "./link_conditions.ts";
import { FAULT_KINDS, type FaultKind, inject } from "./faults.ts";
import { Runner } from "./runner.ts";
import { SeededRandom } from "./seeded_random.ts";
import { shrinkSteps } from "./shrink.ts";
import type { SimulatedWorld } from "./simulated_world.ts";
import { SimulationError } from "./simulation_error.ts";
import { World } from "./world.ts";

/** Which generator is for the steps, beside the seed and the number of the step. */
const FOR_STEPS = 4;
/** Milliseconds between two steps; short gaps are as likely as long ones. */
const SHORTEST_GAP_MS = 0.1;
const LONGEST_GAP_MS = 400;
/** How long everything has to arrive once nothing goes wrong any more. */
const SETTLE_MS = 150_000;
/** Who waits for something that can come does not wait for longer. */
const STILL_MS = 2_000;
/** How long services have to stop. */
const STOP_MS = 600_000;
/** One step in so many goes wrong. */
const FAULT_SHARE = 0.15;

/**
 * What is simulated. `State` is what `start` returns: the services, the players, the ledger.
 *
 * Faults of handlers are failures of the simulation, and so is an action whose promise is rejected.
 */
export interface Scenario<State> {
  /** Starts what is there from the beginning. Random numbers are for options that differ from seed to seed. */
  start(world: SimulatedWorld, random: SeededRandom): State | Promise<State>;
  /**
   * What can be done, by names for the trace. In each step one is drawn and called; `random` is the step's own. A promise is
   * not waited for before the next step.
   */
  readonly actions: Readonly<Record<string, (world: SimulatedWorld, state: State, random: SeededRandom) => unknown>>;
  /** What must hold after everything that happens; throws if it does not. */
  check?(world: SimulatedWorld, state: State): void;
  /** What must hold once nothing goes wrong any more, and all has arrived; the services still run. */
  end?(world: SimulatedWorld, state: State): unknown;
  /** What must hold once all services have stopped. */
  stopped?(world: SimulatedWorld, state: State): unknown;
  /**
   * Whether what an observer's `onFault` hears of may happen, with the level `"error"`.
   *
   * @default {never}
   */
  mayFail?(event: FaultEvent): boolean;
}

/** Options of {@linkcode simulate}. */
export interface SimulateOptions<State> {
  /** Decides everything that is drawn by lot: a whole number. */
  readonly seed: number;
  /** How many things are done, or go wrong: 1 or more. */
  readonly steps: number;
  /** What is simulated. */
  readonly scenario: Scenario<State>;
  /**
   * What may go wrong. A scenario that cannot stand it fails: `[]` for a perfect network, with its delays.
   *
   * @default {all of it}
   */
  readonly faults?: readonly FaultKind[];
  /**
   * How the connections are.
   *
   * @default {drawn by lot, for each connection}
   */
  readonly conditions?: Partial<LinkConditions>;
  /**
   * The steps that are taken, by their numbers: a schedule that was shrunk.
   *
   * @default {all}
   */
  readonly only?: readonly number[];
  /**
   * Whether a failing run is repeated with fewer and fewer steps, to find the fewest that fail.
   *
   * @default {true}
   */
  readonly shrink?: boolean;
}

const OPTION_NAMES: Record<keyof SimulateOptions<unknown>, true> = {
  seed: true,
  steps: true,
  scenario: true,
  faults: true,
  conditions: true,
  only: true,
  shrink: true,
};

/** What came of a simulation. */
export interface SimulationReport {
  /** The SHA-256 of the trace: the same for a seed on every runtime, and in every run. */
  readonly hash: string;
  /** What happened, a line for each thing. */
  readonly trace: readonly string[];
  /** How long it took, in simulated milliseconds. */
  readonly simulatedMs: number;
  /** How often what was reached: `"closed: reset"`, `"opened: accepted"`. */
  readonly reached: ReadonlyMap<string, number>;
}

/**
 * Runs a scenario in simulated time, on a network that is as bad as the seed decides. The same seed is the same run on every
 * runtime. What is checked of every service: that each session that opens closes once, for a reason that fits what the network
 * did, and figures that fit it as well; that `isConfirmed` is true, buffers balance, no timer is left; that connections are
 * used as their contract says, and that all arrives once nothing goes wrong any more. The scenario adds what must hold of it.
 *
 * Services that are made by `world.service()` have no other time than the simulation's: code of yours that asks for `Date.now()`,
 * `Math.random()` or a timer of the runtime is not repeated.
 *
 * @param options The seed, how long, and what.
 * @returns What happened.
 * @throws {SimulationError} if something did not hold: with the fewest steps that still fail, and how to repeat it.
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
  checkOptions(options);
  const steps = options.only ?? Array.from({ length: options.steps }, (_, index) => index);
  const run = await runSteps(options, new Set(steps));
  const { failure } = run;
  if (failure === undefined) return await report(run);
  if (options.shrink === false) throw new SimulationError(failure, { ...run, seed: options.seed, kept: steps });
  const attempt = async (some: readonly number[]) => await runSteps(options, new Set(some));
  const kept = await shrinkSteps(steps, async (some) => (await attempt(some)).failure !== undefined);
  const shrunk = await attempt(kept);
  throw new SimulationError(shrunk.failure ?? failure, { ...shrunk, seed: options.seed, kept });
}

function checkOptions<State>(options: SimulateOptions<State>): void {
  checkKeys("simulation", options, OPTION_NAMES);
  const { seed, steps, scenario, faults = [], only = [] } = options;
  if (!Number.isInteger(seed)) refuse("seed must be a whole number", seed);
  if (!Number.isInteger(steps) || steps < 1) refuse("steps must be a whole number, 1 or more", steps);
  if (Object.keys(scenario.actions).length === 0) refuse("scenario.actions must have one", "none");
  for (const kind of faults) {
    if (!FAULT_KINDS.includes(kind)) refuse(`faults must be of ${FAULT_KINDS.join(", ")}`, kind);
  }
  for (const step of only) if (!(step >= 0 && step < steps)) refuse(`only must be of steps below ${steps}`, step);
}

function refuse(rule: string, value: unknown): never {
  throw new RangeError(`Cannot simulate as ${rule}: current value is ${describeValue(value)}`);
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

/** One run, with those of the steps that are kept. */
async function runSteps<State>(options: SimulateOptions<State>, kept: ReadonlySet<number>): Promise<Run> {
  const { seed, scenario, conditions = {} } = options;
  const world = new World({ seed, conditions, mayFail: (event) => scenario.mayFail?.(event) ?? false });
  const schedule: string[] = [];
  const runner = new Runner(world);
  try {
    const state = await runner.until(Promise.resolve(scenario.start(world, new SeededRandom(seed))), STOP_MS);
    runner.check = () => scenario.check?.(world, state);
    let atMs = world.clock.now();
    for (let step = 0; step < options.steps && world.failure === undefined; step++) {
      const random = new SeededRandom(seed, FOR_STEPS, step);
      atMs += random.spread(SHORTEST_GAP_MS, LONGEST_GAP_MS);
      if (!kept.has(step)) continue;
      await runner.runTo(atMs);
      await runner.run(() => schedule.push(take(options, { world, state, random, step })));
    }
    world.trace.add("nothing goes wrong any more");
    await runner.runFor(SETTLE_MS);
    world.watch.mark();
    await runner.runFor(STILL_MS);
    world.watch.checkArrived();
    await runner.until(Promise.resolve(scenario.end?.(world, state)), STOP_MS);
    world.trace.add("all services stop");
    await runner.until(world.stop(), STOP_MS);
    await runner.runFor(SETTLE_MS);
    world.watch.checkRest();
    await scenario.stopped?.(world, state);
  } catch (error) {
    world.fail(error);
  }
  return { failure: world.failure, world, schedule };
}

/** Takes one step; says which. */
function take<State>(
  { scenario: { actions }, faults = FAULT_KINDS }: SimulateOptions<State>,
  { world, state, random, step }: {
    readonly world: World;
    readonly state: State;
    readonly random: SeededRandom;
    readonly step: number;
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
  else perform(() => actions[name](world, state, random), world);
  return `${world.clock.now().toFixed(3)} ms ${line}`;
}

/** Calls an action, and fails the simulation if it fails, later too. */
function perform(action: () => unknown, world: World): void {
  try {
    Promise.resolve(action()).catch((error: unknown) => world.fail(error));
  } catch (error) {
    world.fail(error);
  }
}

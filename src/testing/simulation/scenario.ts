// What simulate() is given: a scenario, and how it is run; and the refusal of what makes no sense. Runtime neutral.

import { checkKeys, describeValue } from "../../options.ts";
import type { FaultEvent } from "../../service/observers.ts";
import { FAULT_KINDS, type FaultKind } from "./faults.ts";
import type { LinkConditions } from "./link_conditions.ts";
import type { SeededRandom } from "./seeded_random.ts";
import type { SimulatedWorld } from "./simulated_world.ts";

/** Steps of one simulation at the most. */
const MOST_STEPS = 1_000_000;

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
  /** What must hold after everything that happens at either end of a connection, or in an action; throws if it does not. */
  check?(world: SimulatedWorld, state: State): void;
  /** What must hold once nothing goes wrong any more, and all has arrived; the services still run. */
  end?(world: SimulatedWorld, state: State): unknown;
  /** What must hold once all services have stopped. */
  stopped?(world: SimulatedWorld, state: State): unknown;
  /**
   * Whether a fault with the level `"error"`, as an observer's `onFault` is told, is no failure of the simulation. Must not be
   * async.
   *
   * @default {never}
   */
  mayFail?(event: FaultEvent): boolean;
}

/** Options of {@linkcode simulate}. */
export interface SimulateOptions<State> {
  /** Decides everything that is drawn by lot: a whole number. */
  readonly seed: number;
  /** How many actions and faults there are, 1 to 1,000,000. */
  readonly steps: number;
  /** What is simulated. */
  readonly scenario: Scenario<State>;
  /**
   * Faults that may be injected; `[]` for a network that only delays.
   *
   * @default {all kinds}
   */
  readonly faults?: readonly FaultKind[];
  /**
   * Conditions that are the same for all connections; the others are drawn for each.
   *
   * @default {drawn by lot, for each connection}
   */
  readonly conditions?: Partial<LinkConditions>;
  /**
   * The numbers of the steps to take, from 0 on: those of a schedule that was shrunk.
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

const SCENARIO_NAMES: Record<keyof Scenario<unknown>, true> = {
  start: true,
  actions: true,
  check: true,
  end: true,
  stopped: true,
  mayFail: true,
};

/** The least value of each. Whole numbers but for times and the speed. */
const LEAST_CONDITIONS: Record<keyof LinkConditions, number> = {
  latencyMs: 0,
  jitterMs: 0,
  bytesPerMs: Number.MIN_VALUE,
  segmentBytes: 1,
  sendBufferBytes: 1,
  receiveBufferBytes: 1,
};

/**
 * Refuses what cannot be simulated.
 *
 * @throws {TypeError | RangeError} if an option is wrong.
 */
export function checkSimulateOptions<State>(options: SimulateOptions<State>): void {
  checkKeys("simulation", options, OPTION_NAMES);
  const { seed, steps, scenario, faults = [], conditions = {}, only = [], shrink = true } = options;
  if (!Number.isInteger(seed)) refuse("seed must be a whole number", seed);
  const areSteps = Number.isInteger(steps) && steps >= 1 && steps <= MOST_STEPS;
  if (!areSteps) refuse(`steps must be a whole number from 1 to ${MOST_STEPS}`, steps);
  checkScenario(scenario);
  if (!Array.isArray(faults)) refuseType("faults must be an array", faults);
  for (const kind of faults) {
    if (!FAULT_KINDS.includes(kind)) refuse(`faults must be of ${FAULT_KINDS.join(", ")}`, kind);
  }
  checkKeys("simulation with conditions", conditions, LEAST_CONDITIONS);
  for (const [name, value] of Object.entries(conditions)) {
    const least = LEAST_CONDITIONS[name as keyof LinkConditions];
    const isSound = Number.isFinite(value) && value >= least && (least !== 1 || Number.isInteger(value));
    if (!isSound) refuse(`conditions.${name} must be a${least === 1 ? " whole" : ""} number, ${ruleOf(least)}`, value);
  }
  if (!Array.isArray(only)) refuseType("only must be an array", only);
  for (const step of only) {
    const isStep = Number.isInteger(step) && step >= 0 && step < steps;
    if (!isStep) refuse(`only must be of steps below ${steps}`, step);
  }
  if (typeof shrink !== "boolean") refuseType("shrink must be true or false", shrink);
}

function checkScenario<State>(scenario: Scenario<State>): void {
  checkKeys("scenario", scenario, SCENARIO_NAMES);
  const { start, actions, check, end, stopped, mayFail } = scenario;
  if (typeof start !== "function") refuseType("scenario.start must be a function", start);
  for (const [name, value] of Object.entries({ check, end, stopped, mayFail })) {
    if (value !== undefined && typeof value !== "function") refuseType(`scenario.${name} must be a function`, value);
  }
  if (typeof actions !== "object" || actions === null) refuseType("scenario.actions must be an object", actions);
  if (Object.keys(actions).length === 0) refuse("scenario.actions must have one", "none");
  for (const [name, action] of Object.entries(actions)) {
    if (typeof action !== "function") refuseType(`scenario.actions.${name} must be a function`, action);
  }
}

function ruleOf(least: number): string {
  return least === Number.MIN_VALUE ? "more than 0" : `${least} or more`;
}

function refuse(rule: string, value: unknown): never {
  throw new RangeError(`Cannot simulate as ${rule}: current value is ${describeValue(value)}`);
}

function refuseType(rule: string, value: unknown): never {
  throw new TypeError(`Cannot simulate as ${rule}: current value is ${describeValue(value)}`);
}

// SimulationError: what did not hold, and how to see it again. Runtime neutral.

import { messageOf } from "../../errors.ts";
import type { SimulateOptions } from "./scenario.ts";
import type { World } from "./world.ts";

/** Lines of the trace that are shown. */
const SHOWN_LINES = 30;

/** A failed run. */
interface FailedRun {
  readonly options: Pick<SimulateOptions<never>, "seed" | "steps" | "faults" | "conditions">;
  readonly kept: readonly number[];
  readonly schedule: readonly string[];
  readonly world: World;
  /** False if the same steps have not failed again. */
  readonly isRepeatable?: boolean;
}

const NOT_AGAIN = "the same steps did not fail again: the scenario uses something from outside of the simulation, " +
  "such as a variable of its module, or Math.random()";

/**
 * A check failed in a simulation. The message has the steps that lead to it, how to repeat them, and the end of the trace. The
 * `cause` is the failure; what a check or a handler threw is the `cause` of that.
 *
 * @example Read what it takes
 * ```ts
 * import { simulate, SimulationError } from "@laster/net/testing";
 * import { assert, assertRejects } from "@std/assert";
 *
 * const actions = { fail: () => Promise.reject(new Error("as planned")) };
 * const error = await assertRejects(
 *   () => simulate({ seed: 1, steps: 10, faults: [], scenario: { start: () => ({}), actions } }),
 *   SimulationError,
 * );
 * assert(error.only.length === 1);
 * ```
 */
export class SimulationError extends Error {
  /** The class name. */
  override readonly name = "SimulationError";
  /** The seed. */
  readonly seed: number;
  /** The fewest steps that were found to fail: the option `only` of `simulate()`. */
  readonly only: readonly number[];
  /** What happened, a line for each thing. */
  readonly trace: readonly string[];

  /** Makes the error. */
  constructor(cause: Error, { options, kept, schedule, world: { trace }, isRepeatable = true }: FailedRun) {
    const { seed, steps, faults, conditions } = options;
    const given = [["faults", faults], ["conditions", conditions]].filter(([, value]) => value !== undefined);
    const others = given.map(([name, value]) => `, ${name}: ${JSON.stringify(value)}`).join("");
    const last = trace.lines.slice(-SHOWN_LINES);
    super(
      [
        `Simulation of seed ${seed} failed: ${messageOf(cause)}`,
        ...(isRepeatable ? [] : [NOT_AGAIN]),
        `repeat it with: seed: ${seed}, steps: ${steps}, only: [${kept.join(", ")}]${others}`,
        `what it takes (${kept.length} steps):`,
        ...schedule.map((line) => `  ${line}`),
        `the last ${last.length} of ${trace.lines.length} lines of its trace:`,
        ...last.map((line) => `  ${line}`),
      ].join("\n"),
      { cause },
    );
    this.seed = seed;
    this.only = kept;
    this.trace = trace.lines;
  }
}

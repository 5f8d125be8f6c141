// Runner: has what is due in a simulation happen, one thing after the other, and checks what must hold. Runtime neutral.

import { nextTurn } from "../../defer.ts";
import { messageOf, toError } from "../../errors.ts";
import type { World } from "./world.ts";

/** Things that happen in one run at the most: a loop that never rests is a failure. */
const MOST_EVENTS = 2_000_000;
/** Why something is waited for that does not come. */
export const STRANGE_TIME =
  "what it waits for does not come, or is not of the simulation, such as a timer of the runtime";
/** A walk over all figures now and then is enough for what does not heal. */
const CHECKS_PER_LOOK = 4;

/** Has what is due happen, and checks what must hold behind each of it. */
export class Runner {
  /** What the scenario wants to hold. */
  check: () => void = () => {};
  readonly #world: World;
  #events = 0;
  #checks = 0;

  /** Makes it for a world. */
  constructor(world: World) {
    this.#world = world;
  }

  /** Goes on for a time. */
  async runFor(durationMs: number): Promise<void> {
    await this.runTo(this.#world.clock.now() + durationMs);
  }

  /** Goes on to a time. */
  async runTo(untilMs: number): Promise<void> {
    await this.#goOn(untilMs, () => false);
  }

  /** Runs until what `name` answered is there. */
  async until<Value>(name: string, answer: Value | Promise<Value>, mostMs: number): Promise<Value> {
    let isSettled = false;
    const settled = () => (isSettled = true);
    const promise = Promise.resolve(answer);
    promise.then(settled, settled);
    const untilMs = this.#world.clock.now() + mostMs;
    await settle();
    await this.#goOn(untilMs, () => isSettled);
    if (isSettled) return await promise;
    throw this.#world.failure ?? new Error(`${name} has not settled within ${mostMs} simulated ms: ${STRANGE_TIME}`);
  }

  /** Has one thing happen, unless something has failed. */
  async run(event: () => void): Promise<void> {
    if (this.#world.failure !== undefined) return;
    event();
    this.#countEvent();
    await settle();
    this.#checkAll();
  }

  /** Has all happen that is due by then, unless something fails, or it is over before. */
  async #goOn(untilMs: number, isOver: () => boolean): Promise<void> {
    const { clock } = this.#world;
    while (this.#world.failure === undefined && !isOver()) {
      const kind = clock.runNext(untilMs);
      if (kind === undefined) return;
      this.#countEvent();
      if (kind === "wire") continue; // Neither a service nor the scenario has run: what is checked is as it was.
      await settle();
      this.#checkAll();
    }
  }

  #countEvent(): void {
    if (++this.#events > MOST_EVENTS) {
      throw new Error(`The event loop never rests: ${MOST_EVENTS} things have happened`);
    }
  }

  #checkAll(): void {
    const { watch } = this.#world;
    watch.checkInvariants();
    if (++this.#checks % CHECKS_PER_LOOK === 0) watch.checkFigures();
    try {
      this.check();
    } catch (error) {
      throw new Error(`What must hold does not: ${messageOf(toError(error))}`, { cause: error });
    }
  }
}

/** All promises that can settle do. */
function settle(): Promise<void> {
  return new Promise((resolve) => nextTurn(resolve));
}

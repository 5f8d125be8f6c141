// Runner: runs what is due in a simulation, one thing after the other, and checks what must hold after each. Runtime neutral.

import { nextTurn } from "../../defer.ts";
import { messageOf, toError } from "../../errors.ts";
import type { World } from "./world.ts";

/**
 * Events of one simulated millisecond at the most: more are taken for a loop that never ends, which is a failure. The fastest
 * connection, byte by byte, makes some 400,000.
 */
const MOST_EVENTS = 2_000_000;
/** How far the time moves before the count begins again: a loop without end may move it by next to nothing. */
const COUNTED_MS = 1;
/** The end of the message of a failure where something waited for does not come. */
export const STRANGE_TIME =
  "what it waits for does not come, or is not of the simulation, such as a timer of the runtime";
/** Events for each check of all figures, which walks over all sessions; a wrong figure stays wrong until then. */
const CHECKS_PER_LOOK = 4;

/** Runs what is due, and checks what must hold after each event. All that it does throws once something has failed. */
export class Runner {
  /** What the scenario wants to hold. */
  check: () => void = () => {};
  readonly #world: World;
  /** Events since `#countedSinceMs`. */
  #events = 0;
  #countedSinceMs = 0;
  #checks = 0;

  /** Makes it for a world. */
  constructor(world: World) {
    this.#world = world;
  }

  /** Runs for a duration. */
  async runFor(durationMs: number): Promise<void> {
    await this.runTo(this.#world.clock.now() + durationMs);
  }

  /** Runs up to a time. */
  async runTo(untilMs: number): Promise<void> {
    await this.#goOn(untilMs, () => false);
  }

  /** Calls `ask`, and runs until its answer settles, for `mostMs` at the most; `name` is for the message of a failure. */
  async until<Value>(name: string, ask: () => Value | Promise<Value>, mostMs: number): Promise<Value> {
    this.#throwFailure();
    let isSettled = false;
    const settled = () => (isSettled = true);
    const promise = Promise.resolve(ask());
    promise.then(settled, settled);
    const untilMs = this.#world.clock.now() + mostMs;
    await settle();
    await this.#goOn(untilMs, () => isSettled);
    if (isSettled) return await promise;
    throw new Error(`${name} has not settled within ${mostMs} simulated ms: ${STRANGE_TIME}`);
  }

  /** Runs one event. */
  async run(event: () => void): Promise<void> {
    event();
    this.#countEvent();
    await settle();
    this.#checkAll();
    this.#throwFailure();
  }

  /** Runs all events that are due by `untilMs`; ends early once `isOver()`. */
  async #goOn(untilMs: number, isOver: () => boolean): Promise<void> {
    const { clock } = this.#world;
    while (this.#world.failure === undefined && !isOver()) {
      const kind = clock.runNext(untilMs);
      if (kind === undefined) break;
      this.#countEvent();
      if (kind === "wire") continue; // Neither a service nor the scenario has run, so nothing to check has changed.
      await settle();
      this.#checkAll();
    }
    this.#throwFailure();
  }

  #throwFailure(): void {
    const { failure } = this.#world;
    if (failure !== undefined) throw failure;
  }

  #countEvent(): void {
    const nowMs = this.#world.clock.now();
    if (nowMs - this.#countedSinceMs >= COUNTED_MS) {
      this.#countedSinceMs = nowMs;
      this.#events = 0;
    }
    if (++this.#events > MOST_EVENTS) {
      throw new Error(`The event loop never rests: ${MOST_EVENTS} things have happened within ${COUNTED_MS} ms`);
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

/** Waits for a turn of the event loop, in which all promises that can settle do. */
function settle(): Promise<void> {
  return new Promise((resolve) => nextTurn(resolve));
}

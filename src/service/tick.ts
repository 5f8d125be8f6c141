// tick(): the fixed steps of a game, on the clock of a service, with a flush behind each. Runtime neutral.

import type { Clock } from "../clock.ts";
import { checkKeys, requireFunction, requireInteger } from "../options.ts";
import { isThenable, whenSettled } from "../session/handler_result.ts";

/** Options of {@linkcode tick}. */
export interface TickOptions {
  /** Steps a second, 1 to 1,000. */
  readonly hz: number;
  /**
   * Steps that are made up for in a row when the event loop was late, 0 to 1,000; those beyond are left out and counted.
   *
   * @default {5}
   */
  readonly maxCatchUp?: number | undefined;
  /**
   * Told of what a step throws, or rejects with. The next step comes all the same.
   *
   * @default {undefined: the error is thrown out of the timer and, like any uncaught error, ends the process}
   */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** What a step is told. */
export interface TickStep {
  /** Which one it is, from 0 on; those that were left out count too. */
  readonly index: number;
  /** Milliseconds of game time that it stands for: always 1,000 / hz. */
  readonly deltaMs: number;
  /** Milliseconds that it came after its time. */
  readonly lateMs: number;
}

/** What a tick has counted. */
export interface TickStats {
  /** Steps that were made. */
  readonly steps: number;
  /** Steps that took longer than 1,000 / hz. */
  readonly overruns: number;
  /** Steps that were left out, as the event loop was late by more than `maxCatchUp` of them. */
  readonly skipped: number;
  /** Milliseconds that the longest step took. */
  readonly longestMs: number;
}

/** What of a service a tick needs. */
export interface Ticked {
  /** Where time comes from. */
  readonly clock: Clock;
  /** Hands what is queued to the system. */
  flush(): void;
}

const NAMES: Record<keyof TickOptions, true> = { hz: true, maxCatchUp: true, onError: true };
const DEFAULT_MAX_CATCH_UP = 5;

/** A tick that runs. */
export class Tick implements Disposable {
  readonly #service: Ticked;
  readonly #options: TickOptions;
  readonly #handler: (step: TickStep) => void;
  readonly #deltaMs: number;
  readonly #startMs: number;
  #index = 0;
  #timer: unknown = undefined;
  readonly #stats = { steps: 0, overruns: 0, skipped: 0, longestMs: 0 };

  /** Starts it; `tick()` calls this. */
  constructor(service: Ticked, options: TickOptions, handler: (step: TickStep) => void) {
    this.#service = service;
    this.#options = options;
    this.#handler = handler;
    this.#deltaMs = 1_000 / options.hz;
    this.#startMs = service.clock.now();
    this.#arm();
  }

  /** A snapshot of what it counted. */
  get stats(): TickStats {
    return { ...this.#stats };
  }

  /** Stops it: there are no further steps. May be called twice, from a step too. */
  stop(): void {
    if (this.#timer !== undefined) this.#service.clock.clearTimer(this.#timer);
    this.#timer = undefined;
    this.#index = Infinity;
  }

  /** Stops it. */
  [Symbol.dispose](): void {
    this.stop();
  }

  /** When a step is due, counted from the start, so that delays do not add up. */
  #dueMs(index: number): number {
    return this.#startMs + (index + 1) * this.#deltaMs;
  }

  #arm(): void {
    if (this.#index === Infinity) return;
    const delayMs = Math.max(0, this.#dueMs(this.#index) - this.#service.clock.now());
    this.#timer = this.#service.clock.setTimer(() => this.#run(), delayMs);
  }

  #run(): void {
    this.#timer = undefined;
    const { clock } = this.#service;
    const { maxCatchUp = DEFAULT_MAX_CATCH_UP } = this.#options;
    const behind = Math.floor((clock.now() - this.#dueMs(this.#index)) / this.#deltaMs);
    if (behind > maxCatchUp) {
      this.#stats.skipped += behind - maxCatchUp;
      this.#index += behind - maxCatchUp;
    }
    // Due up to 1 ms early, as runtimes may round the delays of timers down.
    try {
      for (let left = maxCatchUp; left >= 0 && clock.now() >= this.#dueMs(this.#index) - 1; left--) this.#step();
    } finally {
      this.#arm();
    }
  }

  #step(): void {
    const { clock } = this.#service;
    const startMs = clock.now();
    const lateMs = Math.max(0, startMs - this.#dueMs(this.#index));
    const index = this.#index++;
    try {
      const result: unknown = this.#handler({ index, deltaMs: this.#deltaMs, lateMs });
      const { onError } = this.#options;
      if (onError !== undefined && isThenable(result)) whenSettled(result, () => {}, onError);
    } catch (error) {
      if (this.#options.onError === undefined) throw error;
      this.#options.onError(error);
    } finally {
      const tookMs = clock.now() - startMs;
      this.#stats.steps++;
      this.#stats.longestMs = Math.max(this.#stats.longestMs, tookMs);
      if (tookMs > this.#deltaMs) this.#stats.overruns++;
      this.#service.flush();
    }
  }
}

/**
 * Runs the fixed steps of a game, `hz` a second, on the clock of the service. They are counted from the start, so delays do
 * not add up, and are made up for if the event loop was late. After each step the service is flushed: with `flush: "manual"`
 * all that a step sends leaves as one write for each player.
 *
 * @param service The service, or whatever has a clock and can be flushed.
 * @param options How often.
 * @param handler Makes a step. Not async: what it waits for would run beside the next step.
 * @returns The tick, to stop it; it keeps the process alive until then.
 * @throws {RangeError} if a number is out of range.
 * @throws {TypeError} if there is an option of another name, or `handler` or `onError` is no function.
 *
 * @example Twenty steps a second
 * ```ts
 * import { TcpService, tick } from "@laster/net";
 *
 * await using service = new TcpService({ flush: "manual" });
 * await service.start();
 * using running = tick(service, { hz: 20 }, ({ index }) => service.broadcast(new Uint8Array([index & 0xff])));
 * running.stop();
 * ```
 */
export function tick(service: Ticked, options: TickOptions, handler: (step: TickStep) => void): Tick {
  checkKeys("tick", options, NAMES);
  const { hz, maxCatchUp = DEFAULT_MAX_CATCH_UP } = options;
  requireInteger("create tick", "hz", hz, 1, 1_000);
  requireInteger("create tick", "maxCatchUp", maxCatchUp, 0, 1_000);
  requireFunction("create tick", "handler", handler);
  if (options.onError !== undefined) requireFunction("create tick", "onError", options.onError);
  return new Tick(service, options, handler);
}

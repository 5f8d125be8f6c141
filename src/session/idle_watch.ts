// IdleWatch: finds the sessions whose peer is silent. A sign of life is one store, so time is told in ticks, and all
// sessions are looked at once a tick. Runtime neutral.

import type { Clock } from "../clock.ts";

/** Ticks in an idle timeout: the more, the less late, and the more often all sessions are looked at. */
const MOST_TICKS = 64;
/** No tick is shorter, unless the timeout is. */
const SHORTEST_TICK_MS = 10;
/** The tick of who is not watched. */
const NEVER = 2 ** 30;

/** Who is watched. */
export interface Watched {
  /** The tick of the last sign of life. Set it to `IdleWatch.tick`. */
  lastTick: number;
  /** The timeout is up; still watched. */
  handleSilence(): void;
}

/**
 * Calls `handleSilence` of whoever showed no sign of life for `timeoutMs`: never early, and late by two ticks at most. The one
 * timer runs only while somebody is watched.
 */
export class IdleWatch {
  /** Counts the time; read it for a sign of life. */
  tick = 0;
  readonly #clock: Clock;
  readonly #tickMs: number;
  /** Ticks that have to pass, the one of the last sign of life not counted. */
  readonly #ticks: number;
  readonly #candidates: () => Iterable<Watched>;
  #count = 0;
  #timer: unknown = undefined;
  readonly #onTick = () => this.#look();

  /**
   * Makes a watch.
   *
   * @param clock Whose timer to use.
   * @param timeoutMs How long a silence may be; 0 for ever.
   * @param candidates All that are watched, others too: no list of its own is kept.
   */
  constructor(clock: Clock, timeoutMs: number, candidates: () => Iterable<Watched>) {
    this.#clock = clock;
    this.#tickMs = Math.ceil(Math.max(timeoutMs / MOST_TICKS, Math.min(timeoutMs, SHORTEST_TICK_MS)));
    this.#ticks = timeoutMs === 0 ? Infinity : Math.ceil(timeoutMs / this.#tickMs);
    this.#candidates = candidates;
  }

  /** How many are watched. */
  get count(): number {
    return this.#count;
  }

  /** Watches somebody from now on. */
  enter(watched: Watched): void {
    watched.lastTick = this.tick;
    if (this.#ticks === Infinity) return;
    this.#count++;
    if (this.#timer === undefined) this.#setTimer();
  }

  /** Watches somebody no more; does nothing if that was so before. */
  leave(watched: Watched): void {
    if (watched.lastTick === NEVER) return;
    watched.lastTick = NEVER;
    if (this.#ticks === Infinity) return;
    this.#count--;
    if (this.#count > 0 || this.#timer === undefined) return;
    this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  #setTimer(): void {
    this.#timer = this.#clock.setTimer(this.#onTick, this.#tickMs);
  }

  #look(): void {
    this.#timer = undefined;
    this.tick++;
    // A sign of life in the course of a tick is as old as the tick's start at the most.
    const latest = this.tick - this.#ticks - 1;
    for (const watched of this.#candidates()) {
      if (watched.lastTick <= latest) watched.handleSilence();
    }
    if (this.#count > 0 && this.#timer === undefined) this.#setTimer();
  }
}

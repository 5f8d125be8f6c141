// IdleWatch: finds the sessions whose peer is silent. A sign of life is one store, and all sessions are looked at now and
// then. Runtime neutral.

import type { Clock } from "../clock.ts";

/** Looks in an idle timeout: the more, the less late. */
const MOST_LOOKS = 64;
/** Looks are not closer together, unless the timeout is shorter. */
const SHORTEST_STEP_MS = 10;
/** The last sign of life of who is not watched. A small integer, as all are: V8 keeps any other number in an object of its own. */
const NEVER = -1;

/** Who is watched. */
export interface Watched {
  /** When the last sign of life came. Set it to `IdleWatch.nowMs`. */
  lastSignMs: number;
  /** By whom: the sessions of one service may have several, of different timeouts. */
  readonly idleWatch: IdleWatch;
  /** The timeout is up; still watched. */
  handleSilence(): void;
}

/**
 * Calls `handleSilence` of whoever showed no sign of life for `timeoutMs`: never early. With a clock that is slow to read,
 * time stands still between two looks, so that a sign of life does not cost a look at the clock: it is then late by up to
 * three sixty-fourths of the timeout, or 30 ms. The one timer runs only while somebody is watched.
 *
 * Invariant: the time that is told goes on by two steps at most from one look to the next. What an event loop stood still
 * beyond that is nobody's silence: signs of life may have waited just as long.
 */
export class IdleWatch {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  /** From one look to the next; 0 with a clock that is cheap. */
  readonly #stepMs: number;
  readonly #candidates: () => Iterable<Watched>;
  /** Whole milliseconds, rounded up: nobody is silent for longer than they were. */
  #toldMs = 0;
  /** What `#toldMs` is rounded from. */
  #exactMs = 0;
  /** The clock at the last look. */
  #lookedMs = 0;
  #count = 0;
  #timer: unknown = undefined;
  readonly #onTimer = () => this.#look();

  /**
   * Makes a watch.
   *
   * @param clock Whose time to take.
   * @param timeoutMs How long a silence may be; 0 for ever.
   * @param candidates All that are watched, others too: no list of its own is kept.
   */
  constructor(clock: Clock, timeoutMs: number, candidates: () => Iterable<Watched>) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    const stepMs = Math.ceil(Math.max(timeoutMs / MOST_LOOKS, Math.min(timeoutMs, SHORTEST_STEP_MS)));
    this.#stepMs = clock.isCheap ? 0 : stepMs;
    this.#candidates = candidates;
  }

  /** How many are watched. */
  get count(): number {
    return this.#count;
  }

  /** The time of a sign of life. */
  get nowMs(): number {
    return this.#stepMs === 0 ? this.#clock.now() : this.#toldMs;
  }

  /** Watches somebody from now on. */
  enter(watched: Watched): void {
    if (this.#timeoutMs === 0) return;
    if (this.#count++ === 0) this.#tell(this.#lookedMs = this.#clock.now());
    watched.lastSignMs = this.nowMs;
    if (this.#timer === undefined) this.#setTimer(this.#stepMs === 0 ? this.#timeoutMs : this.#stepMs);
  }

  /** Watches somebody no more; does nothing if that was so before. */
  leave(watched: Watched): void {
    if (this.#timeoutMs === 0 || watched.lastSignMs === NEVER) return;
    watched.lastSignMs = NEVER;
    this.#count--;
    if (this.#count > 0 || this.#timer === undefined) return;
    this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  #setTimer(delayMs: number): void {
    this.#timer = this.#clock.setTimer(this.#onTimer, delayMs);
  }

  #tell(exactMs: number): void {
    this.#exactMs = exactMs;
    this.#toldMs = Math.ceil(exactMs);
  }

  #look(): void {
    this.#timer = undefined;
    const nowMs = this.#clock.now();
    const mostMs = 2 * this.#stepMs;
    this.#tell(this.#stepMs === 0 ? nowMs : this.#exactMs + Math.min(nowMs - this.#lookedMs, mostMs));
    this.#lookedMs = nowMs;
    const latestMs = this.#exactMs - this.#timeoutMs - mostMs;
    let earliestMs = Infinity;
    for (const watched of this.#candidates()) {
      if (watched.lastSignMs === NEVER || watched.idleWatch !== this) continue;
      if (watched.lastSignMs <= latestMs) watched.handleSilence();
      if (watched.lastSignMs !== NEVER && watched.lastSignMs < earliestMs) earliestMs = watched.lastSignMs;
    }
    if (this.#count === 0 || this.#timer !== undefined) return;
    this.#setTimer(this.#stepMs === 0 ? Math.max(1, Math.ceil(earliestMs - latestMs)) : this.#stepMs);
  }
}

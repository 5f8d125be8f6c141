// IdleWatch: finds the sessions whose peer is silent. A sign of life costs one store; a timer checks all sessions. Runtime
// neutral.

import type { Clock } from "../clock.ts";

/** Checks within an idle timeout: more of them make it less late. */
const MOST_LOOKS = 64;
/** Least milliseconds between two checks, unless the timeout is shorter. */
const SHORTEST_STEP_MS = 10;
/** `lastSignMs` of a session that is not watched. An integer, like all times here: V8 boxes other numbers. */
const NEVER = -1;

/** A session that is watched. */
export interface Watched {
  /** When the last sign of life came. Set it to `IdleWatch.nowMs`. */
  lastSignMs: number;
  /** Its watch: sessions of one service may have different timeouts. */
  readonly idleWatch: IdleWatch;
  /** The timeout is up; still watched. */
  handleSilence(): void;
}

/**
 * Calls `handleSilence` of each session that showed no sign of life for `timeoutMs`, never early. With a clock that is slow to
 * read, `nowMs` changes only at the checks, so that a sign of life need not read the clock; the call is then late by up to
 * three sixty-fourths of the timeout, or 30 ms if that is more. The one timer runs only while a session is watched.
 *
 * Invariant: with such a clock `nowMs` advances by at most two steps from one check to the next. A longer gap means a blocked
 * event loop, in which signs of life waited as well, so the excess does not count as silence.
 */
export class IdleWatch {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  /** From one check to the next; 0 with a cheap clock. */
  readonly #stepMs: number;
  readonly #candidates: () => Iterable<Watched>;
  /** The time given to sessions, rounded up to whole milliseconds so that no silence is overstated. */
  #toldMs = 0;
  /** `#toldMs` before rounding. */
  #exactMs = 0;
  /** The clock at the last check. */
  #lookedMs = 0;
  /** Those whose silence does not count at the moment, and for how many waits. */
  readonly #excused = new Map<Watched, number>();
  #count = 0;
  #timer: unknown = undefined;
  readonly #onTimer = () => this.#look();

  /**
   * Makes a watch.
   *
   * @param clock Whose time to take.
   * @param timeoutMs How long a silence may be; 0 for no limit.
   * @param candidates All sessions, watched or not: the watch keeps no list of its own.
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

  /** Starts watching a session. */
  enter(watched: Watched): void {
    if (this.#timeoutMs === 0) return;
    if (this.#count++ === 0) this.#tell(this.#lookedMs = this.#clock.now());
    watched.lastSignMs = this.nowMs;
    if (this.#timer === undefined) this.#setTimer(this.#stepMs === 0 ? this.#timeoutMs : this.#stepMs);
  }

  /** Stops watching a session; does nothing if it is not watched. */
  leave(watched: Watched): void {
    if (this.#timeoutMs === 0 || watched.lastSignMs === NEVER) return;
    watched.lastSignMs = NEVER;
    this.#count--;
    if (this.#count > 0 || this.#timer === undefined) return;
    this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  /** Waits for a promise; the time until it settles is no silence of `watched`, whose message waits for this side. */
  async excuse(watched: Watched, wait: Promise<void>): Promise<void> {
    this.#excused.set(watched, (this.#excused.get(watched) ?? 0) + 1);
    try {
      await wait;
    } finally {
      const left = (this.#excused.get(watched) ?? 1) - 1;
      if (left > 0) this.#excused.set(watched, left);
      else this.#excused.delete(watched);
      if (watched.lastSignMs !== NEVER) watched.lastSignMs = this.nowMs;
    }
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
      if (watched.lastSignMs <= latestMs) this.#handleSilence(watched);
      if (watched.lastSignMs !== NEVER && watched.lastSignMs < earliestMs) earliestMs = watched.lastSignMs;
    }
    if (this.#count === 0 || this.#timer !== undefined) return;
    this.#setTimer(this.#stepMs === 0 ? Math.max(1, Math.ceil(earliestMs - latestMs)) : this.#stepMs);
  }

  #handleSilence(watched: Watched): void {
    if (this.#excused.has(watched)) watched.lastSignMs = this.nowMs;
    else watched.handleSilence();
  }
}

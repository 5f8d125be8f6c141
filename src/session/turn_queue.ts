// TurnQueue: the sessions that have more to do than their turn allows, in the order in which they go on. Runtime neutral.

import type { Clock } from "../clock.ts";
import { type TurnTaker, WaitingLine } from "../waiting_line.ts";

/** The frames between two looks at the clock may take this part of a turn, if they go on as they did. */
const STEP_PART = 0.5;
/** Most frames between two looks at the clock. */
const MOST_STEP_FRAMES = 128;
/** A look that is older says nothing of when the turn began. */
const RECENT_MS = 1;

/**
 * One for all sessions of a service. Those that wait share one turn's time in each turn of the event loop, so that however
 * many they are, new sockets and light sessions are looked at in between.
 */
export class TurnQueue {
  readonly #clock: Clock;
  readonly #turnMs: number;
  readonly #waiting = new WaitingLine();
  #isDue = false;
  /** Whose turn was timed last. */
  #taker: TurnTaker | undefined = undefined;
  /** When it began, at the earliest. */
  #startMs = 0;
  /** When the clock was looked at last. */
  #lookedMs = 0;
  /** When whoever waits has to stop, while they run. */
  #deadlineMs = Infinity;
  readonly #run = () => this.#handleTurn();

  /**
   * Makes an empty queue.
   *
   * @param clock Whose time counts.
   * @param turnMs How long a turn may be; 0 for ever.
   */
  constructor(clock: Clock, turnMs: number) {
    this.#clock = clock;
    this.#turnMs = turnMs;
  }

  /** How many wait. */
  get count(): number {
    return this.#waiting.count;
  }

  /** Lets `taker` go on behind those that wait already. */
  add(taker: TurnTaker): void {
    this.#waiting.add(taker);
    if (this.#isDue) return;
    this.#isDue = true;
    this.#clock.defer(this.#run);
  }

  /**
   * Looks at the clock in the turn of `taker`, which is the one that runs.
   *
   * @param isFirst Whether this is the first look of the turn.
   * @param frames How many frames the turn has handled since the last look, or since it began.
   * @returns After how many frames to look again; 0 if the turn's time is used up.
   */
  look(taker: TurnTaker, isFirst: boolean, frames: number): number {
    if (this.#turnMs === 0) return MOST_STEP_FRAMES;
    const nowMs = this.#clock.now();
    const beforeMs = this.#lookedMs;
    this.#lookedMs = nowMs;
    if (isFirst || taker !== this.#taker) {
      this.#taker = taker;
      // Nothing since the last look took long, if that was just now; else it says nothing of this turn.
      const isRecent = nowMs - beforeMs < RECENT_MS;
      this.#startMs = isRecent ? beforeMs : nowMs;
      if (!isRecent) return nowMs >= this.#deadlineMs ? 0 : 1;
    }
    if (nowMs - this.#startMs >= this.#turnMs || nowMs >= this.#deadlineMs) return 0;
    const frameMs = (nowMs - beforeMs) / frames;
    return Math.max(1, Math.min(MOST_STEP_FRAMES, Math.floor(STEP_PART * this.#turnMs / frameMs)));
  }

  #handleTurn(): void {
    this.#isDue = false;
    const endMs = this.#clock.now() + (this.#turnMs === 0 ? Infinity : this.#turnMs);
    this.#deadlineMs = endMs;
    // Who comes meanwhile goes on in the next turn of the loop.
    for (let count = this.count; count > 0; count--) {
      this.#waiting.callFirst();
      if (count > 1 && this.#clock.now() >= endMs) break;
    }
    this.#deadlineMs = Infinity;
    if (this.count === 0 || this.#isDue) return;
    this.#isDue = true;
    this.#clock.defer(this.#run);
  }
}

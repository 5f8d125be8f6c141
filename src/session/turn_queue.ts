// TurnQueue: the sessions that used up their turn and wait for the next one, in order. Runtime neutral.

import type { Clock } from "../clock.ts";
import { type TurnTaker, WaitingLine } from "../waiting_line.ts";

/** The clock is read again after this part of a turn, estimated from the time of the last frames. */
const STEP_PART = 0.5;
/** Most frames between two readings of the clock. */
const MOST_STEP_FRAMES = 128;
/** An older reading of the clock does not tell when the turn began. */
const RECENT_MS = 1;

/**
 * One for all sessions of a service. The waiting sessions share one turn's time in each turn of the event loop, however many
 * they are, so new sockets and light sessions are served in between.
 */
export class TurnQueue {
  readonly #clock: Clock;
  readonly #turnMs: number;
  readonly #waiting = new WaitingLine();
  #isDue = false;
  /** The session whose turn was timed last. */
  #taker: TurnTaker | undefined = undefined;
  /** When that turn began, at the earliest. */
  #startMs = 0;
  /** The last reading of the clock. */
  #lookedMs = 0;
  /** When the waiting sessions must stop; `Infinity` while none of them runs. */
  #deadlineMs = Infinity;
  readonly #run = () => this.#handleTurn();

  /**
   * Makes an empty queue.
   *
   * @param clock Whose time counts.
   * @param turnMs How long a turn may be; 0 for no limit.
   */
  constructor(clock: Clock, turnMs: number) {
    this.#clock = clock;
    this.#turnMs = turnMs;
  }

  /** How many wait. */
  get count(): number {
    return this.#waiting.count;
  }

  /** Queues `taker` behind the sessions that wait already. */
  add(taker: TurnTaker): void {
    this.#waiting.add(taker);
    if (this.#isDue) return;
    this.#isDue = true;
    this.#clock.defer(this.#run);
  }

  /**
   * Reads the clock in the turn of `taker`, which is the session that runs.
   *
   * @param isFirst Whether this is the first reading of the turn.
   * @param frames How many frames the turn has handled since the last reading, or since it began.
   * @returns After how many frames to call again; 0 if the turn's time is used up.
   */
  look(taker: TurnTaker, isFirst: boolean, frames: number): number {
    if (this.#turnMs === 0) return MOST_STEP_FRAMES;
    const nowMs = this.#clock.now();
    const beforeMs = this.#lookedMs;
    this.#lookedMs = nowMs;
    if (isFirst || taker !== this.#taker) {
      this.#taker = taker;
      // A reading of just now bounds the start of this turn; an older one does not.
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
    // Sessions that are added meanwhile continue in the next turn of the event loop.
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

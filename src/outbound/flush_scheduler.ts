// FlushScheduler: remembers which queues hold something, and flushes them once: at the end of the turn in which they
// were filled, or at the service's flush interval. Runtime neutral.

import type { Clock } from "../clock.ts";
import type { SendLane } from "./send_lane.ts";

/** What the scheduler flushes. */
export interface Flushable {
  /** The next one that is down for the flush; the scheduler's. */
  nextDue: Flushable | undefined;
  /** It is time to flush; the queue is down for no flush any more. */
  handleFlush(): void;
}

/** When a scheduler flushes. */
export interface FlushOptions {
  /** How long to gather; 0 flushes at the end of each turn. */
  readonly intervalMs: number;
  /**
   * Whether turns follow each other without a microtask between, to be flushed together behind the last, but for turns that
   * sent to one session only.
   *
   * @default {false}
   */
  readonly isInStep?: boolean;
  /**
   * Calls back behind the last of several turns, which may have microtasks between them. What turns sent to one session each
   * is then flushed together, if it is little.
   */
  readonly afterReads?: ((callback: () => void) => void) | undefined;
}

/** With fewer, what turns gain by waiting for each other is less than what the call behind the reads costs. */
const FEWEST_TOGETHER = 3;
/** While fewer come together, up to so many do not wait before one does again, to see whether that has changed. */
const MOST_APART = 31;

/** Batches the writes of a service: one a session and turn. */
export class FlushScheduler {
  readonly #clock: Clock;
  readonly #lane: SendLane;
  readonly #intervalMs: number;
  readonly #isInStep: boolean;
  readonly #afterReads: FlushOptions["afterReads"];
  /** The queues that are due, linked by `nextDue`. */
  #first: Flushable | undefined = undefined;
  #last: Flushable | undefined = undefined;
  #turnDepth = 0;
  #isScheduled = false;
  #timer: unknown = undefined;
  readonly #run = () => this.flush();
  #isAfterReadsDue = false;
  /** How many turns wait for the call behind the reads, or did until there were too many. */
  #together = 0;
  /** How many do not wait between two that do. */
  #apart = 0;
  #apartLeft = 0;
  readonly #runAfterReads = () => {
    this.#isAfterReadsDue = false;
    this.#apart = this.#together < FEWEST_TOGETHER ? Math.min(2 * this.#apart + 1, MOST_APART) : 0;
    this.#apartLeft = this.#apart;
    this.#together = 0;
    this.flush();
  };

  /**
   * Makes a scheduler.
   *
   * @param clock Whose timer to use.
   * @param lane Whose owner is due too, without having been added, if a block is in it; and so is who waits behind it.
   * @param options When to flush.
   */
  constructor(clock: Clock, lane: SendLane, { intervalMs, isInStep = false, afterReads }: FlushOptions) {
    this.#clock = clock;
    this.#lane = lane;
    this.#intervalMs = intervalMs;
    this.#isInStep = isInStep;
    this.#afterReads = afterReads;
  }

  /** Puts a queue down for the next flush; at most once, as the queue remembers. */
  add(queue: Flushable): void {
    if (this.#last === undefined) this.#first = queue;
    else this.#last.nextDue = queue;
    this.#last = queue;
    if (this.#turnDepth === 0 || this.#intervalMs > 0) this.#schedule();
  }

  /** A queue has put a block in the lane: most turns send to one session, which then need not be added. */
  handleLaneOpen(): void {
    if (this.#turnDepth === 0 || this.#intervalMs > 0) this.#schedule();
  }

  /** Begins a turn: what is sent until `leaveTurn()` goes out there. */
  enterTurn(): void {
    this.#turnDepth++;
  }

  /** Ends a turn. */
  leaveTurn(): void {
    if (--this.#turnDepth > 0 || this.#intervalMs > 0) return;
    if (this.#first === undefined) this.#leaveSmallTurn();
    else if (this.#isInStep) this.#schedule();
    else this.flush();
  }

  /** Flushes all that is due. */
  flush(): void {
    this.#isScheduled = false;
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
    this.#lane.flush();
    let queue = this.#first;
    // A flush may fill other queues (the in-memory transport): those are for the next round.
    this.#first = this.#last = undefined;
    while (queue !== undefined) {
      const next: Flushable | undefined = queue.nextDue;
      queue.nextDue = undefined;
      queue.handleFlush();
      queue = next;
    }
  }

  /** Nobody is due but who may have the lane. */
  #leaveSmallTurn(): void {
    if (this.#lane.block === undefined) return;
    if (this.#afterReads === undefined) return this.#lane.flush();
    if (this.#apartLeft > 0) {
      this.#apartLeft--;
      return this.#lane.flush();
    }
    if (!this.#lane.park()) return;
    this.#together++;
    if (this.#isAfterReadsDue) return;
    this.#isAfterReadsDue = true;
    this.#afterReads(this.#runAfterReads);
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    if (this.#intervalMs === 0) queueMicrotask(this.#run);
    else this.#timer = this.#clock.setTimer(this.#run, this.#intervalMs);
  }
}

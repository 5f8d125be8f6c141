// ReadGovernor: keeps reads fair under Deno when more connections are ready than it serves in a turn. Deno only.

import type { Clock } from "../clock.ts";
import { nextTurn } from "../defer.ts";
import { type TurnTaker, WaitingLine } from "../waiting_line.ts";

/**
 * Deno completes at most 128 operations in a turn and begins the next turn with those it put off last. With more connections
 * ready, those just served are served again while others wait for seconds; with fewer, all is fair.
 */
const MOST_FAIR_CONNECTIONS = 120;
/** With so many reads completed at once, Deno has put off others. */
const MOST_FAIR_READS = 112;
/** How many connections are served side by side while others wait their turn. */
const SERVED_AT_ONCE = 96;
/**
 * Reads of a connection before others get their turn. With data waiting, a read completes without a trip through the event
 * loop, so each connection must pause at times. With more reads the caches stay warmer, but the others wait longer.
 */
export const READS_A_TURN = 8;
/** The same for one that is alone: only new connections and timers wait. */
export const READS_ALONE = 64;
/** With fewer reads than this in a batch, connections that wait are let in. */
const ROOMY_READS = 32;
/** How long no served connection may send anything until others are let in. */
const SILENCE_MS = 5;

/** The share of one connection. Starts with `READS_A_TURN` left, and not late. */
export interface ReadQuota {
  /** Reads left until others get their turn. */
  left: number;
  /** Whether the next read comes after a wait: its data is there already, so it is not counted in the batch. */
  isLate: boolean;
}

/**
 * Once a batch has more reads than Deno serves fairly, connections take turns: each has a few reads, then waits in a queue
 * behind all the others. A connection that joins the queue lets the first one of it in. Below that load the queue is empty.
 */
export class ReadGovernor {
  #connections = 0;
  /** Connections that may read, also those that are sent nothing. */
  #served = 0;
  /** Reads that completed together so far. */
  #batchReads = 0;
  #isSilent = false;
  #isCrowded = false;
  #isLooking = false;
  readonly #waiting = new WaitingLine();
  readonly #endBatch = () => this.#handleBatchEnd();
  readonly #look = () => this.#handleLook();
  readonly #clock: Pick<Clock, "setTimer">;

  /** Makes a governor without connections. */
  constructor(clock: Pick<Clock, "setTimer">) {
    this.#clock = clock;
  }

  /** How many connections read. */
  get connections(): number {
    return this.#connections;
  }

  /** A connection begins to read. */
  enter(): void {
    this.#connections++;
    this.#served++;
  }

  /** A connection reads no more. */
  leave(): void {
    this.#connections--;
    this.#served--;
    this.#admit(1);
  }

  /** A connection that may read is paused: another may read in its place. */
  stepAside(): void {
    this.#served--;
    this.#admit(1);
  }

  /** A connection that had stepped aside reads again. */
  stepIn(): void {
    this.#served++;
  }

  /** A connection was served: says whether its next read has to wait; if so, `taker` is told when it may begin. */
  holds(quota: ReadQuota, taker: TurnTaker): boolean {
    if (this.#connections > MOST_FAIR_CONNECTIONS || this.#isCrowded) this.#count(quota);
    if (--quota.left > 0) return false;
    quota.left = this.#connections === 1 ? READS_ALONE : READS_A_TURN;
    if (this.#isCrowded) {
      quota.isLate = true;
      this.#waiting.add(taker);
      this.#served--;
      this.#admit(1);
    } else nextTurn(() => taker.handleTurn());
    return true;
  }

  #count(quota: ReadQuota): void {
    if (!quota.isLate && this.#batchReads++ === 0) queueMicrotask(this.#endBatch);
    quota.isLate = false;
    this.#isSilent = false;
  }

  /** All reads that completed together are counted: their microtasks have run. */
  #handleBatchEnd(): void {
    const reads = this.#batchReads;
    this.#batchReads = 0;
    if (reads >= MOST_FAIR_READS) {
      // Silent connections count as served, until a small batch shows how many are sent anything.
      this.#served = this.#connections - this.#waiting.count;
      this.#isCrowded = true;
      this.#lookLater();
    } else if (reads < ROOMY_READS && this.#isCrowded) this.#letIn(reads);
  }

  #lookLater(): void {
    if (!this.#isLooking) this.#clock.setTimer(this.#look, SILENCE_MS);
    this.#isLooking = true;
  }

  #handleLook(): void {
    this.#isLooking = false;
    if (this.#isSilent) this.#letIn(0);
    this.#isSilent = true;
    if (this.#isCrowded) this.#lookLater();
  }

  /** Lets others in, as only `reads` of the served connections were sent anything. */
  #letIn(reads: number): void {
    if (this.#waiting.count === 0) this.#isCrowded = false;
    this.#served = Math.min(this.#served, reads);
    this.#admit(SERVED_AT_ONCE);
  }

  /** Lets in those that wait longest, `most` at the most, as long as fewer than `SERVED_AT_ONCE` are served. */
  #admit(most: number): void {
    for (let count = most; count > 0 && this.#waiting.count > 0 && this.#served < SERVED_AT_ONCE; count--) {
      this.#served++;
      this.#waiting.callFirst();
    }
  }
}

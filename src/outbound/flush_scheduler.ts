// FlushScheduler: lists the queues that have data, and flushes each once: at the end of the turn that filled it, after several
// turns, or at the service's flush interval. Runtime neutral.

import type { Clock } from "../clock.ts";
import type { TransportTraits } from "../transport/traits.ts";
import type { OutboundBlocks } from "./outbound_blocks.ts";
import type { QueueLimits } from "./queue_limits.ts";
import type { SendCursor } from "./send_cursor.ts";

/** What the scheduler flushes. */
export interface Flushable {
  /** The next queue that is due; used by the scheduler only. */
  nextDue: Flushable | undefined;
  /** Whether it is due: set by the scheduler, reset by `handleFlush()`. */
  isDue: boolean;
  /** Bytes that wait to be written; `Infinity` for a broadcaster, which is flushed at the end of its turn. */
  readonly queuedBytes: number;
  /** Flushes; the scheduler has taken it off the list. */
  handleFlush(): void;
}

/** When a scheduler flushes. */
export interface FlushOptions {
  /** The mode and the interval; see `SessionLimits.flush`. */
  readonly limits: Pick<QueueLimits, "flush" | "flushIntervalMs">;
  /** What the transport says about turns: batched reads are flushed together, and so are small turns of one poll phase. */
  readonly traits?: TransportTraits | undefined;
}

/** Most turns that are flushed together: more would delay the first one, and make a write hardly cheaper. */
const MOST_TOGETHER = 12;
/** A turn that sent more than this is flushed immediately. */
const MOST_TURN_BYTES = 8_192;
/** With fewer turns together, waiting saves less than the `afterPoll` callback costs. */
const FEWEST_TOGETHER = 3;
/** While fewer than `FEWEST_TOGETHER` come together, up to this many turns are flushed immediately before one waits. */
const MOST_ALONE = 31;

/**
 * Batches the writes of a service: one per session and turn. Turns of one poll phase are flushed together where possible: all
 * reads, then all writes, is cheaper than alternating, as the system's code for either evicts the other from the caches.
 */
export class FlushScheduler {
  readonly #clock: Clock;
  readonly #cursor: SendCursor;
  readonly #blocks: OutboundBlocks;
  /** 0 for no interval. */
  readonly #intervalMs: number;
  /** Whether what is sent outside of turns waits until somebody flushes. */
  readonly #isManual: boolean;
  readonly #hasBatchedReads: boolean;
  readonly #afterPoll: TransportTraits["afterPoll"];
  /** The queues that are due, linked by `nextDue`. */
  #first: Flushable | undefined = undefined;
  #last: Flushable | undefined = undefined;
  /** How many became due in this turn. */
  #added = 0;
  #turnDepth = 0;
  #isScheduled = false;
  #timer: unknown = undefined;
  readonly #run = () => this.flush();
  #isAfterPollDue = false;
  /** How many turns wait for the `afterPoll` callback. */
  #waiting = 0;
  /** How many turns came in this poll phase, including those that were flushed at `MOST_TOGETHER`. */
  #together = 0;
  /** How many turns are flushed immediately before the next one waits; backs off up to `MOST_ALONE`. */
  #alone = 0;
  #aloneLeft = 0;
  readonly #runAfterPoll = () => {
    this.#isAfterPollDue = false;
    this.#alone = this.#together < FEWEST_TOGETHER ? Math.min(2 * this.#alone + 1, MOST_ALONE) : 0;
    this.#aloneLeft = this.#alone;
    this.#together = 0;
    this.flush();
  };

  /** Makes a scheduler over what the queues of a service share. */
  constructor(
    clock: Clock,
    { cursor, blocks }: { readonly cursor: SendCursor; readonly blocks: OutboundBlocks },
    { limits, traits }: FlushOptions,
  ) {
    this.#clock = clock;
    this.#cursor = cursor;
    this.#blocks = blocks;
    this.#intervalMs = limits.flush === "interval" ? limits.flushIntervalMs : 0;
    this.#isManual = limits.flush === "manual";
    this.#hasBatchedReads = traits?.batchedReads === true;
    this.#afterPoll = traits?.afterPoll;
  }

  /** Adds a queue that is not due to the next flush. */
  add(queue: Flushable): void {
    queue.isDue = true;
    if (this.#last === undefined) this.#first = queue;
    else this.#last.nextDue = queue;
    this.#last = queue;
    this.#added++;
    if (this.#turnDepth > 0 ? this.#intervalMs > 0 : !this.#isManual) this.#schedule();
  }

  /** Begins a turn: queues that fill up to `leaveTurn()` are flushed there, or later with others. */
  enterTurn(): void {
    this.#turnDepth++;
  }

  /** Ends a turn. */
  leaveTurn(): void {
    if (--this.#turnDepth > 0 || this.#last === undefined) return;
    // The next turn may go on in the block of this one.
    this.#cursor.owner?.settle();
    const added = this.#added;
    this.#added = 0;
    if (this.#intervalMs > 0) return;
    if (this.#hasBatchedReads) this.#schedule();
    else if (added <= 1) this.#leaveSmallTurn(this.#last);
    else this.flush();
  }

  /** Runs something as a turn of its own, or as a part of the one that is under way. */
  inTurn<Result>(run: () => Result): Result {
    this.enterTurn();
    try {
      return run();
    } finally {
      this.leaveTurn();
    }
  }

  /** Flushes all that is due. */
  flush(): void {
    this.#isScheduled = false;
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
    this.#cursor.owner?.settle();
    this.#blocks.closeTurn();
    let queue = this.#first;
    // A flush may fill other queues (the in-memory transport): those are left for the next flush.
    this.#first = this.#last = undefined;
    this.#added = this.#waiting = 0;
    while (queue !== undefined) {
      const next: Flushable | undefined = queue.nextDue;
      queue.nextDue = undefined;
      queue.handleFlush();
      queue = next;
    }
  }

  /** Ends a turn that sent to one session at most, which may wait for other turns of the poll phase. */
  #leaveSmallTurn(queue: Flushable): void {
    if (this.#afterPoll === undefined) return this.flush();
    if (this.#aloneLeft > 0) {
      this.#aloneLeft--;
      return this.flush();
    }
    this.#together++;
    if (queue.queuedBytes > MOST_TURN_BYTES || ++this.#waiting >= MOST_TOGETHER) return this.flush();
    if (this.#isAfterPollDue) return;
    this.#isAfterPollDue = true;
    this.#afterPoll(this.#runAfterPoll);
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    if (this.#intervalMs === 0) queueMicrotask(this.#run);
    else this.#timer = this.#clock.setTimer(this.#run, this.#intervalMs);
  }
}

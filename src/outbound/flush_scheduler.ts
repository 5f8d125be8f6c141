// FlushScheduler: remembers which queues hold something, and has them written once: at the end of the turn in which they were
// filled, behind several turns, or at the service's flush interval. Runtime neutral.

import type { Clock } from "../clock.ts";
import type { TransportTraits } from "../transport/traits.ts";
import type { OutboundBlocks } from "./outbound_blocks.ts";
import type { QueueLimits } from "./queue_limits.ts";
import type { SendCursor } from "./send_cursor.ts";

/** What the scheduler flushes. */
export interface Flushable {
  /** The next one that is due; the scheduler's. */
  nextDue: Flushable | undefined;
  /** Whether it is due; set by the scheduler, and taken back by whoever flushes. */
  isDue: boolean;
  /** Bytes that wait to be written; many for what is written to several peers, which waits for nobody. */
  readonly queuedBytes: number;
  /** It is time to flush; it is not due any more. */
  handleFlush(): void;
}

/** When a scheduler flushes. */
export interface FlushOptions {
  /** At the end of each turn, or of an interval, or when told to; see `SessionLimits.flush`. */
  readonly limits: Pick<QueueLimits, "flush" | "flushIntervalMs">;
  /** How turns follow each other: those of reads in a batch are flushed together, and so are small ones of one poll phase. */
  readonly traits?: TransportTraits | undefined;
}

/** So many turns wait for each other at the most: with more a write is hardly cheaper, and the first waits longer. */
const MOST_TOGETHER = 12;
/** A turn that sent more than this waits for nobody. */
const MOST_TURN_BYTES = 8_192;
/** With fewer, what turns gain by waiting for each other is less than what the call behind the poll costs. */
const FEWEST_TOGETHER = 3;
/** While fewer come together, up to so many do not wait before one does again, to see whether that has changed. */
const MOST_ALONE = 31;

/**
 * Batches the writes of a service: one a session and turn. Where connections that are ready together are read from one after
 * the other, and then written to one after the other, a message of row A costs a twentieth less than where reads and writes take
 * turns: the system's code for either is so large that one drives the other out of the processor's caches.
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
  /** How many turns wait for the call behind the poll. */
  #waiting = 0;
  /** The same, with those that did until there were too many. */
  #together = 0;
  /** How many do not wait between two that do. */
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

  /** Puts one that is not due down for the next flush. */
  add(queue: Flushable): void {
    queue.isDue = true;
    if (this.#last === undefined) this.#first = queue;
    else this.#last.nextDue = queue;
    this.#last = queue;
    this.#added++;
    if (this.#turnDepth > 0 ? this.#intervalMs > 0 : !this.#isManual) this.#schedule();
  }

  /** Begins a turn: what is sent until `leaveTurn()` goes out there. */
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

  /** Flushes all that is due. */
  flush(): void {
    this.#isScheduled = false;
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
    this.#cursor.owner?.settle();
    this.#blocks.closeTurn();
    let queue = this.#first;
    // A flush may fill other queues (the in-memory transport): those are for the next round.
    this.#first = this.#last = undefined;
    this.#added = this.#waiting = 0;
    while (queue !== undefined) {
      const next: Flushable | undefined = queue.nextDue;
      queue.nextDue = undefined;
      queue.handleFlush();
      queue = next;
    }
  }

  /** The turn sent to one session at the most, which may wait for what others send. */
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

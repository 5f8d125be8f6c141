// RunMember: what one session has sent, and how far it is with the broadcasts. While it is in step the run keeps its books.
// The base of SendQueue, and one object with it, since each message touches both. Runtime neutral.

import type { BroadcastRun } from "./broadcast_run.ts";
import type { OutboundBlocks } from "./outbound_blocks.ts";
import type { RunTakers } from "./run_takers.ts";
import { SegmentQueue } from "./segment_queue.ts";

/**
 * What is sent and seen; its members are for `SendQueue` alone.
 *
 * Invariant: while `takers` is set the queue is in step with them: it has sent what it has counted itself and what they have
 * counted, and has seen all up to the beginning of the run.
 */
export class RunMember extends SegmentQueue {
  // What each message touches comes first.
  /** The broadcasts of the service. */
  readonly run: BroadcastRun;
  /** The last broadcast that was taken, or passed by, one by one. Those before the run are over in any case. */
  seen: number;
  /** Bytes taken by the connection that the queue has counted itself. */
  countedBytes = 0;
  /** Frames, likewise. */
  countedFrames = 0;
  #takers: RunTakers | undefined = undefined;
  #takerIndex = 0;

  /** Makes an empty queue that has seen all broadcasts. */
  constructor(blocks: OutboundBlocks, run: BroadcastRun) {
    super(blocks);
    this.run = run;
    this.seen = run.serial;
  }

  /** Bytes taken by the connection so far. */
  get sentBytes(): number {
    return this.countedBytes + (this.#takers?.sentBytes ?? 0);
  }

  /** Frames taken by the connection so far. */
  get sentFrames(): number {
    return this.countedFrames + (this.#takers?.sentFrames ?? 0);
  }

  /** Gets in step. The queue must hold nothing, and have taken all that came before the run. */
  enterStep(takers: RunTakers, index: number): void {
    this.#takers = takers;
    this.#takerIndex = index;
    this.countedBytes -= takers.sentBytes;
    this.countedFrames -= takers.sentFrames;
  }

  /** Gets out of step, if it is in it. */
  leaveStep(): void {
    const takers = this.#takers;
    if (takers === undefined) return;
    this.#takers = undefined;
    takers.leave(this.#takerIndex);
    this.countedBytes += takers.sentBytes;
    this.countedFrames += takers.sentFrames;
  }
}

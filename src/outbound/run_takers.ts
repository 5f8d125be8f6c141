// RunTakers: the queues that take broadcasts without being asked. Who is in step need not even be looked at when they
// leave: its connection is written to, and what was sent is counted once for all. Runtime neutral.

import type { Connection } from "../transport/transport.ts";
import type { BroadcastRun } from "./broadcast_run.ts";
import type { OutboundBlock } from "./outbound_blocks.ts";

/** A queue that takes broadcasts without being asked. */
export interface RunTaker {
  /** Takes what is left of the run and writes it, if the peer takes it; says whether it holds nothing any more. */
  flushRun(): boolean;
  /**
   * Gets in step, if it holds nothing and nobody waits to hear of what it sends. It may leave at any time.
   *
   * @returns What to write the runs to; undefined if it stays out of step.
   */
  joinStep(takers: RunTakers, index: number): Connection | undefined;
  /** Gets out of step: the peer has not taken the frames, which are on loan to the connection. */
  fallBehind(block: OutboundBlock, start: number, end: number, frames: number): void;
}

/**
 * Those who were found to take broadcasts. With hundreds of receivers, what a broadcast takes outside of the system goes into
 * fetching the memory of each of them, which the system's code for a write has driven out of the processor's caches.
 *
 * Invariant: a queue is in step, and its connection is in `#connections`, or its index is in `#apart`. In step are only queues
 * that hold nothing and have taken all broadcasts but those of the run.
 */
export class RunTakers {
  /** Bytes that everybody has sent who was in step from the beginning. */
  sentBytes = 0;
  /** Frames, likewise. */
  sentFrames = 0;
  readonly #queues: RunTaker[] = [];
  readonly #connections: (Connection | undefined)[] = [];
  #apart: number[] = [];

  /** How many there are. */
  get count(): number {
    return this.#queues.length;
  }

  /** Adds a queue. */
  add(queue: RunTaker): void {
    this.#queues.push(queue);
    this.#connections.push(undefined);
    this.#join(this.#queues.length - 1);
  }

  /** A queue gets out of step. */
  leave(index: number): void {
    this.#connections[index] = undefined;
    this.#apart.push(index);
  }

  /** Has all of them take the run, which has frames, and write it; says whether nobody holds anything any more. */
  flush(run: BroadcastRun): boolean {
    const { block, frames, start } = run;
    const { bytes, end } = block;
    const length = end - start;
    let isAllSent = true;
    for (const index of this.#apart) isAllSent = this.#queues[index].flushRun() && isAllSent;
    // The others have it now, so that whoever falls behind leaves a step that is past it.
    run.startSerial = run.serial;
    this.sentBytes += length;
    this.sentFrames += frames;
    if (length > 0) {
      for (let index = 0; index < this.#connections.length; index++) {
        const connection = this.#connections[index];
        if (connection === undefined || connection.write(bytes, start, length)) continue;
        this.#queues[index].fallBehind(block, start, end, frames);
        isAllSent = false;
      }
    }
    if (this.#apart.length > 0) { for (const index of this.#apart.splice(0)) this.#join(index); }
    return isAllSent;
  }

  #join(index: number): void {
    const connection = this.#queues[index].joinStep(this, index);
    this.#connections[index] = connection;
    if (connection === undefined) this.#apart.push(index);
  }
}

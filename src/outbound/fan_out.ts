// FanOut: writes a batch of broadcasts to all subscribers. For a queue that is empty otherwise, only its connection is touched:
// what was sent is counted once for all of them. Runtime neutral.

import type { Connection } from "../transport/transport.ts";
import type { OutboundBlock } from "./outbound_blocks.ts";

/** A queue that takes broadcasts without a check of its limits. */
export interface Subscriber {
  /** Frames that its peer has not taken. */
  readonly queuedFrames: number;
  /** Writes all that it holds, including what it has not taken of the batch yet. */
  flush(): void;
  /**
   * Joins, if it is empty and there is no `onSend` handler. It may leave at any time.
   *
   * @returns The connection to write the batches to; undefined if the queue must be flushed by itself.
   */
  joinFanOut(fanOut: FanOut, index: number): Connection | undefined;
  /** Leaves, as the write is pending: the frames are on loan to the connection. */
  fallBehind(block: OutboundBlock, start: number, end: number, frames: number): void;
}

/**
 * The subscribers of a batch. With hundreds of them, most user time of a broadcast goes into cache misses on the queues, as the
 * system call of each write evicts them. Not touching the queues avoids these misses (docs/performance.md).
 *
 * Invariant: a queue whose connection is here is empty, and has taken all broadcasts except those of the batch.
 */
export class FanOut {
  /** Bytes sent so far to each connection that has been here from the start. */
  sentBytes = 0;
  /** Frames sent so far to each of those. */
  sentFrames = 0;
  /** Writes to their connections so far. */
  writes = 0;
  readonly #subscribers: Subscriber[] = [];
  readonly #connections: (Connection | undefined)[] = [];
  /** Indexes of the queues that are flushed by themselves. */
  #single: number[] = [];

  /** How many there are. */
  get count(): number {
    return this.#subscribers.length;
  }

  /** Adds a queue. */
  add(subscriber: Subscriber): void {
    this.#connections.push(undefined);
    this.#join(this.#subscribers.push(subscriber) - 1);
  }

  /** A queue is to be flushed by itself. */
  leave(index: number): void {
    this.#connections[index] = undefined;
    this.#single.push(index);
  }

  /** Flushes the queues that are flushed by themselves; says whether they are all empty then. */
  flushSingly(): boolean {
    let isAllSent = true;
    for (const index of this.#single) {
      const subscriber = this.#subscribers[index];
      subscriber.flush();
      isAllSent &&= subscriber.queuedFrames === 0;
    }
    return isAllSent;
  }

  /** Writes the frames of a batch, which count as taken, to the others; says whether no write is pending then. */
  write(block: OutboundBlock, start: number, end: number, frames: number): boolean {
    let isAllSent = true;
    this.sentBytes += end - start;
    this.sentFrames += frames;
    for (let index = 0; end > start && index < this.#connections.length; index++) {
      const connection = this.#connections[index];
      if (connection === undefined) continue;
      this.writes++;
      if (connection.write(block.bytes, start, end - start)) continue;
      this.#subscribers[index].fallBehind(block, start, end, frames);
      isAllSent = false;
    }
    for (const index of this.#single.splice(0)) this.#join(index);
    return isAllSent;
  }

  #join(index: number): void {
    const connection = this.#subscribers[index].joinFanOut(this, index);
    this.#connections[index] = connection;
    if (connection === undefined) this.#single.push(index);
  }
}

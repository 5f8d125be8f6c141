// NodeReads: has one `net.Socket` of Node read into buffers of ours. By itself a socket allocates 64 KiB for each read, then an
// array of what came. Node only.

import type { Delivery } from "./delivery.ts";
import { ReadBuffer, type ReadBufferPool } from "./read_buffer.ts";

/** The option `onread` of `net.Socket`. */
export interface OnRead {
  /** Gives the buffer of the next read; called at first, and after each read. */
  buffer(): Uint8Array;
  /** Bytes came; reading goes on unless it says false. */
  callback(count: number): boolean;
}

/** The reads of one socket. */
export class NodeReads {
  readonly #buffer: ReadBuffer;
  #taker: Delivery | undefined = undefined;

  /** Makes the reads of a socket that is not made yet. */
  constructor(pool: ReadBufferPool) {
    this.#buffer = new ReadBuffer(pool);
  }

  /** What the socket is made with. */
  get onread(): OnRead {
    return { buffer: () => this.#buffer.bytes, callback: (count) => this.#handleRead(count) };
  }

  /** Sets what takes the chunks; the socket must be paused until then. */
  start(taker: Delivery): void {
    this.#taker = taker;
  }

  /** The taker has done with the chunk that was on loan while it was paused, unless it keeps that. */
  endLoan(isKept: boolean): void {
    this.#buffer.endLoan(isKept);
  }

  /** Gives the memory back; the socket must be closed. */
  close(): void {
    this.#buffer.close(false);
  }

  #handleRead(count: number): boolean {
    const buffer = this.#buffer;
    const taker = this.#taker as Delivery; // `start()` comes before the first read.
    if (taker.isDiscarding) {
      taker.handleData(buffer.bytes, count);
      return !taker.isPaused;
    }
    if (!taker.isFlowing) {
      // Read by `probe()`, or after a `resume()` that a `pause()` followed at once: the chunk is copied and held.
      taker.handleData(buffer.bytes.slice(0, count), count);
      return false;
    }
    taker.handleData(buffer.bytes, count);
    // If the handler paused or closed, it may still look at the chunk.
    if (taker.isFlowing && !taker.isDiscarding) buffer.adapt(count, taker.isKept);
    else buffer.adaptLent(count);
    return true;
  }
}

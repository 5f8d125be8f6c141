// The handle that a BufferPool lends: knows its array, its class and whether it is rented. Keeps no counters.
// Runtime neutral.

import { PoolError } from "../errors.ts";
import type { RentedBuffer } from "./rented_buffer.ts";

const EMPTY = new Uint8Array(0);

/** The free buffers of one size and their counters. */
export interface SizeClass {
  /** Bytes of each buffer, 0 for the class that stands for everything larger. */
  readonly bytes: number;
  readonly free: PooledBuffer[];
  hits: number;
  misses: number;
  outstanding: number;
  /** Most buffers kept free; adapts. */
  limit: number;
  /** The fewest free buffers since the last adaptation: this many were not needed. */
  leastFree: number;
  /** Hits and misses at the last adaptation. */
  hitsBefore: number;
  missesBefore: number;
}

/** What a handle needs of its pool. */
export interface BufferOwner {
  /** Takes a handle back. */
  release(rented: RentedBuffer): void;
}

/** A buffer's array with its pool, class and state. Only the pool calls the static methods. */
export class PooledBuffer implements RentedBuffer {
  readonly #pool: BufferOwner;
  readonly #sizeClass: SizeClass;
  readonly #bytes: Uint8Array;
  #isReleased = false;

  constructor(pool: BufferOwner, sizeClass: SizeClass, bytes: Uint8Array) {
    this.#pool = pool;
    this.#sizeClass = sizeClass;
    this.#bytes = bytes;
  }

  /** Marks a handle of `pool` released and gives its class, or refuses it. */
  static close(candidate: RentedBuffer, pool: BufferOwner): SizeClass {
    const isHandle = typeof candidate === "object" && candidate !== null && #pool in candidate;
    if (!isHandle || candidate.#pool !== pool) {
      throw new PoolError(
        "foreign-buffer",
        `Cannot release buffer as it must be rented from this pool: current value is from ${
          isHandle ? "another pool" : "no pool"
        }`,
      );
    }
    if (candidate.#isReleased) {
      throw new PoolError(
        "double-release",
        `Cannot release buffer of ${candidate.#bytes.length} bytes as it must be rented: current value is released`,
      );
    }
    candidate.#isReleased = true;
    return candidate.#sizeClass;
  }

  /** Lends the same handle again. */
  static reopen(handle: PooledBuffer): PooledBuffer {
    handle.#isReleased = false;
    return handle;
  }

  /** Lends the array of a released handle under a new one, so that the old one stays released for ever. */
  static succeed(handle: PooledBuffer): PooledBuffer {
    return new PooledBuffer(handle.#pool, handle.#sizeClass, handle.#bytes);
  }

  get bytes(): Uint8Array {
    return this.#isReleased ? EMPTY : this.#bytes;
  }

  get capacity(): number {
    return this.#bytes.length;
  }

  get isReleased(): boolean {
    return this.#isReleased;
  }

  release(): void {
    this.#pool.release(this);
  }

  [Symbol.dispose](): void {
    if (!this.#isReleased) this.#pool.release(this);
  }
}

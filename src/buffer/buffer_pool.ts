// Buffers of a few size classes, lent out and taken back. Does not zero them, and does not limit how many are out.
// Runtime neutral.

import { MAX_BUFFER_BYTES, requireInteger } from "./check.ts";
import { formatPoolStats } from "./pool_stats.ts";
import { PooledBuffer } from "./pooled_buffer.ts";
import type { BufferPoolStats } from "./pool_stats.ts";
import type { SizeClass } from "./pooled_buffer.ts";
import type { RentedBuffer } from "./rented_buffer.ts";

/** The classes of the original library: from a header alone to a page. */
const DEFAULT_CLASSES: readonly number[] = [16, 128, 256, 1024, 4096];

/** One burst of a well-filled server: more than this many of one size are rarely out and back within a turn. */
const DEFAULT_MAX_FREE_PER_CLASS = 1024;

/** All default classes, each full to the default count, hold 5.4 MiB: the cap matters for larger classes. */
const DEFAULT_MAX_FREE_BYTES = 8 * 1024 * 1024;

/** Powers of two from 1 byte to 1 GiB are 31 classes; twice that leaves room for one between each two. */
const MAX_CLASSES = 64;

/**
 * Sizes and limits of a {@linkcode BufferPool}.
 *
 * @example Classes for frames of up to 64 KiB with their header
 * ```ts
 * import { BufferPool, type BufferPoolOptions } from "@laster/net/buffer";
 * import { assertEquals } from "@std/assert";
 *
 * const options: BufferPoolOptions = { classes: [512, 8192, 65_540], maxFreeBytes: 1_048_576 };
 * using rented = new BufferPool(options).rent(60_000);
 * assertEquals(rented.capacity, 65_540);
 * ```
 */
export interface BufferPoolOptions {
  /**
   * Size classes in bytes, strictly ascending: 1 to 64 integers, each from 1 to 1 GiB.
   *
   * @default {[16, 128, 256, 1024, 4096]}
   */
  readonly classes?: readonly number[];
  /**
   * Most free buffers kept in one class, 0 or more. A buffer released above it is dropped to the garbage collector.
   *
   * @default {1024}
   */
  readonly maxFreePerClass?: number;
  /**
   * Most bytes kept free in all classes together, 0 or more. A buffer released above it is dropped.
   *
   * @default {8388608}
   */
  readonly maxFreeBytes?: number;
  /**
   * Whether a handle is kept with its buffer and lent again, so that renting allocates nothing in the steady state.
   *
   * A handle released twice is then caught only until the next renter has it: a later second release, or the end of a
   * `using` block after an explicit `release()`, takes the buffer from under that renter.
   *
   * @default {false}
   */
  readonly recycleHandles?: boolean;
}

/**
 * Lends buffers of a few size classes and keeps the returned ones for the next renter.
 *
 * A request is served from the smallest class that holds it; one above the largest class gets an array of exactly its
 * size, which is never kept. What is kept free is bounded by count and by bytes. What is out is not: it is bounded by
 * those who rent, and told by `outstanding`. Both calls are O(1) but for a scan of the classes of one binary order, and
 * allocate one handle, or nothing with `recycleHandles`. Buffers are not zeroed.
 *
 * Invariant: `freeBytes` is the sum of the kept buffers' sizes and at most `maxFreeBytes`; each class keeps at most
 * `maxFreePerClass`; a kept handle is released.
 *
 * @example The second renter gets the first one's buffer
 * ```ts
 * import { BufferPool, PoolError } from "@laster/net/buffer";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const pool = new BufferPool({ classes: [64, 512] });
 * const first = pool.rent(40);
 * assertEquals(first.bytes.length, 64);
 * first.release();
 * assertThrows(() => first.release(), PoolError);
 *
 * using second = pool.rent(64);
 * assertEquals(second.capacity, 64);
 * const { hits, misses, outstanding } = pool.stats();
 * assertEquals([hits, misses, outstanding], [1, 1, 1]);
 * ```
 */
export class BufferPool {
  readonly #classes: readonly SizeClass[];
  /** By the bit length of a request, the index of the first class that holds the smallest such request. */
  readonly #firstIndexByBits: Uint8Array;
  readonly #oversize: SizeClass = makeSizeClass(0);
  readonly #maxFreePerClass: number;
  readonly #maxFreeBytes: number;
  readonly #recycleHandles: boolean;
  #outstanding = 0;
  #outstandingBytes = 0;
  #freeBytes = 0;
  #dropped = 0;

  /**
   * Makes a pool that holds nothing yet.
   *
   * @param options Size classes and limits, each with a default.
   * @throws {RangeError} if the classes are not strictly ascending or a number is outside its range.
   */
  constructor(options: BufferPoolOptions = {}) {
    const classes = options.classes ?? DEFAULT_CLASSES;
    const maxFreePerClass = options.maxFreePerClass ?? DEFAULT_MAX_FREE_PER_CLASS;
    const maxFreeBytes = options.maxFreeBytes ?? DEFAULT_MAX_FREE_BYTES;
    requireClasses(classes);
    requireInteger("create BufferPool", "maxFreePerClass", maxFreePerClass, 0, Number.MAX_SAFE_INTEGER);
    requireInteger("create BufferPool", "maxFreeBytes", maxFreeBytes, 0, Number.MAX_SAFE_INTEGER);
    this.#classes = classes.map(makeSizeClass);
    this.#firstIndexByBits = indexClasses(classes);
    this.#maxFreePerClass = maxFreePerClass;
    this.#maxFreeBytes = maxFreeBytes;
    this.#recycleHandles = options.recycleHandles ?? false;
  }

  /** Buffers rented and not yet released, the oversize ones too: 0 when nothing leaks. */
  get outstanding(): number {
    return this.#outstanding;
  }

  /**
   * Lends a buffer of at least `minimumBytes`. The caller owns it until it is released.
   *
   * @param minimumBytes Bytes needed, an integer from 0 to 1 GiB.
   * @returns A handle on the buffer, whose contents are not zeroed.
   * @throws {RangeError} if `minimumBytes` is outside its range, or the runtime has no memory for it.
   */
  rent(minimumBytes: number): RentedBuffer {
    requireInteger("rent buffer", "minimumBytes", minimumBytes, 0, MAX_BUFFER_BYTES);
    const sizeClass = this.#classFor(minimumBytes);
    const kept = sizeClass.free.pop();
    if (kept === undefined) return this.#allocate(sizeClass, minimumBytes);
    sizeClass.hits++;
    this.#freeBytes -= sizeClass.bytes;
    this.#countOut(sizeClass, sizeClass.bytes);
    return this.#recycleHandles ? PooledBuffer.reopen(kept) : PooledBuffer.succeed(kept);
  }

  /**
   * Takes a buffer back and keeps it free, or drops it if that would pass a limit. Same as `rented.release()`.
   *
   * @param rented A handle that this pool lent. Its `bytes` may not be used any more.
   * @throws {PoolError} with code `"double-release"` if it was already released, `"foreign-buffer"` if it is not a
   * handle of this pool. The pool is as before then.
   */
  release(rented: RentedBuffer): void {
    const sizeClass = PooledBuffer.close(rented, this);
    const capacity = rented.capacity;
    sizeClass.outstanding--;
    this.#outstanding--;
    this.#outstandingBytes -= capacity;
    if (sizeClass === this.#oversize) return;
    if (sizeClass.free.length >= this.#maxFreePerClass || this.#freeBytes + capacity > this.#maxFreeBytes) {
      this.#dropped++;
      return;
    }
    this.#freeBytes += capacity;
    // Proven by close(): what it accepts is a PooledBuffer.
    sizeClass.free.push(rented as PooledBuffer);
    this.#checkInvariants();
  }

  /**
   * Drops all free buffers to the garbage collector, as after a burst. Those that are out stay valid.
   *
   * They do not count as `dropped`, which tells of limits that are too low.
   *
   * @returns The bytes that were held free.
   */
  trim(): number {
    const trimmedBytes = this.#freeBytes;
    for (const sizeClass of this.#classes) sizeClass.free.length = 0;
    this.#freeBytes = 0;
    return trimmedBytes;
  }

  /**
   * Takes a snapshot of all counters. O(classes).
   *
   * @returns Counters since the pool was made, and what is free and out now.
   */
  stats(): BufferPoolStats {
    const classes = this.#classes.map(({ bytes, free, hits, misses, outstanding }) => (
      { bytes, free: free.length, hits, misses, outstanding }
    ));
    return {
      hits: classes.reduce((sum, { hits }) => sum + hits, 0),
      misses: classes.reduce((sum, { misses }) => sum + misses, 0),
      oversize: this.#oversize.misses,
      outstanding: this.#outstanding,
      outstandingBytes: this.#outstandingBytes,
      freeBytes: this.#freeBytes,
      dropped: this.#dropped,
      classes,
    };
  }

  /**
   * Writes the counters as a table for a log or a console.
   *
   * @returns Lines of text: one a class, one for oversize buffers, one for the totals.
   */
  dump(): string {
    return formatPoolStats(this.stats(), this.#oversize.outstanding);
  }

  #classFor(minimumBytes: number): SizeClass {
    const classes = this.#classes;
    let index = this.#firstIndexByBits[32 - Math.clz32(minimumBytes)];
    while (index < classes.length && classes[index].bytes < minimumBytes) index++;
    return index < classes.length ? classes[index] : this.#oversize;
  }

  #allocate(sizeClass: SizeClass, minimumBytes: number): RentedBuffer {
    const bytes = new Uint8Array(sizeClass === this.#oversize ? minimumBytes : sizeClass.bytes);
    sizeClass.misses++;
    this.#countOut(sizeClass, bytes.length);
    return new PooledBuffer(this, sizeClass, bytes);
  }

  #countOut(sizeClass: SizeClass, bytes: number): void {
    sizeClass.outstanding++;
    this.#outstanding++;
    this.#outstandingBytes += bytes;
    this.#checkInvariants();
  }

  #checkInvariants(): void {
    const areBytesSound = this.#freeBytes >= 0 && this.#freeBytes <= this.#maxFreeBytes && this.#outstandingBytes >= 0;
    if (areBytesSound && this.#outstanding >= 0) return;
    throw new Error(
      `Cannot use BufferPool as its invariant must hold: current value is ${this.#outstanding} out, ` +
        `${this.#outstandingBytes} bytes out, ${this.#freeBytes} bytes free`,
    );
  }
}

function makeSizeClass(bytes: number): SizeClass {
  return { bytes, free: [], hits: 0, misses: 0, outstanding: 0 };
}

function requireClasses(classes: readonly number[]): void {
  requireInteger("create BufferPool", "classes.length", classes.length, 1, MAX_CLASSES);
  for (let index = 0; index < classes.length; index++) {
    const minimum = index === 0 ? 1 : classes[index - 1] + 1;
    requireInteger("create BufferPool", `classes[${index}]`, classes[index], minimum, MAX_BUFFER_BYTES);
  }
}

function indexClasses(classes: readonly number[]): Uint8Array {
  const firstIndexByBits = new Uint8Array(32);
  for (let bits = 1; bits < firstIndexByBits.length; bits++) {
    const smallest = 2 ** (bits - 1);
    const index = classes.findIndex((bytes) => bytes >= smallest);
    firstIndexByBits[bits] = index === -1 ? classes.length : index;
  }
  return firstIndexByBits;
}

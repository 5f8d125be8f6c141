// Buffers of a few size classes, lent out and taken back. Does not zero them.
// Runtime neutral.

import { orDefault, requireBoolean } from "../options.ts";
import { MAX_BUFFER_BYTES, requireBudget, requireInteger } from "./check.ts";
import { PoolError } from "../errors.ts";
import { formatPoolStats } from "./pool_stats.ts";
import { PooledBuffer } from "./pooled_buffer.ts";
import type { BufferPoolStats } from "./pool_stats.ts";
import type { SizeClass } from "./pooled_buffer.ts";
import { indexClasses, isShort, makeSizeClass, requireClasses } from "./size_classes.ts";
import type { RentedBuffer } from "./rented_buffer.ts";

/** The classes of laster40Net: from a header alone to a page. */
const DEFAULT_CLASSES: readonly number[] = [16, 128, 256, 1024, 4096];

/** One burst of a busy server: rarely are more buffers of one size rented and released within a turn. */
const DEFAULT_MAX_FREE_PER_CLASS = 1024;

/** All default classes, each full to the default count, hold 5.4 MiB: the cap matters for larger classes. */
const DEFAULT_MAX_FREE_BYTES = 8 * 1024 * 1024;

/** Most free buffers of a class at first; doubles while the class has a low hit rate. */
const FIRST_LIMIT = 64;

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
  readonly classes?: readonly number[] | undefined;
  /**
   * Most free buffers kept in one class, 0 or more. Buffers released above it are left to the garbage collector. A class
   * begins with at most 64, and keeps more while its hit rate is below 90 %.
   *
   * @default {1024}
   */
  readonly maxFreePerClass?: number | undefined;
  /**
   * Most bytes kept free in all classes together, 0 or more. A buffer released above it is dropped.
   *
   * @default {8388608}
   */
  readonly maxFreeBytes?: number | undefined;
  /**
   * Most bytes free and rented together, 1 or more: `rent` drops free buffers of other classes to stay below it, and throws
   * when that is not enough.
   *
   * @default {Infinity}
   */
  readonly maxBytes?: number | undefined;
  /**
   * Whether a handle is kept with its buffer and lent again, so that renting allocates nothing in the steady state.
   *
   * A second release of a handle is then detected only until the handle is rented again: after that, a second release, or the
   * end of a `using` block after an explicit `release()`, releases the buffer while the next renter uses it.
   *
   * @default {false}
   */
  readonly recycleHandles?: boolean | undefined;
}

/**
 * Lends buffers of a few size classes and keeps the returned ones for the next renter.
 *
 * A request is served from the smallest class that holds it; one above the largest class gets an array of exactly its
 * size, which is never kept. Free buffers are bounded by count and by bytes, free and rented ones together by `maxBytes`.
 * The count adapts: a class with a low hit rate may keep more, at the cost of classes with unused buffers, and each `adapt()`
 * drops half of the unused ones. `rent` and `release` are O(1), except for a scan of the classes of one power of two, and
 * allocate one handle, or nothing with `recycleHandles`. Buffers are not zeroed.
 *
 * Invariant: `freeBytes` is the sum of the kept buffers' sizes and at most `maxFreeBytes`; each class keeps at most
 * `maxFreePerClass`; free and rented together are at most `maxBytes`, except after `charge()` or a lowered `maxBytes`; a kept
 * handle is released.
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
  readonly #oversize: SizeClass = makeSizeClass(0, 0);
  readonly #maxFreePerClass: number;
  readonly #maxFreeBytes: number;
  #maxBytes: number;
  readonly #recycleHandles: boolean;
  #outstanding = 0;
  #outstandingBytes = 0;
  #freeBytes = 0;
  #dropped = 0;
  /** The part of `maxBytes` of `onPressure()`; `Infinity` without a callback. */
  #pressurePart = Infinity;
  #pressureBytes = Infinity;
  #handlePressure: () => void = () => {};

  /**
   * Makes a pool that holds nothing yet.
   *
   * @param options Size classes and limits, each with a default.
   * @throws {RangeError | TypeError} if an option is wrong: the classes must be strictly ascending.
   */
  constructor(options: BufferPoolOptions = {}) {
    const classes = orDefault(options.classes, DEFAULT_CLASSES);
    const maxFreePerClass = orDefault(options.maxFreePerClass, DEFAULT_MAX_FREE_PER_CLASS);
    const maxFreeBytes = orDefault(options.maxFreeBytes, DEFAULT_MAX_FREE_BYTES);
    requireClasses(classes);
    requireInteger("create BufferPool", "maxFreePerClass", maxFreePerClass, 0, Number.MAX_SAFE_INTEGER);
    requireInteger("create BufferPool", "maxFreeBytes", maxFreeBytes, 0, Number.MAX_SAFE_INTEGER);
    const maxBytes = orDefault(options.maxBytes, Infinity);
    requireBudget("create BufferPool", "maxBytes", maxBytes);
    this.#maxBytes = maxBytes;
    this.#classes = classes.map((bytes) => makeSizeClass(bytes, Math.min(FIRST_LIMIT, maxFreePerClass)));
    this.#firstIndexByBits = indexClasses(classes);
    this.#maxFreePerClass = maxFreePerClass;
    this.#maxFreeBytes = maxFreeBytes;
    this.#recycleHandles = orDefault(options.recycleHandles, false);
    requireBoolean("create BufferPool", "recycleHandles", this.#recycleHandles);
  }

  /** Buffers rented and not yet released, including oversize ones: 0 when nothing leaks. */
  get outstanding(): number {
    return this.#outstanding;
  }

  /** Bytes of those, plus the bytes of `charge()`. */
  get outstandingBytes(): number {
    return this.#outstandingBytes;
  }

  /** Most bytes free and rented together. */
  get maxBytes(): number {
    return this.#maxBytes;
  }

  /**
   * Changes `maxBytes`. Rented buffers stay valid; while they exceed the new budget, `rent` throws. Free buffers above it are
   * dropped, which does not count as `dropped`. O(classes and buffers dropped).
   *
   * @param maxBytes Bytes, an integer of 1 or more, or `Infinity`.
   * @throws {RangeError} if `maxBytes` is outside its range.
   */
  setMaxBytes(maxBytes: number): void {
    requireBudget("change BufferPool", "maxBytes", maxBytes);
    this.#maxBytes = maxBytes;
    this.#pressureBytes = this.#pressurePart * maxBytes;
    this.#shrinkFree(Math.max(0, maxBytes - this.#outstandingBytes));
    this.charge(0);
  }

  /**
   * Counts memory outside the pool as rented, so that `maxBytes` bounds both. May exceed `maxBytes`.
   *
   * @param bytes Bytes to add, or to subtract if negative.
   */
  charge(bytes: number): void {
    this.#outstandingBytes += bytes;
    if (this.#outstandingBytes > this.#pressureBytes) this.#handlePressure();
  }

  /**
   * Sets a function that is called by each `rent`, `charge` and `setMaxBytes` while more than a part of `maxBytes` is rented.
   *
   * @param part The part, above 0 and up to 1.
   * @param callback Must not rent, nor throw.
   */
  onPressure(part: number, callback: () => void): void {
    this.#pressurePart = part;
    this.#pressureBytes = part * this.#maxBytes;
    this.#handlePressure = callback;
  }

  /**
   * Lends a buffer of at least `minimumBytes`. The caller owns it until it is released.
   *
   * @param minimumBytes Bytes needed, an integer from 0 to 1 GiB.
   * @returns A handle on the buffer, whose contents are not zeroed.
   * @throws {RangeError} if `minimumBytes` is outside its range, or the runtime has no memory for it.
   * @throws {PoolError} with code `"over-budget"` if `maxBytes` would be exceeded.
   */
  rent(minimumBytes: number): RentedBuffer {
    requireInteger("rent buffer", "minimumBytes", minimumBytes, 0, MAX_BUFFER_BYTES);
    const sizeClass = this.#classFor(minimumBytes);
    const kept = sizeClass.free.pop();
    if (kept === undefined) return this.#allocate(sizeClass, minimumBytes);
    sizeClass.hits++;
    if (sizeClass.free.length < sizeClass.leastFree) sizeClass.leastFree = sizeClass.free.length;
    this.#freeBytes -= sizeClass.bytes;
    this.#countOut(sizeClass, sizeClass.bytes);
    return this.#recycleHandles ? PooledBuffer.reopen(kept) : PooledBuffer.succeed(kept);
  }

  /**
   * Takes a buffer back and keeps it free, or drops it if that would exceed a limit. Same as `rented.release()`.
   *
   * @param rented A handle that this pool lent. Its `bytes` may not be used any more.
   * @throws {PoolError} with code `"double-release"` if it was already released, `"foreign-buffer"` if it is not a
   * handle of this pool. The pool is unchanged then.
   */
  release(rented: RentedBuffer): void {
    const sizeClass = PooledBuffer.close(rented, this);
    const capacity = rented.capacity;
    sizeClass.outstanding--;
    this.#outstanding--;
    this.#outstandingBytes -= capacity;
    if (sizeClass === this.#oversize) return;
    if (!this.#isWanted(sizeClass)) {
      this.#dropped++;
      return;
    }
    this.#freeBytes += capacity;
    // Proven by close(): what it accepts is a PooledBuffer.
    sizeClass.free.push(rented as PooledBuffer);
    this.#checkInvariants();
  }

  /**
   * Leaves all free buffers to the garbage collector, for example after a burst. Rented buffers stay valid.
   *
   * They do not count as `dropped`, which indicates limits that are too low.
   *
   * @returns The bytes that were free.
   */
  trim(): number {
    const trimmedBytes = this.#freeBytes;
    for (const sizeClass of this.#classes) sizeClass.free.length = sizeClass.leastFree = 0;
    this.#freeBytes = 0;
    return trimmedBytes;
  }

  /**
   * Drops half of the free buffers of each class that were not needed since the last call, and lowers the limits of such
   * classes. If called every few seconds, the buffers of a burst are gone within a minute. O(classes and buffers dropped).
   *
   * @returns The bytes dropped. They do not count as `dropped`.
   */
  adapt(): number {
    const before = this.#freeBytes;
    for (const sizeClass of this.#classes) {
      const { free, leastFree, hits, misses } = sizeClass;
      this.#dropFree(sizeClass, Math.ceil(leastFree / 2));
      const leastLimit = Math.max(FIRST_LIMIT, free.length + sizeClass.outstanding);
      if (leastFree > 0) sizeClass.limit = Math.min(sizeClass.limit, leastLimit);
      sizeClass.leastFree = free.length;
      sizeClass.hitsBefore = hits;
      sizeClass.missesBefore = misses;
    }
    return before - this.#freeBytes;
  }

  /**
   * Says whether the budget has room for a `rent`.
   *
   * @param minimumBytes Bytes needed.
   */
  canRent(minimumBytes: number): boolean {
    const sizeClass = this.#classFor(minimumBytes);
    const bytes = sizeClass === this.#oversize ? minimumBytes : sizeClass.bytes;
    return sizeClass.free.length > 0 || this.#outstandingBytes + bytes <= this.#maxBytes;
  }

  /**
   * Takes a snapshot of all counters. O(classes).
   *
   * @returns Counters since the pool was made, and the buffers free and rented now.
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
      maxBytes: this.#maxBytes,
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
    const size = sizeClass === this.#oversize ? minimumBytes : sizeClass.bytes;
    if (this.#outstandingBytes + this.#freeBytes + size > this.#maxBytes) this.#makeRoom(size);
    const bytes = new Uint8Array(size);
    sizeClass.misses++;
    this.#countOut(sizeClass, bytes.length);
    return new PooledBuffer(this, sizeClass, bytes);
  }

  /** Drops free buffers until the budget has room for `bytes` more. */
  #makeRoom(bytes: number): void {
    const wanted = this.#maxBytes - bytes - this.#outstandingBytes;
    if (wanted < 0) {
      throw new PoolError(
        "over-budget",
        `Cannot rent buffer of ${bytes} bytes as free and out are at most ${this.#maxBytes} bytes: ` +
          `current value is ${this.#outstandingBytes} out`,
      );
    }
    this.#shrinkFree(wanted);
  }

  /** Drops free buffers, the largest first, until no more than `bytes` are free. */
  #shrinkFree(bytes: number): void {
    for (let index = this.#classes.length - 1; index >= 0 && this.#freeBytes > bytes; index--) {
      const sizeClass = this.#classes[index];
      this.#dropFree(sizeClass, Math.ceil((this.#freeBytes - bytes) / sizeClass.bytes));
    }
  }

  /** Leaves up to `count` free buffers to the garbage collector. */
  #dropFree(sizeClass: SizeClass, count: number): void {
    const dropped = Math.min(count, sizeClass.free.length);
    sizeClass.free.length -= dropped;
    sizeClass.leastFree = Math.min(sizeClass.leastFree, sizeClass.free.length);
    this.#freeBytes -= dropped * sizeClass.bytes;
  }

  /** Whether to keep a buffer that comes back. For a class with a low hit rate, drops unused buffers of another class. */
  #isWanted(sizeClass: SizeClass): boolean {
    if (this.#outstandingBytes + this.#freeBytes + sizeClass.bytes > this.#maxBytes) return false;
    if (sizeClass.free.length >= sizeClass.limit) {
      if (sizeClass.limit >= this.#maxFreePerClass || !isShort(sizeClass)) return false;
      sizeClass.limit = Math.min(2 * sizeClass.limit, this.#maxFreePerClass);
    }
    const overBytes = this.#freeBytes + sizeClass.bytes - this.#maxFreeBytes;
    if (overBytes <= 0) return true;
    if (!isShort(sizeClass)) return false;
    for (const other of this.#classes) {
      if (other === sizeClass || other.leastFree * other.bytes < overBytes) continue;
      this.#dropFree(other, Math.ceil(overBytes / other.bytes));
      return true;
    }
    return false;
  }

  #countOut(sizeClass: SizeClass, bytes: number): void {
    sizeClass.outstanding++;
    this.#outstanding++;
    this.#outstandingBytes += bytes;
    if (this.#outstandingBytes > this.#pressureBytes) this.#handlePressure();
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

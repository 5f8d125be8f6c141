// A bounded first-in, first-out queue of bytes over a store that doubles up to a limit. Knows nothing of frames.
// Runtime neutral.

import { describeValue, orDefault } from "../options.ts";
import { MAX_BUFFER_BYTES, requireInteger, requireRange } from "./check.ts";
import { copyBytes } from "./copy_bytes.ts";

/** One or two small frames: an almost idle ring stays small, and six doublings reach the default limit. */
const DEFAULT_INITIAL_BYTES = 1024;

/** The default payload limit of the codecs and of laster40Net. */
const DEFAULT_MAX_BYTES = 65_536;

const EMPTY = new Uint8Array(0);

/**
 * Sizes of a {@linkcode RingBuffer}.
 *
 * @example A ring that never grows
 * ```ts
 * import { RingBuffer, type RingBufferOptions } from "@laster/net/buffer";
 * import { assertEquals } from "@std/assert";
 *
 * const options: RingBufferOptions = { initialBytes: 8, maxBytes: 8 };
 * assertEquals(new RingBuffer(options).write(new Uint8Array(10)), 8);
 * ```
 */
export interface RingBufferOptions {
  /**
   * Bytes of the first store, a power of two from 1 to `maxBytes`.
   *
   * @default {1024} or `maxBytes` if that is less
   */
  readonly initialBytes?: number | undefined;
  /**
   * Most bytes held at once, a power of two up to 1 GiB.
   *
   * @default {65536} or `initialBytes` if that is more
   */
  readonly maxBytes?: number | undefined;
}

/**
 * A byte queue over a ring: bytes come out in the order they went in, and reads and writes do not move the other bytes.
 *
 * The store doubles when a write needs it, up to `maxBytes`, and never shrinks; at the limit `write()` takes what fits
 * and returns how much that was. Writing and reading copy the bytes; `peek()` does not, but allocates its views. The other
 * methods allocate nothing in the steady state, except for views when a range longer than 16 bytes is copied.
 *
 * ```text
 * capacity 8, head 6, count 5        store   3 4 5 . . . 1 2
 *                                                  ^     ^ head
 *                                                  (head + count) & 7
 * ```
 *
 * Invariant: `capacity` is a power of two, `0 <= head < capacity`, `0 <= count <= capacity <= maxBytes`; the bytes held
 * are those at `(head + i) & (capacity - 1)` for `0 <= i < count`.
 *
 * @example Queue bytes and take them out in parts
 * ```ts
 * import { RingBuffer } from "@laster/net/buffer";
 * import { assertEquals } from "@std/assert";
 *
 * const ring = new RingBuffer({ initialBytes: 4, maxBytes: 8 });
 * assertEquals(ring.write(Uint8Array.of(1, 2, 3, 4, 5)), 5);
 * const firstThree = new Uint8Array(3);
 * assertEquals(ring.read(firstThree), 3);
 * assertEquals([...firstThree], [1, 2, 3]);
 * assertEquals([ring.count, ring.capacity, ring.free], [2, 8, 6]);
 * ```
 */
export class RingBuffer {
  readonly #maxBytes: number;
  #store: Uint8Array;
  #head = 0;
  #count = 0;

  /**
   * Makes an empty ring and its first store.
   *
   * @param options Sizes, each with a default.
   * @throws {RangeError} if a size is not a power of two in its range.
   */
  constructor(options: RingBufferOptions = {}) {
    const { initialBytes, maxBytes } = resolveSizes(options);
    this.#maxBytes = maxBytes;
    this.#store = new Uint8Array(initialBytes);
  }

  /** Bytes held. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of the present store, a power of two. */
  get capacity(): number {
    return this.#store.length;
  }

  /** Bytes `write()` would still take, growing to `maxBytes` if need be. */
  get free(): number {
    return this.#maxBytes - this.#count;
  }

  /**
   * Appends bytes, as many as fit under `maxBytes`, growing the store if need be.
   *
   * The bytes are copied: `bytes` stays the caller's. Offset and length are parameters of their own so that a part of a
   * chunk goes in without a view of it.
   *
   * @param bytes Array to take from. Must not be a view that `peek()` gave.
   * @param offset First index to take.
   * @param length Bytes to take, by default up to the end.
   * @returns How many bytes were accepted, from 0 to `length`, counted from `offset`.
   * @throws {RangeError} if the range does not lie inside `bytes`.
   */
  write(bytes: Uint8Array, offset: number = 0, length: number = bytes.length - offset): number {
    requireRange("write to RingBuffer", bytes, offset, length);
    const accepted = Math.min(length, this.#maxBytes - this.#count);
    if (this.#count + accepted > this.#store.length) this.#grow(this.#count + accepted);
    const store = this.#store;
    const tail = (this.#head + this.#count) & (store.length - 1);
    const untilEnd = Math.min(accepted, store.length - tail);
    copyBytes(bytes, offset, store, tail, untilEnd);
    copyBytes(bytes, offset + untilEnd, store, 0, accepted - untilEnd);
    this.#count += accepted;
    this.#checkInvariants();
    return accepted;
  }

  /**
   * Gives the oldest bytes as two views without copying or removing them.
   *
   * The views alias the store: they are valid until the next `write()`, `read()`, `discard()` or `clear()`.
   *
   * @param maxBytes Most bytes wanted, by default all.
   * @returns The bytes up to the end of the store, then those that wrapped to its start (empty when none did).
   * @throws {RangeError} if `maxBytes` is not an integer of at least 0.
   */
  peek(maxBytes: number = this.#count): readonly [first: Uint8Array, second: Uint8Array] {
    requireInteger("peek into RingBuffer", "maxBytes", maxBytes, 0, Number.MAX_SAFE_INTEGER);
    const wanted = Math.min(maxBytes, this.#count);
    const end = this.#head + wanted;
    const store = this.#store;
    if (end <= store.length) return [store.subarray(this.#head, end), EMPTY];
    return [store.subarray(this.#head), store.subarray(0, end - store.length)];
  }

  /**
   * Moves the oldest bytes into `into`, as many as are held and fit.
   *
   * @param into Array to fill from index 0. Must not be a view that `peek()` gave.
   * @returns How many bytes were moved.
   */
  read(into: Uint8Array): number {
    const moved = Math.min(into.length, this.#count);
    this.#copyOut(into, moved);
    this.#drop(moved);
    return moved;
  }

  /**
   * Removes the oldest bytes, as after a `peek()`.
   *
   * @param byteCount Bytes to remove.
   * @throws {RangeError} if `byteCount` is not an integer from 0 to `count`.
   */
  discard(byteCount: number): void {
    requireInteger("discard from RingBuffer", "byteCount", byteCount, 0, this.#count);
    this.#drop(byteCount);
  }

  /** Removes all bytes and keeps the store, whose contents are not zeroed. */
  clear(): void {
    this.#drop(this.#count);
  }

  #drop(byteCount: number): void {
    this.#count -= byteCount;
    // An empty ring starts again at 0, so that what comes next lies in one piece.
    this.#head = this.#count === 0 ? 0 : (this.#head + byteCount) & (this.#store.length - 1);
    this.#checkInvariants();
  }

  #copyOut(target: Uint8Array, byteCount: number): void {
    const untilEnd = Math.min(byteCount, this.#store.length - this.#head);
    copyBytes(this.#store, this.#head, target, 0, untilEnd);
    copyBytes(this.#store, 0, target, untilEnd, byteCount - untilEnd);
  }

  #grow(neededBytes: number): void {
    let capacity = this.#store.length;
    while (capacity < neededBytes) capacity *= 2;
    const store = new Uint8Array(capacity);
    this.#copyOut(store, this.#count);
    this.#store = store;
    this.#head = 0;
  }

  #checkInvariants(): void {
    const capacity = this.#store.length;
    const isSound = this.#head >= 0 && this.#head < capacity && this.#count >= 0 && this.#count <= capacity &&
      capacity <= this.#maxBytes && (capacity & (capacity - 1)) === 0;
    if (isSound) return;
    throw new Error(
      `Cannot use RingBuffer as its invariant must hold: current value is head ${this.#head}, ` +
        `count ${this.#count}, capacity ${capacity}, maxBytes ${this.#maxBytes}`,
    );
  }
}

function resolveSizes(options: RingBufferOptions): Required<RingBufferOptions> {
  // Values that are not numbers are refused below.
  const leastBytes = typeof options.initialBytes === "number" ? options.initialBytes : 0;
  const maxBytes = orDefault(options.maxBytes, Math.max(DEFAULT_MAX_BYTES, leastBytes));
  requirePowerOfTwo("maxBytes", maxBytes, MAX_BUFFER_BYTES);
  const initialBytes = orDefault(options.initialBytes, Math.min(DEFAULT_INITIAL_BYTES, maxBytes));
  requirePowerOfTwo("initialBytes", initialBytes, maxBytes);
  return { initialBytes, maxBytes };
}

function requirePowerOfTwo(name: string, value: number, maximum: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= maximum && (value & (value - 1)) === 0) return;
  throw new RangeError(
    `Cannot create RingBuffer as ${name} must be a power of two from 1 to ${maximum}: current value is ${
      describeValue(value)
    }`,
  );
}

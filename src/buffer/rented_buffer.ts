// The public face of a pooled buffer: what a renter may do with it. The handle itself is private to its pool.
// Runtime neutral.

/**
 * A buffer on loan from a {@linkcode BufferPool}. Whoever rents it releases it once, or hands that duty on.
 *
 * @example Release at the end of a block, whatever happens in it
 * ```ts
 * import { BufferPool, type RentedBuffer } from "@laster/net/buffer";
 * import { assertEquals } from "@std/assert";
 *
 * const pool = new BufferPool();
 * let rented: RentedBuffer;
 * {
 *   using block = pool.rent(100);
 *   rented = block;
 *   assertEquals([block.capacity, pool.outstanding], [128, 1]);
 * }
 * assertEquals([rented.isReleased, pool.outstanding], [true, 0]);
 * ```
 */
export interface RentedBuffer {
  /**
   * The whole capacity, not only what was asked for. Not zeroed: what the last renter wrote is still there.
   *
   * Empty after the release, so that a late user of the handle does not reach the next renter's bytes; a view taken
   * before still does.
   */
  readonly bytes: Uint8Array;
  /** Bytes of the size class, or what was asked for if that is above the largest class. */
  readonly capacity: number;
  /** Whether the buffer went back to its pool. */
  readonly isReleased: boolean;
  /**
   * Gives the buffer back to its pool.
   *
   * @throws {PoolError} with code `"double-release"` if that was already done.
   */
  release(): void;
  /** Gives the buffer back unless that was already done: the end of a `using` block. Never throws. */
  [Symbol.dispose](): void;
}

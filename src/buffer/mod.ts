/**
 * Buffers for code that moves many bytes: pooled, bounded, and read and written with few copies.
 *
 * | export | for |
 * |---|---|
 * | {@linkcode BufferPool} | blocks of a few sizes, lent out and taken back |
 * | {@linkcode SlabAllocator} | blocks of one size, cut from large arrays |
 * | {@linkcode RingBuffer} | a bounded queue of bytes |
 * | {@linkcode ByteReader}, {@linkcode ByteWriter} | numbers and strings in a message |
 *
 * Every structure has a limit and documents what happens there. A buffer given back twice, or to the wrong place, is refused
 * with a {@linkcode PoolError}. Memory is not zeroed, and views are valid only as long as their documentation says.
 *
 * @example Write a message into a pooled buffer and read it back
 * ```ts
 * import { BufferPool, ByteReader, ByteWriter } from "@laster/net/buffer";
 * import { assertEquals } from "@std/assert";
 *
 * const pool = new BufferPool();
 * {
 *   using rented = pool.rent(64);
 *   const writer = new ByteWriter(rented.bytes);
 *   writer.writeUint16LE(7);
 *   writer.writeString("hello", "uint8");
 *
 *   const reader = new ByteReader(writer.written);
 *   assertEquals(reader.readUint16LE(), 7);
 *   assertEquals(reader.readString("uint8"), "hello");
 * }
 * assertEquals(pool.outstanding, 0);
 * ```
 *
 * @module
 */

export { PoolError } from "../errors.ts";
export { BufferPool } from "./buffer_pool.ts";
export { ByteReader } from "./byte_reader.ts";
export { ByteWriter } from "./byte_writer.ts";
export { RingBuffer } from "./ring_buffer.ts";
export { SlabAllocator } from "./slab_allocator.ts";
export type { PoolErrorCode } from "../errors.ts";
export type { BufferPoolOptions } from "./buffer_pool.ts";
export type { ByteWriterOptions } from "./byte_writer_options.ts";
export type { LengthPrefix } from "./length_prefix.ts";
export type { BufferClassStats, BufferPoolStats } from "./pool_stats.ts";
export type { RentedBuffer } from "./rented_buffer.ts";
export type { RingBufferOptions } from "./ring_buffer.ts";
export type { SlabAllocatorOptions, SlabAllocatorStats } from "./slab_allocator.ts";
export type { Slot } from "./slot.ts";

// FrameCutter: feeds the chunks of one stream to a decoder, frame by frame, and keeps an unfinished frame in pooled
// memory. Frames that lie whole in a chunk are not copied. FrameReader is its public face, and Inbox extends it. Runtime
// neutral.

import { describeValue } from "../options.ts";
import type { BufferPool } from "../buffer/buffer_pool.ts";
import type { RentedBuffer } from "../buffer/rented_buffer.ts";
import { copyBytes, forgetSource } from "../buffer/copy_bytes.ts";
import { FrameError } from "../errors.ts";
import { Frame, type FrameDecoder } from "./codec.ts";

/** Bytes first collected of a frame of unknown size: past the header of most length-prefixed codecs. */
const FIRST_LOOK_BYTES = 32;
/** A chunk above this is released by `copyBytes` at once, a smaller one with the next copy. */
const SMALL_CHUNK_BYTES = 8_192;
/**
 * First size of the memory for an unfinished frame; it then grows to twice what has come. It does not follow the length in
 * the header, so a peer cannot claim memory without sending the bytes.
 */
const FIRST_TAIL_BYTES = 4_096;
const EMPTY = new Uint8Array(0);

/**
 * Cuts the chunks of one stream into frames, with the contract of `FrameReader`. Only this class and `Inbox` may use the
 * fields. They are not `#` fields, as JavaScriptCore does not inline a method that uses five of those.
 *
 * Invariant: `tail` keeps bytes only of an unfinished frame, or of the frame handed out last, and at most `maxFrameBytes`.
 */
export class FrameCutter {
  // Fields that each chunk touches come first, to share cache lines: with thousands of readers, cache misses dominate.
  /** The record for the result of `next()`. */
  readonly frame: Frame;
  decoder: FrameDecoder;
  chunk: Uint8Array | undefined = undefined;
  position = 0;
  end = 0;
  tail: RentedBuffer | undefined = undefined;
  readonly pool: BufferPool;
  tailBytes = 0;
  /** The bytes that the frame in the tail takes, 0 if not known. */
  needBytes = 0;
  /** Whether the tail holds the frame that was handed out last, and is to be released. */
  isTailSpent = false;

  /**
   * Makes the reader of one stream.
   *
   * @param decoder The stream's decoder.
   * @param pool Where the tail's memory comes from.
   * @param frame The record to use. Readers may share one if each result is used before the next call on any of them.
   */
  constructor(decoder: FrameDecoder, pool: BufferPool, frame: Frame = new Frame()) {
    this.decoder = decoder;
    this.pool = pool;
    this.frame = frame;
  }

  /** Whether a frame is unfinished. Valid only after `next()` has returned false. */
  get isInsideFrame(): boolean {
    return this.tail !== undefined && !this.isTailSpent;
  }

  /** Whether bytes of the chunk are still to be cut. */
  get hasInput(): boolean {
    return this.position < this.end;
  }

  /**
   * Takes the next chunk, on loan until `next()` returns false. The chunk before must be used up, except for the rest that
   * `switchDecoder` left.
   *
   * @param buffer An array that starts with the chunk.
   * @param length How long the chunk is, in bytes.
   */
  feed(buffer: Uint8Array, length: number): void {
    if (this.hasInput) return this.#joinRest(buffer, length);
    this.chunk = buffer;
    this.position = 0;
    this.end = length;
  }

  /**
   * Cuts the next frame.
   *
   * @returns Whether `frame` holds one; false once the chunk is used up.
   * @throws {FrameError} if the bytes are ill-formed.
   * @throws {PoolError} `"over-budget"` if the pool has no memory left for an unfinished frame.
   */
  next(): boolean {
    const { position, end, frame } = this;
    if (position >= end || this.tail !== undefined) return this.#nextAround();
    const chunk = this.chunk as Uint8Array; // There is input.
    frame.needBytes = 0;
    const used = this.decoder.decode(chunk, position, end, frame);
    if (used <= 0 || (used | 0) !== used || used > end - position) return this.#nextWithout(chunk, used);
    this.position = position + used;
    return true;
  }

  /** `next()` when there is a tail, or nothing is left of the chunk. */
  #nextAround(): boolean {
    if (this.tail !== undefined) {
      if (!this.isTailSpent) return this.#nextFromTail();
      this.#dropTail();
      if (this.hasInput) return this.next();
    }
    return this.#endChunk();
  }

  /** `next()` when the decoder found no whole frame in the chunk. */
  #nextWithout(chunk: Uint8Array, used: number): boolean {
    if (used !== 0) refuseUsed(used, 1, this.end - this.position);
    this.#keepTail(chunk, this.position, this.end);
    return this.#endChunk();
  }

  /**
   * Switches to another decoder. It decodes an unfinished frame from its start again, at the next call of `next()`; a `feed()`
   * before that appends to it.
   *
   * @param decoder The other decoder.
   */
  switchDecoder(decoder: FrameDecoder): void {
    this.decoder = decoder;
    if (!this.isInsideFrame) return;
    const tail = this.tail as RentedBuffer; // `isInsideFrame` says so.
    const begun = new Uint8Array(this.tailBytes);
    copyBytes(tail.bytes, 0, begun, 0, begun.length);
    this.#dropTail();
    const rest = this.chunk?.subarray(this.position, this.end);
    this.position = this.end = 0;
    this.feed(begun, begun.length);
    if (rest !== undefined && rest.length > 0) this.feed(rest, rest.length);
  }

  /** Takes the memory of the frame that was handed out last out of use, if that is not the chunk's; the caller releases it. */
  takeSpentTail(): RentedBuffer | undefined {
    const tail = this.isTailSpent ? this.tail : undefined;
    if (tail === undefined) return undefined;
    this.tail = undefined;
    this.#dropTail();
    return tail;
  }

  /** Ends the use of the frame that was handed out last: releases its memory. */
  endFrame(): void {
    if (this.isTailSpent) this.#dropTail();
  }

  /** Gives the memory back. The reader takes no more after this. */
  close(): void {
    if (this.tail !== undefined) this.#dropTail();
    this.#endChunk();
    this.position = this.end = 0;
  }

  /** Releases the chunk: one that is still referenced during the next chunk would be promoted by the garbage collector. */
  #endChunk(): false {
    this.chunk = undefined;
    this.frame.buffer = EMPTY;
    if (this.end > SMALL_CHUNK_BYTES) forgetSource();
    return false;
  }

  /** Appends a chunk to the rest of the one before. */
  #joinRest(buffer: Uint8Array, length: number): void {
    const before = this.chunk as Uint8Array; // There is input.
    const rest = this.end - this.position;
    const joined = new Uint8Array(rest + length);
    copyBytes(before, this.position, joined, 0, rest);
    copyBytes(buffer, 0, joined, rest, length);
    this.chunk = joined;
    this.position = 0;
    this.end = joined.length;
  }

  #nextFromTail(): boolean {
    while (this.position < this.end) {
      const before = this.tailBytes;
      this.#append();
      const count = this.tailBytes;
      // Not before the frame is whole: otherwise a large frame would be decoded again for every chunk.
      if (count < this.needBytes) break;
      // The tail is set while this method runs: only `next()` and `close()` drop it.
      const tail = this.tail as RentedBuffer;
      this.frame.needBytes = 0;
      const used = this.decoder.decode(tail.bytes, 0, count, this.frame);
      if (used > before && used <= count && Number.isInteger(used)) {
        // Bytes appended beyond the frame are read again from the chunk.
        this.position -= count - used;
        this.isTailSpent = true;
        return true;
      }
      if (used !== 0) refuseUsed(used, before + 1, count);
      this.needBytes = this.#checkNeed(count);
    }
    return this.#endChunk();
  }

  /** Moves bytes from the chunk to the tail: up to the frame's size, or up to twice as many if that is not known. */
  #append(): void {
    const target = this.needBytes > this.tailBytes
      ? this.needBytes
      : Math.min(this.decoder.maxFrameBytes, Math.max(FIRST_LOOK_BYTES, 2 * this.tailBytes));
    const count = Math.min(target - this.tailBytes, this.end - this.position);
    this.#reserve(this.tailBytes + count, this.needBytes > 0 ? this.needBytes : this.decoder.maxFrameBytes);
    const tail = this.tail as RentedBuffer; // As in #nextFromTail.
    copyBytes(this.chunk as Uint8Array, this.position, tail.bytes, this.tailBytes, count);
    this.tailBytes += count;
    this.position += count;
  }

  #keepTail(chunk: Uint8Array, start: number, end: number): void {
    const count = end - start;
    this.needBytes = this.#checkNeed(count);
    this.tail = this.pool.rent(Math.max(count, Math.min(this.needBytes, Math.max(FIRST_TAIL_BYTES, 2 * count))));
    copyBytes(chunk, start, this.tail.bytes, 0, count);
    this.tailBytes = count;
    this.position = end;
  }

  /** Makes room for `bytes` in the tail; doubles it up to `mostBytes`, so that it is seldom copied. */
  #reserve(bytes: number, mostBytes: number): void {
    const tail = this.tail as RentedBuffer; // As in #nextFromTail.
    if (bytes <= tail.bytes.length) return;
    const leastBytes = this.needBytes > 0 ? FIRST_TAIL_BYTES : 0;
    const larger = this.pool.rent(Math.max(bytes, Math.min(mostBytes, Math.max(leastBytes, 2 * tail.bytes.length))));
    copyBytes(tail.bytes, 0, larger.bytes, 0, this.tailBytes);
    tail.release();
    this.tail = larger;
  }

  #dropTail(): void {
    this.tail?.release();
    this.tail = undefined;
    this.tailBytes = 0;
    this.needBytes = 0;
    this.isTailSpent = false;
  }

  /** Checks the `needBytes` of a decoder for which `count` bytes were not enough; 0 if it gives no larger size. */
  #checkNeed(count: number): number {
    const limit = this.decoder.maxFrameBytes;
    const need = this.frame.needBytes;
    if (count >= limit || need > limit) {
      throw new FrameError(
        "too-large",
        `Cannot decode frame as it takes at most ${limit} bytes: current value is ${Math.max(count, need)} or more`,
      );
    }
    if (need < 0 || !Number.isInteger(need)) {
      throw new FrameError(
        "codec-fault",
        `Cannot decode frame as the decoder must need 0 or more bytes: current value is ${describeValue(need)}`,
      );
    }
    return need > count ? need : 0;
  }
}

function refuseUsed(used: number, least: number, most: number): never {
  throw new FrameError(
    "codec-fault",
    `Cannot decode frame as the decoder must use ${least} to ${most} bytes, or 0: current value is ${
      describeValue(used)
    }`,
  );
}

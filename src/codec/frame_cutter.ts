// FrameCutter: feeds the chunks of one stream to a decoder, frame by frame, and keeps an unfinished frame in pooled
// memory for as long as there is one. Frames that lie whole in a chunk are not copied. FrameReader is its public face, and
// Inbox extends it. Runtime neutral.

import { describeValue } from "../options.ts";
import type { BufferPool } from "../buffer/buffer_pool.ts";
import type { RentedBuffer } from "../buffer/rented_buffer.ts";
import { copyBytes, forgetSource } from "../buffer/copy_bytes.ts";
import { FrameError } from "../errors.ts";
import { Frame, type FrameDecoder } from "./codec.ts";

/** How far the first look into a frame of unknown size goes: past the header of any length-prefixed codec. */
const FIRST_LOOK_BYTES = 32;
/** A chunk above this is worth letting go of at once; of a smaller one the next copy will do. */
const SMALL_CHUNK_BYTES = 8_192;
/**
 * What the tail of a frame takes at first, and then twice what has come: as the frame arrives, and not as its header announces
 * it, so that a peer has to send what it has memory taken for.
 */
const FIRST_TAIL_BYTES = 4_096;
const EMPTY = new Uint8Array(0);

/**
 * Cuts the chunks of one stream into frames. What `FrameReader` promises holds for it; its fields are for it and `Inbox`
 * alone. They are no private ones, for a method with five of those is too large for JavaScriptCore to inline.
 *
 * Invariant: bytes are kept (`tail`) only of a frame that is not finished, and never more than `maxFrameBytes`.
 */
export class FrameCutter {
  // What each chunk touches comes first: with thousands of readers the time goes into fetching their memory.
  /** Where `next()` says what it found. */
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
  /** Whether the tail holds the frame that was handed out last, and is due to go back. */
  isTailSpent = false;

  /**
   * Makes the reader of one stream.
   *
   * @param decoder The stream's decoder.
   * @param pool Where the tail's memory comes from.
   * @param frame The record to use; one may serve many readers, as it is read before anything else is decoded.
   */
  constructor(decoder: FrameDecoder, pool: BufferPool, frame: Frame = new Frame()) {
    this.decoder = decoder;
    this.pool = pool;
    this.frame = frame;
  }

  /** Whether a frame has begun that is not finished. Means something once `next()` said false. */
  get isInsideFrame(): boolean {
    return this.tail !== undefined && !this.isTailSpent;
  }

  /** Whether bytes of the chunk are still to be cut. */
  get hasInput(): boolean {
    return this.position < this.end;
  }

  /**
   * Takes the next chunk, on loan until `next()` says false.
   *
   * @param buffer Starts with the chunk; the one before must be used up, but for what `switchDecoder` has left.
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

  /** The tail comes first, or nothing is left of the chunk. */
  #nextAround(): boolean {
    if (this.tail !== undefined) {
      if (!this.isTailSpent) return this.#nextFromTail();
      this.#dropTail();
      if (this.hasInput) return this.next();
    }
    return this.#endChunk();
  }

  /** The decoder has found no frame. */
  #nextWithout(chunk: Uint8Array, used: number): boolean {
    if (used !== 0) refuseUsed(used, 1, this.end - this.position);
    this.#keepTail(chunk, this.position, this.end);
    return this.#endChunk();
  }

  /**
   * Has the frames that come next cut by another decoder. A frame that has begun is begun again by it: call `next()`, or
   * `feed()` what comes behind it first.
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

  /** The frame that was handed out last is done with: gives back what was kept of it. */
  endFrame(): void {
    if (this.isTailSpent) this.#dropTail();
  }

  /** Gives the memory back. The reader takes no more after this. */
  close(): void {
    if (this.tail !== undefined) this.#dropTail();
    this.#endChunk();
    this.position = this.end = 0;
  }

  /** Lets go of the chunk: one that lives on into the next makes the runtime's collector promote it. */
  #endChunk(): false {
    this.chunk = undefined;
    this.frame.buffer = EMPTY;
    if (this.end > SMALL_CHUNK_BYTES) forgetSource();
    return false;
  }

  /** Puts a chunk behind what is left of the one before. */
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
      // Until the frame is whole there is nothing to decode: else a large one is looked at again for every chunk.
      if (count < this.needBytes) break;
      // The tail is set while this method runs: only `next()` and `close()` drop it.
      const tail = this.tail as RentedBuffer;
      this.frame.needBytes = 0;
      const used = this.decoder.decode(tail.bytes, 0, count, this.frame);
      if (used > before && used <= count && Number.isInteger(used)) {
        // What was appended beyond the frame is read again from the chunk.
        this.position -= count - used;
        this.isTailSpent = true;
        return true;
      }
      if (used !== 0) refuseUsed(used, before + 1, count);
      this.needBytes = this.#checkNeed(count);
    }
    return this.#endChunk();
  }

  /** Moves bytes from the chunk to the tail: what the frame lacks, or a longer look if its size is not known. */
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

  /** Makes room for `bytes`; doubles it up to `mostBytes`, so that a frame of unknown size is seldom moved. */
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

  /** Reads what the decoder said of the frame's size; `count` bytes of it were not enough. */
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

// FrameReader: cuts a stream into frames without a session. The work is frame_cutter.ts's. Runtime neutral.

import type { BufferPool } from "../buffer/buffer_pool.ts";
import type { Frame, FrameDecoder } from "./codec.ts";
import { FrameCutter } from "./frame_cutter.ts";

/**
 * Cuts the chunks of one stream into frames.
 *
 * Use: `feed(chunk)`, then `next()` until it says false, then the next chunk. The payload that `frame` points at after
 * `next()` said true is valid until the call of `next()` or `close()` that follows; the chunk must stay unchanged until
 * `next()` said false.
 *
 * Bytes are kept only of a frame that is not finished, and never more than the decoder's `maxFrameBytes`.
 *
 * @example Two chunks, one frame
 * ```ts
 * import { FrameReader, simpleBinary } from "@laster/net/codec";
 * import { BufferPool } from "@laster/net/buffer";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const reader = new FrameReader(simpleBinary().createDecoder(), new BufferPool());
 * reader.feed(new Uint8Array([2, 0, 0]));
 * assertEquals(reader.next(), false);
 * reader.feed(new Uint8Array([0, 104, 105]));
 * assert(reader.next());
 * assertEquals(reader.frame.length, 2);
 * reader.close();
 * ```
 */
export class FrameReader {
  readonly #cutter: FrameCutter;
  readonly #onReply: ((reply: Uint8Array) => void) | undefined;

  /**
   * Makes the reader of one stream.
   *
   * @param decoder The stream's decoder.
   * @param pool Where memory for unfinished frames comes from.
   * @param frame The record to use; one may serve many readers, as it is read before anything else is decoded.
   * @param onReply Takes the frames that the decoder answers the peer with; see `Frame.consume`. Without it they are dropped.
   */
  constructor(decoder: FrameDecoder, pool: BufferPool, frame?: Frame, onReply?: (reply: Uint8Array) => void) {
    this.#cutter = new FrameCutter(decoder, pool, frame);
    this.#onReply = onReply;
  }

  /** Where `next()` says what it found. */
  get frame(): Frame {
    return this.#cutter.frame;
  }

  /** Whether a frame has begun that is not finished. Means something once `next()` said false. */
  get isInsideFrame(): boolean {
    return this.#cutter.isInsideFrame;
  }

  /** Whether bytes of the chunk are still to be cut. */
  get hasInput(): boolean {
    return this.#cutter.hasInput;
  }

  /**
   * Takes the next chunk, on loan until `next()` says false.
   *
   * @param chunk The bytes; the chunk before must be used up, but for what `switchDecoder` has left.
   */
  feed(chunk: Uint8Array): void {
    this.#cutter.feed(chunk, chunk.length);
  }

  /**
   * Cuts the next frame that has a payload.
   *
   * @returns Whether `frame` holds one; false once the chunk is used up.
   * @throws {FrameError} if the bytes are ill-formed.
   */
  next(): boolean {
    const { frame } = this.#cutter;
    while (this.#cutter.next()) {
      if (!frame.isConsumed) return true;
      if (frame.reply !== undefined) this.#onReply?.(frame.reply);
    }
    return false;
  }

  /**
   * Has the frames that come next cut by another decoder. A frame that has begun is begun again by it: call `next()`, or
   * `feed()` what comes behind it first.
   *
   * @param decoder The other decoder.
   */
  switchDecoder(decoder: FrameDecoder): void {
    this.#cutter.switchDecoder(decoder);
  }

  /** Gives the memory back. The reader takes no more after this. */
  close(): void {
    this.#cutter.close();
  }
}

// FrameReader: cuts a stream into frames without a session: the public face of frame_cutter.ts. Runtime neutral.

import type { BufferPool } from "../buffer/buffer_pool.ts";
import type { Frame, FrameDecoder } from "./codec.ts";
import { FrameCutter } from "./frame_cutter.ts";

/**
 * Cuts the chunks of one stream into frames.
 *
 * Use: `feed(chunk)`, then `next()` until it returns false, then the next chunk. The payload that `frame` points at is valid
 * until the following call of `next()` or `close()`; the chunk must stay unchanged until `next()` returns false.
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
   * @param frame The record to use. Readers may share one if each result is used before the next call on any of them.
   * @param onReply Takes the frames that the decoder answers the peer with; see `Frame.consume`. Without it they are dropped.
   */
  constructor(decoder: FrameDecoder, pool: BufferPool, frame?: Frame, onReply?: (reply: Uint8Array) => void) {
    this.#cutter = new FrameCutter(decoder, pool, frame);
    this.#onReply = onReply;
  }

  /** The record for the result of `next()`. */
  get frame(): Frame {
    return this.#cutter.frame;
  }

  /** Whether a frame is unfinished. Valid only after `next()` has returned false. */
  get isInsideFrame(): boolean {
    return this.#cutter.isInsideFrame;
  }

  /** Whether bytes of the chunk are still to be cut. */
  get hasInput(): boolean {
    return this.#cutter.hasInput;
  }

  /**
   * Takes the next chunk, on loan until `next()` returns false. The chunk before must be used up, except for the rest that
   * `switchDecoder` left.
   *
   * @param chunk The bytes.
   */
  feed(chunk: Uint8Array): void {
    this.#cutter.feed(chunk, chunk.length);
  }

  /**
   * Cuts the next frame that has a payload.
   *
   * @returns Whether `frame` holds one; false once the chunk is used up.
   * @throws {FrameError} if the bytes are ill-formed.
   * @throws {PoolError} `"over-budget"` if the pool has no memory left for an unfinished frame.
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
   * Switches to another decoder. It decodes an unfinished frame from its start again, at the next call of `next()`; a `feed()`
   * before that appends to it.
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

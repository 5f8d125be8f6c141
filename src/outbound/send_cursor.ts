// SendCursor: where the next frame goes. The fast path of a send: while frames follow each other in the same block, far from
// any limit, only the cursor moves. Runtime neutral.

import type { FrameEncoder } from "../codec/codec.ts";
import { FrameError } from "../errors.ts";
import { checkWritten, type OutboundBlock } from "./outbound_blocks.ts";

const EMPTY: Uint8Array = new Uint8Array(0);

/** The queue that has the cursor. */
export interface CursorOwner {
  /** The encoder of its frames; must not change while the queue has the cursor. */
  readonly encoder: FrameEncoder;
  /** Whether it has the cursor; set by the cursor. A flag, as each message checks it. */
  hasCursor: boolean;
  /** Counts the frames written at the cursor, and closes it. */
  settle(): void;
  /** The encoder threw an error other than `"unencodable"`, or broke its contract; the frame was not queued. */
  handleEncodeError(error: unknown): void;
}

/** Whether an error is a `FrameError` with code `"unencodable"`: only the payload is wrong. Never throws. */
export function isUnencodable(error: unknown): boolean {
  try {
    return error instanceof FrameError && error.code === "unencodable";
  } catch {
    return false; // A getter that throws.
  }
}

/**
 * One for all queues of a service: the last queue that was sent to has it. With thousands of sessions, cache misses on a cursor
 * of each would dominate.
 *
 * Invariant: while it is open, frames lie one behind the other up to `end` in the block of the owner's last segment, from that
 * segment's end on, and no other queue adds to the block.
 */
export class SendCursor {
  /** The queue that has it; undefined while it is closed. */
  owner: CursorOwner | undefined = undefined;
  /** The block's memory. */
  bytes = EMPTY;
  /** Where the next frame goes. */
  end = 0;
  /** Where the room ends; -1 once it takes no more frames. */
  limit = -1;
  /** Whether the encoder refused the last payload as `"unencodable"`. */
  isRefused = false;
  /** Frames that it still takes. */
  framesLeft = 0;
  #frames = 0;

  /** How many frames were written since it was opened. */
  get frames(): number {
    return this.#frames - this.framesLeft;
  }

  /**
   * Encodes a payload, if there is room for its frame. Every message comes through here: it must stay small enough for
   * JavaScriptCore to inline it.
   *
   * @param owner The queue that has the cursor.
   * @returns Whether the frame was written.
   */
  take(owner: CursorOwner, payload: Uint8Array, offset: number, length: number): boolean {
    const { encoder } = owner;
    const { end } = this;
    try {
      if (length > encoder.maxPayloadBytes) return false;
      const roomBytes = encoder.frameBytes(length);
      if (end + roomBytes > this.limit) return false;
      const written = encoder.encode(payload, offset, length, this.bytes, end);
      if (written !== roomBytes || this.end !== end || !owner.hasCursor) {
        this.checkTaken(owner, end, written, roomBytes);
      }
      this.end = end + written;
      if (--this.framesLeft <= 0) this.limit = -1;
      return true;
    } catch (error) {
      this.handleFault(owner, error);
      return false;
    }
  }

  /** The encoder threw: it refuses the payload, or is at fault. */
  handleFault(owner: CursorOwner, error: unknown): void {
    this.isRefused = isUnencodable(error);
    if (!this.isRefused) owner.handleEncodeError(error);
  }

  /** Throws a `FrameError` if the encoder broke its contract: a wrong byte count, or a send or flush inside `encode`. */
  checkTaken(owner: CursorOwner, end: number, written: number, roomBytes: number): void {
    checkWritten(written, roomBytes);
    if (owner.hasCursor && this.end === end) return;
    throw new FrameError("codec-fault", "Cannot encode frame as an encoder must not send or flush: it has done so");
  }

  /** Opens it at the end of a block, after settling its previous owner. */
  open(owner: CursorOwner, block: OutboundBlock, roomBytes: number, frames: number): void {
    this.owner?.settle();
    this.owner = owner;
    owner.hasCursor = true;
    this.bytes = block.bytes;
    this.end = block.end;
    this.limit = frames > 0 ? Math.min(block.bytes.length, block.end + roomBytes) : -1;
    this.#frames = this.framesLeft = frames;
  }

  /** Closes it; the caller counts the frames that were written. */
  close(): void {
    if (this.owner !== undefined) this.owner.hasCursor = false;
    this.owner = undefined;
  }
}

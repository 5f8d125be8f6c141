// SendCursor: where the next frame goes. While it follows the one before, in the same block and far from any limit, nothing
// but its place has to be looked after. Runtime neutral.

import type { FrameEncoder } from "../codec/codec.ts";
import { FrameError } from "../errors.ts";
import { checkWritten, type OutboundBlock } from "./outbound_blocks.ts";

const EMPTY: Uint8Array = new Uint8Array(0);

/** The queue that has the cursor. */
export interface CursorOwner {
  /** What its frames are made with; another only while it does not have the cursor. */
  readonly encoder: FrameEncoder;
  /** Whether it has the cursor; the cursor's. Every message asks, and to compare two objects takes longer. */
  hasCursor: boolean;
  /** Counts what was written at the cursor, and closes it. */
  settle(): void;
  /** The encoder is at fault: it threw, or broke its contract; nothing of the frame was written. */
  handleEncodeError(error: unknown): void;
}

/** Whether an error says that a payload cannot be sent, and nothing else is wrong; whatever the error is made of. */
export function isUnencodable(error: unknown): boolean {
  try {
    return error instanceof FrameError && error.code === "unencodable";
  } catch {
    return false; // A code that refuses to be read.
  }
}

/**
 * One for all queues of a service: the last that was sent to has it. With thousands of sessions the time goes into fetching
 * their memory, so what all of them can share is not in each of them.
 *
 * Invariant: while it is open, frames lie one behind the other up to `end` in the block of the owner's last segment, from that
 * segment's end on, and nobody else adds to the block.
 */
export class SendCursor {
  /** Whose it is; undefined while it is closed. */
  owner: CursorOwner | undefined = undefined;
  /** The block's memory. */
  bytes = EMPTY;
  /** Where the next frame goes. */
  end = 0;
  /** Where the room ends; -1 once it takes no more frames. */
  limit = -1;
  /** Whether the last payload that was not taken is none that the encoder can make a frame of. */
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
   * @param owner Who has the cursor.
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

  /** What an encoder may not do would spoil all that follows. */
  checkTaken(owner: CursorOwner, end: number, written: number, roomBytes: number): void {
    checkWritten(written, roomBytes);
    if (owner.hasCursor && this.end === end) return;
    throw new FrameError("codec-fault", "Cannot encode frame as an encoder must not send or flush: it has done so");
  }

  /** Opens it at the end of a block, for another owner perhaps. */
  open(owner: CursorOwner, block: OutboundBlock, roomBytes: number, frames: number): void {
    this.owner?.settle();
    this.owner = owner;
    owner.hasCursor = true;
    this.bytes = block.bytes;
    this.end = block.end;
    this.limit = frames > 0 ? Math.min(block.bytes.length, block.end + roomBytes) : -1;
    this.#frames = this.framesLeft = frames;
  }

  /** Closes it; what was written is the caller's to look after. */
  close(): void {
    if (this.owner !== undefined) this.owner.hasCursor = false;
    this.owner = undefined;
  }
}

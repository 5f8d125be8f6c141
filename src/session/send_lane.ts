// SendLane: where frames go that follow each other in one block, far from any limit, so that nothing but their place has to
// be looked after. Runtime neutral.

import type { OutboundBlock } from "./outbound_blocks.ts";

const EMPTY: Uint8Array = new Uint8Array(0);

/** The queue that has the lane. */
export interface LaneOwner {
  /** Adds what went down the lane to what is queued, and closes the lane. */
  settle(): void;
}

/**
 * One for all queues of a service: the last that was sent to has it. With thousands of sessions the time goes into fetching
 * their memory, so what all of them can share is not in each of them.
 *
 * Invariant: while it is open, frames lie one behind the other up to `end`: in `block`, or if that is undefined, in the block
 * of the owner's last segment and behind it.
 */
export class SendLane {
  /** Whose it is; undefined while it is closed. */
  owner: LaneOwner | undefined = undefined;
  /** A block that is in no segment yet, and all that its owner has queued; set it once the lane is open. */
  block: OutboundBlock | undefined = undefined;
  /** The block's memory. */
  bytes = EMPTY;
  /** Where the next frame goes. */
  end = 0;
  /** Bytes and frames that it still takes. */
  room = 0;
  framesLeft = 0;
  #frames = 0;

  /** How many frames went down since it was opened. */
  get frames(): number {
    return this.#frames - this.framesLeft;
  }

  /** Opens it behind all that is queued, for another owner perhaps. */
  open(owner: LaneOwner, block: OutboundBlock, roomBytes: number, frames: number): void {
    this.owner?.settle();
    this.owner = owner;
    this.bytes = block.bytes;
    this.end = block.end;
    this.room = Math.min(block.bytes.length - block.end, roomBytes);
    this.#frames = this.framesLeft = frames;
  }

  /** Closes it; what went down is the caller's to look after. */
  close(): void {
    this.owner = undefined;
    this.block = undefined;
    this.bytes = EMPTY;
    this.room = this.framesLeft = 0;
  }
}

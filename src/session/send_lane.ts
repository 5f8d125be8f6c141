// SendLane: where frames go that follow each other in one queue's block, far from any limit, so that nothing but their place
// has to be looked after. Runtime neutral.

import type { OutboundBlock, OutboundSegment } from "./outbound_blocks.ts";

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
 * Invariant: while it is open, frames lie behind the owner's last segment, in the same block and up to `end`.
 */
export class SendLane {
  /** Whose it is; undefined while it is closed. */
  owner: LaneOwner | undefined = undefined;
  /** The block's memory. */
  bytes = EMPTY;
  /** Where the next frame goes. */
  end = 0;
  /** Bytes and frames that it still takes. */
  room = 0;
  framesLeft = 0;
  #frames = 0;

  /** Opens it behind all that is queued, for another owner perhaps. */
  open(owner: LaneOwner, block: OutboundBlock, roomBytes: number, frames: number): void {
    this.owner?.settle();
    this.owner = owner;
    this.bytes = block.bytes;
    this.end = block.end;
    this.room = Math.min(block.bytes.length - block.end, roomBytes);
    this.#frames = this.framesLeft = frames;
  }

  /** Closes it; adds its frames to the owner's last segment and says how many those were. */
  close(tail: OutboundSegment): number {
    const frames = this.#frames - this.framesLeft;
    tail.end = tail.block.end = this.end;
    tail.frames += frames;
    this.owner = undefined;
    this.bytes = EMPTY;
    this.room = this.framesLeft = 0;
    return frames;
  }
}

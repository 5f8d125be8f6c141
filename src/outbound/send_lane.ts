// SendLane: where frames go that follow each other in one block, far from any limit, so that nothing but their place has to
// be looked after. Runtime neutral.

import type { FrameEncoder } from "../codec/codec.ts";
import { FrameError } from "../errors.ts";
import { checkWritten, type OutboundBlock } from "./outbound_blocks.ts";
import type { BatchMember, TurnBatch } from "./turn_batch.ts";

const EMPTY: Uint8Array = new Uint8Array(0);

/** The queue that has the lane. */
export interface LaneOwner extends BatchMember {
  /** What its frames are made with; another only while it does not have the lane. */
  readonly encoder: FrameEncoder;
  /** Whether it has the lane; the lane's. Every message asks, and to compare two objects takes longer. */
  hasLane: boolean;
  /** Adds what went down the lane to what is queued, and closes the lane. */
  settle(): void;
  /** The encoder threw, or broke its contract: nothing of the frame went down. */
  handleEncodeError(error: unknown): void;
}

/**
 * One for all queues of a service: the last that was sent to has it. With thousands of sessions the time goes into fetching
 * their memory, so what all of them can share is not in each of them.
 *
 * Invariant: while it is open, frames lie one behind the other up to `end`: in `block`, from its own end on, or if that is
 * undefined, in the block of the owner's last segment and behind it.
 */
export class SendLane {
  /** Whose it is; undefined while it is closed. */
  owner: LaneOwner | undefined = undefined;
  /** A block of the batch, with all that the owner has queued; set it once the lane is open. */
  block: OutboundBlock | undefined = undefined;
  /** The block's memory. */
  bytes = EMPTY;
  /** Where the next frame goes. */
  end = 0;
  /** Where it ends; -1 once it takes no more frames. */
  limit = -1;
  /** Frames that it still takes. */
  framesLeft = 0;
  #frames = 0;
  readonly #batch: TurnBatch;

  /** Makes a closed lane. */
  constructor(batch: TurnBatch) {
    this.#batch = batch;
  }

  /** How many frames went down since it was opened. */
  get frames(): number {
    return this.#frames - this.framesLeft;
  }

  /**
   * Encodes a payload, if there is room for its frame. Every message comes through here: it must stay small enough for
   * JavaScriptCore to inline it.
   *
   * @param owner Who has the lane.
   * @returns Whether the frame went down.
   */
  take(owner: LaneOwner, payload: Uint8Array, offset: number, length: number): boolean {
    const { encoder } = owner;
    const { end } = this;
    try {
      if (length > encoder.maxPayloadBytes) return false;
      const roomBytes = encoder.frameBytes(length);
      if (end + roomBytes > this.limit) return false;
      const written = encoder.encode(payload, offset, length, this.bytes, end);
      if (written !== roomBytes || this.end !== end || !owner.hasLane) {
        this.checkTaken(owner, end, written, roomBytes);
      }
      this.end = end + written;
      if (--this.framesLeft <= 0) this.limit = -1;
      return true;
    } catch (error) {
      owner.handleEncodeError(error);
      return false;
    }
  }

  /** What an encoder may not do would spoil all that follows. */
  checkTaken(owner: LaneOwner, end: number, written: number, roomBytes: number): void {
    checkWritten(written, roomBytes);
    if (owner.hasLane && this.end === end) return;
    throw new FrameError("codec-fault", "Cannot encode frame as an encoder must not send or flush: it has done so");
  }

  /** Opens it behind all that is queued, for another owner perhaps. */
  open(owner: LaneOwner, block: OutboundBlock, roomBytes: number, frames: number): void {
    this.owner?.settle();
    this.owner = owner;
    owner.hasLane = true;
    this.bytes = block.bytes;
    this.end = block.end;
    this.limit = frames > 0 ? Math.min(block.bytes.length, block.end + roomBytes) : -1;
    this.#frames = this.framesLeft = frames;
  }

  /** Closes it; what went down is the caller's to look after. */
  close(): void {
    if (this.owner !== undefined) this.owner.hasLane = false;
    this.owner = undefined;
    this.block = undefined;
  }

  /** Ends a turn: has what went down written soon if it is little, else at once. Says whether it waits. */
  park(): boolean {
    const { block, end, owner } = this;
    if (owner === undefined || block === undefined) return false;
    const isWaiting = this.#batch.hasRoom(end - block.end);
    this.#batch.add(owner, block, end, this.frames);
    this.close();
    if (!isWaiting) this.#batch.flush();
    return isWaiting;
  }

  /** Has what lies in the block of the batch written. */
  flush(): void {
    const { block, owner } = this;
    if (owner !== undefined && block !== undefined) {
      this.#batch.add(owner, block, this.end, this.frames);
      this.close();
    }
    this.#batch.flush();
  }
}

// BroadcastReader: which broadcasts of its service one session has taken. Runtime neutral.

import type { BroadcastBatch } from "./broadcast_batch.ts";
import type { FanOut } from "./fan_out.ts";
import type { SegmentList } from "./segment_list.ts";

/** Reads the batch of broadcasts on behalf of a session. The getters change nothing. */
export class BroadcastReader {
  readonly #batch: BroadcastBatch;
  readonly #core: object;
  /** The number of the last broadcast that was taken or skipped. */
  #lastTaken: number;

  /** The fan-out that writes for the session. Its counts less `#sentBytesBefore` and `#sentFramesBefore` are the session's. */
  #fanOut: FanOut | undefined = undefined;
  #fanOutIndex = 0;
  #sentBytesBefore = 0;
  #sentFramesBefore = 0;

  /** Makes a reader that starts behind the broadcasts so far; `core` identifies the session to an `Audience`. */
  constructor(batch: BroadcastBatch, core: object) {
    this.#batch = batch;
    this.#core = core;
    this.#lastTaken = batch.serial;
  }

  /** Whether it has taken some of the batch. */
  get hasBegun(): boolean {
    return this.#batch.countAfter(this.#lastTaken) < this.#batch.count;
  }

  /** Whether the fan-out writes for the session. */
  get isInFanOut(): boolean {
    return this.#fanOut !== undefined;
  }

  /** How many broadcasts there are for the session that it has not taken. */
  get frames(): number {
    const batch = this.#batch;
    const isFor = this.#lastTaken < batch.serial && batch.count > 0 && batch.audience.has(this.#core);
    return isFor ? batch.countAfter(this.#lastTaken) : 0;
  }

  /** Bytes of those. */
  get bytes(): number {
    return this.frames > 0 ? this.#batch.block.end - this.#batch.findStart(this.#lastTaken) : 0;
  }

  /** Bytes that the fan-out has sent for the session and that are not in the session's own counts yet. */
  get sentBytes(): number {
    return this.#fanOut === undefined ? 0 : this.#fanOut.sentBytes - this.#sentBytesBefore;
  }

  /** How many frames those are. */
  get sentFrames(): number {
    return this.#fanOut === undefined ? 0 : this.#fanOut.sentFrames - this.#sentFramesBefore;
  }

  /** Has the fan-out write for the session, which must hold nothing. */
  joinFanOut(fanOut: FanOut, index: number): void {
    this.#fanOut = fanOut;
    this.#fanOutIndex = index;
    this.#sentBytesBefore = fanOut.sentBytes;
    this.#sentFramesBefore = fanOut.sentFrames;
  }

  /** Leaves the fan-out, if the session is in one, and adds what it sent to the session's own counts. */
  leaveFanOut(segments: SegmentList): void {
    if (this.#fanOut === undefined) return;
    segments.sentBytes += this.sentBytes;
    segments.sentFrames += this.sentFrames;
    this.#fanOut.leave(this.#fanOutIndex);
    this.#fanOut = undefined;
  }

  /** Queues the session's broadcasts behind all that is queued; says whether there were any. */
  take(segments: SegmentList): boolean {
    const batch = this.#batch;
    if (this.#lastTaken === batch.serial) return false;
    const { frames } = this;
    const start = batch.findStart(this.#lastTaken);
    this.#lastTaken = batch.serial;
    if (frames === 0) return false;
    segments.addShared(batch.block, start, batch.block.end, frames);
    return true;
  }

  /** Skips the last broadcast. The ones before must have been taken. */
  skip(segments: SegmentList): void {
    this.leaveFanOut(segments);
    this.#lastTaken = this.#batch.serial;
  }
}

// Backlog: the messages that wait for a peer that does not read, under a policy that may drop some. Holds payloads, not
// frames: an encoder may number its frames, so an encoded frame must be sent. Runtime neutral.

import { copyBytes } from "../buffer/copy_bytes.ts";
import type { BufferPool } from "../buffer/buffer_pool.ts";
import type { RentedBuffer } from "../buffer/rented_buffer.ts";
import type { FullPolicy, QueueLimits } from "./queue_limits.ts";
import type { SendResult } from "./send_result.ts";

/** The store grows by doubling from here. */
const FIRST_BYTES = 1_024;
/** Once dropped payloads take this part of a full store, the others are compacted instead of renting a larger store. */
const MOST_WASTE = 0.2;

/** Where one payload lies in the store. */
interface Entry {
  /** The key under which a newer payload replaces it; undefined for none. */
  readonly key: unknown;
  /** Whether it may be dropped when there is no room for a newer one. */
  readonly mayDrop: boolean;
  readonly start: number;
  readonly length: number;
  /** The most bytes that its frame takes. */
  readonly frameBytes: number;
}

/** A message that has to wait. */
export interface WaitingMessage {
  /** The array that holds its payload. */
  readonly payload: Uint8Array;
  /** Where that starts. */
  readonly offset: number;
  /** How long it is. */
  readonly length: number;
  /** The most bytes that its frame takes. */
  readonly frameBytes: number;
  /** The key of the message that it may replace. */
  readonly key: unknown;
  /** What happens when there is no room. */
  readonly whenFull: FullPolicy;
}

/** Whether a policy may drop messages that were accepted. */
export function mayDrop(whenFull: FullPolicy): boolean {
  return whenFull === "drop-oldest" || whenFull === "latest-per-key";
}

/** How many messages were dropped, by reason. */
export interface DropCounts {
  /** Messages dropped for newer ones, under `"drop-oldest"`. */
  readonly oldest: number;
  /** Messages replaced by a newer one with the same key, under `"latest-per-key"`. */
  readonly superseded: number;
}

/**
 * A queue of payloads, oldest first, in one rented array.
 *
 * Invariant: `bytes` and `frames` are the sums over the entries from `#head` on, where dropped ones are undefined, and so are
 * `#droppableBytes` and `#droppableFrames` over those that may be dropped; the payloads lie in the store before `#end`, in the
 * same order.
 */
export class Backlog {
  /** The most bytes that the frames of all payloads take. */
  bytes = 0;
  /** How many payloads there are. */
  frames = 0;
  /** What was dropped so far. */
  readonly drops = { oldest: 0, superseded: 0 };
  readonly #pool: BufferPool;
  readonly #limits: QueueLimits;
  #store: RentedBuffer | undefined = undefined;
  #end = 0;
  #liveBytes = 0;
  #entries: (Entry | undefined)[] = [];
  #head = 0;
  /** No entry before this index may be dropped. */
  #droppable = 0;
  /** The sums over the entries that may be dropped. */
  #droppableBytes = 0;
  #droppableFrames = 0;
  /** The index in `#entries` of the last payload of each key. */
  readonly #latest = new Map<unknown, number>();

  /** Makes an empty backlog whose store holds at most a quarter more than `maxQueuedBytes`. */
  constructor(pool: BufferPool, limits: QueueLimits) {
    this.#pool = pool;
    this.#limits = limits;
  }

  /**
   * Adds a copy of a payload, and drops others for it as its policy says.
   *
   * @param message The payload, and its policy.
   * @param before The counts of what is queued in front of the backlog.
   * @throws {PoolError} if the pool's budget has no room for it; others may have been dropped by then, as its policy says.
   */
  add(
    { payload, offset, length, frameBytes, key, whenFull }: WaitingMessage,
    before: { readonly queuedBytes: number; readonly queuedFrames: number },
  ): SendResult {
    const { maxQueuedBytes, maxQueuedFrames, highWaterMarkBytes, highWaterMarkFrames } = this.#limits;
    const ownKey = whenFull === "latest-per-key" ? key : undefined;
    const outdated = this.#find(ownKey);
    const isFullWithout = (droppedBytes: number, droppedFrames: number) =>
      before.queuedBytes + this.bytes - droppedBytes + frameBytes > maxQueuedBytes ||
      before.queuedFrames + this.frames - droppedFrames >= maxQueuedFrames;
    if (whenFull === "drop-oldest") {
      if (isFullWithout(this.#droppableBytes, this.#droppableFrames)) return "full"; // Nothing is dropped in vain.
      while (isFullWithout(0, 0)) {
        this.#remove(this.#findDroppable());
        this.drops.oldest++;
      }
    } else if (isFullWithout(outdated?.frameBytes ?? 0, outdated === undefined ? 0 : 1)) return "full";
    const bytes = this.#reserve(length);
    // After `#reserve`, which may throw: the old payload is dropped only if there is memory for the new one.
    if (this.#supersede(ownKey)) this.drops.superseded++;
    copyBytes(payload, offset, bytes, this.#end, length);
    if (ownKey !== undefined) this.#latest.set(ownKey, this.#entries.length);
    this.#entries.push({ key: ownKey, mayDrop: whenFull === "drop-oldest", start: this.#end, length, frameBytes });
    this.#end += length;
    this.#liveBytes += length;
    this.#count(this.#entries[this.#entries.length - 1], 1);
    const isCongested = before.queuedBytes + this.bytes > highWaterMarkBytes ||
      before.queuedFrames + this.frames > highWaterMarkFrames;
    return isCongested ? "congested" : "queued";
  }

  /** The index of the oldest entry that may be dropped; -1 if there is none. */
  #findDroppable(): number {
    for (let index = Math.max(this.#head, this.#droppable); index < this.#entries.length; index++) {
      this.#droppable = index;
      if (this.#entries[index]?.mayDrop) return index;
    }
    this.#droppable = this.#entries.length;
    return -1;
  }

  /** The payload with this key, if there is one. */
  #find(key: unknown): Entry | undefined {
    const index = key === undefined ? undefined : this.#latest.get(key);
    return index === undefined ? undefined : this.#entries[index];
  }

  /** Drops the payload with this key; says whether there was one. */
  #supersede(key: unknown): boolean {
    const index = key === undefined ? undefined : this.#latest.get(key);
    if (index === undefined) return false;
    this.#remove(index);
    return true;
  }

  /** The most bytes that the frame of the oldest payload takes; 0 if there is none. */
  get nextFrameBytes(): number {
    return this.#skip()?.frameBytes ?? 0;
  }

  /** Hands the oldest payload to `take`, then removes it. Returns false if there is none. */
  shift(take: (payload: Uint8Array, offset: number, length: number) => void): boolean {
    const entry = this.#skip();
    if (entry === undefined || this.#store === undefined) return false;
    const index = this.#head;
    take(this.#store.bytes, entry.start, entry.length);
    this.#remove(index);
    if (this.frames === 0) this.clear();
    return true;
  }

  /** Drops everything and gives the memory back. */
  clear(): void {
    this.#store?.release();
    this.#store = undefined;
    this.#entries = [];
    this.#latest.clear();
    this.#head =
      this.#droppable =
      this.#end =
      this.#liveBytes =
      this.#droppableBytes =
      this.#droppableFrames =
      this.bytes =
      this.frames =
        0;
  }

  /** Moves `#head` to the oldest entry that was not dropped, and gives it. */
  #skip(): Entry | undefined {
    while (this.#head < this.#entries.length && this.#entries[this.#head] === undefined) this.#head++;
    return this.#entries[this.#head];
  }

  #remove(index: number): void {
    const entry = this.#entries[index];
    if (entry === undefined) return;
    this.#entries[index] = undefined;
    if (entry.key !== undefined && this.#latest.get(entry.key) === index) this.#latest.delete(entry.key);
    this.#liveBytes -= entry.length;
    this.#count(entry, -1);
  }

  #count(entry: Entry | undefined, sign: 1 | -1): void {
    if (entry === undefined) return;
    this.bytes += sign * entry.frameBytes;
    this.frames += sign;
    if (!entry.mayDrop) return;
    this.#droppableBytes += sign * entry.frameBytes;
    this.#droppableFrames += sign;
  }

  /** Makes room for `length` bytes at the end of the store, and gives it. */
  #reserve(length: number): Uint8Array {
    const store = this.#store;
    const capacity = store?.bytes.length ?? 0;
    const isWasteful = this.#entries.length > 2 * this.frames + 64;
    if (store !== undefined && this.#end + length <= capacity && !isWasteful) return store.bytes;
    const needed = this.#liveBytes + length;
    const isLarge = needed > capacity * (1 - MOST_WASTE);
    if (store !== undefined && !isLarge) return this.#moveTo(store);
    const mostBytes = Math.ceil(Math.max(needed, this.#limits.maxQueuedBytes) / (1 - MOST_WASTE));
    return this.#moveTo(this.#pool.rent(Math.min(Math.max(FIRST_BYTES, 2 * needed), mostBytes)));
  }

  /** Moves all payloads to the front of `target`, which may be the store itself. */
  #moveTo(target: RentedBuffer): Uint8Array {
    const source = this.#store;
    const entries: Entry[] = [];
    this.#end = 0;
    for (const entry of this.#entries) {
      if (entry === undefined || source === undefined) continue;
      if (source === target) target.bytes.copyWithin(this.#end, entry.start, entry.start + entry.length);
      else copyBytes(source.bytes, entry.start, target.bytes, this.#end, entry.length);
      if (entry.key !== undefined) this.#latest.set(entry.key, entries.length);
      entries.push({ ...entry, start: this.#end });
      this.#end += entry.length;
    }
    if (source !== undefined && source !== target) source.release();
    this.#store = target;
    this.#entries = entries;
    this.#head = this.#droppable = 0;
    return target.bytes;
  }
}

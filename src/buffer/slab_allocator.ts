// Equal slots cut from a few large arrays, with a free list. For blocks of one size that come and go all the time.
// Runtime neutral.

import { orDefault } from "../options.ts";
import { MAX_BUFFER_BYTES, requireInteger } from "./check.ts";
import { SlabSlot } from "./slot.ts";
import type { Slab, Slot } from "./slot.ts";

/** One page: a receive block for ordinary game traffic. */
const DEFAULT_SLOT_BYTES = 4096;

/** With the default slot, a slab of 1 MiB. */
const DEFAULT_SLOTS_PER_SLAB = 256;

/** With the other defaults, 64 MiB and 16,384 slots, one per session. */
const DEFAULT_MAX_SLABS = 64;

/** Keeps the index stack and the slots of one slab within a few MiB. */
const MAX_SLOTS_PER_SLAB = 65_536;

/** Bounds the time of `take()`, which skips full slabs one by one. */
const MAX_SLABS = 4096;

/**
 * Sizes of a {@linkcode SlabAllocator}.
 *
 * @example At most 4 slots of 512 bytes
 * ```ts
 * import { SlabAllocator, type SlabAllocatorOptions } from "@laster/net/buffer";
 * import { assertEquals } from "@std/assert";
 *
 * const options: SlabAllocatorOptions = { slotBytes: 512, slotsPerSlab: 2, maxSlabs: 2 };
 * assertEquals(new SlabAllocator(options).stats().slotLimit, 4);
 * ```
 */
export interface SlabAllocatorOptions {
  /**
   * Bytes of a slot, 1 or more. A slab (`slotBytes * slotsPerSlab`) is at most 1 GiB.
   *
   * @default {4096}
   */
  readonly slotBytes?: number | undefined;
  /**
   * Slots cut from one slab, 1 to 65,536.
   *
   * @default {256}
   */
  readonly slotsPerSlab?: number | undefined;
  /**
   * Most slabs held at once, 1 to 4,096. When all their slots are taken, `take()` returns `undefined`.
   *
   * @default {64}
   */
  readonly maxSlabs?: number | undefined;
}

/**
 * A snapshot of a {@linkcode SlabAllocator}'s counters.
 *
 * @example Check that nothing leaks
 * ```ts
 * import { SlabAllocator, type SlabAllocatorStats } from "@laster/net/buffer";
 * import { assertEquals } from "@std/assert";
 *
 * const slabs = new SlabAllocator({ slotBytes: 16, slotsPerSlab: 4 });
 * const slot = slabs.take();
 * if (slot !== undefined) slabs.give(slot);
 * const stats: SlabAllocatorStats = slabs.stats();
 * assertEquals([stats.taken, stats.free, stats.bytes], [0, 4, 64]);
 * ```
 */
export interface SlabAllocatorStats {
  /** Slabs held now. */
  readonly slabs: number;
  /** Bytes of the slabs held now. */
  readonly bytes: number;
  /** Slots taken now. */
  readonly taken: number;
  /** Slots of the held slabs that are not taken. */
  readonly free: number;
  /** Most slots that may be taken at once: `slotsPerSlab * maxSlabs`. */
  readonly slotLimit: number;
  /** How often `take()` returned `undefined`. */
  readonly refused: number;
}

/**
 * Lends equal slots cut from large arrays.
 *
 * The first slab is made by the first `take()`, a further one when all slots are taken, up to `maxSlabs`. Slots are taken
 * from the oldest slab that has one, so that the younger ones become empty after a burst. An empty slab other than the first
 * is dropped only when the others have half a slab of free slots: a load that varies around the size of a slab does not make
 * and drop one each time. The first slab stays.
 *
 * Slots and their views are made once with their slab. `take()` and `give()` otherwise allocate nothing, and are O(1) except
 * for a scan of full slabs. A slot keeps its identity, so a second `give()` is detected only until the slot is taken again.
 *
 * Invariant: `taken + free = slabs * slotsPerSlab`; no slab before the search index has a free slot; at most one slab
 * other than the first is empty.
 *
 * @example Take and give back a receive block
 * ```ts
 * import { PoolError, SlabAllocator } from "@laster/net/buffer";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const slabs = new SlabAllocator({ slotBytes: 1024, slotsPerSlab: 1, maxSlabs: 1 });
 * const slot = slabs.take();
 * assertEquals(slot?.bytes.length, 1024);
 * assertEquals(slabs.take(), undefined);
 * if (slot !== undefined) {
 *   slabs.give(slot);
 *   assertThrows(() => slabs.give(slot), PoolError);
 * }
 * ```
 */
export class SlabAllocator {
  readonly #slotBytes: number;
  readonly #slotsPerSlab: number;
  readonly #maxSlabs: number;
  readonly #slabs: Slab[] = [];
  #searchOrder = 0;
  #spare: Slab | undefined;
  #taken = 0;
  #free = 0;
  #refused = 0;

  /**
   * Makes an allocator that holds no slab yet.
   *
   * @param options Sizes, each with a default.
   * @throws {RangeError} if a size is outside its range.
   */
  constructor(options: SlabAllocatorOptions = {}) {
    const slotsPerSlab = orDefault(options.slotsPerSlab, DEFAULT_SLOTS_PER_SLAB);
    const slotBytes = orDefault(options.slotBytes, DEFAULT_SLOT_BYTES);
    const maxSlabs = orDefault(options.maxSlabs, DEFAULT_MAX_SLABS);
    const maxSlotBytes = Math.floor(MAX_BUFFER_BYTES / slotsPerSlab);
    requireInteger("create SlabAllocator", "slotsPerSlab", slotsPerSlab, 1, MAX_SLOTS_PER_SLAB);
    requireInteger("create SlabAllocator", "slotBytes", slotBytes, 1, maxSlotBytes);
    requireInteger("create SlabAllocator", "maxSlabs", maxSlabs, 1, MAX_SLABS);
    this.#slotBytes = slotBytes;
    this.#slotsPerSlab = slotsPerSlab;
    this.#maxSlabs = maxSlabs;
  }

  /**
   * Lends a free slot. The caller owns it until it is given back.
   *
   * @returns The slot, not zeroed, or `undefined` if all slots of `maxSlabs` slabs are taken.
   * @throws {RangeError} if the runtime has no memory for a further slab.
   */
  take(): Slot | undefined {
    if (this.#free === 0 && !this.#addSlab()) {
      this.#refused++;
      return undefined;
    }
    while (this.#slabs[this.#searchOrder].freeCount === 0) this.#searchOrder++;
    const slab = this.#slabs[this.#searchOrder];
    if (slab === this.#spare) this.#spare = undefined;
    this.#free--;
    this.#taken++;
    return SlabSlot.pop(slab);
  }

  /**
   * Takes a slot back.
   *
   * @param slot A slot that this allocator lent. Its bytes may not be used any more.
   * @throws {PoolError} with code `"double-release"` if it is not taken, `"foreign-buffer"` if it is not a slot of this
   * allocator. The allocator is unchanged then.
   */
  give(slot: Slot): void {
    const slab = SlabSlot.push(slot, this);
    this.#free++;
    this.#taken--;
    if (slab.order < this.#searchOrder) this.#searchOrder = slab.order;
    if (slab.freeCount === this.#slotsPerSlab && slab.order > 0) this.#retire(slab);
    else if (this.#spare !== undefined) this.#retire(this.#spare);
    this.#checkInvariants();
  }

  /**
   * Takes a snapshot of all counters.
   *
   * @returns Slabs and slots now, and how often `take()` had none left.
   */
  stats(): SlabAllocatorStats {
    return {
      slabs: this.#slabs.length,
      bytes: this.#slabs.length * this.#slotsPerSlab * this.#slotBytes,
      taken: this.#taken,
      free: this.#free,
      slotLimit: this.#slotsPerSlab * this.#maxSlabs,
      refused: this.#refused,
    };
  }

  /** Drops an empty slab if the others have half a slab free; otherwise keeps it as the spare. */
  #retire(slab: Slab): void {
    if ((this.#free - this.#slotsPerSlab) * 2 < this.#slotsPerSlab) {
      this.#spare = slab;
      return;
    }
    this.#slabs.splice(slab.order, 1);
    for (let order = slab.order; order < this.#slabs.length; order++) this.#slabs[order].order = order;
    this.#free -= this.#slotsPerSlab;
    if (slab === this.#spare) this.#spare = undefined;
  }

  #addSlab(): boolean {
    if (this.#slabs.length === this.#maxSlabs) return false;
    const count = this.#slotsPerSlab;
    const store = new Uint8Array(count * this.#slotBytes);
    const slots: SlabSlot[] = [];
    const slab: Slab = { slots, freeIndexes: new Uint16Array(count), freeCount: count, order: this.#slabs.length };
    for (let index = 0; index < count; index++) {
      const start = index * this.#slotBytes;
      slots.push(new SlabSlot(this, slab, index, store.subarray(start, start + this.#slotBytes)));
      // The top of the stack is the lowest index: neighbours are taken one after the other.
      slab.freeIndexes[index] = count - 1 - index;
    }
    this.#slabs.push(slab);
    this.#searchOrder = slab.order;
    this.#free += count;
    return true;
  }

  #checkInvariants(): void {
    if (this.#taken >= 0 && this.#taken + this.#free === this.#slabs.length * this.#slotsPerSlab) return;
    throw new Error(
      `Cannot use SlabAllocator as its invariant must hold: current value is ${this.#taken} taken, ` +
        `${this.#free} free, ${this.#slabs.length} slabs`,
    );
  }
}

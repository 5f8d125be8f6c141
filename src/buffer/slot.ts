// A slot of a slab, and the slab with its stack of free slots. Does not decide which slab serves.
// Runtime neutral.

import { PoolError } from "../errors.ts";

/**
 * A slot of a {@linkcode SlabAllocator}: a fixed part of a slab. Whoever takes it gives it back once.
 *
 * @example Hand a slot on
 * ```ts
 * import { SlabAllocator, type Slot } from "@laster/net/buffer";
 * import { assertEquals } from "@std/assert";
 *
 * const slabs = new SlabAllocator({ slotBytes: 8 });
 * const lengthAndGive = (slot: Slot): number => {
 *   const { length } = slot.bytes;
 *   slabs.give(slot);
 *   return length;
 * };
 * const slot = slabs.take();
 * assertEquals(slot === undefined ? 0 : lengthAndGive(slot), 8);
 * ```
 */
export interface Slot {
  /** The slot's bytes, always the same view. Not zeroed. May not be used after the slot is given back. */
  readonly bytes: Uint8Array;
}

/** One large array with its slots and the stack of those that are free. Invariant: `0 <= freeCount <= slots.length`. */
export interface Slab {
  /** All slots, by index. */
  readonly slots: readonly SlabSlot[];
  /** Indexes of free slots in `[0, freeCount)`. */
  readonly freeIndexes: Uint16Array;
  /** How many are free. */
  freeCount: number;
  /** Where the slab stands in the allocator's list. */
  order: number;
}

/** A slot that knows its allocator, its slab and whether it is taken. */
export class SlabSlot implements Slot {
  readonly bytes: Uint8Array;
  readonly #owner: object;
  readonly #slab: Slab;
  readonly #index: number;
  #isTaken = false;

  constructor(owner: object, slab: Slab, index: number, bytes: Uint8Array) {
    this.#owner = owner;
    this.#slab = slab;
    this.#index = index;
    this.bytes = bytes;
  }

  /** Takes the next free slot of a slab that has one. */
  static pop(slab: Slab): SlabSlot {
    const slot = slab.slots[slab.freeIndexes[--slab.freeCount]];
    slot.#isTaken = true;
    return slot;
  }

  /** Puts a slot back on its slab's stack and gives the slab, or refuses the slot. */
  static push(candidate: Slot, owner: object): Slab {
    const isSlot = typeof candidate === "object" && candidate !== null && #owner in candidate;
    if (!isSlot || candidate.#owner !== owner) {
      throw new PoolError(
        "foreign-buffer",
        `Cannot give slot as it must be taken from this allocator: current value is from ${
          isSlot ? "another allocator" : "no allocator"
        }`,
      );
    }
    if (!candidate.#isTaken) {
      throw new PoolError(
        "double-release",
        `Cannot give slot of ${candidate.bytes.length} bytes as it must be taken: current value is free`,
      );
    }
    candidate.#isTaken = false;
    const slab = candidate.#slab;
    slab.freeIndexes[slab.freeCount++] = candidate.#index;
    return slab;
  }
}

// The read buffers of the Deno adapter: small while a connection is quiet, large while its reads fill them. A pending
// read keeps its whole buffer resident, so an idle player would cost what the largest buffer does. Runtime neutral.

import { SlabAllocator } from "../buffer/slab_allocator.ts";
import type { Slot } from "../buffer/slot.ts";

/** What an idle connection holds: two small messages. Less saves little beside the 8 KB that Deno itself takes. */
const SMALL_BYTES = 1_024;
/** Slots a slab: one slab is 256 KiB. */
const SLOTS_PER_SLAB = 256;
/** The most there may be: 1,048,576 connections. Past that a connection gets an array of its own. */
const MOST_SLABS = 4_096;
/** The first large buffer, and the largest: throughput with 64 KiB frames goes up 1.7 times from one to the other. */
const LARGE_BYTES = 65_536;
const LARGEST_BYTES = 262_144;
/** Large buffers kept for the next reader. */
const MOST_FREE_PER_SIZE = 16;
/** All large buffers together; past it a connection stays small. Bounds what connections hold that fell silent. */
const LARGE_BUDGET_BYTES = 16_777_216;

/** Lends read buffers to the connections of one transport. */
export class ReadBufferPool {
  readonly #slabs = new SlabAllocator({ slotBytes: SMALL_BYTES, slotsPerSlab: SLOTS_PER_SLAB, maxSlabs: MOST_SLABS });
  readonly #free = new Map<number, Uint8Array[]>([[LARGE_BYTES, []], [LARGEST_BYTES, []]]);
  #largeBytes = 0;

  /** Makes the buffer of one connection. */
  open(): ReadBuffer {
    return new ReadBuffer(this);
  }

  /** Lends a small buffer. */
  takeSmall(): Slot | undefined {
    return this.#slabs.take();
  }

  /** Takes a small buffer back. */
  giveSmall(slot: Slot): void {
    this.#slabs.give(slot);
  }

  /** Lends a large buffer, unless the budget is used up. */
  takeLarge(bytes: number): Uint8Array | undefined {
    if (this.#largeBytes + bytes > LARGE_BUDGET_BYTES) return undefined;
    this.#largeBytes += bytes;
    return this.#free.get(bytes)?.pop() ?? new Uint8Array(bytes);
  }

  /** Takes a large buffer back. */
  giveLarge(buffer: Uint8Array): void {
    this.#largeBytes -= buffer.length;
    const free = this.#free.get(buffer.length);
    if (free !== undefined && free.length < MOST_FREE_PER_SIZE) free.push(buffer);
  }
}

/** The buffer that one connection reads into. */
export class ReadBuffer {
  readonly #pool: ReadBufferPool;
  #small: Slot | undefined;
  #large: Uint8Array | undefined = undefined;
  /** Where the next read goes. */
  bytes: Uint8Array;

  /** Makes a small buffer. */
  constructor(pool: ReadBufferPool) {
    this.#pool = pool;
    this.#small = pool.takeSmall();
    this.bytes = this.#small?.bytes ?? new Uint8Array(SMALL_BYTES);
  }

  /** Chooses the buffer of the next read by what the last one brought. The bytes of the last read are spent by now. */
  adapt(count: number): void {
    const size = this.bytes.length;
    if (count === size && size < LARGEST_BYTES) this.#grow(size === SMALL_BYTES ? LARGE_BYTES : LARGEST_BYTES);
    else if (this.#large !== undefined && count < size / 16) this.#shrink();
  }

  /** Gives all back. */
  close(): void {
    this.#shrink();
    if (this.#small !== undefined) this.#pool.giveSmall(this.#small);
    this.#small = undefined;
  }

  #grow(size: number): void {
    const larger = this.#pool.takeLarge(size);
    if (larger === undefined) return;
    this.#shrink();
    this.#large = larger;
    this.bytes = larger;
  }

  #shrink(): void {
    if (this.#large === undefined) return;
    this.#pool.giveLarge(this.#large);
    this.#large = undefined;
    this.bytes = this.#small?.bytes ?? new Uint8Array(SMALL_BYTES);
  }
}

// The read buffers of the Deno adapter: small while a connection is quiet, large while its reads fill them. A pending
// read keeps its whole buffer resident, so an idle player would cost what the largest buffer does. Runtime neutral.

import { type ReadQuota, READS_A_TURN } from "./deno_read_governor.ts";

/** What an idle connection holds, and what is lent on top: throughput with 64 KiB frames rises 1.7 times with the last. */
const SIZES: readonly number[] = [256, 4_096, 16_384, 65_536, 262_144];
/** What follows a read that filled the smallest: it takes most of what waits, and is given back at once. */
const BURST_LEVEL = 3;
/** So many times in a row the smallest was not enough, and the connection is busy: it keeps a larger one while it waits. */
const BUSY_BURSTS = 4;
/** So many reads in a row for which the smallest would do, and it is quiet. */
const QUIET_READS = 4;
/**
 * All larger buffers together, lent or not; past it connections make do with the second smallest, of which there is one for
 * each. Bounds what busy ones hold that fell silent.
 */
const BUDGET_BYTES = 16_777_216;
/** The smallest are parts of larger arrays: an array of its own takes another 300 bytes. */
const SLAB_BYTES = 16_384;

/** Lends read buffers to the connections of one transport. */
export class ReadBufferPool {
  readonly #free: readonly Uint8Array[][] = SIZES.map(() => []);
  #slab = new Uint8Array(0);
  #slabOffset = 0;
  /** Bytes of the larger buffers that were made. */
  #madeBytes = 0;
  #dropped: Uint8Array | undefined = undefined;

  /** Where connections read to whose input is dropped: one array for all, as nobody looks at it. */
  get dropped(): Uint8Array {
    this.#dropped ??= new Uint8Array(65_536);
    return this.#dropped;
  }

  /** Makes the buffer of one connection. */
  open(): ReadBuffer {
    return new ReadBuffer(this, this.#free[0].pop() ?? this.#cutSmallest());
  }

  /** Lends a larger buffer; beyond the second smallest unless the budget is used up. */
  take(level: number): Uint8Array | undefined {
    const free = this.#free[level].pop();
    if (free !== undefined) return free;
    const bytes = SIZES[level];
    for (let other = SIZES.length - 1; other > 0 && this.#madeBytes + bytes > BUDGET_BYTES; other--) {
      this.#drop(other, this.#madeBytes + bytes - BUDGET_BYTES);
    }
    if (this.#madeBytes + bytes > BUDGET_BYTES && level > 1) return undefined;
    this.#madeBytes += bytes;
    return new Uint8Array(bytes);
  }

  /** Takes a buffer back, to be lent again unless somebody may still look at it. */
  give(buffer: Uint8Array, level: number, isInUse: boolean): void {
    if (!isInUse) this.#free[level].push(buffer);
    else if (level > 0) this.#madeBytes -= buffer.length;
  }

  /** Leaves free buffers of a size to the garbage collector, `bytes` or a little more in all, as far as there are any. */
  #drop(level: number, bytes: number): void {
    const free = this.#free[level];
    const dropped = free.splice(0, Math.ceil(bytes / SIZES[level]));
    this.#madeBytes -= dropped.length * SIZES[level];
  }

  #cutSmallest(): Uint8Array {
    if (this.#slabOffset === this.#slab.length) {
      this.#slab = new Uint8Array(SLAB_BYTES);
      this.#slabOffset = 0;
    }
    this.#slabOffset += SIZES[0];
    return this.#slab.subarray(this.#slabOffset - SIZES[0], this.#slabOffset);
  }
}

/** The buffer that one connection reads into, and its share of the reads. */
export class ReadBuffer implements ReadQuota {
  /** Where the next read goes. */
  bytes: Uint8Array;
  left = READS_A_TURN;
  isLate = false;
  readonly #pool: ReadBufferPool;
  readonly #smallest: Uint8Array;
  #level = 0;
  /** How many bursts in a row did not fit, up to the number that makes the connection busy. */
  #bursts = 0;
  #quietReads = 0;
  /** Whether the buffer at hand was chosen for what waits, and not for what usually comes. */
  #isBurst = false;

  /** Makes a small buffer. */
  constructor(pool: ReadBufferPool, smallest: Uint8Array) {
    this.#pool = pool;
    this.#smallest = smallest;
    this.bytes = smallest;
  }

  /** Chooses the buffer of the next read by what the last one brought. The bytes of the last read are spent by now. */
  adapt(count: number): void {
    if (count === this.bytes.length) return this.#grow();
    // There is no more for now: the next read waits, perhaps for hours.
    if (this.#level === 0) this.#bursts = 0;
    else if (this.#bursts < BUSY_BURSTS) this.#change(0);
    else if (this.#isBurst) this.#change(levelFor(count));
    else if (count > SIZES[0]) this.#quietReads = 0;
    else if (++this.#quietReads === QUIET_READS) {
      this.#bursts = 0;
      this.#change(0);
    }
    this.#isBurst = false;
  }

  /** Gives the memory back; to the garbage collector if a handler may still look at it. */
  close(isInUse: boolean): void {
    this.#giveBack(isInUse);
    this.#pool.give(this.#smallest, 0, isInUse);
  }

  #grow(): void {
    if (this.#level === 0 && this.#bursts < BUSY_BURSTS) this.#bursts++;
    this.#change(Math.min(Math.max(this.#level + 1, BURST_LEVEL), SIZES.length - 1));
    this.#isBurst = true;
  }

  /** Changes to a buffer of another size, or the next smaller one that is left. */
  #change(mostLevel: number): void {
    let level = mostLevel;
    let next: Uint8Array | undefined;
    while (level !== this.#level && next === undefined) {
      next = level > 0 ? this.#pool.take(level) : this.#smallest;
      if (next === undefined) level--;
    }
    if (next === undefined) return;
    this.#giveBack(false);
    this.bytes = next;
    this.#level = level;
    this.#quietReads = 0;
  }

  #giveBack(isInUse: boolean): void {
    if (this.#level > 0) this.#pool.give(this.bytes, this.#level, isInUse);
  }
}

/** The level whose reads of `count` bytes leave room for twice as much, or the largest. */
function levelFor(count: number): number {
  const level = SIZES.findIndex((bytes) => bytes > 2 * count);
  return level < 0 ? SIZES.length - 1 : level;
}

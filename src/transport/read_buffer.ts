// The read buffers of the adapters that bring their own: small while a connection is quiet, large while its reads fill them.
// A connection that waits for data keeps its whole buffer, so an idle one must have a small buffer. Runtime neutral.

/** The sizes of buffers, by level: an idle connection has the first. */
const SIZES: readonly number[] = [256, 4_096, 16_384, 65_536, 262_144];
/** The level after a read that filled the smallest buffer: it takes most of what waits, and is given back at once. */
const BURST_LEVEL = 3;
/**
 * The activity at which a connection is busy, and keeps a larger buffer while it waits; at 0 it is quiet again. A read that
 * fits in the smallest buffer counts one down. It changes slowly: where large and small reads take turns, the smallest buffer
 * would cut the large reads in two, and with them the answers to them.
 */
const BUSY = 32;
/** What a read adds to the activity that does not fit in the smallest buffer. */
const BURST_WEIGHT = 8;
/**
 * Bytes of all buffers above the smallest, lent or free. Past it a connection gets the second smallest at most, which is always
 * made. Bounds what connections hold that were busy and fell silent.
 */
const BUDGET_BYTES = 16_777_216;
/** The smallest buffers are parts of arrays of this size, as an array for each would take another 300 bytes. */
const SLAB_BYTES = 16_384;

/** Lends read buffers to the connections of one transport. */
export class ReadBufferPool {
  readonly #free: readonly Uint8Array[][] = SIZES.map(() => []);
  #slab = new Uint8Array(0);
  #slabOffset = 0;
  /** Bytes of the larger buffers that were made. */
  #madeBytes = 0;
  /** Connections with a larger buffer. */
  #larger = 0;
  #dropped: Uint8Array | undefined = undefined;

  /** The array into which all connections read whose input is dropped: nobody looks at it. */
  get dropped(): Uint8Array {
    this.#dropped ??= new Uint8Array(65_536);
    return this.#dropped;
  }

  /**
   * The largest level that may be lent: at it, the budget has room for a buffer for each connection that has more than the
   * smallest. Otherwise a few connections would take all of the budget, and the others read 4 KiB at a time.
   */
  get mostLevel(): number {
    let level = SIZES.length - 1;
    while (level > 1 && SIZES[level] * this.#larger > BUDGET_BYTES) level--;
    return level;
  }

  /** A connection has gone over to a larger buffer than the smallest, or back. */
  countLarger(change: number): void {
    this.#larger += change;
  }

  /** Lends a buffer of a level, or of the next lower one for which the budget has room. */
  take(mostLevel: number): Uint8Array {
    return this.takeLarger(mostLevel, 0) ?? this.#free[0].pop() ?? this.#cutSmallest();
  }

  /** As `take`; undefined if there is no room for a buffer above `level`. */
  takeLarger(mostLevel: number, level: number): Uint8Array | undefined {
    for (let other = mostLevel; other > level; other--) {
      const buffer = this.#free[other].pop() ?? this.#make(other);
      if (buffer !== undefined) return buffer;
    }
    return undefined;
  }

  /** Takes a buffer back, to be lent again. */
  give(buffer: Uint8Array): void {
    this.#free[SIZES.indexOf(buffer.length)].push(buffer);
  }

  /** Leaves a buffer to the garbage collector, as somebody may still look at it. */
  forget(buffer: Uint8Array): void {
    if (buffer.length > SIZES[0]) this.#madeBytes -= buffer.length;
  }

  /** Makes a buffer above the smallest; above level 1, undefined if the budget has no room. Drops free buffers to make room. */
  #make(level: number): Uint8Array | undefined {
    const bytes = SIZES[level];
    for (let other = SIZES.length - 1; other > 0 && this.#madeBytes + bytes > BUDGET_BYTES; other--) {
      this.#drop(other, this.#madeBytes + bytes - BUDGET_BYTES);
    }
    if (this.#madeBytes + bytes > BUDGET_BYTES && level > 1) return undefined;
    this.#madeBytes += bytes;
    return new Uint8Array(bytes);
  }

  /** Leaves free buffers of a level to the garbage collector: as many as `bytes` needs, if there are so many. */
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

/** The buffer that one connection reads into. */
export class ReadBuffer {
  /** Where the next read goes. */
  bytes: Uint8Array;
  readonly #pool: ReadBufferPool;
  #level = 0;
  /** From 0 to `BUSY`. */
  #activity = 0;
  /** Whether it has been busy since it was last quiet. */
  #isBusy = false;
  /** Whether the last read filled its buffer: the next buffer is chosen for what still waits, not for what usually comes. */
  #isBurst = false;
  /** The buffer of a read before, which a handler still looks at. */
  #lent: Uint8Array | undefined = undefined;

  /** Makes a small buffer. */
  constructor(pool: ReadBufferPool) {
    this.#pool = pool;
    this.bytes = pool.take(0);
  }

  /** Chooses the buffer of the next read by what the last one brought, whose bytes are spent, unless a handler keeps them. */
  adapt(count: number, isKept = false): void {
    if (isKept) {
      this.adaptLent(count);
      return this.endLoan(true);
    }
    const level = Math.min(this.#chooseLevel(count), this.#pool.mostLevel);
    if (level === this.#level) return;
    const next = level < this.#level ? this.#pool.take(level) : this.#pool.takeLarger(level, this.#level);
    if (next === undefined) return;
    this.#pool.give(this.bytes);
    this.#use(next);
  }

  /**
   * As `adapt`, but the bytes of the last read stay as they are, until `endLoan()` or for good. A buffer that was lent before
   * stays with its handler.
   */
  adaptLent(count: number): void {
    this.endLoan(true);
    this.#lent = this.bytes;
    this.#use(this.#pool.take(Math.min(this.#chooseLevel(count), this.#pool.mostLevel)));
  }

  /** The buffer that `adaptLent` left alone is free again, or a handler keeps it. */
  endLoan(isKept = false): void {
    if (this.#lent === undefined) return;
    if (isKept) this.#pool.forget(this.#lent);
    else this.#pool.give(this.#lent);
    this.#lent = undefined;
  }

  /** Gives the buffer back; leaves it to the garbage collector if a handler may still look at it (`isInUse`). */
  close(isInUse: boolean): void {
    if (this.#level > 0) this.#pool.countLarger(-1);
    if (isInUse) this.#pool.forget(this.bytes);
    else this.#pool.give(this.bytes);
    if (this.#lent !== undefined) this.#pool.forget(this.#lent);
  }

  #chooseLevel(count: number): number {
    const wasBurst = this.#isBurst;
    this.#isBurst = count === this.bytes.length;
    if (this.#isBurst) {
      if (this.#level === 0) this.#count(BURST_WEIGHT);
      return Math.min(Math.max(this.#level + 1, BURST_LEVEL), SIZES.length - 1);
    }
    // Nothing more waits: the next read may take hours to come.
    if (!wasBurst) this.#count(count <= SIZES[0] ? -1 : BURST_WEIGHT);
    if (!this.#isBusy) return 0;
    return wasBurst ? levelFor(count) : this.#level;
  }

  #count(weight: number): void {
    this.#activity = Math.min(Math.max(0, this.#activity + weight), BUSY);
    if (this.#activity === BUSY) this.#isBusy = true;
    else if (this.#activity === 0) this.#isBusy = false;
  }

  #use(bytes: Uint8Array): void {
    this.bytes = bytes;
    const before = this.#level;
    this.#level = SIZES.indexOf(bytes.length);
    if (before > 0 !== this.#level > 0) this.#pool.countLarger(before > 0 ? -1 : 1);
  }
}

/** The lowest level with room for more than twice `count` bytes, or the largest. */
function levelFor(count: number): number {
  const level = SIZES.findIndex((bytes) => bytes > 2 * count);
  return level < 0 ? SIZES.length - 1 : level;
}

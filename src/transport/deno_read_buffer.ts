// The read buffers of the Deno adapter: small while a connection is quiet, large while its reads fill them. A pending
// read keeps its whole buffer resident, so an idle player would cost what the largest buffer does. Runtime neutral.

/** What an idle connection holds: two small messages. Less saves little beside the 8 KB that Deno itself takes. */
const SMALL_BYTES = 1_024;
/** The first large buffer, and the largest: throughput with 64 KiB frames goes up 1.7 times from one to the other. */
const LARGE_BYTES = 65_536;
const LARGEST_BYTES = 262_144;
/** A read that fills less than this share of a large buffer ends its use. */
const LEAST_SHARE = 1 / 16;
/** Large buffers kept for the next reader. */
const MOST_FREE_PER_SIZE = 16;
/** All large buffers together; past it a connection stays small. Bounds what connections hold that fell silent. */
const LARGE_BUDGET_BYTES = 16_777_216;

/** Lends read buffers to the connections of one transport. */
export class ReadBufferPool {
  readonly #free = new Map<number, Uint8Array[]>([[LARGE_BYTES, []], [LARGEST_BYTES, []]]);
  #largeBytes = 0;
  #dropped: Uint8Array | undefined = undefined;

  /** Where connections read to whose input is dropped: one array for all, as nobody looks at it. */
  get dropped(): Uint8Array {
    this.#dropped ??= new Uint8Array(LARGE_BYTES);
    return this.#dropped;
  }

  /** Makes the buffer of one connection. */
  open(): ReadBuffer {
    return new ReadBuffer(this);
  }

  /** Lends a large buffer, unless the budget is used up. */
  takeLarge(bytes: number): Uint8Array | undefined {
    if (this.#largeBytes + bytes > LARGE_BUDGET_BYTES) return undefined;
    this.#largeBytes += bytes;
    return this.#free.get(bytes)?.pop() ?? new Uint8Array(bytes);
  }

  /** Takes a large buffer back, to be lent again unless somebody may still look at it. */
  giveLarge(buffer: Uint8Array, isInUse: boolean): void {
    this.#largeBytes -= buffer.length;
    const free = this.#free.get(buffer.length);
    if (!isInUse && free !== undefined && free.length < MOST_FREE_PER_SIZE) free.push(buffer);
  }
}

/** The buffer that one connection reads into. */
export class ReadBuffer {
  readonly #pool: ReadBufferPool;
  readonly #small = new Uint8Array(SMALL_BYTES);
  /** Where the next read goes. */
  bytes: Uint8Array = this.#small;

  /** Makes a small buffer. */
  constructor(pool: ReadBufferPool) {
    this.#pool = pool;
  }

  /** Chooses the buffer of the next read by what the last one brought. The bytes of the last read are spent by now. */
  adapt(count: number): void {
    const size = this.bytes.length;
    if (count === size && size < LARGEST_BYTES) this.#grow(size === SMALL_BYTES ? LARGE_BYTES : LARGEST_BYTES);
    else if (this.bytes !== this.#small && count < size * LEAST_SHARE) this.#shrink(false);
  }

  /** Gives the memory back. */
  close(): void {
    this.#shrink(false);
  }

  /** Gives the memory up to the garbage collector, for a handler may still look at it. */
  abandon(): void {
    this.#shrink(true);
  }

  #grow(size: number): void {
    const larger = this.#pool.takeLarge(size);
    if (larger === undefined) return;
    this.#shrink(false);
    this.bytes = larger;
  }

  #shrink(isInUse: boolean): void {
    if (this.bytes !== this.#small) this.#pool.giveLarge(this.bytes, isInUse);
    this.bytes = this.#small;
  }
}

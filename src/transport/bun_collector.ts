// BunCollector: has Bun collect the arrays of heavy reads before it would by itself. Bun only.

/** Bytes that are read between two looks at the process's memory, which take 100 us. */
const BYTES_PER_LOOK = 67_108_864;
/** The process may grow by so many bytes, or by half of what it had, if that is more. */
const LEAST_GROWTH_BYTES = 268_435_456;
const GROWTH = 1.5;

/**
 * Has Bun collect garbage once the process has grown much by heavy reads: Bun reads into fresh arrays of up to 512 KiB, and by
 * itself collects them late. A collection takes 10 to 50 ms; a server whose memory does not grow has none.
 */
export class BunCollector {
  readonly #residentBytes: () => number;
  readonly #collect: () => void;
  /** What the process had after the last collection. */
  #floorBytes: number;
  #readBytes = 0;

  /** Makes a collector; the callbacks measure the process's memory, and collect garbage. */
  constructor(residentBytes: () => number, collect: () => void) {
    this.#residentBytes = residentBytes;
    this.#collect = collect;
    this.#floorBytes = residentBytes();
  }

  /** Counts bytes that were read; collects if the process has grown too much. */
  count(bytes: number): void {
    this.#readBytes += bytes;
    if (this.#readBytes < BYTES_PER_LOOK) return;
    this.#readBytes = 0;
    const residentBytes = this.#residentBytes();
    if (residentBytes < Math.max(this.#floorBytes + LEAST_GROWTH_BYTES, this.#floorBytes * GROWTH)) return;
    this.#collect();
    this.#floorBytes = this.#residentBytes();
  }
}

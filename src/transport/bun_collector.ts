// BunCollector: has Bun collect the arrays of heavy reads before it would by itself. Bun only.

/** The process is looked at once so much was read: a look takes 100 us. */
const BYTES_PER_LOOK = 67_108_864;
/** It may grow by so much, and by half of what it had. */
const LEAST_GROWTH_BYTES = 268_435_456;
const GROWTH = 1.5;

/**
 * Bun reads into fresh arrays of up to 512 KiB. With 500 peers that send at full speed and never read the process grew to 1.2 to
 * 1.5 GB, of which half a gigabyte was in use, before they were collected; now to 0.8 to 1.1. A collection takes 10 to 50 ms, and
 * a server whose memory does not grow has none of them.
 */
export class BunCollector {
  readonly #residentBytes: () => number;
  readonly #collect: () => void;
  /** What the process had after the last collection. */
  #floorBytes: number;
  #readBytes = 0;

  /** Makes it of the runtime's means. */
  constructor(residentBytes: () => number, collect: () => void) {
    this.#residentBytes = residentBytes;
    this.#collect = collect;
    this.#floorBytes = residentBytes();
  }

  /** So much was read: collects if the process has grown too much. */
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

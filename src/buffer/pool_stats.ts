// The counters of a BufferPool as a snapshot and as a table. Counts nothing itself.
// Runtime neutral.

/**
 * Counters of one size class of a {@linkcode BufferPool}.
 *
 * @example Find the class that misses most
 * ```ts
 * import { BufferPool, type BufferClassStats } from "@laster/net/buffer";
 * import { assertEquals } from "@std/assert";
 *
 * const pool = new BufferPool({ classes: [64, 512] });
 * using _rented = pool.rent(100);
 * const byMisses = (left: BufferClassStats, right: BufferClassStats) => right.misses - left.misses;
 * assertEquals([...pool.stats().classes].sort(byMisses)[0].bytes, 512);
 * ```
 */
export interface BufferClassStats {
  /** Bytes of each buffer of the class. */
  readonly bytes: number;
  /** Buffers kept free now. */
  readonly free: number;
  /** Rents served by a kept buffer. */
  readonly hits: number;
  /** Rents that had to allocate. */
  readonly misses: number;
  /** Buffers rented now. */
  readonly outstanding: number;
}

/**
 * A snapshot of a {@linkcode BufferPool}'s counters.
 *
 * @example Check that nothing leaks
 * ```ts
 * import { BufferPool, type BufferPoolStats } from "@laster/net/buffer";
 * import { assertEquals } from "@std/assert";
 *
 * const pool = new BufferPool();
 * pool.rent(200).release();
 * const stats: BufferPoolStats = pool.stats();
 * assertEquals([stats.outstanding, stats.outstandingBytes, stats.freeBytes], [0, 0, 256]);
 * ```
 */
export interface BufferPoolStats {
  /** Rents served by a kept buffer. */
  readonly hits: number;
  /** Rents within the classes that had to allocate. */
  readonly misses: number;
  /** Rents above the largest class: neither hits nor misses. */
  readonly oversize: number;
  /** Buffers rented now, including oversize ones. */
  readonly outstanding: number;
  /** Bytes rented now, including oversize buffers and memory that was charged. */
  readonly outstandingBytes: number;
  /** Bytes kept free now. */
  readonly freeBytes: number;
  /** Most bytes free and rented together; `Infinity` for no limit. */
  readonly maxBytes: number;
  /** Buffers released above a limit and left to the garbage collector. */
  readonly dropped: number;
  /** Counters of each class, in ascending order of size. */
  readonly classes: readonly BufferClassStats[];
}

/**
 * Writes pool counters as a table: one line a class, then oversize and totals.
 *
 * @param stats The counters.
 * @param oversizeOutstanding Oversize buffers rented now.
 * @returns Lines without a line feed at the end.
 */
export function formatPoolStats(stats: BufferPoolStats, oversizeOutstanding: number): string {
  const rows: (string | number)[][] = [["class", "free", "out", "hits", "misses"]];
  let free = 0;
  for (const line of stats.classes) {
    free += line.free;
    rows.push([line.bytes, line.free, line.outstanding, line.hits, line.misses]);
  }
  rows.push(["oversize", "-", oversizeOutstanding, "-", stats.oversize]);
  rows.push(["total", free, stats.outstanding, stats.hits, stats.misses + stats.oversize]);
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => String(row[column]).length)));
  const lines = rows.map((row) => row.map((cell, column) => String(cell).padStart(widths[column])).join("  "));
  lines.push(`${stats.freeBytes} bytes free, ${stats.outstandingBytes} bytes out, ${stats.dropped} buffers dropped`);
  return lines.join("\n");
}

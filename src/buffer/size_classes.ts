// The size classes of a BufferPool: made, checked, found. Runtime neutral.

import { MAX_BUFFER_BYTES, requireInteger } from "./check.ts";
import type { SizeClass } from "./pooled_buffer.ts";

/** A class is short of free buffers if more than this part of its rents had to allocate. */
const HIGH_MISS_RATE = 0.1;

/** Powers of two from 1 byte to 1 GiB are 31 classes; twice as many allow one more between each two. */
const MAX_CLASSES = 64;

/** Makes a class that holds nothing, and keeps up to `limit` free buffers. */
export function makeSizeClass(bytes: number, limit: number): SizeClass {
  return {
    bytes,
    free: [],
    hits: 0,
    misses: 0,
    outstanding: 0,
    limit,
    leastFree: 0,
    hitsBefore: 0,
    missesBefore: 0,
  };
}

/** Whether a class has had a low hit rate since the last adaptation. */
export function isShort({ hits, misses, hitsBefore, missesBefore }: SizeClass): boolean {
  const made = misses - missesBefore;
  return made > HIGH_MISS_RATE * (made + hits - hitsBefore);
}

/** Refuses classes that are not strictly ascending. */
export function requireClasses(classes: readonly number[]): void {
  requireInteger("create BufferPool", "classes.length", classes.length, 1, MAX_CLASSES);
  for (let index = 0; index < classes.length; index++) {
    const minimum = index === 0 ? 1 : classes[index - 1] + 1;
    requireInteger("create BufferPool", `classes[${index}]`, classes[index], minimum, MAX_BUFFER_BYTES);
  }
}

/** Gives, by the bit length of a request, the index of the first class that holds the smallest such request. */
export function indexClasses(classes: readonly number[]): Uint8Array {
  const firstIndexByBits = new Uint8Array(32);
  for (let bits = 1; bits < firstIndexByBits.length; bits++) {
    const smallest = 2 ** (bits - 1);
    const index = classes.findIndex((bytes) => bytes >= smallest);
    firstIndexByBits[bits] = index === -1 ? classes.length : index;
  }
  return firstIndexByBits;
}

// Stand-in for `@std/bytes` where JSR cannot be reached: the part that this project may use, same names, signatures and
// meaning. Runtime neutral.

/** Joins the arrays into a new one. */
export function concat(buffers: Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(buffers.reduce((length, buffer) => length + buffer.length, 0));
  let offset = 0;
  for (const buffer of buffers) {
    joined.set(buffer, offset);
    offset += buffer.length;
  }
  return joined;
}

/** Copies what fits of `src` into `dst` from `offset` on, and returns the bytes copied. */
export function copy(src: Uint8Array, dst: Uint8Array, offset = 0): number {
  const start = Math.max(0, Math.min(offset, dst.byteLength));
  const fitting = src.subarray(0, dst.byteLength - start);
  dst.set(fitting, start);
  return fitting.byteLength;
}

/** Whether both hold the same bytes. */
export function equals(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && startsWith(a, b);
}

/** Whether `source` begins with `prefix`. */
export function startsWith(source: Uint8Array, prefix: Uint8Array): boolean {
  return prefix.length <= source.length && hasAt(source, prefix, 0);
}

/** Whether `source` ends with `suffix`. */
export function endsWith(source: Uint8Array, suffix: Uint8Array): boolean {
  return suffix.length <= source.length && hasAt(source, suffix, source.length - suffix.length);
}

/** The first index of `needle` in `source` from `start` on (negative: from the end), or -1; an empty needle is nowhere. */
export function indexOfNeedle(source: Uint8Array, needle: Uint8Array, start = 0): number {
  const first = start < 0 ? Math.max(0, source.length + start) : start;
  if (needle.length === 0) return -1;
  for (let index = first; index <= source.length - needle.length; index++) {
    if (hasAt(source, needle, index)) return index;
  }
  return -1;
}

/** Whether `needle` is in `source` from `start` on. */
export function includesNeedle(source: Uint8Array, needle: Uint8Array, start = 0): boolean {
  return indexOfNeedle(source, needle, start) !== -1;
}

/** A new array of `count` times `source`. */
export function repeat(source: Uint8Array, count: number): Uint8Array {
  if (count < 0 || !Number.isInteger(count)) {
    throw new RangeError(`Count must be a non-negative integer: current value is ${count}`);
  }
  const repeated = new Uint8Array(source.length * count);
  for (let index = 0; index < count; index++) repeated.set(source, index * source.length);
  return repeated;
}

function hasAt(source: Uint8Array, part: Uint8Array, offset: number): boolean {
  for (let index = 0; index < part.length; index++) {
    if (source[offset + index] !== part[index]) return false;
  }
  return true;
}

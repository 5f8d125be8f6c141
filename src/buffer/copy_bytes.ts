// Copies a range of one array into another without making a view of it. Checks nothing: callers have checked the range.
// Runtime neutral; uses the runtime's `Buffer.copy` where that is native (Node, Bun).

/** Up to this length a byte loop is the fastest on all three runtimes. */
const LOOP_BYTES = 16;

/** `Buffer.prototype.copy`, which takes any `Uint8Array` and makes no view. */
type Copy = (
  this: Uint8Array,
  target: Uint8Array,
  targetStart: number,
  sourceStart: number,
  sourceEnd: number,
) => number;

interface Globals {
  readonly Buffer?: { readonly prototype: { readonly copy: Copy } };
  readonly navigator?: { readonly userAgent?: string };
}

const { Buffer: buffer, navigator } = globalThis as unknown as Globals;
const runtime = navigator?.userAgent ?? "";
/** Not on Deno, whose `Buffer.copy` makes a view internally and costs more than `set` with a view. */
const copyNatively = /^(Node|Bun)/.test(runtime) ? buffer?.prototype.copy : undefined;
const isBun = runtime.startsWith("Bun");
/** Up to this length copying eight bytes at a time beats a call into the runtime. */
const WORD_BYTES = isBun ? 80 : 128;
const NUMBER_BYTES = 8;
const NOTHING: Uint8Array = new Uint8Array(0);
const NO_VIEW: DataView = viewOf(NOTHING);

/** The source of the last copy, and a view on it after two copies in a row from it: one chunk holds many small frames. */
const last = {
  source: NOTHING,
  viewedSource: NOTHING,
  sourceView: NO_VIEW,
  viewedTarget: NOTHING,
  targetView: NO_VIEW,
};

/**
 * Copies `length` bytes from `source` at `sourceIndex` to `target` at `targetIndex`.
 *
 * The two ranges may not overlap. Makes no view of the range on Bun and Node, nor on Deno for up to 16 bytes, or up to 128 from
 * the source of the last copy. Keeps the arrays of the last copies alive, the source until `forgetSource()`.
 *
 * @param source Array to copy from.
 * @param sourceIndex First index to copy.
 * @param target Array to copy into.
 * @param targetIndex Index of the first byte in `target`.
 * @param length Bytes to copy.
 */
export function copyBytes(
  source: Uint8Array,
  sourceIndex: number,
  target: Uint8Array,
  targetIndex: number,
  length: number,
): void {
  if (length > WORD_BYTES || length <= LOOP_BYTES || source !== last.viewedSource || target !== last.viewedTarget) {
    return copyOther(source, sourceIndex, target, targetIndex, length);
  }
  const from = last.sourceView;
  const to = last.targetView;
  const shift = (targetIndex - sourceIndex) | 0;
  const lastPair = (sourceIndex + length - 2 * NUMBER_BYTES) | 0;
  // Copied as 64-bit floats, as engines would allocate for bigints. A float keeps its bits, except that a NaN may change its
  // payload bits: then the sum is NaN (as it is with infinities of both signs), and the range is copied again another way. The
  // sum starts at 0.5, as V8 would add integers as such, which is slower. `| 0` avoids overflow checks.
  let sum = 0.5;
  let at = sourceIndex;
  for (;;) {
    if (at > lastPair) at = lastPair; // Copies some bytes twice.
    const first = from.getFloat64(at, true);
    const second = from.getFloat64((at + NUMBER_BYTES) | 0, true);
    to.setFloat64((at + shift) | 0, first, true);
    to.setFloat64((at + shift + NUMBER_BYTES) | 0, second, true);
    sum += first;
    sum += second;
    if (at === lastPair) break;
    at = (at + 2 * NUMBER_BYTES) | 0;
  }
  if (sum !== sum) copyRange(source, sourceIndex, target, targetIndex, length);
}

/**
 * Copies `length` bytes as `copyBytes()` does, also between ranges that overlap: within an array, or between views of one
 * buffer.
 *
 * @param source Array to copy from.
 * @param sourceIndex First index to copy.
 * @param target Array to copy into.
 * @param targetIndex Index of the first byte in `target`.
 * @param length Bytes to copy.
 */
export function moveBytes(
  source: Uint8Array,
  sourceIndex: number,
  target: Uint8Array,
  targetIndex: number,
  length: number,
): void {
  const shift = target.byteOffset + targetIndex - source.byteOffset - sourceIndex;
  const mayOverlap = shift < length && shift > -length;
  if (!mayOverlap || !isOneByte(source, sourceIndex + Math.max(0, shift), target, targetIndex - Math.min(0, shift))) {
    return copyBytes(source, sourceIndex, target, targetIndex, length);
  }
  target.set(source.subarray(sourceIndex, sourceIndex + length), targetIndex);
}

/**
 * Whether two indexes are of the same byte in memory. Finds out by another value, as engines have to make the buffer of a small
 * array before it can be compared. If they are not, `target[targetIndex]` is any byte afterwards.
 */
function isOneByte(source: Uint8Array, sourceIndex: number, target: Uint8Array, targetIndex: number): boolean {
  const byte = source[sourceIndex];
  target[targetIndex] = byte ^ 1;
  if (source[sourceIndex] === byte) return false;
  target[targetIndex] = byte;
  return true;
}

/** Releases the source of the last copy, so that a large one is not promoted by the garbage collector. */
export function forgetSource(): void {
  last.source = last.viewedSource = NOTHING;
  last.sourceView = NO_VIEW;
}

/** Copies without the cached views, or makes them first. */
function copyOther(
  source: Uint8Array,
  sourceIndex: number,
  target: Uint8Array,
  targetIndex: number,
  length: number,
): void {
  if (length <= LOOP_BYTES) {
    for (let index = 0; index < length; index++) target[targetIndex + index] = source[sourceIndex + index];
  } else if (length <= WORD_BYTES && makeViews(source, target)) {
    copyBytes(source, sourceIndex, target, targetIndex, length);
  } else copyRange(source, sourceIndex, target, targetIndex, length);
}

function copyRange(
  source: Uint8Array,
  sourceIndex: number,
  target: Uint8Array,
  targetIndex: number,
  length: number,
): void {
  if (copyNatively !== undefined) copyNatively.call(source, target, targetIndex, sourceIndex, sourceIndex + length);
  else if (sourceIndex === 0 && length === source.length) target.set(source, targetIndex);
  else target.set(source.subarray(sourceIndex, sourceIndex + length), targetIndex);
}

/** Makes the cached views of two arrays; false on the first copy from a source, as a view may not pay off. */
function makeViews(source: Uint8Array, target: Uint8Array): boolean {
  if (source !== last.viewedSource) {
    const isAgain = source === last.source;
    last.source = source;
    if (!isAgain) return false;
    last.viewedSource = source;
    last.sourceView = viewOf(source);
  }
  if (target !== last.viewedTarget) {
    last.viewedTarget = target;
    last.targetView = viewOf(target);
  }
  return true;
}

/** A view without a fixed length: it follows a resizable buffer. */
function viewOf({ buffer, byteOffset }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset);
}

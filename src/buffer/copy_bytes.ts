// Copies a range of one array into another without making a view of it. Checks nothing: callers have checked the range.
// Runtime neutral; uses the runtime's `Buffer.copy` where that is native (Node, Bun).

/** Up to here a byte loop is the fastest on all three runtimes. */
const LOOP_BYTES = 16;

/** `Buffer.prototype.copy`, which takes any `Uint8Array`, makes no view, and costs the same for 64 bytes as for none. */
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
/** Deno's makes a view inside, and costs more than one made here. */
const copyNatively = /^(Node|Bun)/.test(runtime) ? buffer?.prototype.copy : undefined;
const isBun = runtime.startsWith("Bun");
/** Up to here eight bytes at a time beat a call into the runtime. */
const WORD_BYTES = isBun ? 80 : 128;
const NOTHING: Uint8Array = new Uint8Array(0);

/** The source of the last copy, and once two in a row had the same, a view on it: one chunk holds many small frames. */
let lastSource = NOTHING;
let viewedSource = NOTHING;
let sourceView = viewOf(NOTHING);
let viewedTarget = NOTHING;
let targetView = sourceView;
const NO_VIEW = sourceView;

/**
 * Copies `length` bytes from `source` at `sourceIndex` to `target` at `targetIndex`.
 *
 * The two arrays may not overlap. Makes no view of the range on Bun and Node, nor for up to 128 bytes from an array that was
 * the source of the last copy too; keeps the arrays of the last copy alive, the source until `forgetSource()`.
 *
 * @param source Array to copy from.
 * @param sourceIndex First index to copy.
 * @param target Array to copy into.
 * @param targetIndex Index of the first byte in `target`.
 * @param length Bytes to copy.
 */
export const copyBytes: typeof copyAny = isBun ? copyInline : copyAny;

/** Lets go of the source of the last copy: for one that is large, as a collector promotes what it finds alive. */
export function forgetSource(): void {
  lastSource = viewedSource = NOTHING;
  sourceView = NO_VIEW;
}

/**
 * The way of most small frames, short enough for JavaScriptCore to make it a part of its callers: it does so with functions
 * of up to 170 bytes of code. V8 does so with longer ones, and is slower for it here.
 */
function copyInline(
  source: Uint8Array,
  sourceIndex: number,
  target: Uint8Array,
  targetIndex: number,
  length: number,
): void {
  if (length > WORD_BYTES || length <= LOOP_BYTES || source !== viewedSource || target !== viewedTarget) {
    copyAny(source, sourceIndex, target, targetIndex, length);
  } else if (!copyWords(sourceIndex, targetIndex, length)) {
    copyRange(source, sourceIndex, target, targetIndex, length);
  }
}

/** The way of all frames. */
function copyAny(
  source: Uint8Array,
  sourceIndex: number,
  target: Uint8Array,
  targetIndex: number,
  length: number,
): void {
  if (length <= LOOP_BYTES) {
    for (let index = 0; index < length; index++) target[targetIndex + index] = source[sourceIndex + index];
    return;
  }
  if (length > WORD_BYTES || ((source !== viewedSource || target !== viewedTarget) && !makeViews(source, target))) {
    return copyRange(source, sourceIndex, target, targetIndex, length);
  }
  if (!copyPairs(sourceIndex, targetIndex, length)) copyRange(source, sourceIndex, target, targetIndex, length);
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

/** Sees to the views of two arrays; says false if a view of the source may not be worth it. */
function makeViews(source: Uint8Array, target: Uint8Array): boolean {
  if (source !== viewedSource) {
    const isAgain = source === lastSource;
    lastSource = source;
    if (!isAgain) return false;
    viewedSource = source;
    sourceView = viewOf(source);
  }
  if (target !== viewedTarget) {
    viewedTarget = target;
    targetView = viewOf(target);
  }
  return true;
}

/**
 * Copies more than eight bytes as numbers of 64 bits, which neither engine makes objects of, as they do of 64-bit integers.
 * A number keeps its bits on the way, unless it is none (NaN): then it says false, with a part of the bytes copied. `| 0`
 * spares checks for overflow.
 */
function copyWords(sourceIndex: number, targetIndex: number, length: number): boolean {
  const from = sourceView;
  const to = targetView;
  const shift = (targetIndex - sourceIndex) | 0;
  const end = (sourceIndex + length - 8) | 0;
  let at = sourceIndex;
  do {
    const word = from.getFloat64(at, true);
    if (word !== word) return false;
    to.setFloat64((at + shift) | 0, word, true);
    at = (at + 8) | 0;
  } while (at < end);
  const word = from.getFloat64(end, true);
  if (word !== word) return false;
  to.setFloat64((end + shift) | 0, word, true);
  return true;
}

/** The same, two at a time: V8 takes a twentieth less for a whole message; JavaScriptCore would not inline it. */
function copyPairs(sourceIndex: number, targetIndex: number, length: number): boolean {
  const from = sourceView;
  const to = targetView;
  const shift = (targetIndex - sourceIndex) | 0;
  const end = (sourceIndex + length - 8) | 0;
  const pairsEnd = (end - 8) | 0;
  let at = sourceIndex;
  for (; at < pairsEnd; at = (at + 16) | 0) {
    const first = from.getFloat64(at, true);
    const second = from.getFloat64((at + 8) | 0, true);
    if (first !== first || second !== second) return false;
    to.setFloat64((at + shift) | 0, first, true);
    to.setFloat64((at + shift + 8) | 0, second, true);
  }
  // Of what is left, up to 16 bytes, the last eight may go over some a second time.
  if (at < end) {
    const word = from.getFloat64(at, true);
    if (word !== word) return false;
    to.setFloat64((at + shift) | 0, word, true);
  }
  const word = from.getFloat64(end, true);
  if (word !== word) return false;
  to.setFloat64((end + shift) | 0, word, true);
  return true;
}

/** A view that grows with the array, if that does. */
function viewOf({ buffer, byteOffset }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset);
}

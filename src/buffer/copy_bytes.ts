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
const NUMBER_BYTES = 8;
const NOTHING: Uint8Array = new Uint8Array(0);
const NO_VIEW: DataView = viewOf(NOTHING);

/** The source of the last copy, and once two in a row had the same, a view on it: one chunk holds many small frames. */
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
 * The two arrays may not overlap. Makes no view of the range on Bun and Node, nor for up to 128 bytes from an array that was
 * the source of the last copy too; keeps the arrays of the last copy alive, the source until `forgetSource()`.
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
  // As numbers of 64 bits, which neither engine makes objects of, as they do of 64-bit integers. A number keeps its bits on
  // the way, unless it is none (NaN): then so is the sum, and with infinities of either sign. The sum is no whole number, as
  // V8 would add whole ones as such, which takes longer. `| 0` spares checks for overflow.
  let sum = 0.5;
  let at = sourceIndex;
  for (;;) {
    if (at > lastPair) at = lastPair; // Goes over some bytes a second time.
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

/** Lets go of the source of the last copy: for one that is large, as a collector promotes what it finds alive. */
export function forgetSource(): void {
  last.source = last.viewedSource = NOTHING;
  last.sourceView = NO_VIEW;
}

/** The way of copies for which there are no views, or that are too short or too long to need them. */
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

/** Sees to the views of two arrays; says false if a view of the source may not be worth it. */
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

/** A view that grows with the array, if that does. */
function viewOf({ buffer, byteOffset }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset);
}

// Copies a range of one array into another without making a view of it. Checks nothing: callers have checked the range.
// Runtime neutral; uses the runtime's `Buffer.copy` where that is native (Node, Bun).

/** Up to here a byte loop is the fastest on all three runtimes. */
const LOOP_BYTES = 16;
/** Up to here eight bytes at a time beat a call into the runtime, where there is 64-bit access without allocation (V8). */
const WORD_BYTES = 128;

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
/** JavaScriptCore allocates an object for each 64-bit integer. */
const hasWords = !runtime.startsWith("Bun");

/** The arrays of the last copy, and once two in a row had the same, views on them: one chunk holds many small frames. */
let lastSource: Uint8Array | undefined;
let lastTarget: Uint8Array | undefined;
let sourceView: DataView | undefined;
let targetView: DataView | undefined;

/**
 * Copies `length` bytes from `source` at `sourceIndex` to `target` at `targetIndex`.
 *
 * The two arrays may not overlap. Makes no view of the range on Bun and Node, nor for up to 128 bytes from an array that was
 * the source of the last copy too; keeps the arrays of the last copy alive.
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
  if (length <= LOOP_BYTES) {
    for (let index = 0; index < length; index++) target[targetIndex + index] = source[sourceIndex + index];
  } else if (hasWords && length <= WORD_BYTES) {
    copyWords(source, sourceIndex, target, targetIndex, length);
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

function copyWords(
  source: Uint8Array,
  sourceIndex: number,
  target: Uint8Array,
  targetIndex: number,
  length: number,
): void {
  if (source !== lastSource) {
    lastSource = source;
    sourceView = undefined;
    return copyRange(source, sourceIndex, target, targetIndex, length);
  }
  if (target !== lastTarget) {
    lastTarget = target;
    targetView = undefined;
  }
  const from = sourceView ??= viewOf(source);
  const to = targetView ??= viewOf(target);
  const end = length - 8;
  for (let index = 0; index < end; index += 8) {
    to.setBigInt64(targetIndex + index, from.getBigInt64(sourceIndex + index, true), true);
  }
  // The last eight bytes, some of which may have been copied already.
  to.setBigInt64(targetIndex + end, from.getBigInt64(sourceIndex + end, true), true);
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

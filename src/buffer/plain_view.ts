// plainView(): a plain Uint8Array over memory that may be a Buffer. Sockets and `node:` modules hand out Buffers, whose
// `slice()` makes a view, while applications use `slice()` to copy. Runtime neutral.

/**
 * Makes a view of a range.
 *
 * @param bytes A Uint8Array, or a Buffer.
 * @param offset Where the range starts.
 * @param length How long it is; within the array.
 * @returns A plain Uint8Array over the same memory.
 */
export function plainView(bytes: Uint8Array, offset: number, length: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + offset, length);
}

// asPlain(): what `node:` modules make, without the class of theirs. Runtime neutral.

/**
 * Gives the same memory as a plain array: `slice()` of a Buffer makes a view, where applications copy with it.
 *
 * @param bytes A Buffer.
 * @returns A Uint8Array over the same bytes.
 */
export function asPlain({ buffer, byteOffset, length }: Uint8Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, length);
}

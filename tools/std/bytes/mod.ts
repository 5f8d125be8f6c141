// Stand-in for `@std/bytes` where JSR cannot be reached: the part that this project uses, same names and signatures.
// Runtime neutral.

/** Puts arrays behind each other, in a new one. */
export function concat(buffers: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(buffers.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const buffer of buffers) {
    whole.set(buffer, offset);
    offset += buffer.length;
  }
  return whole;
}

/** Whether two arrays hold the same bytes. */
export function equals(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

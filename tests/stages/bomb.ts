// A small frame that inflates to a large one. Runtime neutral.

import { concat } from "@std/bytes";
import { constants, deflateRawSync } from "node:zlib";

/** 2^20 bytes. */
export const MEBIBYTE = 1_048_576;

/** What compression() would make of so many zeros, made without them: one flushed piece again and again, then an end. */
export function makeBomb(mebibytes: number): Uint8Array {
  const piece = deflateRawSync(new Uint8Array(MEBIBYTE), { level: 9, finishFlush: constants.Z_FULL_FLUSH });
  return concat([Uint8Array.of(1), ...Array.from({ length: mebibytes }, () => piece), Uint8Array.of(3, 0)]);
}

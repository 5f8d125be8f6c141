// Checks that a codec refuses options and says why. Runtime neutral.

import { assertThrows } from "@std/assert";
import type { Codec } from "../../src/codec/codec.ts";

/** Checks that each of the options is refused with a message that has the text beside it. */
export function assertRefusesOptions(
  makeCodec: (options: object) => Codec,
  errorClass: typeof RangeError | typeof TypeError,
  cases: readonly (readonly [options: object, text: string])[],
): void {
  for (const [options, text] of cases) assertThrows(() => makeCodec(options), errorClass, text);
}

// The sizes of a growing ByteWriter: options, defaults, checks.
// Runtime neutral.

import { orDefault } from "../options.ts";
import { MAX_BUFFER_BYTES, requireInteger } from "./check.ts";

/** A message of a few fields: most never grow. */
const DEFAULT_INITIAL_BYTES = 256;

/** The default payload limit of the codecs and of laster40Net. */
const DEFAULT_MAX_BYTES = 65_536;

/**
 * Sizes of a growing {@linkcode ByteWriter}.
 *
 * @example A writer for messages of at most 1 KiB
 * ```ts
 * import { ByteWriter, type ByteWriterOptions } from "@laster/net/buffer";
 * import { assertThrows } from "@std/assert";
 *
 * const options: ByteWriterOptions = { initialBytes: 64, maxBytes: 1024 };
 * assertThrows(() => new ByteWriter(options).writeBytes(new Uint8Array(1025)), RangeError);
 * ```
 */
export interface ByteWriterOptions {
  /**
   * Bytes of the first array, 0 to `maxBytes`.
   *
   * @default {256} or `maxBytes` if that is less
   */
  readonly initialBytes?: number | undefined;
  /**
   * Most bytes written between two `reset()`, 0 to 1 GiB.
   *
   * @default {65536} or `initialBytes` if that is more
   */
  readonly maxBytes?: number | undefined;
}

/**
 * Fills in the defaults and checks the sizes.
 *
 * @param options The sizes as given.
 * @returns All sizes.
 * @throws {RangeError} if one is outside its range.
 */
export function resolveWriterSizes(options: ByteWriterOptions): Required<ByteWriterOptions> {
  // Values that are not numbers are refused below.
  const leastBytes = typeof options.initialBytes === "number" ? options.initialBytes : 0;
  const maxBytes = orDefault(options.maxBytes, Math.max(DEFAULT_MAX_BYTES, leastBytes));
  requireInteger("create ByteWriter", "maxBytes", maxBytes, 0, MAX_BUFFER_BYTES);
  const initialBytes = orDefault(options.initialBytes, Math.min(DEFAULT_INITIAL_BYTES, maxBytes));
  requireInteger("create ByteWriter", "initialBytes", initialBytes, 0, maxBytes);
  return { initialBytes, maxBytes };
}

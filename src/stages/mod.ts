/**
 * Stages: checksum, compression and encryption around the payloads of any codec.
 *
 * @example A stack of two
 * ```ts
 * import { simpleBinary } from "@laster/net";
 * import { checksum, compression, staged } from "@laster/net/stages";
 * import { assertEquals } from "@std/assert";
 *
 * const codec = staged(simpleBinary(), [checksum(), compression()]);
 * assertEquals(codec.name, "checksum+compression+simple-binary");
 * ```
 *
 * @module
 */

export { checksum } from "./checksum.ts";
export { compression, type CompressionOptions } from "./compression.ts";
export { encryption, type SessionKeys } from "./encryption.ts";
export { deriveSessionKeys, type SessionKeyOptions } from "./session_keys.ts";
export type { Stage, StageDecoder, StageEncoder } from "./stage.ts";
export { staged } from "./staged.ts";

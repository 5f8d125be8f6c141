// codecCases(): the contract of src/codec/codec.ts, in cases, for whoever writes a codec. Runtime neutral.

import { collectCases } from "./case_list.ts";
import { cutCases } from "./codec/cut_cases.ts";
import { decoderCases } from "./codec/decoder_cases.ts";
import { encoderCases } from "./codec/encoder_cases.ts";
import { payloadCases } from "./codec/payload_cases.ts";
import { pingCases } from "./codec/ping_cases.ts";
import { sessionCases } from "./codec/session_cases.ts";
import { type CodecCasesOptions, type CodecSuite, resolveSettings } from "./codec/settings.ts";
import type { ConformanceCase } from "./conformance_case.ts";

const GROUPS: Readonly<Record<string, (suite: CodecSuite) => void>> = {
  cuts: cutCases,
  payloads: payloadCases,
  decoder: decoderCases,
  encoder: encoderCases,
  ping: pingCases,
  sessions: sessionCases,
};

/**
 * Makes the cases that every codec has to pass; the codecs of this package do.
 *
 * The groups are `"cuts"` (frames that come whole, several at once, byte by byte, cut at random), `"payloads"` (empty, of
 * exactly the limit, one past it, and what is to be refused), `"decoder"` and `"encoder"` (what the contract says of a single
 * call), `"ping"` (only for a codec that has one) and `"sessions"` (two services over the in-memory transport).
 *
 * @param options The codec, and its properties.
 * @returns The cases, which do not depend on each other.
 * @throws {RangeError} if a number is out of range.
 * @throws {TypeError} if an option is unknown.
 *
 * @example With `node:test`, or any other test runner
 * ```ts ignore
 * import { lengthPrefixed } from "@laster/net";
 * import { codecCases } from "@laster/net/testing";
 * import { test } from "node:test";
 *
 * // Your codec in the place of this one.
 * const cases = codecCases({ makeCodec: (maxPayloadBytes) => lengthPrefixed({ width: 2, maxPayloadBytes }) });
 * for (const { group, name, skip, run } of cases) {
 *   test(`${group}: ${name}`, { skip: skip ?? false }, run);
 * }
 * ```
 *
 * @example A codec of texts, and what it refuses
 * ```ts
 * import { delimited } from "@laster/net";
 * import { codecCases } from "@laster/net/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const cases = codecCases({
 *   makeCodec: (maxPayloadBytes) => delimited({ delimiter: "\n", maxPayloadBytes }),
 *   makePayload: (length, random) => random.bytes(length).map((byte) => 97 + byte % 26),
 *   refused: [{ name: "a line without an end", bytes: new Uint8Array(1_001).fill(97), code: "too-large" }],
 * });
 * for (const { run } of cases) await run();
 * assertEquals(cases.some(({ name }) => name === "refuses a line without an end"), true);
 * ```
 */
export function codecCases(options: CodecCasesOptions): readonly ConformanceCase[] {
  return collectCases(resolveSettings(options), GROUPS);
}

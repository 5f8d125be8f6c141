// Each codec of the package, the stages around one, and the codecs of the examples, through codecCases(). Runtime neutral.

import { describe, test } from "node:test";
import { delimited, fixedLength, lengthPrefixed, raw, simpleBinary, tagged } from "@laster/net/codec";
import { checksum, compression, encryption, staged } from "@laster/net/stages";
import { codecCases, type CodecCasesOptions, type SeededRandom } from "@laster/net/testing";
import { heartbeat } from "../../examples/heartbeat_codec.ts";
import { netstring } from "../../examples/netstring_codec.ts";
import { makeKeys } from "../stages/stacks.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);

/** Bytes of letters, which have no delimiter among them. */
const letters = (length: number, random: SeededRandom) => random.bytes(length).map((byte) => 97 + byte % 26);

/** A payload with a tag in front: one that says the length, or one behind which a field does. */
function tagPayload(length: number, random: SeededRandom): Uint8Array {
  const payload = random.bytes(length);
  payload[0] = length === 9 ? 1 : 2;
  return payload;
}

const CODECS: Readonly<Record<string, CodecCasesOptions>> = {
  "simpleBinary()": {
    makeCodec: (maxPayloadBytes) => simpleBinary({ maxPayloadBytes }),
    refused: [{ name: "a negative length", bytes: Uint8Array.of(255, 255, 255, 255), code: "negative-length" }],
  },
  "lengthPrefixed()": { makeCodec: (maxPayloadBytes) => lengthPrefixed({ maxPayloadBytes }) },
  "lengthPrefixed() of one byte": {
    makeCodec: (maxPayloadBytes) => lengthPrefixed({ width: 1, maxPayloadBytes }),
    maxPayloadBytes: 254,
  },
  "lengthPrefixed() of two bytes, big-endian": {
    makeCodec: (maxPayloadBytes) => lengthPrefixed({ width: 2, byteOrder: "big", maxPayloadBytes }),
  },
  "lengthPrefixed() of a varint": {
    makeCodec: (maxPayloadBytes) => lengthPrefixed({ width: "varint", maxPayloadBytes }),
  },
  "lengthPrefixed() with its header kept": {
    makeCodec: (maxPayloadBytes) => lengthPrefixed({ width: 2, lengthOffset: 1, keepHeader: true, maxPayloadBytes }),
    minPayloadBytes: 3,
    arrives(payload) {
      const frame = payload.slice();
      new DataView(frame.buffer).setUint16(1, payload.length - 3, true);
      return frame;
    },
  },
  "lengthPrefixed() with control frames": {
    makeCodec: (maxPayloadBytes) => lengthPrefixed({ controlFrames: true, maxPayloadBytes }),
  },
  "delimited() of lines": { makeCodec: (maxPayloadBytes) => delimited({ maxPayloadBytes }), makePayload: letters },
  "delimited() of several bytes": {
    makeCodec: (maxPayloadBytes) => delimited({ delimiter: "--end--", maxPayloadBytes }),
    makePayload: letters,
    payloads: ["-", "--en", "--end-x"].map(utf8),
  },
  "delimited() with its delimiter kept": {
    makeCodec: (maxPayloadBytes) => delimited({ delimiter: "\r\n", keepDelimiter: true, maxPayloadBytes }),
    minPayloadBytes: 2,
    makePayload: (length, random) => Uint8Array.of(...letters(length - 2, random), 13, 10),
  },
  "fixedLength()": {
    makeCodec: () => fixedLength({ frameBytes: 16 }),
    minPayloadBytes: 16,
  },
  "fixedLength() that is filled up": {
    makeCodec: () => fixedLength({ frameBytes: 16, fill: 7 }),
    arrives: (payload) => Uint8Array.of(...payload, ...new Uint8Array(16 - payload.length).fill(7)),
  },
  "tagged()": {
    makeCodec: (maxPayloadBytes) => tagged({ sizes: { 1: 8, 2: "uint16" }, maxPayloadBytes }),
    minPayloadBytes: 1,
    makePayload: tagPayload,
    refused: [{ name: "an unknown tag", bytes: Uint8Array.of(3), code: "malformed" }],
  },
  "raw()": { makeCodec: (maxPayloadBytes) => raw({ maxPayloadBytes }), hasFrames: false },
  "checksum()": {
    makeCodec: (maxPayloadBytes) => staged(simpleBinary({ maxPayloadBytes }), [checksum()]),
    refused: [{
      name: "a wrong sum",
      bytes: Uint8Array.of(5, 0, 0, 0, 1, 2, 3, 4, 5),
      code: "checksum-mismatch",
    }],
  },
  "compression()": {
    makeCodec: (maxPayloadBytes) => staged(simpleBinary({ maxPayloadBytes }), [compression()]),
    payloads: [new Uint8Array(900)],
  },
  "compression() with a limit of its own": {
    makeCodec: (maxInflatedBytes) => staged(simpleBinary(), [compression({ maxInflatedBytes })]),
    makePayload: (length) => new Uint8Array(length),
  },
  "encryption()": {
    makeCodec: (maxPayloadBytes) => staged(simpleBinary({ maxPayloadBytes }), [encryption(makeKeys("near"))]),
    makePeerCodec: (maxPayloadBytes) => staged(simpleBinary({ maxPayloadBytes }), [encryption(makeKeys("far"))]),
    isPerSession: true,
  },
  "all stages": {
    makeCodec: (maxPayloadBytes) =>
      staged(simpleBinary({ maxPayloadBytes }), [checksum(), compression(), encryption(makeKeys("near"))]),
    makePeerCodec: (maxPayloadBytes) =>
      staged(simpleBinary({ maxPayloadBytes }), [checksum(), compression(), encryption(makeKeys("far"))]),
    isPerSession: true,
  },
  "heartbeat(), an example": {
    makeCodec: (maxPayloadBytes) => heartbeat({ maxPayloadBytes }),
    refused: [{ name: "an unknown kind", bytes: Uint8Array.of(3), code: "malformed" }],
  },
  "control frames below a checksum": {
    makeCodec: (maxPayloadBytes) => staged(lengthPrefixed({ controlFrames: true, maxPayloadBytes }), [checksum()]),
  },
  "heartbeat() with a checksum": {
    makeCodec: (maxPayloadBytes) => staged(heartbeat({ maxPayloadBytes }), [checksum()]),
  },
  "netstring, an example": {
    makeCodec: () => netstring,
    refused: [
      { name: "one byte past the limit", bytes: utf8("1001:"), code: "too-large" },
      { name: "a length that is none", bytes: utf8("1x:"), code: "malformed" },
      { name: "no length", bytes: utf8(":"), code: "malformed" },
      { name: "a frame without its comma", bytes: utf8("2:abc"), code: "malformed" },
    ],
  },
};

for (const [name, options] of Object.entries(CODECS)) {
  describe(name, () => {
    for (const { group, name, skip, run } of codecCases(options)) {
      test(`${group}: ${name}`, { skip: skip ?? false }, run);
    }
  });
}

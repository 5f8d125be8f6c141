// What is fuzzed: everything that reads bytes or texts of others, by name. Each says what it makes of an input, however that is
// cut, and throws what is not documented. Runtime neutral.

import { assertEquals } from "@std/assert";
import { ConnectionError } from "@laster/net";
import { type Codec, delimited, fixedLength, lengthPrefixed, raw, simpleBinary, tagged } from "@laster/net/codec";
import { checksum, compression, encryption, staged } from "@laster/net/stages";
import { readCertificateNames } from "../../src/transport/certificate_names.ts";
import { parseProxyHeader } from "../../src/transport/proxy_header.ts";
import { resolveTlsListen } from "../../src/transport/tls_identity.ts";
import { cutAt, encodeFrame, readStream } from "../codec/streams.ts";
import { type End, makeKeys } from "../stages/stacks.ts";

/** Something that reads what others send. */
export interface FuzzTarget {
  readonly name: string;
  /** Sound inputs, to be cut short and changed. */
  readonly sound: readonly Uint8Array[];
  /** Reads an input, cut at some places where that can be. */
  read(input: Uint8Array, cuts: readonly number[]): void;
}

const maxPayloadBytes = 1_000;
/** The class of the pool that holds the longest frame of each codec here. */
const MOST_RENTED_BYTES = 4_096;
const payloads = [new Uint8Array(), Uint8Array.of(7), Uint8Array.from({ length: 300 }, (_, index) => index)];

/** Codecs, by name, made anew for each stream: keys are those of one session. */
const CODECS: Readonly<Record<string, (end: End) => Codec>> = {
  "lengthPrefixed": () => lengthPrefixed({ maxPayloadBytes }),
  "lengthPrefixed with control frames": () => lengthPrefixed({ maxPayloadBytes, controlFrames: true }),
  "lengthPrefixed varint": () => lengthPrefixed({ maxPayloadBytes, width: "varint" }),
  "lengthPrefixed of 8 bytes, adjusted": () =>
    lengthPrefixed({ maxPayloadBytes, width: 8, byteOrder: "big", lengthOffset: 3, lengthAdjustment: -2 }),
  "simpleBinary": () => simpleBinary({ maxPayloadBytes }),
  "delimited": () => delimited({ maxPayloadBytes: 2_000 }),
  "fixedLength": () => fixedLength({ frameBytes: 16, fill: 0 }),
  "tagged": () => tagged({ sizes: { 1: 4, 7: 0, 2: "uint16", 9: "uint32" }, maxPayloadBytes }),
  "raw": () => raw({ maxPayloadBytes }),
  "checksum": () => staged(simpleBinary({ maxPayloadBytes }), [checksum()]),
  "compression": () => staged(simpleBinary({ maxPayloadBytes }), [compression({ leastBytes: 0 })]),
  "encryption": (end) => staged(simpleBinary({ maxPayloadBytes }), [encryption(makeKeys(end))]),
};

/** A decoder: the same comes of a stream however it is cut, only a `FrameError` ends it, and neither a message nor what is kept is past the limit. */
function codecTarget(name: string, make: (end: End) => Codec): FuzzTarget {
  const longest = make("near").createEncoder().maxPayloadBytes;
  const sound: Uint8Array[] = [];
  for (const payload of payloads) {
    try {
      sound.push(encodeFrame(make("near"), payload));
    } catch {
      // Not of that length, by this codec.
    }
  }
  return {
    name,
    sound: [...sound, new Uint8Array(sound.flatMap((frame) => [...frame]))],
    read(input, cuts) {
      const whole = readStream(make("far").createDecoder(), [input]);
      for (const message of whole.messages) assertEquals(message.length <= longest, true, `${message.length} bytes`);
      const cut = readStream(make("far").createDecoder(), cutAt(input, cuts));
      for (const { rentedClasses } of [whole, cut]) {
        assertEquals(rentedClasses.filter((bytes) => bytes === 0 || bytes > MOST_RENTED_BYTES), []);
      }
      const joined = (messages: readonly Uint8Array[]) => messages.flatMap((message) => [...message]);
      if (name === "raw") assertEquals(joined(cut.messages), joined(whole.messages));
      else assertEquals([cut.messages, cut.refusal], [whole.messages, whole.refusal]);
    },
  };
}

const proxyHeader: FuzzTarget = {
  name: "PROXY header",
  sound: [
    "PROXY TCP4 203.0.113.9 10.0.0.1 5151 11110\r\nhello",
    "PROXY TCP6 2001:db8::1 ::1 1 2\r\n",
    "PROXY UNKNOWN\r\n",
  ].map((text) => new TextEncoder().encode(text)).concat([
    Uint8Array.from([
      13,
      10,
      13,
      10,
      0,
      13,
      10,
      81,
      85,
      73,
      84,
      10,
      0x21,
      0x11,
      0,
      12,
      192,
      0,
      2,
      7,
      10,
      0,
      0,
      1,
      1,
      2,
      3,
      4,
    ]),
  ]),
  read(input) {
    try {
      const header = parseProxyHeader(input);
      // What comes behind a header does not change it.
      if (header !== undefined) assertEquals(parseProxyHeader(new Uint8Array([...input, 0, 255, 13, 10])), header);
    } catch (error) {
      if (!(error instanceof ConnectionError) || error.code !== "proxy-header-invalid") throw error;
    }
  },
};

/** A certificate with its key, as text; either may be anything. */
export function pemTarget(cert: string, key: string): FuzzTarget {
  const encoder = new TextEncoder();
  return {
    name: "PEM",
    sound: [encoder.encode(cert), encoder.encode(key), encoder.encode(cert + cert)],
    read(input) {
      const text = new TextDecoder().decode(input);
      for (
        const identity of [{ cert: text, key }, { cert, key: text }, {
          cert,
          key,
          serverNames: { a: { cert: text, key } },
        }]
      ) {
        try {
          resolveTlsListen(identity);
        } catch (error) {
          if (!(error instanceof TypeError) || !error.message.startsWith("Cannot use TLS")) throw error;
        }
      }
    },
  };
}

/** The names of a certificate: no bytes make it throw, or put a control character, or an end of a line, into a text. */
export function certificateTarget(der: Uint8Array): FuzzTarget {
  return {
    name: "names of a certificate",
    sound: [der],
    read(input) {
      const { subject, subjectAltName = "" } = readCertificateNames(input);
      // deno-lint-ignore no-control-regex -- They are what must not be there.
      assertEquals([/[\0-\x1f\x7f]/.test(subject), /[^ -~]/.test(subjectAltName)], [false, false]);
    },
  };
}

/** All that need nothing made for them. */
export const FUZZ_TARGETS: readonly FuzzTarget[] = [
  ...Object.entries(CODECS).map(([name, make]) => codecTarget(name, make)),
  proxyHeader,
];

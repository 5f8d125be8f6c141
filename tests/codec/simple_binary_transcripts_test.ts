// What laster40Net's own resolver did with 78 streams, and what simpleBinary() does with them. Runtime neutral.

import { assertEquals } from "@std/assert";
import { concat } from "@std/bytes";
import { readFileSync } from "node:fs";
import test from "node:test";
import { simpleBinary } from "../../src/codec/simple_binary.ts";
import { forEveryCut, readStream } from "./streams.ts";

interface Transcript {
  readonly name: string;
  readonly segments: readonly string[];
  readonly events: readonly ({ readonly message: string } | { readonly close: string })[];
}

/** What the recorded resolver was set to. */
const MAX_PAYLOAD_BYTES = 4096;

const TRANSCRIPTS = readTranscripts();
const codec = simpleBinary({ maxPayloadBytes: MAX_PAYLOAD_BYTES });

/** Where we chose to differ: LASTER40NET.md, C6 and C7. */
const DEVIATIONS: Readonly<Record<string, (segments: readonly Uint8Array[]) => void>> = {
  payload_4096_refused(segments) {
    // The limit is inclusive: the payload is taken.
    const { messages, refusal } = readStream(codec.createDecoder(), segments);
    assertEquals([messages, refusal], [[concat(segments).subarray(4)], undefined]);
    assertEquals(messages[0].length, MAX_PAYLOAD_BYTES);
  },
  length_minus_1_wedges_until_buffer_full(segments) {
    // The stream is refused at its first four bytes, not after 4 KiB more.
    const { messages, refusal, fedChunks } = readStream(codec.createDecoder(), segments);
    assertEquals([messages, refusal, fedChunks], [[], "negative-length", 1]);
    const header = readStream(codec.createDecoder(), [concat(segments).subarray(0, 4)]);
    assertEquals([header.refusal, header.rentedClasses], ["negative-length", []]);
  },
};

test("the transcripts have 78 cases with the two that we deviate from when read", () => {
  assertEquals(TRANSCRIPTS.length, 78);
  assertEquals(new Set(TRANSCRIPTS.map(({ name }) => name)).size, 78);
  assertEquals(TRANSCRIPTS.filter(({ name }) => Object.hasOwn(DEVIATIONS, name)).length, 2);
});

for (const { name, segments, events } of TRANSCRIPTS) {
  const chunks = segments.map(decodeBase64);
  const deviation = Object.hasOwn(DEVIATIONS, name) ? DEVIATIONS[name] : undefined;
  if (deviation !== undefined) {
    test(`simpleBinary() does what we chose instead when fed transcript ${name}`, () => deviation(chunks));
    continue;
  }
  test(`simpleBinary() does what the original did when fed transcript ${name}`, () => {
    const expected = events.map((event) => "message" in event ? decodeBase64(event.message) : event.close);
    assertEquals(eventsOf(chunks), expected);
    forEveryCut(concat(chunks), (cut) => assertEquals(eventsOf(cut), expected), 3);
  });
}

function eventsOf(chunks: readonly Uint8Array[]): (Uint8Array | string)[] {
  const { messages, refusal } = readStream(codec.createDecoder(), chunks);
  return refusal === undefined ? [...messages] : [...messages, "MessageResolveError"];
}

function readTranscripts(): Transcript[] {
  const text = readFileSync(new URL("../data/simple_binary_transcripts.jsonl", import.meta.url), "utf8");
  return text.trimEnd().split("\n").map((line) => JSON.parse(line) as Transcript);
}

function decodeBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

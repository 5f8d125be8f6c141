// Every decoder, stage and parser under random bytes, and under sound ones that are cut short and changed: only documented
// errors, the same answer however the bytes are cut, bounded time, and no more of a pool's memory than the longest frame takes.
// What once failed is in tests/data/fuzz_corpus.jsonl.

import { readFileSync } from "node:fs";
import process from "node:process";
import { X509Certificate } from "node:crypto";
import test from "node:test";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { assert } from "@std/assert";
import { check } from "../property.ts";
import { TemporaryFolder } from "../temporary_folder.ts";
import { Authority, skipWithoutOpenssl } from "../tls/certificates.ts";
import { certificateTarget, FUZZ_TARGETS, type FuzzTarget, pemTarget } from "./targets.ts";

const RUNS = process.env.LASTER_LONG === "1" ? 20_000 : 150;
/** Far more than any input takes: what is found here is an endless loop, or one that is quadratic. */
const LONGEST_MS = 2_000;
/** Neither all inputs of a target nor the search for the smallest that fails take longer: a slow machine tries fewer. */
const MOST_MS = process.env.LASTER_LONG === "1" ? 300_000 : 30_000;

/** One input of the corpus. */
interface CorpusLine {
  readonly target: string;
  readonly why: string;
  readonly hex: string;
}

const corpus = readFileSync(fileURLToPath(new URL("../data/fuzz_corpus.jsonl", import.meta.url)), "utf8")
  .trim().split("\n").map((line) => JSON.parse(line) as CorpusLine);

/** Changes a sound input: bytes set to others, a piece left out or doubled, and an end too early. */
function changed(sound: Uint8Array): fc.Arbitrary<Uint8Array> {
  const place = fc.nat(Math.max(0, sound.length - 1));
  const byte = fc.oneof(fc.constantFrom(0, 1, 10, 13, 127, 128, 255), fc.nat(255));
  return fc.record({
    bytes: fc.array(fc.tuple(place, byte), { maxLength: 4 }),
    from: place,
    length: fc.nat(8),
    isDoubled: fc.boolean(),
    end: fc.oneof(fc.constant(sound.length), place),
  }).map(({ bytes, from, length, isDoubled, end }) => {
    const all = sound.slice();
    for (const [at, value] of bytes) all[at] = value;
    const piece = all.slice(from, from + length);
    const rest = isDoubled
      ? [...all.slice(0, from), ...piece, ...all.slice(from)]
      : [...all.slice(0, from), ...all.slice(from + length)];
    return Uint8Array.from(rest.slice(0, end));
  });
}

/** A beginning of any bytes, and then more than any frame may have: whoever goes on waiting keeps all of it. */
const long = fc.tuple(fc.uint8Array({ maxLength: 12 }), fc.constantFrom(1, 65, 255)).map(([head, fill]) => {
  const input = new Uint8Array(6_000).fill(fill);
  input.set(head);
  return input;
});

function fuzz({ sound, read }: FuzzTarget, runs: number): void {
  const any = fc.oneof(
    fc.uint8Array({ maxLength: 3_000 }),
    fc.uint8Array({ maxLength: 40 }),
    long,
    ...sound.map(changed),
  );
  const cuts = fc.array(fc.nat(3_000), { maxLength: 6 });
  check(
    fc.property(any, cuts, (input, places) => {
      const startMs = performance.now();
      read(input, places.map((place) => Math.min(place, input.length)));
      assert(performance.now() - startMs < LONGEST_MS, "it takes too long");
    }),
    runs,
    MOST_MS,
  );
}

for (const target of FUZZ_TARGETS) {
  test(`any bytes, for ${target.name}`, () => {
    for (const { target: name, hex } of corpus) {
      if (name !== target.name) continue;
      const input = Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
      target.read(input, []);
      target.read(input, [...input.keys()]);
    }
    fuzz(target, RUNS);
  });
}

test("any text, for PEM", { skip: skipWithoutOpenssl }, () => {
  using folder = new TemporaryFolder();
  const { cert, key } = new Authority(folder).sign();
  fuzz(pemTarget(cert, key), Math.min(RUNS, 2_000));
});

test("any bytes, for the names of a certificate", { skip: skipWithoutOpenssl }, () => {
  using folder = new TemporaryFolder();
  const altNames = "DNS:a.example,IP:127.0.0.1,IP:::1,email:a@b.c,URI:https://x/y";
  const { cert } = new Authority(folder).sign({ name: "ann/O=players/OU=red", altNames });
  fuzz(certificateTarget(new Uint8Array(new X509Certificate(cert).raw)), RUNS);
});

test("every line of the corpus is for a target that there is", () => {
  for (const { target } of corpus) assert(FUZZ_TARGETS.some(({ name }) => name === target), target);
});

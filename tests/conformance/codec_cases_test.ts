// Tests of codecCases(): a sound codec passes, and each that is broken is found by the case that is about it. Runtime neutral.

import test from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { type Codec, type FrameDecoder, lengthPrefixed, raw } from "@laster/net";
import { codecCases, type CodecCasesOptions } from "@laster/net/testing";
import { BROKEN_CODECS, soundCodec } from "./broken_codecs.ts";

/** Sessions of a broken codec may wait for what never comes. */
const TIMEOUT_MS = 200;

/** Runs all cases; gives group and name of each that failed, and why. */
async function findFaults(options: CodecCasesOptions): Promise<Map<string, string>> {
  const faults = new Map<string, string>();
  for (const { group, name, skip, run } of codecCases(options)) {
    if (skip !== undefined) continue;
    await run().catch((error) => faults.set(`${group}: ${name}`, String(error)));
  }
  return faults;
}

test("codecCases() finds nothing wrong with a sound codec, and skips nothing", async () => {
  assertEquals(await findFaults({ makeCodec: soundCodec }), new Map());
  assertEquals(codecCases({ makeCodec: soundCodec }).filter(({ skip }) => skip !== undefined), []);
});

/** What is found in each broken codec, once it was looked for. */
const faultsOf = new Map<string, Promise<Map<string, string>>>();

function faultsOfBroken(flaw: string): Promise<Map<string, string>> {
  const faults = faultsOf.get(flaw) ?? findFaults({ makeCodec: BROKEN_CODECS[flaw].makeCodec, timeoutMs: TIMEOUT_MS });
  faultsOf.set(flaw, faults);
  return faults;
}

for (const [flaw, { foundBy }] of Object.entries(BROKEN_CODECS)) {
  test(`codecCases() finds a codec that ${flaw}`, async () => {
    const faults = await faultsOfBroken(flaw);
    assert(faults.has(foundBy), `found by ${[...faults].map(([name, error]) => `${name} (${error})`).join(", ")}`);
  });
}

test("codecCases() has no case that no broken codec fails", async () => {
  const found = new Set<string>();
  for (const flaw of Object.keys(BROKEN_CODECS)) {
    for (const name of (await faultsOfBroken(flaw)).keys()) found.add(name);
  }
  const names = codecCases({ makeCodec: soundCodec }).map(({ group, name }) => `${group}: ${name}`);
  assertEquals(names.filter((name) => !found.has(name)), []);
});

test("codecCases() has cases of the bytes that must be refused, which fail if they are not", async () => {
  const refused = [
    { name: "a ping as a frame that is none", bytes: Uint8Array.of(1), code: "malformed" },
    { name: "too much", bytes: Uint8Array.of(0, 255, 255), code: "malformed" },
  ] as const;
  const faults = await findFaults({ makeCodec: soundCodec, refused });
  assertEquals([...faults.keys()], [
    "payloads: refuses a ping as a frame that is none",
    "payloads: refuses too much",
  ]);
});

test("codecCases() repeats a run by its seed, which the message of a failure names", async () => {
  const { makeCodec, foundBy } = BROKEN_CODECS["loses the last byte"];
  const name = "cuts: decodes frames cut at random";
  const [first, second, other] = await Promise.all([7, 7, 8].map(async (seed) =>
    (await findFaults({
      makeCodec,
      seed,
      timeoutMs: TIMEOUT_MS,
    })).get(name)
  ));
  assertEquals(first, second);
  assert(first !== other && first?.includes("(seed 7, run 0)"), first);
  assert(foundBy !== name);
});

/** A codec without frames that hands over a hundred bytes at a time. */
function inPieces(maxPayloadBytes: number): Codec {
  const codec = raw({ maxPayloadBytes });
  const inner = codec.createDecoder();
  const decode: FrameDecoder["decode"] = (input, start, end, frame) =>
    inner.decode(input, start, Math.min(end, start + 100), frame);
  return { ...codec, createDecoder: () => ({ maxFrameBytes: inner.maxFrameBytes, decode }) };
}

test("codecCases() compares only the bytes of a codec without frames, and says what it skips", async () => {
  const options = { makeCodec: (maxPayloadBytes: number) => raw({ maxPayloadBytes }), hasFrames: false };
  assertEquals(await findFaults(options), new Map());
  const skips = codecCases(options).map(({ skip }) => skip).filter((skip) => skip !== undefined);
  assertEquals(new Set(skips), new Set(["it has no frames"]));
  assertEquals(await findFaults({ ...options, makeCodec: inPieces }), new Map());
  // Without being told it is found at once.
  const faults = await findFaults({ ...options, hasFrames: true, timeoutMs: TIMEOUT_MS });
  assert(faults.has("cuts: decodes several frames in one chunk"));
});

test("codecCases() skips what a codec of one limit, or of one session, cannot show", () => {
  const skipsOf = (options: Partial<CodecCasesOptions>) =>
    codecCases({ makeCodec: () => lengthPrefixed(), ...options }).flatMap(({ skip }) => skip ?? []);
  assertEquals(skipsOf({}), ["makeCodec() takes no notice of maxPayloadBytes"]);
  assertEquals(skipsOf({ isPerSession: true }).at(-1), "a codec serves one session only");
  assertEquals(skipsOf({ minPayloadBytes: 3 })[0], "a payload has 3 bytes at least");
});

test("codecCases() goes to the nearest length of which there is a payload, and says so where there is none", async () => {
  const unbounded = (maxPayloadBytes: number) => ({
    ...soundCodec(maxPayloadBytes),
    createDecoder: () => soundCodec(65_535).createDecoder(),
  });
  const even = (length: number) => length % 2 === 0 ? new Uint8Array(length) : undefined;
  for (const maxPayloadBytes of [1_000, 1_001]) {
    const cases = codecCases({ makeCodec: unbounded, maxPayloadBytes, makePayload: even });
    assertEquals(cases.filter(({ skip }) => skip !== undefined), []);
    const past = cases.find(({ name }) => name.endsWith("refuses a frame one byte past the limit"));
    await assertRejects(async () => await past?.run(), Error, "of what must be refused");
    await cases.find(({ name }) => name.endsWith("brings the longest payload across"))?.run();
  }
  const short = (length: number) => length > 0 && length < 50 ? new Uint8Array(length) : undefined;
  const skipped = codecCases({ makeCodec: soundCodec, makePayload: short }).filter(({ skip }) => skip !== undefined);
  assertEquals(skipped.map(({ name, skip }) => `${name}: ${skip}`), [
    "brings an empty payload across: makePayload() gives no payload of such a length",
    "brings the longest payload across: makePayload() gives no payload of such a length",
    "refuses a frame one byte past the limit: makePayload() gives no payload of such a length",
  ]);
});

test("codecCases() blames a makePayload() that gives another length", async () => {
  const [{ run }] = codecCases({ makeCodec: soundCodec, makePayload: () => new Uint8Array(3) });
  await assertRejects(run, Error, "the length of what makePayload(length) gives must be 0: current value is 3");
});

test("codecCases() refuses options that make no sense", () => {
  const make = (options: object) => () => codecCases({ makeCodec: soundCodec, ...options });
  assertThrows(make({ maxPayload: 5 }), TypeError);
  for (const options of [{ maxPayloadBytes: 0 }, { minPayloadBytes: -1 }, { runs: 0 }, { timeoutMs: 0.5 }]) {
    assertThrows(make(options), RangeError);
  }
  assertThrows(make({ maxPayloadBytes: 5, minPayloadBytes: 6 }), RangeError);
});

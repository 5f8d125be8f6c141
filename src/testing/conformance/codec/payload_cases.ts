// Codec conformance: the shortest and the longest payload, and what must be refused. Runtime neutral.

import type { FrameErrorCode } from "../../../errors.ts";
import { SeededRandom } from "../../simulation/seeded_random.ts";
import { equals, holds } from "../check.ts";
import { CodecLink, encodeFrame, joinBytes } from "./codec_link.ts";
import { cutAtRandom, cutBytes, readStream } from "./read_stream.ts";
import type { CodecSettings, CodecSuite } from "./settings.ts";

/** What a frame past the limit may be refused with. */
const TOO_LARGE: readonly FrameErrorCode[] = ["too-large", "inflated-too-large"];
/** So many lengths on this side of the limit, or beyond it, are tried where `makePayload()` does not give all. */
const MOST_LENGTHS = 64;

/** Declares the cases. */
export function payloadCases(suite: CodecSuite): void {
  const { settings } = suite;
  const { minPayloadBytes, refused } = settings;

  const skipEmpty = minPayloadBytes > 0 ? `a payload has ${minPayloadBytes} bytes at least` : withoutFrames(settings);
  const empty = (link: CodecLink) => link.payload(0);
  suite.add(
    "brings an empty payload across",
    () => check(settings, empty),
    skipEmpty ?? reasonWithout(settings, empty),
  );
  suite.add("brings the longest payload across", () => check(settings, longest), reasonWithout(settings, longest));
  suite.add("refuses a frame one byte past the limit", () => checkOnePast(settings), reasonNotToGoPast(settings));

  for (const { name, bytes, code } of refused) {
    suite.add(`refuses ${name}`, () => checkRefused(settings, bytes, [code]));
  }
}

function check(settings: CodecSettings, make: (link: CodecLink) => Uint8Array | undefined): void {
  const link = new CodecLink(settings);
  const payload = make(link);
  if (payload === undefined) throw new Error("makePayload() gave a payload, and does not any more");
  const { payloads, refusal, isInsideFrame } = readStream(link.far.createDecoder(), [
    encodeFrame(link.encoder, payload),
  ]);
  equals(refusal, undefined, `the code of the FrameError at a payload of ${payload.length} bytes`);
  const arrived = settings.hasFrames ? payloads : [joinBytes(payloads)];
  equals(arrived, [settings.arrives(payload)], `what arrives of a payload of ${payload.length} bytes`);
  equals(isInsideFrame, false, "whether a frame is unfinished at the end");
}

/** The longest payload that there is within the limit, or close to it. */
function longest(link: CodecLink): Uint8Array | undefined {
  const least = Math.max(link.settings.minPayloadBytes, link.limit - MOST_LENGTHS);
  for (let length = link.limit; length >= least; length--) {
    const payload = link.payload(length);
    if (payload !== undefined) return payload;
  }
  return undefined;
}

/** The shortest payload beyond the limit, of a codec that takes it. */
function onePast(settings: CodecSettings): { readonly link: CodecLink; readonly payload: Uint8Array } | undefined {
  for (let more = 1; more <= MOST_LENGTHS; more++) {
    const link = new CodecLink({ ...settings, maxPayloadBytes: settings.maxPayloadBytes + more });
    const payload = link.payload(link.limit);
    if (payload !== undefined) return { link, payload };
  }
  return undefined;
}

function checkOnePast(settings: CodecSettings): void {
  const past = onePast(settings);
  if (past === undefined) throw new Error("makePayload() gave a payload, and does not any more");
  const frame = encodeFrame(past.link.encoder, past.payload);
  checkRefused(settings, frame, TOO_LARGE);
  const refusalOf = (bytes: Uint8Array) => readStream(new CodecLink(settings).far.createDecoder(), [bytes]).refusal;
  if (refusalOf(frame) === "inflated-too-large") return; // How long it is inflated shows at its end.
  equals(refusalOf(frame.slice(0, -1)), "too-large", "the code of the FrameError before the last byte has come");
}

function checkRefused(
  settings: CodecSettings,
  bytes: Uint8Array,
  codes: readonly FrameErrorCode[],
): void {
  const { seed, runs } = settings;
  const checkChunks = (chunks: readonly Uint8Array[], how: string) => {
    const { refusal, payloads } = readStream(new CodecLink(settings).far.createDecoder(), chunks);
    holds(
      payloads.length === 0,
      `messages come of what must be refused, if it comes ${how}: current value is ${payloads.length}`,
    );
    holds(
      refusal !== undefined && codes.includes(refusal),
      `the code of the FrameError must be ${codes.join(" or ")} if it comes ${how}: current value is ${refusal}`,
    );
  };
  checkChunks([bytes], "whole");
  checkChunks(cutBytes(bytes), "byte by byte");
  for (let run = 0; run < runs; run++) {
    checkChunks(cutAtRandom(bytes, new SeededRandom(seed, run)), `cut at random (seed ${seed}, run ${run})`);
  }
}

function reasonNotToGoPast(settings: CodecSettings): string | undefined {
  const { limit } = new CodecLink(settings);
  const larger = new CodecLink({ ...settings, maxPayloadBytes: settings.maxPayloadBytes + 1 }).limit;
  if (!settings.hasFrames) return withoutFrames(settings);
  if (settings.minPayloadBytes >= limit) return "all payloads have one length";
  if (larger !== limit + 1) return "makeCodec() takes no notice of maxPayloadBytes";
  return reasonWithout(settings, () => onePast(settings)?.payload);
}

/** Why a case that needs a payload is skipped, if it is. */
function reasonWithout(
  settings: CodecSettings,
  make: (link: CodecLink) => Uint8Array | undefined,
): string | undefined {
  try {
    return make(new CodecLink(settings)) === undefined ? "makePayload() gives no payload of such a length" : undefined;
  } catch {
    return undefined; // The case finds it, and says so.
  }
}

/** Why a case that looks at single frames is skipped, if it is. */
export function withoutFrames({ hasFrames }: CodecSettings): string | undefined {
  return hasFrames ? undefined : "it has no frames";
}

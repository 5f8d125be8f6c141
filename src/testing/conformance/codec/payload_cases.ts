// Codec conformance: the shortest and the longest payload, and what must be refused. Runtime neutral.

import type { FrameErrorCode } from "../../../errors.ts";
import { SeededRandom } from "../../simulation/seeded_random.ts";
import { equals, holds } from "../check.ts";
import { CodecLink, encodeFrame, joinBytes } from "./codec_link.ts";
import { cutAtRandom, cutBytes, readStream } from "./read_stream.ts";
import type { CodecSettings, CodecSuite } from "./settings.ts";

/** What a frame past the limit may be refused with. */
const TOO_LARGE: readonly FrameErrorCode[] = ["too-large", "inflated-too-large"];

/** Declares the cases. */
export function payloadCases(suite: CodecSuite): void {
  const { settings } = suite;
  const { minPayloadBytes, refused } = settings;

  const skipEmpty = minPayloadBytes > 0 ? `a payload has ${minPayloadBytes} bytes at least` : withoutFrames(settings);
  suite.add("brings an empty payload across", () => checkLength(settings, () => 0), skipEmpty);
  suite.add("brings a payload of exactly the limit across", () => checkLength(settings, ({ limit }) => limit));
  suite.add("refuses a frame one byte past the limit", () => checkOnePast(settings), reasonNotToGoPast(settings));

  for (const { name, bytes, code } of refused) {
    suite.add(`refuses ${name}`, () => checkRefused(settings, bytes, [code]));
  }
}

function checkLength(settings: CodecSettings, lengthOf: (link: CodecLink) => number): void {
  const link = new CodecLink(settings);
  const length = lengthOf(link);
  const payload = link.payload(length);
  if (payload === undefined) return; // makePayload() says that there is none.
  const { payloads, refusal, isInsideFrame } = readStream(link.far.createDecoder(), [
    encodeFrame(link.encoder, payload),
  ]);
  equals(refusal, undefined, `the code of the FrameError at a payload of ${length} bytes`);
  const arrived = settings.hasFrames ? payloads : [joinBytes(payloads)];
  equals(arrived, [settings.arrives(payload)], `what arrives of a payload of ${length} bytes`);
  equals(isInsideFrame, false, "whether a frame is unfinished at the end");
}

/** A codec with a larger limit makes the frame. */
function checkOnePast(settings: CodecSettings): void {
  const larger = new CodecLink({ ...settings, maxPayloadBytes: settings.maxPayloadBytes + 1 });
  const payload = larger.payload(larger.limit);
  if (payload === undefined) return; // makePayload() says that there is none.
  const frame = encodeFrame(larger.encoder, payload);
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
  const check = (chunks: readonly Uint8Array[], how: string) => {
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
  check([bytes], "whole");
  check(cutBytes(bytes), "byte by byte");
  for (let run = 0; run < runs; run++) {
    check(cutAtRandom(bytes, new SeededRandom(seed, run)), `cut at random (seed ${seed}, run ${run})`);
  }
}

function reasonNotToGoPast(settings: CodecSettings): string | undefined {
  const { limit } = new CodecLink(settings);
  const larger = new CodecLink({ ...settings, maxPayloadBytes: settings.maxPayloadBytes + 1 }).limit;
  if (!settings.hasFrames) return withoutFrames(settings);
  if (settings.minPayloadBytes >= limit) return "all payloads have one length";
  return larger === limit + 1 ? undefined : "makeCodec() takes no notice of maxPayloadBytes";
}

/** Why a case that looks at single frames is skipped, if it is. */
export function withoutFrames({ hasFrames }: CodecSettings): string | undefined {
  return hasFrames ? undefined : "it has no frames";
}

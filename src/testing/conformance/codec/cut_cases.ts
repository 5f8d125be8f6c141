// Codec conformance: a stream gives the same messages, however it is cut. Runtime neutral.

import { SeededRandom } from "../../simulation/seeded_random.ts";
import { equals } from "../check.ts";
import { CodecLink, joinBytes, type Message } from "./codec_link.ts";
import { cutAtRandom, cutBytes, readStream } from "./read_stream.ts";
import type { CodecSuite } from "./settings.ts";

/** Declares the cases. */
export function cutCases(suite: CodecSuite): void {
  suite.add("decodes frames that come one by one", () => check(suite, (frames) => frames));
  suite.add("decodes several frames in one chunk", () => check(suite, (frames) => [joinBytes(frames)]));
  suite.add("decodes frames that come byte by byte", () => check(suite, (frames) => cutBytes(joinBytes(frames))));
  suite.add("decodes frames cut at random", () => {
    const { seed, runs } = suite.settings;
    for (let run = 0; run < runs; run++) {
      const random = new SeededRandom(seed, run);
      check(suite, (frames) => cutAtRandom(joinBytes(frames), random), ` (seed ${seed}, run ${run})`);
    }
  });
}

/** Has a stream decoded in the chunks that `cut` makes of it. */
function check(
  suite: CodecSuite,
  cut: (frames: readonly Uint8Array[]) => readonly Uint8Array[],
  where = "",
): void {
  const link = new CodecLink(suite.settings);
  const messages = link.messages();
  const chunks = cut(messages.map(({ frame }) => frame));
  const outcome = readStream(link.far.createDecoder(), chunks);
  equals(outcome.refusal, undefined, `the code of the FrameError${where}`);
  checkArrived(link, messages, outcome.payloads, where);
  equals(outcome.isInsideFrame, false, `whether a frame is unfinished at the end${where}`);
}

/** Checks that all messages have arrived, each by itself if there are frames. */
function checkArrived(
  link: CodecLink,
  messages: readonly Message[],
  payloads: readonly Uint8Array[],
  where: string,
): void {
  const expected = link.arriving(messages);
  if (!link.settings.hasFrames) return equals(joinBytes(payloads), joinBytes(expected), `what arrives${where}`);
  for (let index = 0; index < Math.min(payloads.length, expected.length); index++) {
    equals(payloads[index], expected[index], `message ${index + 1} of ${expected.length}${where}`);
  }
  equals(payloads.length, expected.length, `the messages that arrive${where}`);
}

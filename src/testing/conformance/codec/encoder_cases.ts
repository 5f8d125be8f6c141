// Codec conformance: what an encoder does at one call. Runtime neutral.

import { equals, holds } from "../check.ts";
import { CodecLink, encodeFrame, type EncodePlace, joinBytes } from "./codec_link.ts";
import { readStream } from "./read_stream.ts";
import type { CodecSuite } from "./settings.ts";

/** Declares the cases. `encodeFrame()` checks what stands around input and output. */
export function encoderCases(suite: CodecSuite): void {
  const { settings } = suite;
  const add = (name: string, place: EncodePlace) => {
    suite.add(name, () => {
      const link = new CodecLink(settings);
      const payloads = link.payloads();
      const frames = payloads.map((payload) => encodeFrame(link.encoder, payload, place));
      const arrived = readStream(link.far.createDecoder(), frames);
      const expected = payloads.map(settings.arrives);
      equals(joinBytes(arrived.payloads), joinBytes(expected), "what arrives");
    });
  };

  add("keeps within frameBytes(), and writes nothing around it", { outputBehind: 16 });
  add("takes a payload from the middle of an array, and leaves it as it is", { before: 9 });
  add("writes a frame to the middle of an array", { outputBefore: 11, outputBehind: 16 });

  suite.add("says how long a payload may be", () => {
    const { maxPayloadBytes } = new CodecLink(settings).encoder;
    const isLimit = Number.isInteger(maxPayloadBytes) && maxPayloadBytes >= settings.minPayloadBytes;
    holds(isLimit, `maxPayloadBytes of the encoder is ${maxPayloadBytes}`);
  });
}

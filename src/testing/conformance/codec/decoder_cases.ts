// Codec conformance: what a decoder does at one call. Runtime neutral.

import type { FrameDecoder } from "../../../codec/codec.ts";
import { equals, holds } from "../check.ts";
import { CodecLink, decodeOnce, encodeFrame, guards, joinBytes } from "./codec_link.ts";
import { withoutFrames } from "./payload_cases.ts";
import type { CodecSuite } from "./settings.ts";

/** Bytes before and behind a frame in its array. */
const BEFORE = 7;
const BEHIND = 40;

/** Declares the cases. */
export function decoderCases(suite: CodecSuite): void {
  const { settings } = suite;
  const skip = withoutFrames(settings);
  const add = (name: string, reason: string | undefined, body: (link: CodecLink) => void) => {
    suite.add(name, () => body(new CodecLink(settings)), reason);
  };

  add("hands no unfinished frame over", skip, (link) => {
    const [{ frame }] = link.messages([link.shortPayload()]);
    for (let end = 1; end < frame.length; end++) {
      const { used } = decodeOnce(link.freshDecoder(), frame.slice(0, end), 0, end);
      equals(used, 0, `the bytes used of the first ${end} of a frame of ${frame.length}`);
    }
  });

  add("looks at nothing behind the end of its input", skip, (link) => {
    const [first, second] = link.messages([link.shortPayload(), link.shortPayload()]);
    const { frame } = first;
    const stream = joinBytes([frame, second.frame]);
    for (let end = 1; end < frame.length; end++) {
      const { used } = decodeOnce(link.freshDecoder(), stream, 0, end);
      equals(
        used,
        0,
        `the bytes used of the first ${end} of a frame of ${frame.length}, the rest of it behind the end`,
      );
    }
    for (const behind of [guards(BEHIND), new Uint8Array(BEHIND), second.frame]) {
      const decoded = decodeOnce(link.freshDecoder(), joinBytes([frame, behind]), 0, frame.length);
      equals(decoded.used, frame.length, `the bytes used of a whole frame, with others behind the end`);
      equals(decoded.payload, settings.arrives(first.payload), "the payload, with other bytes behind the end");
    }
  });

  add("takes a frame that lies anywhere in its array", skip, (link) => {
    for (const { payload, frame } of link.messages()) {
      const input = joinBytes([guards(BEFORE), frame, guards(BEHIND)]);
      checkWhole(link.far.createDecoder(), input, BEFORE, BEFORE + frame.length, settings.arrives(payload));
      if (settings.isPerSession) return; // Its one decoder has read a frame already, so a frame made as the first does not fit.
    }
  });

  add("takes a frame, and leaves what is behind it", skip, (link) => {
    const messages = link.messages([link.shortPayload(), link.shortPayload()]);
    const stream = joinBytes(messages.map(({ frame }) => frame));
    const decoder = link.far.createDecoder();
    let start = 0;
    for (const { payload, frame } of messages) {
      const decoded = decodeOnce(decoder, stream, start, stream.length);
      equals(decoded.used, frame.length, "the bytes used");
      equals(decoded.payload, settings.arrives(payload), "the payload");
      start += decoded.used;
    }
  });

  add("says how many bytes a frame takes, if it says so", skip, (link) => {
    const [{ frame }] = link.messages([link.shortPayload()]);
    const decoder = link.far.createDecoder();
    for (let end = 1; end < frame.length; end++) {
      const input = joinBytes([frame.subarray(0, end), guards(BEHIND)]);
      const { used, needBytes } = decodeOnce(decoder, input, 0, end);
      equals(used, 0, `the bytes used of the first ${end} of a frame of ${frame.length}`);
      if (needBytes !== 0) equals(needBytes, frame.length, `needBytes after the first ${end} bytes of a frame`);
    }
    equals(decodeOnce(decoder, frame, 0, frame.length).used, frame.length, "the bytes used of the whole frame");
  });

  add("leaves its input as it is", undefined, (link) => {
    const [{ frame }] = link.messages([link.shortPayload()]);
    const decoder = link.far.createDecoder();
    const input = joinBytes([guards(BEFORE), frame, guards(BEHIND)]);
    const copy = input.slice();
    for (let length = 1; length <= frame.length; length++) {
      decodeOnce(decoder, input, BEFORE, BEFORE + length);
      equals(input, copy, `the input after decode() of ${length} bytes of a frame of ${frame.length}`);
    }
  });

  add("has room for the longest frame in maxFrameBytes", undefined, (link) => {
    const { maxFrameBytes } = link.far.createDecoder();
    for (const { payload, frame } of link.messages()) {
      const what = `the frame of a payload of ${payload.length} bytes has ${frame.length}`;
      holds(frame.length <= maxFrameBytes, `${what}, and maxFrameBytes is ${maxFrameBytes}`);
    }
  });

  const skipSessions = settings.isPerSession ? "a codec serves one session only" : skip;
  add("keeps the streams of two sessions apart", skipSessions, (link) => {
    const [one, other] = [0, 1].map(() => {
      const payload = link.shortPayload();
      return { payload, frame: encodeFrame(link.near.createEncoder(), payload), decoder: link.far.createDecoder() };
    });
    const middle = (frame: Uint8Array) => frame.length >> 1;
    for (const { decoder, frame } of [one, other]) {
      if (middle(frame) > 0) {
        equals(decodeOnce(decoder, frame, 0, middle(frame)).used, 0, "the bytes used of half a frame");
      }
    }
    for (const { decoder, frame, payload } of [one, other]) {
      checkWhole(decoder, frame, 0, frame.length, settings.arrives(payload));
    }
  });
}

function checkWhole(decoder: FrameDecoder, input: Uint8Array, start: number, end: number, expected: Uint8Array): void {
  const { used, payload } = decodeOnce(decoder, input, start, end);
  equals(used, end - start, "the bytes used of a whole frame");
  equals(payload, expected, "the payload");
}

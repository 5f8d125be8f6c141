// Codec conformance: the frames that are for the codec itself, of a codec that has a ping. Runtime neutral.

import { equals, holds } from "../check.ts";
import { CodecLink, decodeOnce, joinBytes } from "./codec_link.ts";
import { cutBytes, readStream } from "./read_stream.ts";
import type { CodecSuite } from "./settings.ts";

/** Declares the cases. */
export function pingCases(suite: CodecSuite): void {
  const { settings } = suite;
  if (new CodecLink(settings).near.ping === undefined) return;
  const add = (name: string, body: (link: CodecLink, ping: Uint8Array) => void) => {
    suite.add(name, () => {
      const link = new CodecLink(settings);
      const { ping } = link.near;
      holds(ping !== undefined, "a codec has a ping, and the next one that is made has none");
      body(link, ping);
    });
  };

  add("keeps its ping from the application", (link, ping) => {
    const { used, isConsumed, isAnswer } = decodeOnce(link.far.createDecoder(), ping, 0, ping.length);
    equals(used, ping.length, "the bytes used of a ping");
    equals(isConsumed, true, "whether a ping is consumed");
    equals(isAnswer, false, "whether a ping is the answer to one");
  });

  add("answers its ping, and knows the answer", (link, ping) => {
    const reply = replyTo(link, ping);
    const decoded = decodeOnce(link.near.createDecoder(), reply, 0, reply.length);
    equals(decoded.used, reply.length, "the bytes used of the answer to a ping");
    equals(decoded.isConsumed, true, "whether the answer to a ping is consumed");
    equals(decoded.isAnswer, true, "whether the answer to a ping is acknowledged");
    equals(decoded.reply, undefined, "what answers the answer to a ping");
  });

  add("takes pings and their answers between messages, byte by byte too", (link, ping) => {
    const reply = replyTo(link, ping);
    const messages = link.messages([link.shortPayload(), link.shortPayload(), link.shortPayload()]);
    const [first, second, third] = messages.map(({ frame }) => frame);
    const stream = joinBytes([ping, first, ping, ping, second, reply, third, reply]);
    for (const chunks of [[stream], cutBytes(stream)]) {
      const outcome = readStream(link.freshDecoder(), chunks);
      equals(outcome.refusal, undefined, "the code of the FrameError");
      equals(outcome.payloads, link.arriving(messages), "the messages that arrive between pings");
      equals(outcome.replies, [reply, reply, reply], "what answers three pings");
    }
  });
}

function replyTo(link: CodecLink, ping: Uint8Array): Uint8Array {
  const { reply } = decodeOnce(link.freshDecoder(), ping, 0, ping.length);
  holds(reply !== undefined, "nothing answers the ping");
  return reply.slice();
}

// A codec of one's own: netstrings, `5:hello,` (D. J. Bernstein, 1997). A server and a client talk through it and print
// what they say. `deno task codec`, `bun examples/custom_codec.ts`, `node examples/custom_codec.ts`.

import { type Codec, type Frame, FrameError, TcpService } from "@laster/net";
import { parseArguments } from "./command_line.ts";

const COLON = 58;
const COMMA = 44;
const ZERO = 48;
const MAX_PAYLOAD_BYTES = 1_000;
/** As many as the largest length has, and the colon. */
const MAX_HEADER_BYTES = 5;

/** Netstrings keep no state between frames, so one decoder and one encoder serve all sessions. */
const netstring: Codec = {
  name: "netstring",
  createDecoder: () => ({ maxFrameBytes: MAX_HEADER_BYTES + MAX_PAYLOAD_BYTES + 1, decode }),
  createEncoder: () => ({
    maxPayloadBytes: MAX_PAYLOAD_BYTES,
    frameBytes: (length) => MAX_HEADER_BYTES + length + 1,
    encode,
  }),
};

function decode(input: Uint8Array, start: number, end: number, frame: Frame): number {
  let length = 0;
  let position = start;
  for (; position < end && input[position] !== COLON; position++) {
    const digit = input[position] - ZERO;
    if (digit < 0 || digit > 9) {
      throw new FrameError("malformed", `Cannot decode netstring as it starts with digits: found ${digit + ZERO}`);
    }
    length = length * 10 + digit;
    if (length > MAX_PAYLOAD_BYTES) throw new FrameError("too-large", `Cannot decode netstring of ${length} bytes`);
  }
  if (position === end) return 0; // The length is not whole yet.
  if (position === start) throw new FrameError("malformed", "Cannot decode netstring as it has no length");
  const frameBytes = position - start + 1 + length + 1;
  frame.needBytes = frameBytes;
  if (end - start < frameBytes) return 0;
  if (input[start + frameBytes - 1] !== COMMA) {
    throw new FrameError("malformed", "Cannot decode netstring as no comma ends it");
  }
  frame.set(input, position + 1, length);
  return frameBytes;
}

function encode(payload: Uint8Array, offset: number, length: number, output: Uint8Array, outputOffset: number): number {
  const head = `${length}:`;
  for (let index = 0; index < head.length; index++) output[outputOffset + index] = head.charCodeAt(index);
  output.set(payload.subarray(offset, offset + length), outputOffset + head.length);
  output[outputOffset + head.length + length] = COMMA;
  return head.length + length + 1;
}

parseArguments({});
const text = new TextDecoder();
const bytes = new TextEncoder();

await using server = new TcpService({
  codec: netstring,
  onMessage(session, payload) {
    const words = text.decode(payload);
    console.log(`server heard ${words}`);
    session.send(bytes.encode(words.toUpperCase()));
  },
});
await server.start();
const { address } = await server.listen({ hostname: "127.0.0.1", port: 0 });

await using client = new TcpService({ codec: netstring });
await client.start();
const session = await client.connect({ port: address.kind === "tcp" ? address.port : 0 });
const lines = ["hello", "", "good bye"];
for (const words of lines) session.send(bytes.encode(words));
let heard = 0;
for await (const payload of session) {
  console.log(`client heard ${text.decode(payload)}`);
  if (++heard === lines.length) break;
}

// A codec of one's own, netstring_codec.ts: a server and a client talk through it and print what they say.
// `deno task codec`, `bun examples/custom_codec.ts`, `node examples/custom_codec.ts`.

import { TcpService } from "@laster/net";
import { parseArguments } from "./command_line.ts";
import { netstring } from "./netstring_codec.ts";

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

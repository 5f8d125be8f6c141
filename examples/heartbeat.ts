// Heartbeats: a server that closes sessions that are silent for half a second, one client that only sends pings, and one that
// sends nothing. `deno task heartbeat`, `bun examples/heartbeat.ts`, `node examples/heartbeat.ts`.

import process from "node:process";
import { TcpService } from "@laster/net";
import { parseArguments } from "./command_line.ts";
import { heartbeat, PING_FRAME } from "./heartbeat_codec.ts";

const IDLE_TIMEOUT_MS = 500;
const BEAT_MS = 100;
const RUN_MS = 1_500;

parseArguments({});
let pongs = 0;

await using server = new TcpService({
  codec: heartbeat(),
  idleTimeoutMs: IDLE_TIMEOUT_MS,
  onMessage: (session, payload) => session.send(payload),
});
await server.start();
const { address } = await server.listen({ hostname: "127.0.0.1", port: 0 });

await using client = new TcpService({ codec: heartbeat({ onPong: () => pongs++ }), onMessage: () => {} });
await client.start();
const where = { hostname: "127.0.0.1", port: address.kind === "tcp" ? address.port : 0 };
const [beating, silent] = [await client.connect(where), await client.connect(where)];
const timer = setInterval(() => beating.sendEncoded(PING_FRAME), BEAT_MS);
await new Promise((resolve) => setTimeout(resolve, RUN_MS));
clearInterval(timer);

console.log(`the client that beats is ${beating.state}, and had ${pongs} pings answered`);
console.log(`the silent one is ${silent.state}: ${(await silent.closed).reason}`);
if (beating.state !== "open" || pongs === 0 || silent.state !== "closed") process.exitCode = 1;

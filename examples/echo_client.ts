// Many connections to an echo server, each sending and checking messages, with a progress line. `deno task echo:client`.

import process from "node:process";
import { ConnectError } from "@laster/net";
import { exitWith, parseArguments } from "./command_line.ts";
import { EchoLoad, LEAST_SIZE_BYTES } from "./echo_load.ts";
import { ProgressLine } from "./progress_line.ts";

const options = parseArguments({
  host: { value: "127.0.0.1", help: "address of the server" },
  port: { value: 11_110, help: "port of the server", least: 1, most: 65_535 },
  connections: { value: 100, help: "sessions at the same time", least: 1, most: 60_000 },
  messages: { value: 1_000, help: "messages of each session", least: 1, most: 1_000_000_000 },
  size: { value: 64, help: "bytes of a message", least: LEAST_SIZE_BYTES, most: 65_536 },
  depth: { value: 4, help: "messages on the way for each session", least: 1, most: 1_000 },
});

const load = new EchoLoad({
  hostname: options.host,
  port: options.port,
  connections: options.connections,
  messages: options.messages,
  sizeBytes: options.size,
  depth: options.depth,
});
const startMs = performance.now();
try {
  await load.start();
} catch (error) {
  exitWith(1, error instanceof ConnectError ? error.message : String(error));
}
const total = options.connections * options.messages;
const line = new ProgressLine(() => {
  const seconds = (performance.now() - startMs) / 1_000;
  const rate = Math.round(load.received / seconds);
  return `${load.sessionCount} sessions, ${load.received} of ${total} messages, ${rate} messages/s`;
});
await load.done;
line.close();
const seconds = (performance.now() - startMs) / 1_000;
await load.stop();
console.log(
  `${load.received} of ${total} messages in ${seconds.toFixed(2)} s, ${
    Math.round(load.received / seconds)
  } messages/s, ` +
    `p50 ${load.latency.percentileMs(0.5).toFixed(2)} ms, p99 ${load.latency.percentileMs(0.99).toFixed(2)} ms, ` +
    `${load.mismatches} wrong, ${load.failures} failed`,
);
process.exit(load.received === total && load.mismatches === 0 && load.failures === 0 ? 0 : 1);

// The demo: a service on a real port, 200 sessions that dial it, and a few seconds of echo traffic of which every byte is
// checked. Exits 0 only if nothing was lost or wrong. `deno task demo`, `bun examples/demo.ts`, `node examples/demo.ts`.

import process from "node:process";
import { formatAddress, simpleBinary, TcpService } from "@laster/net";
import { parseArguments } from "./command_line.ts";
import { EchoLoad, LEAST_SIZE_BYTES } from "./echo_load.ts";
import { ProgressLine } from "./progress_line.ts";

const options = parseArguments({
  seconds: { value: 4, help: "how long", least: 1, most: 3_600 },
  sessions: { value: 200, help: "sessions at the same time", least: 1, most: 5_000 },
  size: { value: 64, help: "bytes of a message", least: LEAST_SIZE_BYTES, most: 65_536 },
  depth: { value: 8, help: "messages on the way for each session", least: 1, most: 1_000 },
});

const service = new TcpService({
  codec: simpleBinary(),
  listeners: [{ hostname: "127.0.0.1", port: 0 }],
  onMessageRange(session, buffer, offset, length) {
    if (session.sendRange(buffer, offset, length) === "congested") return session.drained();
  },
});
await service.start();
const [address] = service.stats().listeners;
console.log(
  `an echo service on ${formatAddress(address)}, ${options.sessions} sessions, ${options.size} bytes a message`,
);

const load = new EchoLoad({
  hostname: "127.0.0.1",
  port: address.kind === "tcp" ? address.port : 0,
  connections: options.sessions,
  messages: Infinity,
  sizeBytes: options.size,
  depth: options.depth,
});
await load.start();
const startMs = performance.now();
const seconds = () => (performance.now() - startMs) / 1_000;
const line = new ProgressLine(() =>
  `${seconds().toFixed(1)} s  ${service.sessionCount} sessions  ${load.received} messages  ` +
  `${Math.round(load.received / seconds())} messages/s  ${load.mismatches} wrong`
);
await new Promise((resolve) => setTimeout(resolve, options.seconds * 1_000));
const elapsedSeconds = seconds();
const rate = load.received / elapsedSeconds;
load.finish();
await load.done; // By now all sessions have been accepted: each has had an answer.
const peakSessions = service.sessionCount;
line.close();
await load.stop();
await service.stop();

const { receivedBytes, sentBytes, pool, openedSessions, sessions } = service.stats();
const clientPool = load.stats().pool;
const hitShare = (100 * pool.hits) / Math.max(1, pool.hits + pool.misses + pool.oversize);
const outstanding = pool.outstanding + clientPool.outstanding;
const rows: readonly (readonly [string, string])[] = [
  ["messages", `${load.received} (${Math.round(rate)} a second)`],
  [
    "latency",
    `p50 ${load.latency.percentileMs(0.5).toFixed(2)} ms, p99 ${load.latency.percentileMs(0.99).toFixed(2)} ms`,
  ],
  ["bytes", `${receivedBytes} in, ${sentBytes} out`],
  ["sessions", `${peakSessions} at once, ${openedSessions} opened, ${sessions} left`],
  ["pool", `${hitShare.toFixed(2)} % hits, ${outstanding} outstanding`],
  ["mismatches", `${load.mismatches} wrong, ${load.lost} lost, ${load.failures} failed`],
];
for (const [name, value] of rows) console.log(`${name.padEnd(12)}${value}`);

const isSound = load.received > 0 && load.lost === 0 && load.mismatches === 0 && load.failures === 0 &&
  peakSessions === options.sessions && sessions === 0 && outstanding === 0;
console.log(isSound ? "nothing lost, nothing wrong" : "SOMETHING WAS LOST OR WRONG");
process.exit(isSound ? 0 : 1);

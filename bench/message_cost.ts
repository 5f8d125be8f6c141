// What it costs a message to be looked at: nanoseconds that an echo takes in one process, over connections that take every write at
// once. `node bench/message_cost.ts KIND ROW`: KIND is off, metrics, handlers or recorder, or view and traces, which have a handler
// that is given a view; ROW is A, one message to each of 1,000 sessions in turn, or B, 64 to each of 64. One kind a process, so that
// none spoils what the compilers know of another. Prints quantiles of the passes: on a busy machine the least says most.

import process from "node:process";
import { Metrics } from "@laster/metrics";
import { type Session, silentLogger, simpleBinary, TcpService } from "@laster/net";
import { FlightRecorder } from "@laster/net/recorder";
import type { Transport } from "@laster/net/transport";
import { Tracing } from "@laster/tracing";
import { SinkConnection } from "./sink_transport.ts";

const WARM_UP_MS = 1_500;
const RUN_MS = 4_000;
/** Passes between two turns of the event loop. */
const PASSES_PER_TURN = 8;
const HEADER_BYTES = 4;

const [kind = "off", row = "A"] = process.argv.slice(2);
const { sessions, bytes, messages } = row === "A"
  ? { sessions: 1_000, bytes: 32, messages: 1 }
  : { sessions: 64, bytes: 64, messages: 64 };

const sinks: SinkConnection[] = [];
const sink: Transport = {
  name: "sink",
  listen: (address) => Promise.resolve({ address, close: () => Promise.resolve() }),
  connect: () => Promise.resolve(sinks[sinks.push(new SinkConnection()) - 1]),
};
const recorder = kind === "recorder" ? new FlightRecorder() : undefined;
const metrics = kind === "metrics" || kind === "handlers"
  ? new Metrics({ handlerTime: kind === "handlers" })
  : undefined;
const tracing = kind === "traces" ? new Tracing({ sampled: 0.01 }) : undefined;
const echo = (session: Session, payload: Uint8Array) => void session.send(payload);
const service = new TcpService({
  codec: simpleBinary(),
  logger: silentLogger(),
  transport: recorder?.wrap(sink) ?? sink,
  observers: [recorder ?? metrics ?? tracing ?? {}],
  ...(kind === "view" || kind === "traces" ? { onMessage: tracing?.wrap(echo) ?? echo } : {
    onMessageRange: (session: Session, buffer: Uint8Array, offset: number, length: number) =>
      void session.sendRange(buffer, offset, length),
  }),
});
await service.start();
for (let count = 0; count < sessions; count++) await service.connect({ port: 1 });
const chunk = new Uint8Array(messages * (HEADER_BYTES + bytes));
for (let message = 0; message < messages; message++) {
  new DataView(chunk.buffer).setUint32(message * (HEADER_BYTES + bytes), bytes, true);
}

const times: number[] = [];
const startMs = performance.now();
let passes = 0;
for (let nowMs = startMs; nowMs - startMs < WARM_UP_MS + RUN_MS; nowMs = performance.now()) {
  for (const { handler } of sinks) handler?.onData(chunk, chunk.length);
  await undefined; // What is sent at the end of a turn.
  if (nowMs - startMs > WARM_UP_MS) times.push((performance.now() - nowMs) * 1e6 / (sessions * messages));
  if (++passes % PASSES_PER_TURN === 0) await new Promise((resolve) => setTimeout(resolve));
}
times.sort((left, right) => left - right);
const quantiles = [0.01, 0.1, 0.5].map((part) => times[Math.floor(times.length * part)].toFixed(1));
console.log(`${kind} ${row}: ${quantiles.join(", ")} ns a message (1, 10 and 50 of 100 passes took less)`);
const written = sinks.reduce((sum, { writtenBytes }) => sum + writtenBytes, 0);
console.log(written === passes * sessions * chunk.length ? "all echoed" : "NOT ALL ECHOED");
process.exit(0);

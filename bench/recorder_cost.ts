// What a flight recorder costs: nanoseconds that a chunk of 32 bytes in, and one out, take more through a recorded connection than
// through the connection itself, with 1,000 connections in turn; and for the chunk and the clock apart. The ring wraps all the time.
// In turns, the median of the rounds. Run it on each runtime: `node bench/recorder_cost.ts`.

import { FlightRecorder } from "@laster/net/recorder";
import type { Connection, ConnectionHandler, Transport } from "@laster/net/transport";

const ROUNDS = 15;
const CONNECTIONS = 1_000;
const PASSES = 200;
const CHUNK_BYTES = 32;

let handled = 0;
let written = 0;

/** A connection that takes what is written, and receives when it is told. */
class Bare implements Connection {
  readonly localAddress = { kind: "tcp", hostname: "127.0.0.1", port: 1 } as const;
  readonly remoteAddress = { kind: "tcp", hostname: "127.0.0.1", port: 2 } as const;
  readonly pendingBytes = 0;
  readonly heldBytes = 0;
  handler: ConnectionHandler | undefined = undefined;
  start(handler: ConnectionHandler): void {
    this.handler = handler;
  }
  write(_bytes: Uint8Array, _offset: number, length: number): boolean {
    written += length;
    return true;
  }
  probe(): boolean {
    return false;
  }
  pause(): void {}
  resume(): void {}
  discardInput(): void {}
  shutdown(): void {}
  close(): void {}
  abort(): void {}
}

class Echo implements ConnectionHandler {
  readonly #connection: Connection;
  constructor(connection: Connection) {
    this.#connection = connection;
  }
  onData(buffer: Uint8Array, length: number): void {
    handled++;
    this.#connection.write(buffer, 0, length);
  }
  onEnd(): void {}
  onDrain(): void {}
  onClose(): void {}
}

/** Connections of which each answers what it is given. */
async function makeConnections(wrap: (transport: Transport) => Transport): Promise<Bare[]> {
  const bares: Bare[] = [];
  const inner: Transport = {
    name: "bare",
    listen: () => Promise.reject(new Error("not here")),
    connect() {
      const bare = new Bare();
      bares.push(bare);
      return Promise.resolve(bare);
    },
  };
  const transport = wrap(inner);
  for (let count = 0; count < CONNECTIONS; count++) {
    const connection = await transport.connect({ kind: "tcp", hostname: "127.0.0.1", port: 2 });
    connection.start(new Echo(connection));
  }
  return bares;
}

/** Nanoseconds a chunk in and a chunk out. */
function measure(connections: readonly Bare[]): number {
  const chunk = new Uint8Array(65_536);
  const startMs = performance.now();
  for (let pass = 0; pass < PASSES; pass++) {
    for (const { handler } of connections) handler?.onData(chunk, CHUNK_BYTES);
  }
  return ((performance.now() - startMs) / (PASSES * CONNECTIONS)) * 1e6;
}

const clock = { now: () => 1, setTimer: () => 0, clearTimer: () => {}, defer: () => {} };
const kinds: Readonly<Record<string, readonly Bare[]>> = {
  "bare": await makeConnections((transport) => transport),
  "recorded": await makeConnections((transport) => new FlightRecorder().wrap(transport)),
  "recorded, without asking for the time": await makeConnections((transport) =>
    new FlightRecorder({ clock }).wrap(transport)
  ),
};
const times = new Map<string, number[]>(Object.keys(kinds).map((name) => [name, []]));
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, connections] of Object.entries(kinds)) times.get(name)?.push(measure(connections));
}
const median = (values: readonly number[]) => values.toSorted((left, right) => left - right)[Math.floor(ROUNDS / 2)];
const bare = times.get("bare") ?? [];
for (const [name, all] of times) {
  const more = median(all.map((time, round) => time - bare[round]));
  console.log(`${name.padEnd(38)} ${median(all).toFixed(0)} ns both ways, ${more.toFixed(0)} more`);
}
const chunks = 3 * ROUNDS * PASSES * CONNECTIONS;
console.log(handled === chunks && written === chunks * CHUNK_BYTES ? "all echoed" : "NOT ALL ECHOED");

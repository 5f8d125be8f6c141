// What the guard's limits of messages cost: CPU nanoseconds that an echoed message takes more with them, over connections that do
// nothing, by the loads of two rows of the benchmark: A is 1,000 sessions in turn, a message of 32 bytes a chunk; B is 64 sessions,
// 64 messages of 64 bytes a chunk. The limits are 32 million messages a second in all, shared out. In turns, the median of the
// rounds. Run it on each runtime: `node bench/guard_cost.ts`.

import process from "node:process";
import { type Session, simpleBinary, TcpService } from "@laster/net";
import { type MessageHandler, MessageLimits } from "@laster/net/guard";
import type { Transport } from "@laster/net/transport";
import { SinkConnection } from "./sink_transport.ts";

const ROUNDS = 25;
/** Messages a second of all sessions together: more than any runtime handles. */
const FASTEST = 32_000_000;
/** A round has about so many. */
const MESSAGES = 128_000;

interface Load {
  readonly sessions: number;
  readonly bytes: number;
  readonly messages: number;
}

const LOADS: Readonly<Record<string, Load>> = {
  A: { sessions: 1_000, bytes: 32, messages: 1 },
  B: { sessions: 64, bytes: 64, messages: 64 },
};

const echo: MessageHandler<undefined> = (session, payload) => {
  if (session.send(payload) === "congested") return session.drained();
};

/** Sessions of one service, each of which takes the same chunk. */
interface Crowd {
  readonly connections: readonly SinkConnection[];
  readonly chunk: Uint8Array;
  /** How often each takes it in a round. */
  readonly passes: number;
}

async function makeCrowd({ sessions, bytes, messages }: Load, onMessage: MessageHandler<undefined>): Promise<Crowd> {
  const connections: SinkConnection[] = [];
  const transport: Transport = {
    name: "sink",
    listen: () => Promise.reject(new Error("not here")),
    connect() {
      const connection = new SinkConnection();
      connections.push(connection);
      return Promise.resolve(connection);
    },
  };
  const service = new TcpService({ transport, codec: simpleBinary(), onMessage });
  await service.start();
  const opened: Promise<Session>[] = [];
  for (let count = 0; count < sessions; count++) opened.push(service.connect({ hostname: "127.0.0.1", port: 1 }));
  await Promise.all(opened);
  const frame = new Uint8Array(4 + bytes);
  new DataView(frame.buffer).setUint32(0, bytes, true);
  const chunk = new Uint8Array(65_536);
  for (let count = 0; count < messages; count++) chunk.set(frame, count * frame.length);
  return { connections, chunk, passes: Math.round(MESSAGES / (sessions * messages)) };
}

/** Nanoseconds of CPU a message. */
async function measure({ connections, chunk, passes }: Crowd, { bytes, messages }: Load): Promise<number> {
  const length = messages * (4 + bytes);
  const start = process.cpuUsage();
  for (let pass = 0; pass < passes; pass++) {
    for (const { handler } of connections) handler?.onData(chunk, length);
    await new Promise((resolve) => setImmediate(resolve)); // What is sent in a turn is flushed at its end.
  }
  const { user, system } = process.cpuUsage(start);
  return ((user + system) * 1_000) / (passes * connections.length * messages);
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[values.length >> 1];
}

for (const [name, load] of Object.entries(LOADS)) {
  const perSecond = FASTEST / load.sessions;
  const limits = new MessageLimits({ messagesPerSecond: perSecond, bytesPerSecond: perSecond * load.bytes });
  const crowds = [await makeCrowd(load, echo), await makeCrowd(load, limits.wrap(echo))];
  const times: number[][] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, crowd] of crowds.entries()) times[index].push(await measure(crowd, load));
  }
  const more = median(times[1].map((time, round) => time - times[0][round]));
  const isWhole = crowds.every(({ connections, passes }) =>
    connections.every(({ writtenBytes }) => writtenBytes === ROUNDS * passes * load.messages * (4 + load.bytes))
  );
  console.log(
    `${name} ${median(times[0]).toFixed(0)} ns a message, ${more.toFixed(1)} more with limits, ` +
      `best of each ${times.map((all) => Math.min(...all).toFixed(0)).join(" and ")}, ` +
      `${limits.stats.waited} waited, ${isWhole ? "all echoed" : "NOT ALL ECHOED"}`,
  );
}
process.exit();

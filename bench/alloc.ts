// Counts the bytes that are allocated on the heap per message, over a million messages, path by path; one line of JSON
// each. Runs on Deno, Bun and Node.
//
//   deno run -A bench/alloc.ts [PATH_OF_LOADGEN]
//   BUN_JSC_useGC=0 bun bench/alloc.ts [PATH_OF_LOADGEN]

import { spawn } from "node:child_process";
import process from "node:process";
import { getHeapStatistics } from "node:v8";
import { type Session, simpleBinary, TcpService, type TcpServiceOptions } from "../mod.ts";
import { defaultTransport, memoryTransport } from "../src/transport/mod.ts";
import { SinkConnection, sinkTransport } from "./sink_transport.ts";

const MESSAGES = 1_000_000;
const MESSAGES_PER_CHUNK = 64;
const PAYLOAD_BYTES = 64;
const FRAME_BYTES = 4 + PAYLOAD_BYTES;
const CHUNKS = MESSAGES / MESSAGES_PER_CHUNK;
/** Enough for every function to be compiled for good. */
const WARM_UP_CHUNKS = CHUNKS / 2;

type Handlers = Pick<TcpServiceOptions, "onMessageRange" | "onMessage">;

const ON_FRAME: Handlers = {
  onMessageRange(session: Session, buffer, offset, length) {
    session.sendRange(buffer, offset, length);
  },
};
const ON_MESSAGE: Handlers = {
  onMessage(session: Session, payload) {
    session.send(payload);
  },
};

/** What `bun:jsc` has for this. */
interface Jsc {
  heapStats(): { heapCapacity: number };
}
const jsc: Jsc | undefined = "Bun" in globalThis ? await import(["bun", "jsc"].join(":")) : undefined;

/**
 * All bytes that were ever allocated on the heap. V8 counts them, whatever is collected. JavaScriptCore does not: with
 * its collector switched off the heap's capacity says the same.
 */
function allocatedBytes(): number {
  if (jsc !== undefined) return jsc.heapStats().heapCapacity;
  return (getHeapStatistics() as unknown as { total_allocated_bytes: number }).total_allocated_bytes;
}

function report(path: string, bytes: number, messages: number, chunks: number): void {
  const perMessage = Number((bytes / messages).toFixed(2));
  const perChunk = chunks === 0 ? undefined : Number((bytes / chunks).toFixed(1));
  console.log(JSON.stringify({ path, messages, perMessage, perChunk }));
}

function makeChunk(): Uint8Array {
  const chunk = new Uint8Array(MESSAGES_PER_CHUNK * FRAME_BYTES).fill(7);
  for (let at = 0; at < chunk.length; at += FRAME_BYTES) chunk.set([PAYLOAD_BYTES, 0, 0, 0], at);
  return chunk;
}

/** Whether the counter counts: an array of 16 numbers for each message takes 16 to 18 words of 4 or 8 bytes. */
function measureCounter(): void {
  const kept: number[][] = new Array(64).fill([]);
  const run = (count: number) => {
    for (let index = 0; index < count; index++) kept[index % 64] = new Array(16).fill(index);
  };
  run(MESSAGES / 2);
  const before = allocatedBytes();
  run(MESSAGES);
  report("check: one array of 16 numbers a message", allocatedBytes() - before, MESSAGES, 0);
}

/** From the chunk to the write, and nothing below. */
async function measureSession(path: string, handlers: Handlers): Promise<void> {
  const connection = new SinkConnection();
  const service = new TcpService({ codec: simpleBinary(), transport: sinkTransport(connection), ...handlers });
  await service.start();
  await service.connect({ port: 1 });
  const chunk = makeChunk();
  const run = (chunks: number) => {
    for (let index = 0; index < chunks; index++) connection.handler?.onData(chunk, chunk.length);
  };
  run(WARM_UP_CHUNKS);
  const written = connection.writtenBytes;
  const before = allocatedBytes();
  run(CHUNKS);
  const bytes = allocatedBytes() - before;
  if (connection.writtenBytes - written !== CHUNKS * chunk.length) throw new Error("not all messages were answered");
  report(path, bytes, MESSAGES, CHUNKS);
  await service.stop();
}

/** Two services over the in-memory transport, one message at a time in flight a chunk. */
async function measureMemory(): Promise<void> {
  const transport = memoryTransport();
  const server = new TcpService({ codec: simpleBinary(), transport, listeners: [{ port: 1 }], ...ON_FRAME });
  await server.start();
  let received = 0;
  let due: (() => void) | undefined;
  const client = new TcpService({
    codec: simpleBinary(),
    transport,
    onMessageRange() {
      if (++received % MESSAGES_PER_CHUNK === 0) due?.();
    },
  });
  await client.start();
  const session = await client.connect({ hostname: "0.0.0.0", port: 1 });
  const payload = new Uint8Array(PAYLOAD_BYTES);
  const run = async (chunks: number) => {
    for (let index = 0; index < chunks; index++) {
      const answered = new Promise<void>((resolve) => due = resolve);
      for (let count = 0; count < MESSAGES_PER_CHUNK; count++) session.send(payload);
      await answered;
    }
  };
  await run(WARM_UP_CHUNKS);
  const before = allocatedBytes();
  await run(CHUNKS);
  report("client and server over memoryTransport, onMessageRange", allocatedBytes() - before, MESSAGES, CHUNKS);
  await client.stop();
  await server.stop();
}

/** A real socket, with 64 connections of 64 messages from another process. */
async function measureSocket(path: string, loadgen: string, handlers: Handlers): Promise<void> {
  const chunks = { count: 0 };
  // Counts in the transport: an `onChunk` handler would be another path.
  const service = new TcpService({
    codec: simpleBinary(),
    transport: countingTransport(chunks),
    listeners: [{ hostname: "127.0.0.1", port: 0 }],
    ...handlers,
  });
  await service.start();
  const [address] = service.stats().listeners;
  const port = address.kind === "tcp" ? address.port : 0;
  await measureUnderLoad(path, loadgen, port, chunks);
  await service.stop();
}

/** The runtime and the adapter alone: each chunk is written back as it came. */
async function measureAdapter(loadgen: string): Promise<void> {
  const chunks = { count: 0 };
  const listener = await defaultTransport().listen({ kind: "tcp", hostname: "127.0.0.1", port: 0 }, {
    onConnection(connection) {
      connection.start({
        onData(buffer, length) {
          chunks.count++;
          if (!connection.write(buffer, 0, length)) connection.pause();
        },
        onDrain: () => connection.resume(),
        onEnd: () => connection.close(),
        onClose: () => {},
      });
    },
    onAcceptError: () => {},
  });
  const port = listener.address.kind === "tcp" ? listener.address.port : 0;
  await measureUnderLoad("socket, adapter alone", loadgen, port, chunks);
  await listener.close();
}

/** Two loads, the first to warm up; each message is counted by what the load generator says came back. */
async function measureUnderLoad(
  path: string,
  loadgen: string,
  port: number,
  chunks: { count: number },
): Promise<void> {
  // 64 connections of 16,000 messages: 1,024,000.
  const load = ["echo", "--port", String(port), "--conns", "64", "--size", String(PAYLOAD_BYTES), "--depth", "64"];
  await runLoad(loadgen, [...load, "--count", "16000"]);
  const before = allocatedBytes();
  chunks.count = 0;
  const messages = await runLoad(loadgen, [...load, "--count", "16000"]);
  report(path, allocatedBytes() - before, messages, chunks.count);
}

function runLoad(loadgen: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(loadgen, args, { stdio: ["ignore", "pipe", "inherit"] });
    let text = "";
    child.stdout.on("data", (bytes) => text += String(bytes));
    child.on("close", (code) => {
      if (code === 0) resolve(JSON.parse(text).msgs as number);
      else reject(new Error(`loadgen ended with code ${code}: ${text}`));
    });
  });
}

/** The default transport, with the chunks counted. */
function countingTransport(chunks: { count: number }) {
  const inner = defaultTransport();
  const listen: typeof inner.listen = (address, handler, options) => {
    return inner.listen(address, {
      onConnection(connection) {
        const start = connection.start;
        connection.start = function (taker) {
          const onData = taker.onData;
          taker.onData = function (buffer, length) {
            chunks.count++;
            onData.call(this, buffer, length);
          };
          start.call(connection, taker);
        };
        handler.onConnection(connection);
      },
      onAcceptError: (error) => handler.onAcceptError(error),
    }, options);
  };
  return { ...inner, listen };
}

measureCounter();
await measureSession("session, onMessageRange and sendRange", ON_FRAME);
await measureSession("session, onMessage and send", ON_MESSAGE);
await measureMemory();
const loadgen = process.argv[2];
if (loadgen !== undefined) {
  await measureAdapter(loadgen);
  await measureSocket("socket, onMessageRange and sendRange", loadgen, ON_FRAME);
  await measureSocket("socket, onMessage and send", loadgen, ON_MESSAGE);
}
process.exit(0);

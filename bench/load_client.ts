// The load generator where no C compiler is found: the modes `echo`, `raw`, `fanout` and `idle` of loadgen.c with the
// options that the benchmark uses, and the same line of JSON. Slower than most servers: it is the bottleneck, and its
// figures compare no better than that. Runs on Deno, Bun and Node.

import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import process from "node:process";
import { parseArgs } from "node:util";

const { positionals: [mode], values } = parseArgs({
  allowPositionals: true,
  options: {
    port: { type: "string" },
    pid: { type: "string", default: "0" },
    conns: { type: "string", default: "1" },
    size: { type: "string", default: "64" },
    depth: { type: "string", default: "1" },
    count: { type: "string", default: "0" },
    secs: { type: "string", default: "5" },
    warmup: { type: "string", default: "1" },
    drain: { type: "string", default: "5" },
    settle: { type: "string", default: "200" },
    rate: { type: "string", default: "0" },
    touch: { type: "boolean", default: false },
    "touch-size": { type: "string", default: "0" },
  },
});
const number = (name: Exclude<keyof typeof values, "touch">) => Number(values[name]);
const conns = number("conns");
const depth = number("depth");
const count = number("count");
const isFanout = mode === "fanout";
let draining = false;
let measuring = false;
let messages = 0;
let errors = 0;
let mismatches = 0;
const latencies: number[] = [];

/** One connection: what it sent and when, and what came. Every message of a size is the same. */
class Client {
  readonly socket: Socket;
  readonly #sentMs: number[] = [];
  #frame: Buffer;
  #at = 0;
  sent = 0;
  received = 0;
  mark = 0;

  constructor(socket: Socket, frame: Buffer) {
    this.socket = socket;
    this.#frame = frame;
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.on("error", () => errors++);
  }

  /** From here on messages are these. */
  use(frame: Buffer): void {
    this.#frame = frame;
  }

  send(dueMs = performance.now()): void {
    this.sent++;
    this.#sentMs.push(dueMs);
    this.socket.write(this.#frame);
  }

  #take(chunk: Buffer): void {
    for (let at = 0; at < chunk.length;) {
      const part = Math.min(this.#frame.length - this.#at, chunk.length - at);
      if (!chunk.subarray(at, at + part).equals(this.#frame.subarray(this.#at, this.#at + part))) mismatches++;
      at += part;
      this.#at += part;
      if (this.#at === this.#frame.length) this.#finish();
    }
  }

  #finish(): void {
    this.#at = 0;
    this.received++;
    const sentMs = isFanout ? clients[conns].sentMsOf(this.received - 1) : this.#sentMs[this.received - 1];
    if (measuring) {
      messages++;
      latencies.push(performance.now() - sentMs);
    }
    if (isFanout) handleDelivery(this.received);
    else if (mode !== "idle" && number("rate") === 0 && !draining && (count === 0 || this.sent < count)) this.send();
  }

  sentMsOf(index: number): number {
    return this.#sentMs[index];
  }
}

const clients: Client[] = [];
/** Fan-out: how many have each message. */
const deliveries: number[] = [];

/** The last one that has a message lets the next go. */
function handleDelivery(nth: number): void {
  deliveries[nth] = (deliveries[nth] ?? 0) + 1;
  if (deliveries[nth] === clients.length && !draining) clients[conns].send();
}

async function openAll(frame: Buffer): Promise<void> {
  while (clients.length < conns + (isFanout ? 1 : 0)) {
    const socket = connect({ host: "127.0.0.1", port: number("port"), noDelay: true });
    await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    clients.push(new Client(socket, frame));
  }
}

function makeFrame(size: number): Buffer {
  const frame = Buffer.alloc((mode === "raw" ? 0 : 4) + size);
  for (let index = 0; index < frame.length; index++) frame[index] = index * 7;
  if (mode !== "raw") frame.writeUInt32LE(size);
  return frame;
}

const sleep = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
const outstanding = () => {
  const expected = isFanout ? clients[conns].sent : 0;
  return clients.reduce((sum, { sent, received }) => sum + (isFanout ? expected : sent) - received, 0);
};

async function drain(): Promise<void> {
  const endMs = performance.now() + number("drain") * 1_000;
  while (outstanding() > 0 && performance.now() < endMs) await sleep(0.01);
}

/** Seconds of CPU, or kilobytes, of the server; undefined where there is no /proc. */
function ofServer(what: "cpu" | "rss"): number | undefined {
  try {
    const [path, pattern] = what === "cpu" ? ["stat", /\) (?:\S+ ){11}(\d+) (\d+)/] : ["status", /VmRSS:\s+(\d+)()/];
    const found = pattern.exec(readFileSync(`/proc/${values.pid}/${path}`, "utf8"));
    return found === null ? undefined : what === "cpu" ? (Number(found[1]) + Number(found[2])) / 100 : Number(found[1]);
  } catch {
    return undefined;
  }
}

function quantile(share: number): number {
  const sorted = Float64Array.from(latencies).sort();
  return 1_000 * (sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);
}

function print(secs: number, cpu: number | undefined, more: Record<string, number> = {}): number {
  const served = clients.map(({ received, mark }) => received - mark).sort((a, b) => a - b);
  const missing = outstanding();
  console.log(JSON.stringify({
    mode,
    conns,
    secs,
    msgs: messages,
    msgs_per_s: Math.round(messages / secs),
    p50_us: quantile(0.5),
    p99_us: quantile(0.99),
    conn_min: served[0],
    conn_p50: served[served.length >> 1],
    ...(cpu === undefined
      ? {}
      : { server_cpu: cpu / secs, server_us_per_msg: messages === 0 ? 0 : cpu * 1e6 / messages }),
    ...more,
    errors,
    mismatches,
    missing,
  }));
  return errors > 0 || mismatches > 0 || missing > 0 ? 1 : 0;
}

async function idle(): Promise<number> {
  const before = ofServer("rss");
  await openAll(makeFrame(number("size")));
  const touchAll = async () => {
    for (const client of clients) client.send();
    await drain();
    await sleep(number("secs"));
    return ofServer("rss");
  };
  const once = values.touch ? await touchAll() : ofServer("rss");
  if (number("touch-size") > 0) { for (const client of clients) client.use(makeFrame(number("touch-size"))); }
  const large = number("touch-size") > 0 ? await touchAll() : once;
  if (before === undefined || once === undefined || large === undefined) return print(1, undefined);
  const perConnection = (rss: number) => Math.round((rss - before) * 1_024 / conns);
  return print(1, undefined, { end_bytes_per_conn: perConnection(once), large_bytes_per_conn: perConnection(large) });
}

async function traffic(): Promise<number> {
  let startMs = performance.now();
  let cpu = ofServer("cpu");
  await openAll(makeFrame(number("size")));
  if (count > 0) {
    measuring = true;
    for (const client of clients) for (let sent = 0; sent < Math.min(depth, count); sent++) client.send();
    await drain();
    for (const client of clients) client.socket.end();
    await Promise.all(clients.map(({ socket }) => new Promise((resolve) => socket.once("close", resolve))));
  } else {
    await sleep(number("settle") / 1_000);
    const timer = number("rate") > 0 ? startPacing() : undefined;
    const senders = isFanout ? [clients[conns]] : clients;
    if (timer === undefined) { for (const client of senders) for (let sent = 0; sent < depth; sent++) client.send(); }
    await sleep(number("warmup"));
    for (const client of clients) client.mark = client.received;
    startMs = performance.now();
    cpu = ofServer("cpu");
    measuring = true;
    await sleep(number("secs"));
    measuring = false;
    clearInterval(timer);
  }
  const secs = (performance.now() - startMs) / 1_000;
  const after = ofServer("cpu");
  draining = true;
  await drain();
  return print(secs, cpu === undefined || after === undefined ? undefined : after - cpu);
}

/** Open loop: every connection sends at its own times, evenly spread. */
function startPacing(): ReturnType<typeof setInterval> {
  const startMs = performance.now();
  const gapMs = 1_000 / (number("rate") * conns);
  let next = 0;
  return setInterval(() => {
    for (; startMs + next * gapMs <= performance.now(); next++) {
      const client = clients[next % conns];
      if (client.sent - client.received < depth) client.send(startMs + next * gapMs);
    }
  }, 1);
}

process.exit(mode === "idle" ? await idle() : await traffic());

// EchoLoad: keeps messages going round between many sessions and an echo server, and checks every byte that comes back.
// Used by the echo client and the demo.

import { type ConnectError, type Session, simpleBinary, TcpService } from "@laster/net";
import { ByteReader, ByteWriter } from "@laster/net/buffer";
import { LatencyHistogram } from "./latency_histogram.ts";

/** A message begins with the session's number, its own, and the time it was sent: 4 + 4 + 8 bytes. */
export const LEAST_SIZE_BYTES = 16;

/** Where the server is, and how much to send. */
export interface EchoLoadOptions {
  readonly hostname: string;
  readonly port: number;
  readonly connections: number;
  /** Payload bytes of each message, at least 16. */
  readonly sizeBytes: number;
  /** Messages that each session has on the way at the same time. */
  readonly depth: number;
  /** Messages that each session sends, or Infinity. */
  readonly messages: number;
}

/** The counters of a session. */
interface Progress {
  sent: number;
  received: number;
}

/** Many echo sessions, dialled through the package's own connector. */
export class EchoLoad {
  /** Times from sending to receiving. */
  readonly latency = new LatencyHistogram();
  received = 0;
  /** Messages that came back wrong, or not in their order. */
  mismatches = 0;
  /** Sends that were refused, and sessions that ended by themselves. */
  failures = 0;
  sent = 0;
  readonly #options: EchoLoadOptions;
  readonly #service: TcpService<Progress>;
  readonly #payload: Uint8Array;
  readonly #writer: ByteWriter;
  readonly #reader: ByteReader;
  readonly #done = Promise.withResolvers<void>();
  #isRunning = true;
  #isStopping = false;
  #finished = 0;

  constructor(options: EchoLoadOptions) {
    this.#options = options;
    this.#payload = Uint8Array.from({ length: options.sizeBytes }, (_, index) => index % 251);
    this.#writer = new ByteWriter(this.#payload);
    this.#reader = new ByteReader(this.#payload);
    this.#service = new TcpService<Progress>({
      codec: simpleBinary({ maxPayloadBytes: options.sizeBytes }),
      maxConnections: options.connections,
      createData: () => ({ sent: 0, received: 0 }),
      onMessage: (session, payload) => this.#handleMessage(session, payload),
      onClose: () => {
        if (!this.#isStopping) this.failures++;
        this.#countFinished();
      },
    });
  }

  /** The sessions that are open. */
  get sessionCount(): number {
    return this.#service.sessionCount;
  }

  /** Messages that did not come back. */
  get lost(): number {
    return this.sent - this.received;
  }

  /** Opens the sessions and sends the first messages; throws the first `ConnectError`. */
  async start(): Promise<void> {
    await this.#service.start();
    const { hostname, port, connections } = this.#options;
    const dials = Array.from({ length: connections }, () => this.#service.connect({ hostname, port, retries: 3 }));
    const results = await Promise.allSettled(dials);
    for (const result of results) {
      if (result.status === "rejected") throw result.reason as ConnectError;
    }
    for (const session of this.#service.sessions()) this.#sendNext(session);
  }

  /** Resolves when every message has come back, or its session has ended. */
  get done(): Promise<void> {
    return this.#done.promise;
  }

  /** Sends no more; what is on the way still comes back, and ends `done`. */
  finish(): void {
    this.#isRunning = false;
    for (const session of this.#service.sessions()) this.#checkFinished(session);
  }

  /** Closes all sessions in order. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#service.stop();
  }

  /** The client side's own counters. */
  stats(): ReturnType<TcpService["stats"]> {
    return this.#service.stats();
  }

  #sendNext(session: Session<Progress>): void {
    const { data } = session;
    while (this.#isRunning && data.sent < this.#options.messages && data.sent - data.received < this.#options.depth) {
      this.#writeHead(session.id, data.sent, performance.now());
      const result = session.send(this.#payload);
      if (result !== "sent" && result !== "queued" && result !== "congested") {
        this.failures++;
        return;
      }
      data.sent++;
      this.sent++;
    }
  }

  #handleMessage(session: Session<Progress>, payload: Uint8Array): void {
    const { data } = session;
    this.received++;
    if (payload.length >= LEAST_SIZE_BYTES) {
      this.#reader.reset(payload, 8, 8);
      const sentAtMs = this.#reader.readFloat64LE();
      this.latency.add(performance.now() - sentAtMs);
      this.#writeHead(session.id, data.received, sentAtMs);
    }
    if (!areEqual(payload, this.#payload)) this.mismatches++;
    data.received++;
    this.#sendNext(session);
    this.#checkFinished(session);
  }

  /** Makes the payload the one of a session, a message and a time. */
  #writeHead(id: number, sequence: number, sentAtMs: number): void {
    this.#writer.reset(this.#payload);
    this.#writer.writeUint32LE(id);
    this.#writer.writeUint32LE(sequence);
    this.#writer.writeFloat64LE(sentAtMs);
  }

  #checkFinished({ data }: Session<Progress>): void {
    const isAtEnd = !this.#isRunning || data.sent === this.#options.messages;
    if (isAtEnd && data.received === data.sent) this.#countFinished();
  }

  #countFinished(): void {
    if (++this.#finished >= this.#options.connections) this.#done.resolve();
  }
}

function areEqual(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  for (let index = 0; index < left.length; index++) {
    if (left[index] !== right[index]) return false;
  }
  return true;
}

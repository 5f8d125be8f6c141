// A peer that speaks bytes and not sessions, and does what no session would: floods, does not read, never ends.

import type { Connection, ConnectionEnd, Transport } from "@laster/net/transport";
import { ByteLog } from "./byte_log.ts";
import { turn } from "./support.ts";

/** A frame of `simpleBinary()`. */
export function frameOf(payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(4 + payload.length);
  new DataView(frame.buffer).setUint32(0, payload.length, true);
  frame.set(payload, 4);
  return frame;
}

/** Several frames behind each other. */
export function framesOf(payloads: readonly Uint8Array[]): Uint8Array {
  const frames = payloads.map(frameOf);
  const all = new Uint8Array(frames.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const frame of frames) {
    all.set(frame, offset);
    offset += frame.length;
  }
  return all;
}

/** A peer of a test that counts only need not keep all it gets. */
const MOST_KEPT_BYTES = 1_000_000;

/** One end of a connection, by hand. */
export class RawPeer {
  readonly connection: Connection;
  /** How much came. */
  receivedBytes = 0;
  /** Whether the other side has ended. */
  hasEnded = false;
  /** How the connection ended; undefined while it has not. */
  end: ConnectionEnd | undefined = undefined;
  readonly #kept = new ByteLog();
  #onDrain: () => void = () => {};

  /** Takes a connection that is not started. */
  constructor(connection: Connection) {
    this.connection = connection;
    connection.start({
      onData: (buffer, length) => {
        this.receivedBytes += length;
        if (this.#kept.length < MOST_KEPT_BYTES) this.#kept.add(buffer.subarray(0, length));
      },
      onEnd: () => this.hasEnded = true,
      onDrain: () => this.#onDrain(),
      onClose: (end) => {
        this.end = end;
        this.#onDrain();
      },
    });
  }

  /** Dials a port of this machine. */
  static async dial(transport: Transport, port: number): Promise<RawPeer> {
    return new RawPeer(await transport.connect({ kind: "tcp", hostname: "127.0.0.1", port }));
  }

  /** The first megabyte that came. */
  get received(): number[] {
    return [...this.#kept.bytes];
  }

  /** The same, to be compared in great number; valid until more comes. */
  get receivedView(): Uint8Array {
    return this.#kept.bytes;
  }

  /** Sends; resolves once the system has taken all, or the connection is gone. */
  async write(bytes: Uint8Array): Promise<void> {
    const drained = new Promise<void>((resolve) => this.#onDrain = resolve);
    if (this.end === undefined && !this.connection.write(bytes, 0, bytes.length)) await drained;
  }

  /** Sends the same bytes again and again until the connection is gone, or `isOver` says so. */
  async flood(bytes: Uint8Array, isOver: () => boolean = () => false): Promise<void> {
    while (this.end === undefined && !isOver()) {
      await this.write(bytes);
      await turn();
    }
  }
}

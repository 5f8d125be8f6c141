// A transport whose connections take every write at once and count the bytes: what is left is the cost of the sessions
// above. Runs on Deno, Bun and Node.

import type { Connection, ConnectionHandler, Transport } from "../src/transport/mod.ts";

const NOWHERE = { kind: "tcp", hostname: "127.0.0.1", port: 1 } as const;

/** A connection to nowhere. `onData` of its handler is called by whoever measures. */
export class SinkConnection implements Connection {
  readonly localAddress = NOWHERE;
  readonly remoteAddress = NOWHERE;
  /** Who takes the chunks; set once the session is open. */
  handler: ConnectionHandler | undefined = undefined;
  writes = 0;
  writtenBytes = 0;
  /** The last byte written, to check what came. */
  lastByte = 0;

  start(handler: ConnectionHandler): void {
    this.handler = handler;
  }

  write(bytes: Uint8Array, offset: number, length: number): boolean {
    this.writes++;
    this.writtenBytes += length;
    this.lastByte = bytes[offset + length - 1];
    return true;
  }

  readonly pendingBytes = 0;
  readonly heldBytes = 0;
  probe(): boolean {
    return false;
  }
  pause(): void {}
  resume(): void {}
  discardInput(): void {}
  shutdown(): void {}
  close(): void {
    this.handler?.onClose({});
  }
  abort(): void {
    this.close();
  }
}

/** Makes a transport that listens nowhere and dials to nowhere. */
export function sinkTransport(connection: SinkConnection): Transport {
  return {
    name: "sink",
    listen: (address) => Promise.resolve({ address, close: () => Promise.resolve() }),
    connect: () => Promise.resolve(connection),
  };
}

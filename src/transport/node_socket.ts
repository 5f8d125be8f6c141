// What the Node adapter uses of a socket of `node:net`. Types only.

import type { OnRead } from "./node_reads.ts";

/** What the adapter uses of a `net.Socket`. */
export interface NodeSocket {
  readonly remoteAddress?: string;
  readonly remotePort?: number;
  readonly localAddress?: string;
  readonly localPort?: number;
  readonly readableLength: number;
  readonly writableLength: number;
  readonly writableFinished: boolean;
  readonly destroyed: boolean;
  on(event: "data", listener: (chunk: Uint8Array) => void): void;
  on(event: "end" | "close" | "connect", listener: () => void): void;
  on(event: "error", listener: (error: Error) => void): void;
  off(event: "error", listener: (error: Error) => void): void;
  write(bytes: Uint8Array, done?: (error?: Error | null) => void): boolean;
  end(done?: () => void): void;
  read(bytes: 0): void;
  pause(): void;
  resume(): void;
  destroy(): void;
  resetAndDestroy(): void;
  setNoDelay(isOn: boolean): void;
  setKeepAlive(isOn: boolean, idleMs: number, intervalMs: number, count: number): void;
  /** The runtime's handle of the socket; not documented, so it may be missing in a later version. */
  readonly _handle?: {
    readonly useUserBuffer?: unknown;
    /** Bytes that the system has not taken yet. */
    readonly writeQueueSize?: number;
    /** Answers with a negative number if the system does not know the peer any more. A Unix socket's has no such method. */
    readonly getpeername?: (into: object) => number | undefined;
  } | null;
}

/** Node's constructor of a socket, with the options that take over another socket's handle. */
export type SocketMaker = new (
  options: { handle: unknown; allowHalfOpen: boolean; onread: OnRead },
) => NodeSocket;

// What the baselines use of Bun, as types: no package of types needed. Bun only.

import type { Buffer } from "node:buffer";

/** A TCP socket; `Data` is what the server keeps with it. */
export interface BunSocket<Data> {
  data: Data;
  /** Says how many bytes it took; less than zero if it is closed. */
  write(bytes: Uint8Array, offset?: number, length?: number): number;
  pause(): void;
  resume(): void;
  terminate(): void;
}

/** The handlers of a server. */
export interface BunSocketHandlers<Data> {
  open(socket: BunSocket<Data>): void;
  data(socket: BunSocket<Data>, chunk: Buffer): void;
  drain?(socket: BunSocket<Data>): void;
  close?(socket: BunSocket<Data>): void;
}

interface BunWebSocket {
  send(message: string | Uint8Array): number;
}

interface BunRuntime {
  listen<Data>(options: {
    hostname: string;
    port: number;
    tls?: { readonly cert: string; readonly key: string } | undefined;
    socket: BunSocketHandlers<Data>;
  }): { readonly port: number };
  serve(options: {
    hostname: string;
    port: number;
    fetch(request: Request, server: { upgrade(request: Request): boolean }): Response | undefined;
    websocket: { message(socket: BunWebSocket, message: string | Uint8Array): void; perMessageDeflate: boolean };
  }): { readonly port: number };
}

/** Bun itself. */
export const bun: BunRuntime = (globalThis as unknown as { Bun: BunRuntime }).Bun;

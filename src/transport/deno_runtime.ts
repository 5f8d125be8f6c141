// What the Deno adapter uses of its runtime, as types: no type library of Deno's is needed to check it. Deno only.

import type { Acceptor } from "./deno_accept_loop.ts";

/** What the adapter uses of a `Deno.Addr`. */
export type DenoAddress = { transport: "tcp"; hostname: string; port: number } | { transport: "unix"; path: string };

/** What the adapter uses of a `Deno.Conn`. */
export interface DenoSocket {
  readonly localAddr: DenoAddress;
  readonly remoteAddr: DenoAddress;
  read(buffer: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  closeWrite(): Promise<void>;
  close(): void;
  setNoDelay?(isOn: boolean): void;
  setKeepAlive?(isOn: boolean): void;
}

/** What the adapter uses of a `Deno.Listener`. */
export interface DenoListener extends Acceptor<DenoSocket> {
  readonly addr: DenoAddress;
}

/** What the adapter uses of Deno. */
export interface DenoRuntime {
  listen(options: { hostname: string; port: number; tcpBacklog: number }): DenoListener;
  listen(options: { transport: "unix"; path: string }): DenoListener;
  connect(options: { hostname: string; port: number; signal?: AbortSignal }): Promise<DenoSocket>;
  connect(options: { transport: "unix"; path: string; signal?: AbortSignal }): Promise<DenoSocket>;
  readonly permissions: { querySync(what: { name: "read"; path: string }): { readonly state: string } };
}

// What the transports of the runtimes can do, as data: one table for each. Runtime neutral.

import { isRuntime } from "../runtime_name.ts";

/** Whether the runtime's API does it, this package does it on top, or it cannot be had. */
export type Support = "native" | "emulated" | "missing";

/** What a transport can do. An option that it lacks, but for `backlog`, is refused with the code `"unsupported"`. */
export interface TransportCapabilities {
  /** `abort()` sends a reset over TCP. */
  readonly reset: Support;
  /** A side that has ended goes on receiving. */
  readonly halfClose: Support;
  /** Unix sockets, beside TCP. */
  readonly unixSockets: Support;
  /** `backlog`; without it the system's or the runtime's own number counts. */
  readonly backlog: Support;
  /** `keepAlive`, on or off. */
  readonly keepAlive: Support;
  /** `keepAlive.delayMs`. */
  readonly keepAliveDelay: Support;
  /** `noDelay: false`. */
  readonly noDelay: Support;
  /** `ipv6Only`. */
  readonly ipv6Only: Support;
  /** `reusePort`. */
  readonly reusePort: Support;
  /** `localAddress` of a dial. */
  readonly localAddress: Support;
  /** `tls`. It goes through `node:tls` and `node:net`: with it, what `node:net` can do counts for all other options. */
  readonly tls: Support;
}

/** `Deno.listen` and `Deno.connect`: no times for keep-alive, and `reusePort` only with `--unstable-net`. */
export const DENO_CAPABILITIES: TransportCapabilities = {
  reset: "missing",
  halfClose: "native",
  unixSockets: "native",
  backlog: "native",
  keepAlive: "native",
  keepAliveDelay: "missing",
  noDelay: "native",
  ipv6Only: "missing",
  reusePort: "missing",
  localAddress: "missing",
  tls: "native",
};

/** `Bun.listen`, with the dials of `node:net`. */
export const BUN_CAPABILITIES: TransportCapabilities = {
  reset: "native",
  halfClose: "native",
  unixSockets: "native",
  backlog: "missing",
  keepAlive: "native",
  keepAliveDelay: "native",
  noDelay: "native",
  ipv6Only: "native",
  reusePort: "native",
  localAddress: "native",
  tls: "native",
};

/** `node:net`; Deno's ignores `ipv6Only`. */
export const NODE_CAPABILITIES: TransportCapabilities = {
  reset: "native",
  halfClose: "native",
  unixSockets: "native",
  backlog: "native",
  keepAlive: "native",
  keepAliveDelay: "native",
  noDelay: "native",
  ipv6Only: isRuntime("Deno") ? "missing" : "native",
  reusePort: "native",
  localAddress: "native",
  tls: "native",
};

/** Connections in memory have no options of TCP. */
export const MEMORY_CAPABILITIES: TransportCapabilities = {
  reset: "native",
  halfClose: "native",
  unixSockets: "emulated",
  backlog: "missing",
  keepAlive: "missing",
  keepAliveDelay: "missing",
  noDelay: "missing",
  ipv6Only: "missing",
  reusePort: "missing",
  localAddress: "missing",
  tls: "missing",
};

/**
 * Reports what each transport can do on this runtime.
 *
 * @returns A table for each, by the transport's name; `transport.capabilities` is the same of one.
 *
 * @example Whether the default transport can reset a connection
 * ```ts
 * import { capabilities, defaultTransport } from "@laster/net/transport";
 * import { assert } from "@std/assert";
 *
 * const { reset } = capabilities()[defaultTransport().name];
 * assert(reset === ("Deno" in globalThis ? "missing" : "native"));
 * ```
 */
export function capabilities(): Readonly<Record<string, TransportCapabilities>> {
  return {
    deno: DENO_CAPABILITIES,
    bun: BUN_CAPABILITIES,
    node: NODE_CAPABILITIES,
    memory: MEMORY_CAPABILITIES,
  };
}

// The options of listening and dialling, and the refusal of those that a transport lacks. Runtime neutral.

import { ConnectError, ListenError } from "../errors.ts";
import { type Address, findPathFault, formatAddress } from "./address.ts";
import { NODE_CAPABILITIES, type TransportCapabilities } from "./capabilities.ts";
import type { TlsDialOptions, TlsListenOptions } from "./tls_options.ts";
import type { Transport } from "./transport.ts";

/** The silence before the first probe, if the options do not say. */
const KEEP_ALIVE_DELAY_MS = 60_000;

/** What TCP connections may be told, at either end. */
export interface SocketOptions {
  /**
   * Whether the system asks a silent peer for a sign of life, and gives it up if none comes (TCP keep-alive): `delayMs` is the
   * silence before the first probe, in milliseconds, 1,000 to 32,767,000, rounded down to seconds. Deno's transport takes no
   * delay: there it is the system's, two hours on Linux.
   *
   * @default {true, after 60 s of silence where the delay can be set}
   */
  readonly keepAlive?: boolean | { readonly delayMs: number } | undefined;
  /**
   * Whether small writes leave at once (`TCP_NODELAY`). False lets the system hold them back until the peer has acknowledged
   * those before (Nagle's algorithm): fewer packets, up to 40 ms later.
   *
   * @default {true}
   */
  readonly noDelay?: boolean | undefined;
}

/** Options of {@linkcode Transport.listen}. */
export interface ListenOptions extends SocketOptions {
  /**
   * Connections that the system keeps until they are accepted, 1 to 65,535; it may allow fewer. Where the runtime's API takes
   * none it is ignored: Bun always uses 512, and Deno's transport a number of its own for Unix sockets.
   *
   * @default {4096}
   */
  readonly backlog?: number | undefined;
  /**
   * Whether a listener on `"::"` takes IPv6 only; otherwise it takes IPv4 too. Supported by Bun, and by `node:net` on Node.
   *
   * @default {false}
   */
  readonly ipv6Only?: boolean | undefined;
  /**
   * Whether other processes may listen on the same address, and the system spreads the connections (`SO_REUSEPORT`; Linux).
   * Supported by Bun, and by `node:net` everywhere: on Deno that is `nodeTransport()`, or any listener with `tls`.
   *
   * @default {false}
   */
  readonly reusePort?: boolean | undefined;
  /** Speaks TLS, through `node:tls` on every runtime; TCP only. */
  readonly tls?: TlsListenOptions | undefined;
}

/** Options of listening on a socket that the process was handed. */
export interface HandedListenOptions extends ListenOptions {
  /** Its number; undefined to make a socket for the address. */
  readonly fd?: number | undefined;
}

/** Options of {@linkcode Transport.connect}. */
export interface DialOptions extends SocketOptions {
  /** Ends the dial; the promise rejects with `ConnectError` `"aborted"`. */
  readonly signal?: AbortSignal | undefined;
  /**
   * The IP address to dial from. Not supported by Deno's transport without `tls`; `nodeTransport()` has it there.
   *
   * @default {the system's choice}
   */
  readonly localAddress?: string | undefined;
  /** Speaks TLS, through `node:tls` on every runtime; TCP only. */
  readonly tls?: TlsDialOptions | undefined;
}

/** The capabilities that an option asks for. */
type Wish = readonly [option: string, capability: keyof TransportCapabilities];

/**
 * Refuses to listen with an option that the transport lacks, or on a path that no Unix socket can have.
 *
 * @param transport How.
 * @param address Where.
 * @param options The options.
 * @throws {ListenError} `"unsupported"`, with what is missing as its cause; `"path-too-long"` or `"address-not-available"`.
 */
export function checkListen(transport: Described, address: Address, options: ListenOptions): void {
  const { ipv6Only = false, reusePort = false } = options;
  const wishes = wishesOf(options, options.tls);
  if (ipv6Only) wishes.push(["ipv6Only", "ipv6Only"]);
  if (reusePort) wishes.push(["reusePort", "reusePort"]);
  const cause = findMissing(transport, address, wishes);
  if (cause !== undefined) throw new ListenError("unsupported", formatAddress(address), { cause });
  const fault = findPathFault(address);
  if (fault === undefined) return;
  throw new ListenError(fault === "too-long" ? "path-too-long" : "address-not-available", formatAddress(address));
}

/**
 * Refuses to dial with an option that the transport lacks, or to a path that no Unix socket can have.
 *
 * @param transport How.
 * @param address Where to.
 * @param options The options.
 * @throws {ConnectError} `"unsupported"`, with what is missing as its cause; `"path-too-long"` or `"unreachable"`.
 */
export function checkDial(transport: Described, address: Address, options: DialOptions): void {
  const wishes = wishesOf(options, options.tls);
  if (options.localAddress !== undefined) wishes.push(["localAddress", "localAddress"]);
  const cause = findMissing(transport, address, wishes);
  if (cause !== undefined) throw new ConnectError("unsupported", formatAddress(address), { cause });
  const fault = findPathFault(address);
  if (fault === undefined) return;
  throw new ConnectError(fault === "too-long" ? "path-too-long" : "unreachable", formatAddress(address));
}

/** What of a transport is looked at. */
type Described = Pick<Transport, "name" | "capabilities">;

function wishesOf({ keepAlive, noDelay = true }: SocketOptions, tls: object | undefined): Wish[] {
  const wishes: Wish[] = [];
  if (tls !== undefined) return [["tls", "tls"]]; // TLS goes through `node:net`, which has these options everywhere.
  if (keepAlive !== undefined) wishes.push(["keepAlive", "keepAlive"]);
  if (typeof keepAlive === "object") wishes.push(["keepAlive.delayMs", "keepAliveDelay"]);
  if (!noDelay) wishes.push(["noDelay: false", "noDelay"]);
  return wishes;
}

function findMissing({ name, capabilities }: Described, address: Address, wishes: readonly Wish[]): Error | undefined {
  for (const [option, capability] of wishes) {
    if (address.kind === "unix") return new TypeError(`${option} is for TCP, not for Unix sockets`);
    const isOverTls = capability !== "tls" && wishes[0][1] === "tls";
    const known = isOverTls ? NODE_CAPABILITIES : capabilities;
    if ((known?.[capability] ?? "missing") !== "missing") continue;
    const instead = name === "deno" && !isOverTls ? "; nodeTransport() may have it" : "";
    return new TypeError(`the ${name} transport has no ${option}${instead}`);
  }
  return undefined;
}

/** The silence before keep-alive's first probe; 0 if it is to be off. */
export function keepAliveDelayOf({ keepAlive = true }: SocketOptions): number {
  if (typeof keepAlive === "object") return keepAlive.delayMs;
  return keepAlive ? KEEP_ALIVE_DELAY_MS : 0;
}

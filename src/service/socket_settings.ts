// The options of sockets, as listeners and dials are given them: their names, and the check of their values. Runtime neutral.

import { describeValue, requireInteger } from "../options.ts";
import { parseIp } from "../transport/ip_address.ts";
import type { DialOptions, ListenOptions, SocketOptions } from "../transport/socket_options.ts";

/** What Linux takes: 32,767 s. */
const LARGEST_KEEP_ALIVE_MS = 32_767_000;
/** The system counts in seconds. */
const SMALLEST_KEEP_ALIVE_MS = 1_000;

/** Names of options that listeners and dials have. */
export const SOCKET_NAMES: Readonly<Record<keyof SocketOptions, true>> = { keepAlive: true, noDelay: true };

/** All that may be given, at either end. */
type Given = Omit<ListenOptions, "backlog" | "tls"> & Omit<DialOptions, "signal" | "tls">;

/**
 * Checks the values of such options.
 *
 * @param what What is being created, such as `"listener"`.
 * @param options The options as given.
 * @throws {TypeError | RangeError} if a value is wrong.
 */
export function checkSocketOptions(what: string, options: Given): void {
  const { keepAlive, localAddress } = options;
  for (const name of ["noDelay", "ipv6Only", "reusePort"] as const) {
    const value: unknown = options[name];
    if (value !== undefined && typeof value !== "boolean") refuse(what, name, "a boolean", value);
  }
  if (keepAlive !== undefined && typeof keepAlive !== "boolean") {
    const delayMs: number | undefined = keepAlive?.delayMs;
    if (delayMs === undefined) refuse(what, "keepAlive", "a boolean or { delayMs }", keepAlive);
    requireInteger(`create ${what}`, "keepAlive.delayMs", delayMs, SMALLEST_KEEP_ALIVE_MS, LARGEST_KEEP_ALIVE_MS);
  }
  if (localAddress !== undefined && !isAddress(localAddress)) {
    refuse(what, "localAddress", "an IP address", localAddress);
  }
}

/** Whether runtimes take a text for an IP address: they take no empty zone. */
function isAddress(text: unknown): boolean {
  return typeof text === "string" && parseIp(text) !== undefined && !text.endsWith("%");
}

function refuse(what: string, name: string, type: string, value: unknown): never {
  throw new TypeError(`Cannot create ${what} as ${name} must be ${type}: current value is ${describeValue(value)}`);
}

/** Picks the options of a listener that are for its transport. */
export function listenOptionsOf(options: ListenOptions): ListenOptions {
  const { backlog, ipv6Only, keepAlive, noDelay, reusePort, tls } = options;
  return { backlog, ipv6Only, keepAlive, noDelay, reusePort, tls };
}

/** Picks the options of a dial that are for its transport, without the signal, which the connector replaces. */
export function dialOptionsOf({ keepAlive, localAddress, noDelay, tls }: DialOptions): DialOptions {
  return { keepAlive, localAddress, noDelay, tls };
}

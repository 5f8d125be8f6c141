// Address: where a listener or a connection is, the same on every runtime. Runtime neutral.

import { describeValue } from "../options.ts";

/** An end of a TCP connection. */
export interface TcpAddress {
  /** Says that it is TCP. */
  readonly kind: "tcp";
  /** The IP address (or, in options, a host name); IPv4 in its own form, never as `::ffff:a.b.c.d`. */
  readonly hostname: string;
  /** The port, 0 to 65,535. */
  readonly port: number;
}

/** An end of a Unix socket connection. */
export interface UnixAddress {
  /** Says that it is a Unix socket. */
  readonly kind: "unix";
  /** The socket's path; empty at the dialling end. */
  readonly path: string;
}

/** Where a listener or a connection is. */
export type Address = TcpAddress | UnixAddress;

/** Where to listen or dial: a host and port, or the path of a Unix socket. */
export interface AddressOptions {
  /** The host name or IP address; `"::"` listens on IPv6 and IPv4 both. */
  readonly hostname?: string | undefined;
  /** The port, 0 to 65,535. 0 lets the system choose one to listen on. */
  readonly port?: number | undefined;
  /** The path of a Unix socket, instead of host and port. */
  readonly path?: string | undefined;
}

/**
 * Checks an address and fills in the host.
 *
 * @param options Where to listen or dial.
 * @param defaultHostname The host if none is named.
 * @returns The address.
 * @throws {TypeError} if neither or both of port and path are given, or the path or hostname is not a text or is empty.
 * @throws {RangeError} if the port is out of range.
 *
 * @example Fill in the host
 * ```ts
 * import { resolveAddress } from "@laster/net/transport";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(resolveAddress({ port: 80 }, "127.0.0.1"), { kind: "tcp", hostname: "127.0.0.1", port: 80 });
 * ```
 */
export function resolveAddress(options: AddressOptions, defaultHostname: string): Address {
  const { hostname = defaultHostname, port, path } = options;
  if (path !== undefined) {
    if (port !== undefined || options.hostname !== undefined) {
      throw new TypeError(
        `Cannot use address as it must have either a path or a port: current value is ${describeValue(path)}`,
      );
    }
    if (typeof path !== "string" || path === "") {
      throw new TypeError(
        `Cannot use address as its path must be a text that is not empty: current value is ${describeValue(path)}`,
      );
    }
    return { kind: "unix", path };
  }
  if (port === undefined) {
    throw new TypeError("Cannot use address as it must have a port or a path: current value is undefined");
  }
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new RangeError(
      `Cannot use address as its port must be an integer from 0 to 65535: current value is ${describeValue(port)}`,
    );
  }
  if (typeof hostname !== "string" || hostname === "") {
    throw new TypeError(
      `Cannot use address as its hostname must be a text that is not empty: current value is ${
        describeValue(hostname)
      }`,
    );
  }
  return { kind: "tcp", hostname, port };
}

/**
 * Makes a TCP address of what a runtime reports. An IPv4-mapped address (`::ffff:a.b.c.d`, from a dual-stack socket) becomes
 * plain IPv4.
 *
 * @param hostname The IP address, perhaps as `::ffff:a.b.c.d`.
 * @param port The port.
 * @returns The address.
 *
 * @example Normalise
 * ```ts
 * import { tcpAddress } from "@laster/net/transport";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(tcpAddress("::ffff:127.0.0.1", 80).hostname, "127.0.0.1");
 * ```
 */
export function tcpAddress(hostname: string, port: number): TcpAddress {
  const isMapped = hostname.startsWith("::") && hostname.slice(0, 7).toLowerCase() === "::ffff:" &&
    hostname.includes(".");
  return { kind: "tcp", hostname: isMapped ? hostname.slice(7) : hostname, port };
}

/**
 * Writes an address as text: `127.0.0.1:80`, `[::1]:80` or `unix:/run/game.sock`.
 *
 * @param address The address.
 * @returns The text.
 *
 * @example Print
 * ```ts
 * import { formatAddress } from "@laster/net/transport";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(formatAddress({ kind: "tcp", hostname: "::1", port: 80 }), "[::1]:80");
 * ```
 */
export function formatAddress(address: Address): string {
  if (address.kind === "unix") return `unix:${address.path}`;
  return address.hostname.includes(":")
    ? `[${address.hostname}]:${address.port}`
    : `${address.hostname}:${address.port}`;
}

/** Bytes of a path that Linux has room for; macOS has room for four fewer. */
const LONGEST_PATH_BYTES = 107;

/**
 * Says why a path cannot be that of a Unix socket. Checked here, as runtimes differ: Bun and Node cut some paths short, and
 * would listen or dial elsewhere.
 *
 * @param address Where to listen or dial.
 * @returns `"has-nul"`, `"too-long"`, or undefined if nothing is wrong with it.
 */
export function findPathFault(address: Address): "has-nul" | "too-long" | undefined {
  if (address.kind !== "unix") return undefined;
  if (address.path.includes("\0")) return "has-nul";
  return new TextEncoder().encode(address.path).length > LONGEST_PATH_BYTES ? "too-long" : undefined;
}

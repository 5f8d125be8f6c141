// ProxiedPeers: reads the PROXY headers of a listener's connections, which tell the clients' addresses. Runtime neutral.

import type { Clock } from "../clock.ts";
import { checkKeys, describeValue, LARGEST_TIMER_MS, orDefault, requireInteger } from "../options.ts";
import type { Address } from "../transport/address.ts";
import { AddressBlocks } from "../transport/address_blocks.ts";
import { readProxyHeader } from "../transport/proxied_connection.ts";
import type { Connection, PendingConnection } from "../transport/transport.ts";

/** How a listener behind a proxy or balancer learns the addresses of clients: the PROXY protocol, version 1 or 2. */
export interface ProxyProtocolOptions {
  /**
   * The proxies: addresses, or blocks such as `"10.0.0.0/8"`. Other peers are refused with `"untrusted-proxy"`. Peers of a
   * Unix socket have no address and are all trusted.
   */
  readonly trusted: readonly string[];
  /**
   * Milliseconds that the header may take, 1 to 2^31 - 1.
   *
   * @default {5000}
   */
  readonly timeoutMs?: number | undefined;
}

const NAMES: Record<keyof ProxyProtocolOptions, true> = { trusted: true, timeoutMs: true };
const TIMEOUT_MS = 5_000;

/** Connections whose PROXY header has not come. */
export type WaitingPeers = Set<Connection | PendingConnection>;

/** Reads the headers of one listener's connections. */
export class ProxiedPeers {
  readonly #trusted: AddressBlocks;
  readonly #timeoutMs: number;
  readonly #clock: Clock;
  readonly #waiting: WaitingPeers;

  /** Makes it of options that were checked; `waiting` holds those whose header has not come. */
  constructor({ trusted, timeoutMs }: ProxyProtocolOptions, clock: Clock, waiting: WaitingPeers) {
    this.#waiting = waiting;
    this.#trusted = new AddressBlocks(trusted);
    this.#timeoutMs = orDefault(timeoutMs, TIMEOUT_MS);
    this.#clock = clock;
  }

  /** Whether a peer is a trusted proxy. */
  trusts(address: Address): boolean {
    return address.kind === "unix" || this.#trusted.has(address.hostname) === true;
  }

  /**
   * Reads the header of a plain connection.
   *
   * @returns The connection to use from then on.
   * @throws {ConnectionError} if the header is invalid or does not come in time, or the connection breaks.
   */
  async read(connection: Connection): Promise<Connection> {
    return await this.#wait(connection, () => readProxyHeader(connection, this.#clock, this.#timeoutMs));
  }

  /** Reads the header in front of a handshake; `pending.remoteAddress` is what it says then. */
  async readPending(pending: PendingConnection): Promise<PendingConnection> {
    await this.#wait(pending, () => pending.readProxyHeader(this.#timeoutMs));
    return pending;
  }

  async #wait<Result>(connection: Connection | PendingConnection, read: () => Promise<Result>): Promise<Result> {
    this.#waiting.add(connection);
    try {
      return await read();
    } finally {
      this.#waiting.delete(connection);
    }
  }
}

/**
 * Checks the option.
 *
 * @throws {TypeError | RangeError} if it is wrong.
 */
export function checkProxyProtocol(options: ProxyProtocolOptions | undefined): void {
  if (options === undefined) return;
  checkKeys("PROXY protocol", options, NAMES);
  if (!Array.isArray(options.trusted) || options.trusted.length === 0) {
    throw new TypeError(
      `Cannot create listener as proxyProtocol.trusted must be an array of addresses that is not empty: current value is ${
        describeValue(options.trusted)
      }`,
    );
  }
  new AddressBlocks(options.trusted);
  if (options.timeoutMs === undefined) return;
  requireInteger("create listener", "proxyProtocol.timeoutMs", options.timeoutMs, 1, LARGEST_TIMER_MS);
}

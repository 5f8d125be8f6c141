// Listener: an open port of a service. Runtime neutral.

import { checkKeys } from "../options.ts";
import { checkRange } from "../session/limits.ts";
import { type Address, type AddressOptions, resolveAddress } from "../transport/address.ts";
import type { AcceptHandler, Transport, TransportListener } from "../transport/transport.ts";
import { type Admission, checkAdmission } from "./admission.ts";

/** Every address of the machine, IPv4. */
export const DEFAULT_HOSTNAME = "0.0.0.0";
const LARGEST_BACKLOG = 65_535;

/** Where and how to listen. The host is `"0.0.0.0"` if none is given. */
export interface ListenerOptions extends AddressOptions {
  /**
   * Connections that the system keeps until they are accepted, 1 to 65,535; it may allow fewer. Bun always uses 512.
   *
   * @default {4096}
   */
  readonly backlog?: number;
  /**
   * Who decides about connections that come in here, after those of the service.
   *
   * @default {[]}
   */
  readonly admission?: readonly Admission[];
}

const NAMES: Record<keyof ListenerOptions, true> = {
  hostname: true,
  port: true,
  path: true,
  backlog: true,
  admission: true,
};

/**
 * An open port of a service.
 *
 * @example Listen on a free port
 * ```ts
 * import { TcpService } from "@laster/net";
 * import { assert } from "@std/assert";
 *
 * await using service = new TcpService();
 * await service.start();
 * const listener = await service.listen({ hostname: "127.0.0.1", port: 0 });
 * assert(listener.address.kind === "tcp" && listener.address.port > 0);
 * await listener.close();
 * ```
 */
export class Listener implements AsyncDisposable {
  readonly #listener: TransportListener;
  readonly #onClose: (listener: Listener) => void;

  /** Makes the face of an open port; a service calls this. */
  constructor(listener: TransportListener, onClose: (listener: Listener) => void) {
    this.#listener = listener;
    this.#onClose = onClose;
  }

  /** Where it listens; the port is the real one. */
  get address(): Address {
    return this.#listener.address;
  }

  /** Stops listening; the sessions live on. May be called twice. */
  async close(): Promise<void> {
    this.#onClose(this);
    await this.#listener.close();
  }

  /** Stops listening. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/**
 * Checks where to listen, and listens.
 *
 * @param transport How.
 * @param options Where.
 * @param handler Takes the connections.
 * @returns The transport's listener.
 * @throws {TypeError | RangeError} if an option is wrong.
 * @throws {ListenError} if the address cannot be listened on.
 */
export async function openListener(
  transport: Transport,
  options: ListenerOptions,
  handler: AcceptHandler,
): Promise<TransportListener> {
  checkListenerOptions(options);
  return await transport.listen(resolveAddress(options, DEFAULT_HOSTNAME), handler, { backlog: options.backlog });
}

/**
 * Checks where to listen.
 *
 * @param options Where.
 * @throws {TypeError | RangeError} if an option is wrong.
 */
export function checkListenerOptions(options: ListenerOptions): void {
  checkKeys("listener", options, NAMES);
  resolveAddress(options, DEFAULT_HOSTNAME);
  checkAdmission("listener", options.admission);
  if (options.backlog !== undefined) checkRange("backlog", options.backlog, 1, LARGEST_BACKLOG);
}

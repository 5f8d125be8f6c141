// Listener: an open port of a service. Runtime neutral.

import { checkKeys, checkObject, checkParts, describeValue } from "../options.ts";
import { checkRange } from "../session/limits.ts";
import { type Address, type AddressOptions, resolveAddress } from "../transport/address.ts";
import type { ListenOptions } from "../transport/socket_options.ts";
import { resolveTlsListen } from "../transport/tls_identity.ts";
import type { TlsListenOptions } from "../transport/tls_options.ts";
import type { AcceptHandler, Transport, TransportListener } from "../transport/transport.ts";
import { makeWay } from "../transport/unix_socket.ts";
import { type Admission, checkAdmission } from "./admission.ts";
import { checkProxyProtocol, type ProxyProtocolOptions } from "./proxied_peers.ts";
import { type SessionSettings, SETTING_NAMES } from "./session_settings.ts";
import { checkSocketOptions, listenOptionsOf, SOCKET_NAMES } from "./socket_settings.ts";

/** Every address of the machine, IPv4. */
export const DEFAULT_HOSTNAME = "0.0.0.0";
const LARGEST_BACKLOG = 65_535;

/** Where and how to listen. The host is `"0.0.0.0"` if none is given. */
export interface ListenerOptions extends AddressOptions, SessionSettings, ListenOptions {
  /** What it is called, in `session.origin.listener`. */
  readonly name?: string | undefined;
  /**
   * Parts that decide about connections that come in here, asked after those of the service.
   *
   * @default {[]}
   */
  readonly admission?: readonly Admission[] | undefined;
  /**
   * Behind a proxy or balancer that sends the PROXY protocol: the header is read before TLS and before admission, and
   * `remoteAddress` is the player's everywhere.
   *
   * @default {undefined: no header is read, and `remoteAddress` is the address that the connection comes from}
   */
  readonly proxyProtocol?: ProxyProtocolOptions | undefined;
}

/** Every name there is; a missing or wrong one does not compile. */
export const LISTENER_NAMES: Record<keyof ListenerOptions, true> = {
  hostname: true,
  port: true,
  path: true,
  backlog: true,
  admission: true,
  name: true,
  ipv6Only: true,
  reusePort: true,
  tls: true,
  proxyProtocol: true,
  ...SOCKET_NAMES,
  ...SETTING_NAMES,
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
  /** What it is called, if it was given a name. */
  readonly name: string | undefined;
  readonly #listener: TransportListener;
  readonly #onClose: (listener: Listener, closed: Promise<void>) => void;

  /** Wraps an open port of a transport; a service calls this. */
  constructor(
    listener: TransportListener,
    name: string | undefined,
    onClose: (listener: Listener, closed: Promise<void>) => void,
  ) {
    this.name = name;
    this.#listener = listener;
    this.#onClose = onClose;
  }

  /** Where it listens; the port is the real one. */
  get address(): Address {
    return this.#listener.address;
  }

  /** The port: what the system chose, if that was asked for; undefined for a Unix socket. */
  get port(): number | undefined {
    const { address } = this.#listener;
    return address.kind === "tcp" ? address.port : undefined;
  }

  /**
   * Replaces all certificates of a listener with `tls`, from the next handshake on. Sessions go on; if this throws, nothing
   * has changed.
   *
   * @param identities The certificate and its key, and those for other names: without `serverNames` there are none for other
   * names any more.
   * @throws {TypeError} if they cannot be used, or have another option of TLS beside them, or the listener does not speak TLS.
   */
  setCertificates(identities: Pick<TlsListenOptions, "cert" | "key" | "serverNames">): void {
    if (this.#listener.setCertificates === undefined) {
      throw new TypeError("Cannot set certificates as the listener does not speak TLS: tls is undefined");
    }
    checkObject("set certificates", "identities", identities);
    this.#listener.setCertificates(identities);
  }

  /**
   * Stops listening; the sessions live on. May be called twice. What is at a Unix socket's path by then is removed, also if it
   * is another server's.
   */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => resolve(this.#listener.close())); // An application's transport may throw.
    this.#onClose(this, closed);
    await closed;
  }

  /** Stops listening. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** What the sessions of a listener know of it. */
export interface ListenerPlace {
  /** Its name, if it has one. */
  readonly name: string | undefined;
  /** Where it listens. */
  readonly address: Address;
}

/**
 * Checks where to listen, and listens.
 *
 * @param transport How, unless the options say.
 * @param options Where.
 * @param accept Makes what takes the connections.
 * @param onClose Is told when the listener is to be closed, with a promise of that.
 * @returns The listener.
 * @throws {TypeError | RangeError} if an option is wrong.
 * @throws {ListenError} if the address cannot be listened on.
 */
export async function openListener(
  transport: Transport,
  options: ListenerOptions,
  accept: (place: ListenerPlace) => AcceptHandler,
  onClose: (listener: Listener, closed: Promise<void>) => void,
): Promise<Listener> {
  checkListenerOptions(options, transport);
  const { name } = options;
  const place = { name, address: resolveAddress(options, DEFAULT_HOSTNAME) };
  const how = options.transport ?? transport;
  const listen = () => how.listen(place.address, accept(place), listenOptionsOf(options));
  let opened: TransportListener;
  try {
    opened = await listen();
  } catch (error) {
    await makeWay(error, how, place.address);
    opened = await listen();
  }
  place.address = opened.address; // With the real port.
  return new Listener(opened, name, onClose);
}

/**
 * Checks where to listen.
 *
 * @param options Where.
 * @param transport How, unless the options say. One that emulates TLS, as that of a simulation, needs no certificate: `tls` is
 * not checked then.
 * @throws {TypeError | RangeError} if an option is wrong.
 */
export function checkListenerOptions(options: ListenerOptions, transport?: Transport): void {
  checkKeys("listener", options, LISTENER_NAMES);
  checkParts("listener", options);
  checkSocketOptions("listener", options);
  resolveAddress(options, DEFAULT_HOSTNAME);
  checkAdmission("listener", options.admission);
  checkProxyProtocol(options.proxyProtocol);
  const { tls, transport: how = transport } = options;
  if (tls !== undefined && how?.capabilities?.tls !== "emulated") resolveTlsListen(tls);
  if (options.name !== undefined && typeof options.name !== "string") {
    throw new TypeError(
      `Cannot create listener as name must be a text: current value is ${describeValue(options.name)}`,
    );
  }
  if (options.backlog !== undefined) checkRange("backlog", options.backlog, 1, LARGEST_BACKLOG);
}

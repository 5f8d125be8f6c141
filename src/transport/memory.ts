// The in-memory transport: connections inside one process, for tests. Behaves as sockets do, buffers included, and can be
// told to misbehave. Opens no socket and starts no timer: bytes move in microtasks, and every so often in a turn of the event
// loop. Runtime neutral.

import { ConnectError, ListenError } from "../errors.ts";
import { checkKeys } from "../options.ts";
import { guardAccepts } from "./accept_guard.ts";
import { type Address, formatAddress } from "./address.ts";
import { MEMORY_CAPABILITIES } from "./capabilities.ts";
import { checkScript, MemoryConnection, type MemoryScript } from "./memory_connection.ts";
import { checkDial, checkListen, type DialOptions } from "./socket_options.ts";
import type { AcceptHandler, Connection, Transport, TransportListener } from "./transport.ts";

/** Where port 0 starts to count: the first of the ports that systems hand out. */
const FIRST_FREE_PORT = 49_152;

/** Options of {@linkcode memoryTransport}. */
export interface MemoryTransportOptions {
  /** How the accepting ends misbehave. */
  readonly acceptScript?: MemoryScript | undefined;
  /** How the dialling ends misbehave. */
  readonly dialScript?: MemoryScript | undefined;
  /**
   * Hosts (or Unix paths) that never answer a dial.
   *
   * @default {[]}
   */
  readonly silentHosts?: readonly string[] | undefined;
}

const NAMES: Record<keyof MemoryTransportOptions, true> = { acceptScript: true, dialScript: true, silentHosts: true };

/**
 * Makes a transport with an address space of its own: what listens on it can be dialled on it, and on no other. As on
 * a network, a listener on `0.0.0.0` or `::` is reached by every host name.
 *
 * @param options How its connections misbehave.
 * @returns A transport.
 * @throws {TypeError} if a name is unknown, or an option is of another type.
 *
 * @example A service without a socket
 * ```ts
 * import { TcpService } from "@laster/net";
 * import { memoryTransport } from "@laster/net/transport";
 * import { assertEquals } from "@std/assert";
 *
 * const transport = memoryTransport();
 * await using server = new TcpService({ transport, listeners: [{ port: 1 }], onMessage: (session, payload) => session.send(payload) });
 * await server.start();
 * await using client = new TcpService({ transport });
 * await client.start();
 * const session = await client.connect({ hostname: "0.0.0.0", port: 1 });
 * session.send(new TextEncoder().encode("hi"));
 * for await (const payload of session) {
 *   assertEquals(new TextDecoder().decode(payload), "hi");
 *   break;
 * }
 * ```
 */
export function memoryTransport(options: MemoryTransportOptions = {}): Transport {
  checkKeys("memory transport", options, NAMES);
  for (const script of [options.acceptScript, options.dialScript]) {
    if (script !== undefined) checkScript(script);
  }
  const network = new MemoryNetwork(options);
  const transport: Transport = {
    name: "memory",
    capabilities: MEMORY_CAPABILITIES,
    async listen(address, handler, listenOptions = {}) {
      checkListen(transport, address, listenOptions);
      return await network.listen(address, handler);
    },
    async connect(address, dialOptions = {}) {
      checkDial(transport, address, dialOptions);
      return await network.connect(address, dialOptions);
    },
  };
  return transport;
}

/**
 * Makes two connected ends.
 *
 * @param first How the first end misbehaves.
 * @param second How the second end misbehaves.
 * @returns The ends, not started.
 * @throws {TypeError} if a name is unknown, or an option is of another type.
 *
 * @example Bytes in pieces of three
 * ```ts
 * import { memoryPair } from "@laster/net/transport";
 * import { assertEquals } from "@std/assert";
 *
 * const [sender, receiver] = memoryPair({}, { chunkBytes: () => 3 });
 * const lengths: number[] = [];
 * const ended = Promise.withResolvers<void>();
 * const ignore = { onData: () => {}, onEnd: () => {}, onDrain: () => {}, onClose: () => {} };
 * sender.start(ignore);
 * receiver.start({ ...ignore, onData: (_buffer, length) => lengths.push(length), onEnd: () => ended.resolve() });
 * sender.write(new Uint8Array(7), 0, 7);
 * sender.shutdown();
 * await ended.promise;
 * assertEquals(lengths, [3, 3, 1]);
 * ```
 */
export function memoryPair(
  first: MemoryScript = {},
  second: MemoryScript = {},
): readonly [first: MemoryConnection, second: MemoryConnection] {
  checkScript(first);
  checkScript(second);
  return connectPair(
    { kind: "tcp", hostname: "127.0.0.1", port: FIRST_FREE_PORT },
    { kind: "tcp", hostname: "127.0.0.1", port: FIRST_FREE_PORT + 1 },
    first,
    second,
  );
}

class MemoryNetwork {
  readonly #options: MemoryTransportOptions;
  readonly #listeners = new Map<string, { handler: AcceptHandler }>();
  #nextPort = FIRST_FREE_PORT;

  constructor(options: MemoryTransportOptions) {
    this.#options = options;
  }

  // deno-lint-ignore require-await -- async, so that a refusal becomes a rejection.
  async listen(wanted: Address, handler: AcceptHandler): Promise<TransportListener> {
    const address = wanted.kind === "tcp" && wanted.port === 0 ? { ...wanted, port: this.#takePort() } : wanted;
    const key = formatAddress(address);
    if (this.#listeners.has(key)) throw new ListenError("address-in-use", key);
    const listener = { handler: guardAccepts(handler) };
    this.#listeners.set(key, listener);
    return {
      address,
      close: () => {
        if (this.#listeners.get(key) === listener) this.#listeners.delete(key);
        return Promise.resolve();
      },
    };
  }

  async connect(address: Address, { signal }: DialOptions = {}): Promise<Connection> {
    const key = formatAddress(address);
    if (signal?.aborted) throw new ConnectError("aborted", key);
    const host = address.kind === "tcp" ? address.hostname : address.path;
    if (this.#options.silentHosts?.includes(host)) return await neverAnswer(key, signal);
    const listener = this.#find(address);
    if (listener === undefined) throw new ConnectError("refused", key);
    const here: Address = address.kind === "tcp" ? { ...address, port: this.#takePort() } : { kind: "unix", path: "" };
    const [accepted, dialled] = connectPair(address, here, this.#options.acceptScript, this.#options.dialScript);
    listener.handler.onConnection(accepted);
    return dialled;
  }

  /** Finds who listens on the address, or on every address of its port. */
  #find(address: Address): { handler: AcceptHandler } | undefined {
    const exact = this.#listeners.get(formatAddress(address));
    if (exact !== undefined || address.kind === "unix") return exact;
    const ofIPv4 = address.hostname.includes(":") ? undefined : this.#listeners.get(`0.0.0.0:${address.port}`);
    return ofIPv4 ?? this.#listeners.get(`[::]:${address.port}`);
  }

  /** Gives the next port; begins again after 65,535, as the connections of the first ones are gone by then. */
  #takePort(): number {
    const port = this.#nextPort;
    this.#nextPort = port === 65_535 ? FIRST_FREE_PORT : port + 1;
    return port;
  }
}

function connectPair(
  firstAddress: Address,
  secondAddress: Address,
  firstScript: MemoryScript = {},
  secondScript: MemoryScript = {},
): readonly [MemoryConnection, MemoryConnection] {
  const first = new MemoryConnection(firstAddress, secondAddress, firstScript);
  const second = new MemoryConnection(secondAddress, firstAddress, secondScript);
  first.join(second);
  second.join(first);
  return [first, second];
}

function neverAnswer(address: string, signal: AbortSignal | undefined): Promise<Connection> {
  const { promise, reject } = Promise.withResolvers<Connection>();
  signal?.addEventListener("abort", () => reject(new ConnectError("aborted", address)), { once: true });
  return promise;
}

// SimulatedNetwork: listeners and dials of a simulation, and what goes wrong between them. Runtime neutral.

import { ConnectError, ConnectionError, ListenError } from "../../errors.ts";
import { guardAccepts } from "../../transport/accept_guard.ts";
import { type Address, formatAddress } from "../../transport/address.ts";
import { MEMORY_CAPABILITIES } from "../../transport/capabilities.ts";
import { checkDial, checkListen, type DialOptions, type ListenOptions } from "../../transport/socket_options.ts";
import type { TlsInfo } from "../../transport/tls_options.ts";
import type { TransportTraits } from "../../transport/traits.ts";
import type {
  AcceptHandler,
  Connection,
  PendingConnection,
  Transport,
  TransportListener,
} from "../../transport/transport.ts";
import { drawConditions, type LinkConditions } from "./link_conditions.ts";
import type { SeededRandom } from "./seeded_random.ts";
import type { SimulatedClock } from "./simulated_clock.ts";
import { type ConnectionHost, SimulatedConnection } from "./simulated_connection.ts";
import type { Trace } from "./trace.ts";

const FIRST_FREE_PORT = 49_152;
const LAST_PORT = 65_535;
/** How long the system dials before it gives up: six retransmissions on Linux. */
const SYSTEM_TIMEOUT_MS = 127_000;
/** The computing time of a TLS handshake, besides its time on the network. */
const HANDSHAKE_WORK_MS = 2;
const TLS_INFO: TlsInfo = { protocol: "TLSv1.3", alpn: undefined, serverName: undefined, peerCertificate: undefined };
const CAPABILITIES = { ...MEMORY_CAPABILITIES, tls: "emulated" } as const;

/** What a network is made of. */
export interface NetworkParts {
  readonly clock: SimulatedClock;
  /** Makes the generator of the next connection, so that each is independent of the others. */
  readonly makeRandom: () => SeededRandom;
  readonly trace: Trace;
  readonly traits: TransportTraits;
  /** Conditions that are given; the others are drawn. */
  readonly conditions: Partial<LinkConditions>;
  /** Hears of a rule that the user of a connection has broken. */
  readonly onFail: (error: Error) => void;
}

/** Both ends of a connection. */
export interface SimulatedLink {
  /** As traces call it. */
  readonly name: string;
  /** The end that dialled. */
  readonly dialled: SimulatedConnection;
  /** The end that was accepted. */
  readonly accepted: SimulatedConnection;
}

interface SimulatedListener {
  readonly handler: AcceptHandler;
  readonly isTls: boolean;
}

/** A network of one simulation. */
export class SimulatedNetwork {
  /** How many of the next accepts fail. */
  failingAccepts = 0;
  /** The connections that at least one end had not left at the last `sweep()`, in the order of their dials. */
  readonly links: Set<SimulatedLink> = new Set();
  readonly transport: Transport;
  readonly #parts: NetworkParts;
  readonly #listeners = new Map<string, SimulatedListener>();
  /** Until when dials get no answer. */
  #silentUntilMs = 0;
  #dials = 0;
  #nextPort = FIRST_FREE_PORT;

  /** Makes a network without anybody. */
  constructor(parts: NetworkParts) {
    this.#parts = parts;
    const transport: Transport = {
      name: "simulated",
      capabilities: CAPABILITIES,
      traits: parts.traits,
      listen: async (address, handler, options = {}) => {
        checkListen(transport, address, options);
        return await this.#listen(address, handler, options);
      },
      connect: async (address, options = {}) => {
        checkDial(transport, address, options);
        return await this.#connect(address, options);
      },
    };
    this.transport = transport;
  }

  /** Finds an end by its addresses; of several the newest, as ports are given again. */
  find(localAddress: Address, remoteAddress: Address): SimulatedConnection | undefined {
    const [local, remote] = [formatAddress(localAddress), formatAddress(remoteAddress)];
    for (const { dialled, accepted } of [...this.links].reverse()) {
      for (const end of [dialled, accepted]) {
        if (formatAddress(end.localAddress) === local && formatAddress(end.remoteAddress) === remote) return end;
      }
    }
    return undefined;
  }

  /** Ends the faults that were to hit dials and accepts to come. */
  heal(): void {
    this.failingAccepts = 0;
    this.#silentUntilMs = 0;
  }

  /** Leaves dials without an answer for so long; of several silences the one that ends last counts. */
  silence(durationMs: number): void {
    this.#silentUntilMs = Math.max(this.#silentUntilMs, this.#parts.clock.now() + durationMs);
  }

  /** Forgets the connections that are gone on both sides. */
  sweep(): void {
    for (const link of this.links) {
      if (link.dialled.ended !== undefined && link.accepted.ended !== undefined) this.links.delete(link);
    }
  }

  // deno-lint-ignore require-await -- async, so that a refusal becomes a rejection.
  async #listen(wanted: Address, handler: AcceptHandler, { tls }: ListenOptions): Promise<TransportListener> {
    const address = wanted.kind === "tcp" && wanted.port === 0 ? { ...wanted, port: this.#takePort() } : wanted;
    const key = formatAddress(address);
    if (this.#listeners.has(key)) throw new ListenError("address-in-use", key);
    const listener = { handler: guardAccepts(handler), isTls: tls !== undefined };
    this.#listeners.set(key, listener);
    return {
      address,
      close: () => {
        if (this.#listeners.get(key) === listener) this.#listeners.delete(key);
        return Promise.resolve();
      },
    };
  }

  async #connect(address: Address, { signal, tls }: DialOptions): Promise<Connection> {
    const key = formatAddress(address);
    if (signal?.aborted) throw new ConnectError("aborted", key);
    const { clock, trace, traits, onFail } = this.#parts;
    const number = this.#dials++;
    const random = this.#parts.makeRandom();
    const conditions = drawConditions(random, this.#parts.conditions);
    const host = { clock, trace, traits, random, fail: onFail };
    const { promise, resolve, reject } = Promise.withResolvers<Connection>();
    const isSilent = clock.now() < this.#silentUntilMs;
    let isOver = false;
    const fail = (code: "aborted" | "refused" | "reset" | "timeout") => {
      isOver = true;
      reject(new ConnectError(code, key));
    };
    signal?.addEventListener("abort", () => fail("aborted"), { once: true });
    const arrive = () => {
      if (isOver) return;
      if (isSilent) return this.#later(() => fail("timeout"), SYSTEM_TIMEOUT_MS);
      const listener = this.#find(address);
      if (listener === undefined) return this.#later(() => fail("refused"), conditions.latencyMs);
      const link = this.#open(`link ${number}`, address, { host, conditions, isTls: listener.isTls });
      trace.add(`${link.name} dialled ${key}`);
      const answer = (connection: Connection) => {
        if (isOver) return connection.abort();
        if ((tls !== undefined) !== listener.isTls) connection.abort();
        if (link.dialled.ended !== undefined) fail("reset");
        else resolve(connection);
      };
      const handshakeMs = listener.isTls ? 3 * conditions.latencyMs + HANDSHAKE_WORK_MS : conditions.latencyMs;
      this.#later(() => answer(link.dialled), handshakeMs);
      this.#accept(listener, link, conditions);
    };
    this.#later(arrive, conditions.latencyMs);
    return await promise;
  }

  #accept({ handler, isTls }: SimulatedListener, { accepted }: SimulatedLink, { latencyMs }: LinkConditions): void {
    if (this.failingAccepts > 0) {
      this.failingAccepts--;
      this.#parts.trace.add(`${accepted.name} accept fails`);
      handler.onAcceptError(new ListenError("too-many-files", formatAddress(accepted.localAddress)));
      return accepted.abort();
    }
    if (!isTls) return handler.onConnection(accepted);
    const pending = new SimulatedHandshake(this.#parts.clock, accepted, 2 * latencyMs + HANDSHAKE_WORK_MS);
    if (handler.onPending !== undefined) return handler.onPending(pending);
    pending.secure().then((connection) => handler.onConnection(connection), () => {});
  }

  #open(
    name: string,
    address: Address,
    { host, conditions, isTls }: {
      readonly host: ConnectionHost;
      readonly conditions: LinkConditions;
      readonly isTls: boolean;
    },
  ): SimulatedLink {
    const here: Address = address.kind === "tcp"
      ? { ...address, port: this.#takePort() }
      : { kind: "unix", path: `${address.path}#${this.#takePort()}` };
    const tls = isTls ? TLS_INFO : undefined;
    const accepted = new SimulatedConnection(host, conditions, {
      name: `${name} accepted`,
      localAddress: address,
      remoteAddress: here,
      tls,
    });
    const dialled = new SimulatedConnection(host, conditions, {
      name: `${name} dialled`,
      localAddress: here,
      remoteAddress: address,
      tls,
    });
    accepted.join(dialled);
    dialled.join(accepted);
    const link = { name, dialled, accepted };
    this.sweep();
    this.links.add(link);
    return link;
  }

  #find(address: Address): SimulatedListener | undefined {
    const exact = this.#listeners.get(formatAddress(address));
    if (exact !== undefined || address.kind === "unix") return exact;
    return this.#listeners.get(`0.0.0.0:${address.port}`) ?? this.#listeners.get(`[::]:${address.port}`);
  }

  /** Gives the next port; begins again after 65,535, also if a connection of the first ones is still there. */
  #takePort(): number {
    const port = this.#nextPort;
    this.#nextPort = port === LAST_PORT ? FIRST_FREE_PORT : port + 1;
    return port;
  }

  #later(callback: () => void, delayMs: number): void {
    this.#parts.clock.schedule(callback, delayMs);
  }
}

/** A connection that has come, before its handshake, of which only the time is modelled. */
class SimulatedHandshake implements PendingConnection {
  readonly remoteAddress: Address;
  readonly #clock: SimulatedClock;
  readonly #connection: SimulatedConnection;
  readonly #durationMs: number;

  constructor(clock: SimulatedClock, connection: SimulatedConnection, durationMs: number) {
    this.#clock = clock;
    this.#connection = connection;
    this.#durationMs = durationMs;
    this.remoteAddress = connection.remoteAddress;
  }

  readProxyHeader(): Promise<void> {
    return Promise.reject(new ConnectionError("proxy-header-invalid"));
  }

  secure(): Promise<Connection> {
    const connection = this.#connection;
    return new Promise((resolve, reject) => {
      this.#clock.schedule(() => {
        if (connection.ended === undefined) resolve(connection);
        else reject(connection.ended.error ?? new ConnectionError("handshake-failed"));
      }, this.#durationMs);
    });
  }

  close(): void {
    this.#connection.close();
  }
}

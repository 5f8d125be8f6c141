// Acceptor: decides which connections of a service's listeners become sessions, and refuses the others.
// Runtime neutral.

import type { Clock } from "../clock.ts";
import { ConnectionError, type ListenError, messageOf, toError } from "../errors.ts";
import { describeValue } from "../options.ts";
import { callGuarded, isThenable, whenSettled } from "../session/handler_result.ts";
import type { FaultLog } from "../session/fault_log.ts";
import type { Address } from "../transport/address.ts";
import type { AcceptHandler, Connection, PendingConnection } from "../transport/transport.ts";
import { type Admission, type AdmissionRequest, boundSessions } from "./admission.ts";
import { OpenFilesBound } from "./open_files.ts";
import { ProxiedPeers, type ProxyProtocolOptions, type WaitingPeers } from "./proxied_peers.ts";
import { Refusals, type RefusalsOptions } from "./refusals.ts";

/** For how long errors are reported without their stacks once file descriptors have run out. */
const STACKLESS_MS = 60_000;

const NOT_RUNNING = "not-running";

/** What an acceptor needs of its service. */
export interface AcceptorOptions extends RefusalsOptions {
  /** Where time comes from. */
  readonly clock: Clock;
  /** Where faults are reported. */
  readonly faults: FaultLog;
  /** The most sessions at the same time; may change. */
  readonly bounds: { readonly maxConnections: number };
  /** Files that the process may open; undefined if the runtime does not say. */
  readonly maxOpenFiles: number | undefined;
  /** The application's admissions, for all listeners. */
  readonly admission: readonly Admission[];
  /** How many sessions there are, dialled ones too. */
  readonly countSessions: () => number;
  /** Whether the service takes new ones. */
  readonly isAccepting: () => boolean;
}

/** What an acceptor needs of a listener. */
export interface AcceptingListener {
  /** Where it listens. */
  readonly place: { readonly address: Address };
  /** The admissions of this listener, asked after those for all listeners. */
  readonly admission: readonly Admission[];
  /** What a refused peer is told, as a frame; undefined for nothing. */
  readonly lastWord: Uint8Array | undefined;
  /** The proxies that send a PROXY header with the client's address; undefined for none. */
  readonly proxyProtocol: ProxyProtocolOptions | undefined;
  /** Makes a session of a connection; calls back once it is over. */
  readonly open: (connection: Connection, onOver: (() => void) | undefined) => void;
}

/** Takes the connections of all listeners of a service. */
export class Acceptor {
  /** Accepts that failed. */
  errors = 0;
  /** Connections that were refused. */
  readonly refusals: Refusals;
  readonly #options: AcceptorOptions;
  readonly #openFiles: OpenFilesBound;
  /** The parts that bound how many sessions there are; a connection whose PROXY header has not come is asked about by them alone. */
  readonly #bounds: readonly Admission[];
  readonly #admission: readonly Admission[];
  /** Connections whose PROXY header has not come. */
  readonly #waiting: WaitingPeers = new Set();
  /** TLS handshakes under way; they go on if their listener closes. */
  readonly #handshakes = new Set<PendingConnection>();

  /** Makes it. */
  constructor(options: AcceptorOptions) {
    this.#options = options;
    this.refusals = new Refusals(options);
    const openFiles = this.#openFiles = new OpenFilesBound(options.clock, options.maxOpenFiles);
    this.#bounds = [boundSessions(options.bounds), openFiles];
    this.#admission = [...this.#bounds, ...options.admission];
  }

  /** Connections whose PROXY header has not come, and TLS handshakes under way; they count as sessions. */
  get pending(): number {
    return this.#waiting.size + this.#handshakes.size;
  }

  /** Logs a warning if the process has file descriptors for fewer sessions than `maxConnections` allows. */
  warnOfFewFiles(): void {
    const { maxOpenFiles, sessions } = this.#openFiles;
    const { faults, bounds: { maxConnections } } = this.#options;
    if (maxOpenFiles === undefined || sessions >= maxConnections) return;
    const message = "At most {sessions} sessions, not {maxConnections}, as the process may open {maxOpenFiles} files";
    faults.report("service", "warn", message, { sessions, maxConnections, maxOpenFiles });
  }

  /** Takes what comes in through one listener. */
  forListener(listener: AcceptingListener): AcceptHandler {
    const parts = [...this.#admission, ...listener.admission];
    const { proxyProtocol } = listener;
    const proxied = proxyProtocol && new ProxiedPeers(proxyProtocol, this.#options.clock, this.#waiting);
    return {
      onConnection: proxied === undefined
        ? (connection) => this.#take(connection, listener, parts)
        : (connection) => void this.#takeProxied(connection, proxied, listener, parts),
      onPending: (pending) => void this.#takePending(pending, proxied, listener, parts),
      onAcceptError: (error) => this.#handleError(error),
    };
  }

  /** Ends the connections that are still being sent a refusal message, whose PROXY header has not come, or in a TLS handshake. */
  stop(): void {
    this.refusals.stop();
    for (const connection of this.#waiting) connection.close();
    for (const pending of this.#handshakes) pending.close();
  }

  #take(connection: Connection, listener: AcceptingListener, parts: readonly Admission[]): void {
    const admitted = this.#admit(connection.remoteAddress, listener, parts);
    if (typeof admitted === "string") this.#refuse(connection, listener, admitted);
    else this.#open(connection, listener, admitted);
  }

  #refuse(connection: Connection | PendingConnection, listener: AcceptingListener, reason: string): void {
    this.refusals.refuse(connection, reason, reason === NOT_RUNNING ? undefined : listener.lastWord);
  }

  /** Asks the admissions about a connection from a proxy only once its PROXY header has told the client's address. */
  async #takeProxied(
    connection: Connection,
    proxied: ProxiedPeers,
    listener: AcceptingListener,
    parts: readonly Admission[],
  ): Promise<void> {
    const known = await this.#identify(connection, proxied, listener, () => proxied.read(connection));
    if (known !== undefined) this.#take(known, listener, parts);
  }

  /**
   * Reads the PROXY header. Refuses the connection, and returns undefined, if the proxy is not trusted or sends none, or there is
   * no room for one more to wait.
   */
  async #identify<Known>(
    connection: Connection | PendingConnection,
    proxied: ProxiedPeers,
    listener: AcceptingListener,
    read: () => Promise<Known>,
  ): Promise<Known | undefined> {
    if (!proxied.trusts(connection.remoteAddress)) return void this.refusals.refuse(connection, "untrusted-proxy");
    const full = this.#admit(connection.remoteAddress, listener, this.#bounds);
    if (typeof full === "string") return void this.#refuse(connection, listener, full);
    try {
      return await read();
    } catch (fault) {
      return void this.refusals.refuse(connection, this.#explain(fault, "proxy-header-invalid"));
    }
  }

  /** Why a PROXY header or a handshake failed; `"not-running"` once the service has stopped, as that ends them too. */
  #explain(fault: unknown, otherwise: string): string {
    return this.#options.isAccepting() ? reasonOf(fault, otherwise) : NOT_RUNNING;
  }

  /** Makes the TLS handshake once the peer is admitted. A refused peer gets no message: sending one would take a handshake. */
  async #takePending(
    pending: PendingConnection,
    proxied: ProxiedPeers | undefined,
    listener: AcceptingListener,
    parts: readonly Admission[],
  ): Promise<void> {
    if (proxied !== undefined) {
      const known = await this.#identify(pending, proxied, listener, () => proxied.readPending(pending));
      if (known === undefined) return;
    }
    const admitted = this.#admit(pending.remoteAddress, listener, parts);
    if (typeof admitted === "string") return this.refusals.refuse(pending, admitted);
    let connection: Connection;
    this.#handshakes.add(pending);
    try {
      connection = await pending.secure();
    } catch (fault) {
      admitted?.();
      return this.refusals.refuse(pending, this.#explain(fault, "handshake-failed"));
    } finally {
      this.#handshakes.delete(pending);
    }
    if (this.#options.isAccepting()) return this.#open(connection, listener, admitted);
    admitted?.();
    this.refusals.refuse(connection, NOT_RUNNING);
  }

  /** Asks the admissions in order. Returns the reason of the first that refuses, else a function that calls their `release()`. */
  #admit(
    remoteAddress: Address,
    { place }: AcceptingListener,
    parts: readonly Admission[],
  ): string | (() => void) | undefined {
    if (!this.#options.isAccepting()) return NOT_RUNNING;
    const sessions = this.#options.countSessions() + this.pending;
    const request = { remoteAddress, listener: place.address, sessions };
    const admitted: Admission[] = [];
    for (const part of parts) {
      const reason = this.#ask(part, request);
      if (reason === undefined) {
        if (part.release !== undefined) admitted.push(part);
        continue;
      }
      this.#release(admitted, request);
      return reason;
    }
    return admitted.length === 0 ? undefined : () => this.#release(admitted, request);
  }

  #open(connection: Connection, listener: AcceptingListener, onOver: (() => void) | undefined): void {
    const { faults, observers } = this.#options;
    observers?.tell("onAccepted", { remoteAddress: connection.remoteAddress, listener: listener.place.address });
    try {
      listener.open(connection, onOver);
    } catch (fault) {
      onOver?.();
      const message = "Opening a session failed: {error}";
      faults.report("listener", "error", message, { error: toError(fault) });
    }
  }

  #ask(part: Admission, request: AdmissionRequest): string | undefined {
    try {
      const reason: unknown = part.admit(request);
      if (reason === undefined || typeof reason === "string") return reason;
      if (isThenable(reason)) whenSettled(reason, () => {}, () => {}); // Reported below, whatever it settles with.
      throw new TypeError(`admit() must return a text or nothing: current value is ${describeValue(reason)}`);
    } catch (fault) {
      this.#reportFault(fault);
      return undefined;
    }
  }

  #release(parts: readonly Admission[], request: AdmissionRequest): void {
    for (const part of parts) callGuarded(() => part.release?.(request), (fault) => this.#reportFault(fault));
  }

  #reportFault(fault: unknown): void {
    const message = "An admission failed: {error}";
    this.#options.faults.report("listener", "error", message, { error: toError(fault) });
  }

  #handleError(error: ListenError): void {
    this.errors++;
    if (error.code === "too-many-files") {
      this.#openFiles.handleExhausted(this.#options.countSessions() + this.pending);
      this.#options.faults.withholdStacks(STACKLESS_MS);
    }
    this.#options.faults.report("listener", "warn", "Accepting failed: {error}", { error: messageOf(error) });
  }
}

/** How a connection failed before it was a session. */
function reasonOf(fault: unknown, otherwise: string): string {
  return fault instanceof ConnectionError ? fault.code : otherwise;
}

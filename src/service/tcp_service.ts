// TcpService: the facade. Starts and stops, listens and dials, and knows its sessions. What a session does is in
// src/session/. Runtime neutral.

import { BufferPool } from "../buffer/buffer_pool.ts";
import { systemClock } from "../clock.ts";
import { Frame } from "../codec/codec.ts";
import { rawCodec } from "../codec/raw.ts";
import { DialError, ServiceStateError } from "../errors.ts";
import { consoleLogger } from "../logger.ts";
import type { BroadcastResult } from "../session/broadcaster.ts";
import type { CloseEvent } from "../session/close_reason.ts";
import { IdleWatch } from "../session/idle_watch.ts";
import { isThenable } from "../session/inbox.ts";
import { resolveSessionLimits } from "../session/limits.ts";
import { makeSendQueueContext } from "../session/send_queue_context.ts";
import type { SendResult } from "../session/send_result.ts";
import type { Session, SessionOrigin } from "../session/session.ts";
import type { SessionContext } from "../session/session_context.ts";
import { SessionCore } from "../session/session_core.ts";
import { SessionRegistry } from "../session/session_registry.ts";
import { TimeoutQueue } from "../session/timeout_queue.ts";
import { type Address, formatAddress } from "../transport/address.ts";
import { defaultTransport } from "../transport/default.ts";
import type { AcceptHandler, Connection, Transport } from "../transport/transport.ts";
import { type ConnectOptions, Connector, type Dial, resolveDial } from "./connector.ts";
import { Group } from "./group.ts";
import { guardLogger } from "./guarded_logger.ts";
import { checkListenerOptions, Listener, type ListenerOptions, openListener } from "./listener.ts";
import { type BroadcastOptions, Messaging } from "./messaging.ts";
import { PendingWork } from "./pending_work.ts";
import { PoolKeeper } from "./pool_keeper.ts";
import { type ResolvedServiceOptions, resolveServiceOptions, type TcpServiceOptions } from "./service_options.ts";
import { formatServiceStats, type ServiceState, type ServiceStats } from "./service_stats.ts";
import { StartStop } from "./start_stop.ts";

/**
 * A TCP service: listeners, dials, and the sessions that come of them.
 *
 * It can be started and stopped any number of times. `stop()` closes all sessions in order, so what was sent is sent.
 *
 * @example An echo server and a client
 * ```ts
 * import { simpleBinary, TcpService } from "@laster/net";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = new TcpService({
 *   codec: simpleBinary(),
 *   onMessage: (session, payload) => session.send(payload),
 * });
 * await server.start();
 * const { address } = await server.listen({ hostname: "127.0.0.1", port: 0 });
 *
 * await using client = new TcpService({ codec: simpleBinary() });
 * await client.start();
 * const session = await client.connect({ port: address.kind === "tcp" ? address.port : 0 });
 * session.send(new TextEncoder().encode("hello"));
 * for await (const payload of session) {
 *   assertEquals(new TextDecoder().decode(payload), "hello");
 *   break;
 * }
 * ```
 */
export class TcpService<Data = undefined> implements AsyncDisposable {
  readonly #options: TcpServiceOptions<Data>;
  readonly #resolved: ResolvedServiceOptions;
  readonly #transport: Transport;
  readonly #connector: Connector;
  readonly #pool: BufferPool;
  readonly #context: SessionContext<Data>;
  readonly #messaging: Messaging<Data>;
  readonly #poolKeeper: PoolKeeper;
  readonly #registry = new SessionRegistry<Data>();
  readonly #listeners = new Set<Listener>();
  readonly #pending = new PendingWork();
  #state: ServiceState = "stopped";
  readonly #startStop = new StartStop(() => this.#start(), () => this.#shutDown());
  #stopController = new AbortController();
  #onEmpty: (() => void) | undefined = undefined;
  #nextId = 1;
  #dials = 0;
  #failedDials = 0;
  #refusedConnections = 0;
  #acceptErrors = 0;

  /**
   * Makes a stopped service.
   *
   * @param options Handlers, limits, and where sessions come from.
   * @throws {TypeError} if an option has an unknown name or a wrong type.
   * @throws {RangeError} if a number is out of range.
   */
  constructor(options: TcpServiceOptions<Data> = {}) {
    this.#options = options;
    this.#resolved = resolveServiceOptions(options);
    for (const listener of options.listeners ?? []) checkListenerOptions(listener);
    for (const dial of options.dials ?? []) resolveDial(dial);
    this.#transport = options.transport ?? defaultTransport();
    this.#pool = new BufferPool(this.#resolved.pool);
    const clock = options.clock ?? systemClock();
    const codec = options.codec ?? rawCodec();
    const encoder = codec.createEncoder();
    const limits = resolveSessionLimits(options, encoder);
    this.#connector = new Connector(this.#transport, clock, options.random ?? Math.random);
    this.#context = {
      ...makeSendQueueContext({ clock, pool: this.#pool, limits, handlers: options, transport: this.#transport }),
      clock,
      codec,
      frame: new Frame(),
      traffic: { lightChunks: 0 },
      logger: guardLogger(options.logger ?? consoleLogger()),
      handlers: options,
      idleWatch: new IdleWatch(clock, limits.idleTimeoutMs, () => this.#registry.values()),
      closeTimeouts: new TimeoutQueue(clock, limits.closeTimeoutMs),
      // Without `createData` the type parameter is `undefined`, its default.
      createData: options.createData ?? (() => undefined as Data),
      leaveGroups: (core) => this.#messaging.groups.leaveAll(core),
      handleSessionOver: (core, event, done) => this.#handleSessionOver(core, event, done),
    };
    this.#messaging = new Messaging(this.#registry, this.#context, encoder, this.#resolved.maxGroups);
    this.#poolKeeper = new PoolKeeper(this.#pool, clock);
  }

  /** Where the service is in its life. */
  get state(): ServiceState {
    return this.#state;
  }

  /** How many sessions there are. */
  get sessionCount(): number {
    return this.#registry.count;
  }

  /**
   * Opens the listeners of the options, then begins their dials. Does nothing if the service runs. Calls of `start()` and
   * `stop()` take effect one after the other, in their order.
   *
   * @throws {ListenError} if a listener cannot be opened; the service is stopped again then.
   */
  start(): Promise<void> {
    return this.#startStop.start();
  }

  /**
   * Stops listening and dialling, closes all sessions in order with the reason `"shutdown"`, and waits until each
   * `onClose` has run; `closeTimeoutMs` bounds that. Does nothing if the service is stopped. A handler may call it, but
   * should not wait for it.
   */
  stop(): Promise<void> {
    return this.#startStop.stop();
  }

  /** Stops the service. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /**
   * Opens another listener; `stop()` closes it, and `start()` does not open it again.
   *
   * @param options Where to listen.
   * @returns The listener.
   * @throws {ServiceStateError} if the service does not run.
   * @throws {ListenError} if the address cannot be listened on.
   * @throws {TypeError | RangeError} if an option is wrong.
   */
  async listen(options: ListenerOptions): Promise<Listener> {
    checkListenerOptions(options);
    if (this.#state !== "running") throw new ServiceStateError("listen", this.#state);
    const listener = await this.#listen(options);
    // The service may have been stopped meanwhile.
    if (this.#isAccepting()) return listener;
    await listener.close();
    throw new ServiceStateError("listen", this.#state);
  }

  /**
   * Dials and opens a session. Calls `onOpen` first; a service without a message handler keeps the session's messages
   * until a loop takes them.
   *
   * @param options Where to, and how often to try.
   * @returns The session.
   * @throws {ServiceStateError} if the service does not run.
   * @throws {DialError} if it does not come about; `onConnectFailed` is called too.
   * @throws {TypeError | RangeError} if an option is wrong.
   */
  async connect(options: ConnectOptions): Promise<Session<Data>> {
    const dial = resolveDial(options, this.#stopController.signal);
    if (this.#state !== "running") throw new ServiceStateError("connect", this.#state);
    const isOverLimit = this.#dials >= this.#resolved.maxDials ||
      this.#registry.count + this.#dials >= this.#resolved.maxConnections;
    if (isOverLimit) this.#failDial(dial, new DialError("limit", formatAddress(dial.address)), 0, options.token);
    this.#dials++;
    const result = await this.#pending.track(this.#connector.dial(dial)).finally(() => this.#dials--);
    if (result.state === "failed") this.#failDial(dial, result.error, result.attempts, options.token);
    const isFull = this.#registry.count >= this.#resolved.maxConnections;
    if (isFull || this.#state !== "running") {
      result.connection.abort();
      const error = new DialError(this.#state === "running" ? "limit" : "aborted", formatAddress(dial.address));
      this.#failDial(dial, error, result.attempts, options.token);
    }
    return this.#open(result.connection, { kind: "dialled", token: options.token });
  }

  /**
   * Finds a session.
   *
   * @param id Its number.
   * @returns The session, or undefined if it is over.
   */
  session(id: number): Session<Data> | undefined {
    return this.#registry.get(id)?.session;
  }

  /** Goes through the sessions, in the order of their ids. */
  *sessions(): Generator<Session<Data>, void, undefined> {
    for (const core of this.#registry.values()) yield core.session;
  }

  /**
   * Sends a message to one session.
   *
   * @param id The session's number.
   * @param payload The message; copied.
   * @returns What became of it, as `Session.send` says; `"closed"` if there is no such session.
   */
  sendTo(id: number, payload: Uint8Array): SendResult {
    return this.#registry.get(id)?.session.send(payload) ?? "closed";
  }

  /**
   * Closes one session in order.
   *
   * @param id The session's number.
   * @returns How it ended, or undefined if there is no such session.
   */
  async closeSession(id: number): Promise<CloseEvent | undefined> {
    return await this.#registry.get(id)?.session.close();
  }

  /**
   * Sends a message to all sessions. It is encoded once. A session that cannot take it delays no other.
   *
   * @param payload The message; copied once.
   * @param options Who does not get it.
   * @returns How many took it and how many refused.
   * @throws {TypeError} if the payload is not a `Uint8Array`.
   * @throws {FrameError} if the codec cannot make a frame of it; no session is closed.
   */
  broadcast(payload: Uint8Array, options: BroadcastOptions<Data> = {}): BroadcastResult {
    return this.#messaging.broadcastToAll(payload, options);
  }

  /**
   * Gives the group of a name, to join sessions to it and send to all of them. It need not have members yet.
   *
   * @param name Any text.
   * @returns The group; another object each time, of the same group.
   */
  group(name: string): Group<Data> {
    return new Group(name, this.#messaging);
  }

  /** The names of the groups that have members. */
  groupNames(): IterableIterator<string> {
    return this.#messaging.groups.names();
  }

  /** Takes a snapshot of the counters; costs a walk over the sessions. */
  stats(): ServiceStats {
    return {
      state: this.#state,
      listeners: [...this.#listeners].map((listener) => listener.address),
      dials: this.#dials,
      failedDials: this.#failedDials,
      sessions: this.#registry.count,
      openedSessions: this.#registry.opened,
      closedSessions: this.#registry.closed,
      refusedConnections: this.#refusedConnections,
      acceptErrors: this.#acceptErrors,
      pool: this.#pool.stats(),
      ...this.#registry.totals(),
    };
  }

  /** Writes the counters as a few lines of text, for people. */
  dump(): string {
    return formatServiceStats(this.stats(), this.#pool.dump());
  }

  async #start(): Promise<void> {
    this.#state = "starting";
    this.#stopController = new AbortController();
    try {
      for (const options of this.#options.listeners ?? []) await this.#listen(options);
    } catch (error) {
      await this.#shutDown();
      throw error;
    }
    this.#state = "running";
    for (const options of this.#options.dials ?? []) {
      this.connect(options).catch((error: unknown) => {
        this.#context.logger.warn("A dial failed: {error}", { error });
      });
    }
  }

  async #shutDown(): Promise<void> {
    this.#state = "stopping";
    this.#stopController.abort();
    await Promise.all([...this.#listeners].map((listener) => listener.close()));
    for (const core of this.#registry.values()) core.close("shutdown");
    if (this.#registry.count > 0) await new Promise<void>((resolve) => this.#onEmpty = resolve);
    await this.#pending.settle(this.#context.clock, this.#context.limits.closeTimeoutMs);
    this.#context.scheduler.flush();
    this.#poolKeeper.stop();
    this.#state = "stopped";
  }

  async #listen(options: ListenerOptions): Promise<Listener> {
    const opened = await openListener(this.#transport, options, this.#acceptHandler());
    const listener = new Listener(opened, (closed) => this.#listeners.delete(closed));
    this.#listeners.add(listener);
    return listener;
  }

  #acceptHandler(): AcceptHandler {
    return {
      onConnection: (connection) => {
        if (this.#isAccepting() && this.#registry.count < this.#resolved.maxConnections) {
          try {
            this.#open(connection, { kind: "accepted" });
          } catch (error) {
            this.#context.logger.error("Opening a session failed: {error}", { error });
          }
          return;
        }
        this.#refusedConnections++;
        connection.close();
      },
      onAcceptError: (error) => {
        this.#acceptErrors++;
        this.#context.logger.warn("Accepting failed: {error}", { error });
      },
    };
  }

  #isAccepting(): boolean {
    return this.#state === "running" || this.#state === "starting";
  }

  #open(connection: Connection, origin: SessionOrigin): Session<Data> {
    let core: SessionCore<Data>;
    try {
      core = new SessionCore(this.#context, connection, this.#nextId++, origin);
    } catch (error) {
      connection.close(); // `createData` threw.
      throw error;
    }
    this.#registry.add(core);
    this.#poolKeeper.start();
    core.open();
    return core.session;
  }

  #failDial(dial: Dial, error: DialError, attempts: number, token: unknown): never {
    this.#failedDials++;
    const address: Address = dial.address;
    const logFault = (fault: unknown) => {
      this.#context.logger.error("The onConnectFailed handler failed: {error}", { error: fault });
    };
    try {
      const result: unknown = this.#options.onConnectFailed?.({ address, error, attempts, token });
      if (isThenable(result)) result.then(undefined, logFault);
    } catch (fault) {
      logFault(fault);
    }
    throw error;
  }

  #handleSessionOver(core: SessionCore<Data>, event: CloseEvent, done: PromiseLike<unknown> | undefined): void {
    this.#registry.remove(core, event.reason);
    if (done !== undefined) this.#pending.track(Promise.resolve(done));
    if (this.#registry.count > 0) return;
    this.#poolKeeper.stop();
    this.#onEmpty?.();
    this.#onEmpty = undefined;
  }
}

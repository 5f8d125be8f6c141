// TcpService: the facade. Starts and stops, listens and dials, and knows its sessions. What a session does is in
// src/session/. Runtime neutral.

import type { Clock } from "../clock.ts";
import { lengthPrefixed } from "../codec/length_prefixed.ts";
import { atCaller, messageOf, ServiceStateError, toError } from "../errors.ts";
import type { CloseEvent } from "../session/close_reason.ts";
import { checkEncoder, resolveSessionLimits } from "../session/limits.ts";
import type { SendResult } from "../outbound/send_result.ts";
import type { Session } from "../session/session.ts";
import type { CloseOptions, SendOptions } from "../session/session_options.ts";
import type { SessionCore } from "../session/session_core.ts";
import { defaultTransport } from "../transport/default.ts";
import type { Transport } from "../transport/transport.ts";
import { Acceptor } from "./acceptor.ts";
import { type ConnectOptions, Connector, type Dialled, resolveDial } from "./connector.ts";
import { Dialler } from "./dialler.ts";
import { Group } from "../broadcast/group.ts";
import { checkListenerOptions, type Listener, type ListenerOptions } from "./listener.ts";
import { Listeners } from "./listeners.ts";
import { makeSessionContext, type ServiceContext } from "./make_context.ts";
import { type BroadcastOptions, type BroadcastReport, Messaging } from "../broadcast/messaging.ts";
import { PendingWork } from "./pending_work.ts";
import { encodeLastWord } from "./refusals.ts";
import { type NeedsData, resolveServiceOptions, type TcpServiceOptions } from "./service_options.ts";
import { type ReconfigureOptions, ServiceSettings } from "./service_settings.ts";
import { formatServiceStats, type ServiceState, type ServiceStats, takeServiceStats } from "./service_stats.ts";
import { guardRefused } from "./refused_messages.ts";
import { SessionKeeper } from "./session_keeper.ts";
import { resolveStopTimeout, StartStop, type StopOptions, type StopResult } from "./start_stop.ts";

/**
 * A TCP service: listeners, dials, and the sessions that come of them.
 *
 * It can be started and stopped any number of times. `stop()` closes all sessions in order: what is queued is sent first.
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
  readonly #settings: ServiceSettings<Data>;
  readonly #transport: Transport;
  readonly #dialler: Dialler;
  readonly #acceptor: Acceptor;
  readonly #context: ServiceContext<Data>;
  readonly #messaging: Messaging<Session<Data>, SessionCore<Data>>;
  readonly #listeners: Listeners<Data>;
  readonly #pending = new PendingWork();
  readonly #keeper = new SessionKeeper<Data>(this.#pending);
  readonly #registry = this.#keeper.registry;
  #state: ServiceState = "stopped";
  readonly #startStop = new StartStop(() => this.#start(), (ms) => this.#shutDown(ms), () => this.#context.clock);
  #stopController = new AbortController();

  /**
   * Makes a stopped service.
   *
   * @param options Handlers, limits, and where sessions come from.
   * @throws {TypeError} if an option has an unknown name or a wrong type.
   * @throws {RangeError} if a number is out of range.
   */
  constructor(options: TcpServiceOptions<Data> & NeedsData<Data> = {} as TcpServiceOptions<Data> & NeedsData<Data>) {
    this.#options = options;
    const resolved = resolveServiceOptions(options);
    this.#transport = options.transport ?? defaultTransport({ clock: options.clock });
    const codec = options.codec ?? lengthPrefixed();
    const encoder = checkEncoder(codec.createEncoder());
    encodeLastWord(encoder, options.refusalMessage);
    const parts = { transport: this.#transport, sessions: () => this.#registry.values() };
    this.#context = makeSessionContext(options, {
      ...parts,
      codec,
      pool: resolved.pool,
      limits: resolveSessionLimits(options, encoder),
      leaveGroups: (core) => this.#messaging.groups.leaveAll(core),
      handleSessionOver: (core, event, done) => this.#keeper.handleOver(core, event, done),
    });
    this.#keeper.attach(this.#context);
    this.#settings = new ServiceSettings(options, resolved, this.#context, parts);
    const { clock, discardPacer, faults, observers } = this.#context;
    this.#registry.listener = observers?.sessions();
    const connector = new Connector(this.#transport, clock, options.random ?? Math.random);
    const hasRoom = (dials: number) => this.#hasRoom(dials) && this.#dialler.count < this.#settings.bounds.maxDials;
    this.#dialler = new Dialler({ connector, handlers: options, faults, observers, hasRoom });
    this.#acceptor = new Acceptor({
      clock,
      discardPacer,
      faults,
      observers,
      onConnectionRefused: options.onConnectionRefused,
      bounds: this.#settings.bounds,
      maxOpenFiles: this.#transport.traits?.maxOpenFiles,
      admission: options.admission ?? [],
      countSessions: () => this.#registry.count,
      isAccepting: () => this.#isAccepting(),
    });
    this.#messaging = new Messaging(this.#registry, this.#context, encoder, {
      maxGroups: resolved.maxGroups,
      onRefused: guardRefused(options.onRefused, faults),
    });
    this.#listeners = new Listeners({
      transport: this.#transport,
      service: options,
      acceptor: this.#acceptor,
      keeper: this.#keeper,
      observers,
      settings: this.#settings,
    });
    for (const dial of options.dials ?? []) this.#settings.contextFor(dial); // Checks its limits.
  }

  /** Where the service is in its life. */
  get state(): ServiceState {
    return this.#state;
  }

  /** Where it takes its time from. */
  get clock(): Clock {
    return this.#context.clock;
  }

  /** The port of the first listener that has one: what the system chose, if that was asked for; undefined if there is none. */
  get port(): number | undefined {
    for (const { port } of this.#listeners) if (port !== undefined) return port;
    return undefined;
  }

  /** How many sessions there are. */
  get sessionCount(): number {
    return this.#registry.count;
  }

  /**
   * Opens the listeners of the options, then begins their dials. Does nothing if the service runs. Calls of `start()` and
   * `stop()` take effect one after the other, in their order.
   *
   * @throws {ListenError | ServiceStateError} if a listener cannot be opened, or `stop()` does not wait for it; it is stopped then.
   */
  async start(): Promise<void> {
    try {
      await this.#startStop.start();
    } catch (error) {
      throw atCaller(error);
    }
  }

  /**
   * Stops listening and dialling, closes all sessions in order with the reason `"shutdown"`, and waits until each has ended
   * and its `onClose` has run, but no longer than `timeoutMs`: sessions that are left then are cut. Does nothing if the service
   * is stopped. A handler may call it, but should not wait for it.
   *
   * @param options How long it may take. A call during a stop shares that stop, and its options have no effect.
   * @returns How many sessions were cut.
   * @throws {RangeError | TypeError} if an option is wrong.
   */
  stop(options: StopOptions = {}): Promise<StopResult> {
    return this.#startStop.stop(resolveStopTimeout(options));
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
    checkListenerOptions(options, this.#transport);
    if (this.#state !== "running") throw new ServiceStateError("listen", this.#state);
    const { signal } = this.#stopController;
    try {
      const listener = await this.#listeners.open(options);
      if (!signal.aborted) return listener;
      await listener.close(); // The service was stopped meanwhile, and may have been started again.
    } catch (error) {
      throw atCaller(error);
    }
    throw new ServiceStateError("listen", this.#isAccepting() ? "stopped" : this.#state);
  }

  /**
   * Changes options while the service runs; no session ends by it. Limits of sessions count for those that are opened from then
   * on. Nothing changes if an option is wrong. Takes effect in the order of the calls, with those of `start()` and `stop()`.
   *
   * @param options What changes.
   * @throws {TypeError | RangeError} if an option is wrong, or cannot be changed.
   * @throws {ListenError} if a new listener cannot be opened; no listener has changed then, unless one that had made way for
   * it cannot be opened again: the error is of that one.
   */
  async reconfigure(options: ReconfigureOptions): Promise<void> {
    await this.#startStop.between(() => this.#settings.change(options, this.#listeners, this.#isAccepting()));
  }

  /**
   * Dials and opens a session. Calls `onOpen` first; a service without a message handler keeps the session's messages
   * until a loop or `receive()` takes them; with `onChunk`, they are dropped before the first of these.
   *
   * @param options Where to, and how often to try.
   * @returns The session.
   * @throws {ServiceStateError} if the service does not run.
   * @throws {ConnectError} if the dial fails; `onConnectFailed` is called too.
   * @throws {TypeError | RangeError} if an option is wrong.
   */
  async connect(options: ConnectOptions): Promise<Session<Data>> {
    const dial = resolveDial(options, this.#stopController.signal);
    if (this.#state !== "running") throw new ServiceStateError("connect", this.#state);
    const { token } = options;
    const early = this.#settings.contextFor(options);
    let dialled: Dialled;
    try {
      dialled = await this.#pending.track(this.#dialler.dial(dial, token));
    } catch (error) {
      throw atCaller(error);
    }
    const { connection, attempts } = dialled;
    const isRunning = this.#state === "running";
    if (isRunning && this.#hasRoom(1)) {
      const context = this.#settings.refresh(options, early);
      return this.#keeper.open(connection, { context, origin: { kind: "connected", address: dial.address, token } });
    }
    connection.abort();
    return this.#dialler.fail(dial, isRunning ? "limit" : "aborted", attempts, token);
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
   * @param options Its policy, its key.
   * @returns What became of it, as `Session.send` says; `"closed"` if there is no such session.
   */
  sendTo(id: number, payload: Uint8Array, options?: SendOptions): SendResult {
    return this.#registry.get(id)?.session.send(payload, options) ?? "closed";
  }

  /**
   * Closes one session in order.
   *
   * @param id The session's number.
   * @param options As those of `Session.close`.
   * @returns How it ended, or undefined if there is no such session.
   */
  async closeSession(id: number, options: CloseOptions = {}): Promise<CloseEvent | undefined> {
    return await this.#registry.get(id)?.session.close(options);
  }

  /**
   * Sends a message to all sessions. It is encoded once. A session that cannot take it delays no other.
   *
   * @param payload The message; copied once.
   * @param options Who does not get it, and what becomes of it where the peer does not read.
   * @returns How many took it and how many refused; and who, if asked for.
   * @throws {TypeError} if the payload is not a `Uint8Array`, or an option is wrong.
   * @throws {FrameError} if the codec breaks its contract (`"codec-fault"`); no session is closed.
   */
  broadcast(
    payload: Uint8Array,
    options: BroadcastOptions<Session<Data>> = {},
  ): BroadcastReport<Session<Data>> {
    return this.#messaging.broadcastToAll(payload, options);
  }

  /**
   * Waits until the sessions above a high-water mark are down at their low-water marks, so that broadcasts are no faster than
   * their receivers. A session that takes no byte for 200 ms is waited for again only after it has taken some.
   *
   * @param options A signal to stop waiting; the promise then rejects with its reason.
   */
  drained(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    return this.#messaging.drained(options.signal);
  }

  /** Hands all that is queued to the system, as far as it takes it: the end of a game's tick, under `flush: "manual"`. */
  flush(): void {
    this.#context.scheduler.flush();
  }

  /**
   * Gives the group of a name, to join sessions to it and send to all of them. It need not have members yet.
   *
   * @param name Any text.
   * @returns The group; another object each time, of the same group.
   */
  group(name: string): Group<Session<Data>> {
    return new Group(name, this.#messaging);
  }

  /** The names of the groups that have members. */
  groupNames(): IterableIterator<string> {
    return this.#messaging.groups.names();
  }

  /** Takes a snapshot of the counters; costs a walk over the sessions. */
  stats(): ServiceStats {
    return takeServiceStats({
      state: this.#state,
      listeners: this.#listeners,
      dialler: this.#dialler,
      registry: this.#registry,
      acceptor: this.#acceptor,
      context: this.#context,
    });
  }

  /** Writes the counters as a few lines of text, for people. */
  dump(): string {
    return formatServiceStats(this.stats(), this.#context.pool.dump());
  }

  async #start(): Promise<void> {
    this.#state = "starting";
    this.#stopController = new AbortController();
    const { faults } = this.#context;
    this.#acceptor.warnOfFewFiles();
    try {
      await this.#listeners.openDeclared(this.#settings.listeners);
    } catch (error) {
      await this.#shutDown(0);
      throw error;
    }
    this.#state = "running";
    for (const options of this.#options.dials ?? []) {
      this.connect(options).catch((fault: unknown) => {
        faults.report("dial", "warn", "A dial failed: {error}", { error: messageOf(toError(fault)) });
      });
    }
  }

  async #shutDown(timeoutMs: number): Promise<StopResult> {
    this.#state = "stopping";
    this.#stopController.abort();
    const { clock, faults, scheduler } = this.#context;
    const deadlineMs = clock.now() + timeoutMs;
    const listeners = this.#listeners.closeAll();
    this.#acceptor.stop();
    const abortedSessions = await this.#keeper.closeAll(deadlineMs, listeners);
    if (abortedSessions > 0) {
      const properties = { count: abortedSessions, timeoutMs };
      faults.report("service", "warn", "{count} sessions were cut as they did not end in time", properties);
    }
    await this.#pending.settle(clock, deadlineMs);
    scheduler.flush();
    faults.flush();
    this.#keeper.rest();
    this.#state = "stopped";
    return { abortedSessions };
  }

  /** Whether there is room for that number of further sessions. */
  #hasRoom(sessions: number): boolean {
    return this.#registry.count + this.#acceptor.pending + sessions <= this.#settings.bounds.maxConnections;
  }

  #isAccepting(): boolean {
    return this.#state === "running" || this.#state === "starting";
  }
}

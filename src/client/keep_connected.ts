// keepConnected(): a client that dials again whenever its session ends. Runtime neutral.

import { ConnectError, messageOf, SessionClosedError, toError } from "../errors.ts";
import { consoleLogger, type Logger } from "../logger.ts";
import { checkKeys, LARGEST_TIMER_MS, orDefault, pick, requireFunction, requireInteger } from "../options.ts";
import { CONNECT_NAMES, type ConnectOptions, type Dial, randomPart, resolveDial } from "../service/connector.ts";
import { guardLogger } from "../service/guarded_logger.ts";
import { type ConnectSessionOptions, makeService, SESSION_NAMES } from "../service/serve.ts";
import { type NeedsData, SERVICE_NAMES } from "../service/service_options.ts";
import type { TcpService } from "../service/tcp_service.ts";
import type { CloseEvent } from "../session/close_reason.ts";
import { checkPolicy } from "../outbound/queue_limits.ts";
import { checkPayload, type SendResult } from "../outbound/send_result.ts";
import { checkSendOptions, type SendOptions } from "../session/session_options.ts";
import { sleep } from "../sleep.ts";
import { formatAddress } from "../transport/address.ts";
import { type KeepOptions, KeptMessages } from "./kept_messages.ts";
import { callGuarded } from "../session/handler_result.ts";
import type { Session } from "../session/session.ts";

const DEFAULT_MIN_DELAY_MS = 100;
const DEFAULT_MAX_DELAY_MS = 10_000;
const DEFAULT_STABLE_MS = 5_000;

/**
 * Where a link is. `"waiting"`: in the pause before the next attempt. `"open"`: nothing is dialled, as the breaker is open;
 * `"half-open"`: one attempt decides whether the breaker closes again. `"stopped"` is final.
 */
export type LinkState = "connecting" | "connected" | "waiting" | "open" | "half-open" | "stopped";

/** What a link's `send` answers: as the session's, or `"kept"` for the next one. */
export type LinkSendResult = SendResult | "kept";

/** A circuit breaker: keeps a server that is down from being dialled all the time. */
export interface BreakerOptions {
  /** Attempts in a row that came to nothing, after which it opens, 1 or more. */
  readonly failures: number;
  /** Milliseconds for which it is open, 0 to 2^31 - 1: nothing is dialled. Then one attempt decides whether it closes again. */
  readonly openMs: number;
}

/** What a change of state says. */
export interface LinkEvent<Data> {
  /** The new state. */
  readonly state: LinkState;
  /** The session, in state `"connected"`. */
  readonly session: Session<Data> | undefined;
  /**
   * Why the last dial failed, in state `"waiting"`, `"open"` or `"stopped"`: code `"unknown"`, and the fault as its `cause`, if
   * `createData` or the codec threw.
   */
  readonly error: ConnectError | undefined;
  /** How the last session ended, in the same states. */
  readonly closed: CloseEvent | undefined;
  /** Attempts in a row that came to nothing; a session that was over before `stableMs` counts as one. */
  readonly failures: number;
  /** Milliseconds until the next attempt, in state `"waiting"` or `"open"`. */
  readonly delayMs: number | undefined;
}

/** Options of {@linkcode keepConnected}. */
export interface KeepConnectedOptions<Data = undefined>
  extends Omit<ConnectSessionOptions<Data>, "retries" | "minRetryDelayMs" | "maxRetryDelayMs" | "onSend"> {
  /** A session is there: a new one each time. Send the login here. */
  readonly onConnected?: ((session: Session<Data>) => unknown) | undefined;
  /** The state has changed. */
  readonly onState?: ((event: LinkEvent<Data>) => unknown) | undefined;
  /**
   * Milliseconds before the second attempt in a row, 0 to 2^31 - 1; doubles with each, and is cut by up to half at random.
   *
   * @default {100}
   */
  readonly minDelayMs?: number | undefined;
  /**
   * The longest pause, in milliseconds, from `minDelayMs` to 2^31 - 1.
   *
   * @default {10000, or `minDelayMs` if that is more}
   */
  readonly maxDelayMs?: number | undefined;
  /**
   * Milliseconds that a session must have been connected for the pauses to start anew, 0 to 2^31 - 1: a server that accepts and closes
   * at once is dialled ever less often, like one that refuses.
   *
   * @default {5000}
   */
  readonly stableMs?: number | undefined;
  /**
   * Attempts in a row that may come to nothing, 1 or more; then it stops.
   *
   * @default {Infinity}
   */
  readonly maxFailures?: number | undefined;
  /**
   * When to stop dialling for a while: after so many failed attempts in a row. A session that ended before `stableMs` is one.
   *
   * @default {undefined: none; the pauses grow up to `maxDelayMs`}
   */
  readonly breaker?: BreakerOptions | undefined;
  /**
   * How much `Link.send` keeps while there is no session. It goes to the next one, in order, after what
   * `onConnected` sends before its first `await`.
   *
   * @default {undefined: nothing, and `send` answers `"closed"`}
   */
  readonly keep?: KeepOptions | undefined;
}

const {
  retries: _retries,
  minRetryDelayMs: _minRetryDelayMs,
  maxRetryDelayMs: _maxRetryDelayMs,
  onSend: _onSend,
  ...OF_SESSION
} = SESSION_NAMES;
const NAMES: Record<keyof KeepConnectedOptions, true> = {
  ...OF_SESSION,
  onConnected: true,
  onState: true,
  minDelayMs: true,
  maxDelayMs: true,
  stableMs: true,
  maxFailures: true,
  breaker: true,
  keep: true,
};

/** What an attempt came to. */
interface Attempt {
  /** Why there was no session. */
  readonly error?: ConnectError;
  /** How the session ended, if there was one. */
  readonly closed?: CloseEvent;
  /** How long the session was connected, in milliseconds. */
  readonly livedMs?: number;
}

/** A connection that is kept; made by {@linkcode keepConnected}. */
export class Link<Data = undefined> implements AsyncDisposable {
  readonly #options: KeepConnectedOptions<Data>;
  readonly #service: TcpService<Data>;
  readonly #random: () => unknown;
  readonly #logger: Logger;
  readonly #stopped = new AbortController();
  readonly #onAbort = (): void => void this.stop();
  readonly #kept: KeptMessages;
  #state: LinkState = "connecting";
  #session: Session<Data> | undefined = undefined;
  #failures = 0;
  readonly #run: Promise<void>;

  /** Makes it, and begins; `keepConnected()` calls this. */
  constructor(options: KeepConnectedOptions<Data>) {
    this.#options = options;
    this.#random = options.random ?? Math.random;
    const logger = guardLogger(options.logger ?? consoleLogger());
    this.#logger = logger.getChild?.("link") ?? logger;
    this.#kept = new KeptMessages(options.keep);
    this.#service = makeService<Data>(pick(options, SERVICE_NAMES));
    options.signal?.addEventListener("abort", this.#onAbort, { once: true });
    this.#run = this.#keep();
  }

  /** Where it is. */
  get state(): LinkState {
    return this.#state;
  }

  /** The session, while there is one. */
  get session(): Session<Data> | undefined {
    return this.#session;
  }

  /** Attempts in a row that came to nothing. */
  get failures(): number {
    return this.#failures;
  }

  /**
   * Sends to the session that there is, or keeps the message for the next one.
   *
   * @param payload The message; copied.
   * @param options Its policy, its key.
   * @returns What became of it; `"closed"` if the link has stopped, or there is no room to keep it.
   * @throws {TypeError} if the payload is not a `Uint8Array`, or an option has a name or a value that is not allowed.
   */
  send(payload: Uint8Array, options?: SendOptions): LinkSendResult {
    const session = this.#session;
    // What is kept goes first, so that all stay in order.
    if (session?.state === "open" && this.#kept.count === 0) return session.send(payload, options);
    checkPayload(payload);
    checkEarly(options);
    if (this.#isStopped) return "closed";
    return this.#kept.add(payload, options) ? "kept" : "closed";
  }

  /** Resolves once it has stopped: by `stop()`, by the signal, or after `maxFailures`. */
  get stopped(): Promise<void> {
    return this.#run;
  }

  /**
   * Closes the session in order, and dials no more. Resolves once its `onClose` has run; waits for that ten seconds at the most.
   * May be called twice. A handler may call it, but should not wait for it.
   */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#session?.close();
    await this.#run;
  }

  /** Stops it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  get #isStopped(): boolean {
    return this.#stopped.signal.aborted;
  }

  async #keep(): Promise<void> {
    const { maxFailures = Infinity, stableMs = DEFAULT_STABLE_MS, signal } = this.#options;
    await this.#service.start();
    if (signal?.aborted) this.#stopped.abort();
    let last: Attempt = {};
    while (!this.#isStopped) {
      this.#enter(this.#isBroken() ? "half-open" : "connecting", {});
      last = await this.#attempt();
      this.#failures = (last.livedMs ?? -1) >= stableMs ? 0 : this.#failures + 1;
      if (this.#isStopped || this.#failures >= maxFailures || last.error?.code === "unsupported") break;
      const delayMs = this.#delayMs();
      this.#enter(this.#isBroken() ? "open" : "waiting", { ...last, delayMs });
      await sleep(this.#service.clock, delayMs, this.#stopped.signal);
    }
    signal?.removeEventListener("abort", this.#onAbort);
    await this.#service.stop();
    this.#stopped.abort();
    this.#enter("stopped", last);
  }

  /** Dials once, and waits for the end of the session, if one opens. */
  async #attempt(): Promise<Attempt> {
    const { clock } = this.#service;
    let session: Session<Data>;
    try {
      const options = pick(this.#options, CONNECT_NAMES) as { readonly port: number };
      session = await this.#service.connect({ ...options, signal: this.#stopped.signal });
    } catch (fault) {
      return { error: this.#dialErrorOf(toError(fault)) };
    }
    if (this.#isStopped) return { closed: await session.close() };
    const startMs = clock.now();
    this.#session = session;
    this.#enter("connected", {});
    // `onState` may have stopped the link.
    if (!this.#isStopped) {
      callGuarded(() => this.#options.onConnected?.(session), (fault) => {
        this.#report("onConnected", fault, session);
        session.abort();
      });
    }
    const onRefused = (result: SendResult) =>
      this.#logger.warn("A message that was kept is refused: {result}", { result });
    this.#kept.sendTo(session, this.#service.clock, onRefused).catch(() => {}); // The session has ended: the next one goes on.
    const closed = await session.closed;
    const livedMs = clock.now() - startMs;
    await this.#finished(session);
    this.#session = undefined;
    return { closed, livedMs };
  }

  /** Waits for `onClose` and its promise. Once the link is stopped its service's stop does that, and not for ever. */
  async #finished(session: Session<Data>): Promise<void> {
    const { signal } = this.#stopped;
    const { promise, resolve } = Promise.withResolvers<void>();
    const onEnd = () => resolve();
    signal.addEventListener("abort", onEnd);
    void session.finished.then(onEnd);
    if (!signal.aborted) await promise;
    signal.removeEventListener("abort", onEnd);
  }

  #enter(
    state: LinkState,
    { error, closed, delayMs }: { error?: ConnectError; closed?: CloseEvent; delayMs?: number },
  ): void {
    this.#state = state;
    const event = { state, session: this.#session, error, closed, failures: this.#failures, delayMs };
    callGuarded(() => this.#options.onState?.(event), (fault) => this.#report("onState", fault));
  }

  /** Why a dial failed. What is no `ConnectError` comes from the application: `createData` threw, or the codec. */
  #dialErrorOf(fault: Error): ConnectError {
    if (fault instanceof ConnectError) return fault;
    this.#logger.error("Opening a session failed: {error}", { error: fault });
    return new ConnectError("unknown", formatAddress(dialOf(this.#options).address), { cause: fault });
  }

  /** Reports a fault of a handler. A `SessionClosedError` of its own session is none, and was reported with the session's end. */
  #report(name: string, fault: unknown, session?: Session<Data>): void {
    const error = toError(fault); // First: `instanceof` throws at a revoked proxy.
    const isOwnEnd = error instanceof SessionClosedError && error.sessionId === session?.id;
    this.#logger[isOwnEnd ? "debug" : "error"]("The {name} handler failed: {error}", {
      name,
      error: messageOf(toError(fault)),
    });
  }

  /** Whether the breaker is open. */
  #isBroken(): boolean {
    return this.#failures >= (this.#options.breaker?.failures ?? Infinity);
  }

  #delayMs(): number {
    const { breaker } = this.#options;
    if (breaker !== undefined && this.#isBroken()) return breaker.openMs;
    const { minDelayMs = DEFAULT_MIN_DELAY_MS, maxDelayMs = Math.max(DEFAULT_MAX_DELAY_MS, minDelayMs) } =
      this.#options;
    const doubled = Math.min(maxDelayMs, minDelayMs * 2 ** Math.min(Math.max(0, this.#failures - 1), 31));
    return Math.ceil(doubled * (1 - randomPart(this.#random) / 2));
  }
}

/** Refuses what `Session.send` would refuse later, when nobody hears of it. */
function checkEarly(options: SendOptions | undefined): void {
  if (options !== undefined) checkSendOptions(options);
  checkPolicy(options?.whenFull);
}

/** Where a link dials, and how. */
function dialOf(options: object): Dial {
  return resolveDial(pick(options, CONNECT_NAMES) as ConnectOptions);
}

/**
 * Dials, and again whenever the dial fails or the session ends, with growing pauses, until it is stopped.
 *
 * @param options Where to, what a session does, and how long the pauses are.
 * @returns The link: its state, its session, and its `stop()`.
 * @throws {TypeError | RangeError} if an option is wrong.
 *
 * @example A bot that comes back
 * ```ts
 * import { serve } from "@laster/net";
 * import { keepConnected } from "@laster/net/client";
 *
 * await using service = await serve({ hostname: "127.0.0.1", port: 0, onMessage: (session) => void session.close() });
 * let logins = 0;
 * const twice = Promise.withResolvers<void>();
 * await using link = keepConnected({
 *   port: service.port,
 *   minDelayMs: 10,
 *   onConnected(session) {
 *     session.send(new TextEncoder().encode("hello, it is me"));
 *     if (++logins === 2) twice.resolve();
 *   },
 * });
 * await twice.promise;
 * ```
 */
export function keepConnected<Data = undefined>(options: KeepConnectedOptions<Data> & NeedsData<Data>): Link<Data> {
  checkKeys("link", options, NAMES);
  const { maxFailures = Infinity } = options;
  const minDelayMs = orDefault(options.minDelayMs, DEFAULT_MIN_DELAY_MS);
  requireInteger("create link", "minDelayMs", minDelayMs, 0, LARGEST_TIMER_MS);
  const maxDelayMs = orDefault(options.maxDelayMs, Math.max(DEFAULT_MAX_DELAY_MS, minDelayMs));
  requireInteger("create link", "maxDelayMs", maxDelayMs, minDelayMs, LARGEST_TIMER_MS);
  requireInteger("create link", "stableMs", orDefault(options.stableMs, DEFAULT_STABLE_MS), 0, LARGEST_TIMER_MS);
  const { breaker } = options;
  if (breaker !== undefined) {
    checkKeys("breaker", breaker, { failures: true, openMs: true });
    requireInteger("create link", "breaker.failures", breaker.failures, 1, Number.MAX_SAFE_INTEGER);
    requireInteger("create link", "breaker.openMs", breaker.openMs, 0, LARGEST_TIMER_MS);
  }
  if (options.keep !== undefined) checkKeys("link", options.keep, { messages: true, bytes: true });
  if (maxFailures !== Infinity) requireInteger("create link", "maxFailures", maxFailures, 1, Number.MAX_SAFE_INTEGER);
  for (const name of ["onConnected", "onState"] as const) {
    if (options[name] !== undefined) requireFunction("create link", name, options[name]);
  }
  dialOf(options); // Throws here, and not later.
  return new Link(options);
}

// Tracing: spans of sessions, messages, sends and dials. By `@opentelemetry/api`, so that any SDK takes them. Runtime neutral.

import { type Context, context, type Span, SpanKind, SpanStatusCode, trace, type Tracer } from "@opentelemetry/api";
import type {
  Address,
  CloseEvent,
  ConnectOptions,
  SendOptions,
  SendResult,
  ServiceObserver,
  Session,
  SessionOrigin,
} from "@laster/net";

/** Options of {@linkcode Tracing}. */
export interface TracingOptions {
  /**
   * The share of sessions, with all their messages, and of dials that is traced: 0 to 1. The others have no spans.
   *
   * @default {1}
   */
  readonly sampled?: number | undefined;
  /**
   * Random numbers from 0 to below 1.
   *
   * @default {Math.random}
   */
  readonly random?: (() => number) | undefined;
  /**
   * Most messages, received and sent, that get a span in one second, of all traced sessions together: the first ones. Those behind
   * them have none; the span of their session counts them as `laster.messages.untraced`. A span costs more than most messages, so
   * one busy session that is traced could slow down all others. `Infinity` is no bound.
   *
   * @default {1_000}
   */
  readonly maxMessagesPerSecond?: number | undefined;
  /**
   * The time in milliseconds, from any moment on.
   *
   * @default {performance.now}
   */
  readonly now?: (() => number) | undefined;
}

/** What is used of a session. */
export interface TracedSession {
  /** Its number. */
  readonly id: number;
  /** Where it comes from. */
  readonly origin: SessionOrigin;
  /** The peer. */
  readonly remoteAddress: Address;
}

/** What is used of a `TcpService` to dial. */
export interface DiallingService<Data> {
  /** Dials and opens a session. */
  connect(options: ConnectOptions): Promise<Session<Data>>;
}

/** What is used of a session to send. */
export interface SendingSession {
  /** Its number. */
  readonly id: number;
  /** Sends a message. */
  send(payload: Uint8Array, options?: SendOptions): SendResult;
}

/** What is kept of a session that is traced. */
interface TracedSessionState {
  readonly span: Span;
  /** Messages without a span, received and sent, as there were too many. */
  untraced: number;
}

const NAME = "@laster/net";
const NAMES: Record<keyof TracingOptions, true> = {
  sampled: true,
  random: true,
  maxMessagesPerSecond: true,
  now: true,
};
const SECOND_MS = 1_000;
/** What a send answers if the message is on its way. */
const TAKEN: ReadonlySet<SendResult> = new Set(["sent", "queued", "congested"]);
/** A power of two. With 10 of 1,000 sessions traced, about one message in a hundred is looked up in vain. */
const ID_SLOTS = 1_024;

/**
 * Makes spans. Give it to `observers`, and wrap the message handler in it.
 *
 * - `laster.session` from the first moment to the last, with the peer and why it closed.
 * - `laster.message` below it, from the call of the handler to its end, promise included; the handler runs in its context. Of some
 *   messages only, if there are many: see `maxMessagesPerSecond`.
 * - `laster.send` around {@linkcode Tracing.send}.
 * - `laster.dial` around {@linkcode Tracing.connect}.
 *
 * Set the SDK up first: a session that begins without one has no spans, nor have its messages.
 *
 * @example The handler's own span is below that of its message
 * ```ts
 * import { trace } from "@opentelemetry/api";
 * import { serve } from "@laster/net";
 * import { Tracing } from "@laster/tracing";
 *
 * const tracing = new Tracing();
 * await using service = await serve({
 *   hostname: "127.0.0.1",
 *   port: 0,
 *   observers: [tracing],
 *   onMessage: tracing.wrap(async (session, payload) => {
 *     await trace.getTracer("game").startActiveSpan("save", async (span) => span.end());
 *     session.send(payload);
 *   }),
 * });
 * ```
 */
export class Tracing implements ServiceObserver {
  readonly #sampled: number;
  readonly #random: () => number;
  readonly #maxMessages: number;
  readonly #now: () => number;
  readonly #traced = new WeakMap<object, TracedSessionState>();
  /** Traced sessions, counted by the last bits of their ids, so that most messages of others need no lookup in the map. */
  readonly #tracedOfId = new Uint32Array(ID_SLOTS);
  #tracer: Tracer | undefined = undefined;
  #secondMs = -Infinity;
  /** How many messages may still have a span in this second. */
  #messagesLeft = 0;

  /**
   * Makes it.
   *
   * @param options How much is traced.
   * @throws {TypeError | RangeError} if there is no option of a name, or the share or the bound is no number, or out of range.
   */
  constructor(options: TracingOptions = {}) {
    for (const name of Object.keys(options)) {
      if (Object.hasOwn(NAMES, name)) continue;
      throw new TypeError(
        `Cannot create tracing as it has no option of that name: current value is "${name}", known are ${
          Object.keys(NAMES).join(", ")
        }`,
      );
    }
    const { sampled = 1, random = Math.random, maxMessagesPerSecond = 1_000, now = () => performance.now() } = options;
    if (typeof sampled !== "number" || !(sampled >= 0 && sampled <= 1)) {
      throw new RangeError(`Cannot create tracing as sampled must be from 0 to 1: current value is ${show(sampled)}`);
    }
    if (typeof maxMessagesPerSecond !== "number" || !(maxMessagesPerSecond >= 0)) {
      throw new RangeError(
        `Cannot create tracing as maxMessagesPerSecond must be at least 0: current value is ${
          show(maxMessagesPerSecond)
        }`,
      );
    }
    this.#sampled = sampled;
    this.#random = random;
    this.#maxMessages = maxMessagesPerSecond;
    this.#now = now;
  }

  /** A session begins: its span, if it is drawn. */
  onOpened(session: TracedSession): void {
    if (!this.#isDrawn()) return;
    const { id, origin, remoteAddress } = session;
    const kind = origin.kind === "accepted" ? SpanKind.SERVER : SpanKind.CLIENT;
    const attributes = { "laster.session.id": id, "laster.listener": nameOf(origin), ...peerOf(remoteAddress) };
    const span = this.#getTracer().startSpan("laster.session", { kind, attributes, root: true });
    if (!trace.isSpanContextValid(span.spanContext())) return; // There is no SDK: nobody takes spans.
    this.#tracedOfId[id % ID_SLOTS]++;
    this.#traced.set(session, { span, untraced: 0 });
  }

  /** A session is over: ends its span. */
  onClosed(session: Pick<TracedSession, "id">, { reason, detail, isConfirmed, error }: CloseEvent): void {
    const traced = this.#traced.get(session);
    if (traced === undefined) return;
    const { span, untraced } = traced;
    this.#traced.delete(session);
    this.#tracedOfId[session.id % ID_SLOTS]--;
    span.setAttributes({ "laster.close.reason": reason, "laster.close.confirmed": isConfirmed });
    if (untraced > 0) span.setAttribute("laster.messages.untraced", untraced);
    if (detail !== undefined) span.setAttribute("laster.close.detail", detail);
    if (error !== undefined) fail(span, error);
    span.end();
  }

  /**
   * Gives a handler whose messages have spans, where their session has one; for `onMessage` or `onMessageRange`, whose range
   * `handler` gets a view of.
   *
   * @param handler The handler; it runs in the span's context.
   * @returns The handler to give to the service.
   */
  wrap<Data>(
    handler: (session: Session<Data>, payload: Uint8Array) => unknown,
  ): (session: Session<Data>, payload: Uint8Array) => unknown {
    return (session: Session<Data>, bytes: Uint8Array, offset?: number, length?: number) => {
      const payload = offset === undefined ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset + offset, length);
      const traced = this.#findTraced(session);
      if (traced === undefined) return handler(session, payload);
      const around = trace.setSpan(context.active(), traced.span);
      const attributes = { "laster.session.id": session.id, "laster.message.bytes": payload.length };
      const span = this.#getTracer().startSpan("laster.message", { kind: SpanKind.CONSUMER, attributes }, around);
      return run(span, around, () => handler(session, payload));
    };
  }

  /**
   * Sends a message, with a span where the session has one: below the span that is active, such as that of the message which is
   * answered, else below the session's. It tells what became of the message; one that was refused is an error.
   *
   * @param session Whom to.
   * @param payload The message without its framing; copied.
   * @param options As `session.send()` takes them.
   * @returns What became of it, as `session.send()` says.
   * @throws {TypeError} as `session.send()` does; the span records it.
   *
   * @example An answer whose span is below that of the question
   * ```ts
   * import { serve } from "@laster/net";
   * import { Tracing } from "@laster/tracing";
   *
   * const tracing = new Tracing();
   * await using service = await serve({
   *   hostname: "127.0.0.1",
   *   port: 0,
   *   observers: [tracing],
   *   onMessage: tracing.wrap((session, payload) => {
   *     tracing.send(session, payload);
   *   }),
   * });
   * ```
   */
  send(session: SendingSession, payload: Uint8Array, options?: SendOptions): SendResult {
    const traced = this.#findTraced(session);
    if (traced === undefined) return session.send(payload, options);
    const active = context.active();
    const around = trace.getSpan(active) === undefined ? trace.setSpan(active, traced.span) : active;
    const attributes = { "laster.session.id": session.id, "laster.message.bytes": payload?.length };
    const span = this.#getTracer().startSpan("laster.send", { kind: SpanKind.PRODUCER, attributes }, around);
    try {
      const result = session.send(payload, options);
      span.setAttribute("laster.send.result", result);
      if (!TAKEN.has(result)) span.setStatus({ code: SpanStatusCode.ERROR, message: result });
      return result;
    } catch (error) {
      fail(span, error);
      throw error;
    } finally {
      span.end();
    }
  }

  /**
   * Dials, with a span around it.
   *
   * @param service Who dials.
   * @param options Where to.
   * @returns The session.
   * @throws {ConnectError} as the service does; the span records it.
   */
  connect<Data>(service: DiallingService<Data>, options: ConnectOptions): Promise<Session<Data>> {
    if (!this.#isDrawn()) return service.connect(options);
    const { hostname = "127.0.0.1", port, path } = options;
    const attributes = path === undefined
      ? { "server.address": hostname, "server.port": port }
      : { "server.address": path, "network.transport": "unix" };
    const span = this.#getTracer().startSpan("laster.dial", { kind: SpanKind.CLIENT, attributes });
    return run(span, context.active(), () => service.connect(options));
  }

  /** The state of a session that has a span, if the message that is at hand may have one too; else the message is counted. */
  #findTraced(session: { readonly id: number }): TracedSessionState | undefined {
    if (this.#tracedOfId[session.id % ID_SLOTS] === 0) return undefined;
    const traced = this.#traced.get(session);
    if (traced === undefined || this.#mayTraceMessage()) return traced;
    traced.untraced++;
    return undefined;
  }

  #mayTraceMessage(): boolean {
    const nowMs = this.#now();
    const passedMs = nowMs - this.#secondMs;
    if (passedMs >= SECOND_MS || passedMs < 0) { // Below 0: the clock was set back.
      this.#secondMs = nowMs;
      this.#messagesLeft = this.#maxMessages;
    }
    return this.#messagesLeft-- > 0;
  }

  #isDrawn(): boolean {
    return this.#sampled > 0 && (this.#sampled === 1 || this.#random() < this.#sampled);
  }

  /** Gets the tracer at the first use: an SDK may be set up after this object, but before the first session. */
  #getTracer(): Tracer {
    return this.#tracer ??= trace.getTracer(NAME);
  }
}

function show(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

/** Runs something in a span, which ends with it, or with its promise. Calls `then` once: that of a query builder runs the query. */
function run<Result>(span: Span, around: Context, action: () => Result): Result | Promise<Awaited<Result>> {
  let result: Result;
  try {
    result = context.with(trace.setSpan(around, span), action);
  } catch (error) {
    fail(span, error);
    span.end();
    throw error;
  }
  if (!isThenable(result)) {
    span.end();
    return result;
  }
  const promise = Promise.resolve(result);
  promise.then(() => span.end(), (error: unknown) => {
    fail(span, error);
    span.end();
  });
  return promise;
}

/** Never throws: whatever a handler threw or rejected with, its span ends. */
function fail(span: Span, error: unknown): void {
  const message = messageOf(error);
  try {
    span.recordException(error instanceof Error ? error : message);
  } catch {
    // It has a getter that throws.
  }
  span.setStatus({ code: SpanStatusCode.ERROR, message });
}

function messageOf(error: unknown): string {
  try {
    return String(error instanceof Error ? error.message : error);
  } catch {
    return "an error that cannot be written as text";
  }
}

function isThenable(value: unknown): boolean {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}

/** The attributes of a peer, by OpenTelemetry's names. */
function peerOf(address: Address): Record<string, string | number> {
  if (address.kind === "unix") return { "network.transport": "unix" };
  return { "network.transport": "tcp", "network.peer.address": address.hostname, "network.peer.port": address.port };
}

function nameOf(origin: SessionOrigin): string {
  return origin.kind === "accepted" ? origin.listener.name ?? "" : "";
}

// Session: what applications see of a session. Its life is in session_core.ts. Runtime neutral.

import type { Codec } from "../codec/codec.ts";
import type { Address } from "../transport/address.ts";
import type { CloseEvent } from "./close_reason.ts";
import type { ReceiveOptions } from "./message_stream.ts";
import { checkPolicy } from "../outbound/queue_limits.ts";
import { checkPayload, refuseRange, type SendResult } from "../outbound/send_result.ts";
import type { TlsInfo } from "../transport/tls_options.ts";
import type { SessionCore } from "./session_core.ts";
import type { SessionState } from "./session_state.ts";
import { checkCloseOptions, checkFlush, type CloseOptions, type SendOptions } from "./session_options.ts";
import { type SessionStats, takeStats } from "./session_stats.ts";

/** A session that a listener accepted. */
export interface AcceptedOrigin {
  /** How it came about. */
  readonly kind: "accepted";
  /** The listener: its name, if it has one, and where it listens. */
  readonly listener: { readonly name: string | undefined; readonly address: Address };
}

/** A session that a dial made. */
export interface ConnectedOrigin {
  /** How it came about. */
  readonly kind: "connected";
  /** Where to. */
  readonly address: Address;
  /** What the dial was given as `token`. */
  readonly token: unknown;
}

/** Where a session comes from. */
export type SessionOrigin = AcceptedOrigin | ConnectedOrigin;

/** Set by the class, for its constructor is nobody else's business. */
let construct: <Data>(core: SessionCore<Data>, data: Data) => Session<Data>;
let check: (session: AnySession) => void;

/**
 * One connection with its codec, queue and life; made by a service.
 *
 * @example Answer, then close
 * ```ts
 * import { TcpService } from "@laster/net";
 * import { memoryTransport } from "@laster/net/transport";
 * import { assertEquals } from "@std/assert";
 *
 * const transport = memoryTransport();
 * await using server = new TcpService({
 *   transport,
 *   listeners: [{ port: 1 }],
 *   onMessage(session, payload) {
 *     session.send(payload);
 *     session.close();
 *   },
 * });
 * await server.start();
 * await using client = new TcpService({ transport });
 * await client.start();
 * const session = await client.connect({ hostname: "0.0.0.0", port: 1 });
 * session.send(new Uint8Array([1, 2, 3]));
 * for await (const payload of session) assertEquals(payload, new Uint8Array([1, 2, 3]));
 * assertEquals((await session.closed).reason, "remote-closing");
 * ```
 */
export class Session<Data = undefined> implements AsyncDisposable, AsyncIterable<Uint8Array<ArrayBuffer>> {
  /** What the application keeps with the session; made by the service's `createData`. */
  data: Data;
  readonly #core: SessionCore<Data>;

  private constructor(core: SessionCore<Data>, data: Data) {
    this.#core = core;
    this.data = data;
  }

  static {
    construct = (core, data) => new Session(core, data);
    check = (session) => session.#core.state !== "closed" && session.#core.queue.checkInvariants();
  }

  /** The session's number: unique within its service, counted up from 1. */
  get id(): number {
    return this.#core.id;
  }

  /** Where the session comes from. */
  get origin(): SessionOrigin {
    return this.#core.origin;
  }

  /** Where the session is in its life. */
  get state(): SessionState {
    return this.#core.state;
  }

  /** The address at this end. */
  get localAddress(): Address {
    return this.#core.connection.localAddress;
  }

  /** What is known of the connection by TLS: the version, the peer's certificate; undefined without TLS. */
  get tls(): TlsInfo | undefined {
    return this.#core.connection.tls;
  }

  /** The peer's address. */
  get remoteAddress(): Address {
    return this.#core.connection.remoteAddress;
  }

  /** Bytes that were accepted by `send` and that the system has not taken yet, framing included. */
  get queuedBytes(): number {
    return this.#core.queue.queuedBytes;
  }

  /** Bytes of a message that has begun and is not whole; 0 while the session is not read from. */
  get unfinishedBytes(): number {
    const { inbox, isInputPaused } = this.#core;
    return isInputPaused || !inbox.isInsideFrame ? 0 : inbox.tailBytes;
  }

  /** The names of the groups that it is in, in the order in which it joined them; asking changes nothing. */
  groupNames(): Iterable<string> {
    return this.#core.groups?.values() ?? [];
  }

  /** A snapshot of the session's counters. */
  get stats(): SessionStats {
    return takeStats(this.#core);
  }

  /** Resolves once the connection is gone, before `onClose`; never rejects. */
  get closed(): Promise<CloseEvent> {
    return this.#core.endSignals.closed;
  }

  /**
   * Resolves once `onClose` has run, and the promise that it returned has settled; never rejects. For what must not overlap
   * with it: a player who is back before what he had is saved.
   */
  get finished(): Promise<CloseEvent> {
    return this.#core.endSignals.finished;
  }

  /**
   * Aborts once the session is not open any more, with a `SessionClosedError` as its reason: pass it on to whatever a handler
   * waits for, so that a handler does not outlive its session. Made when it is first asked for.
   */
  get signal(): AbortSignal {
    return this.#core.endSignals.signal;
  }

  /**
   * Sends a message. The payload is copied: it is the caller's again when this returns. Nothing is dropped in silence.
   *
   * @param payload The message without its framing.
   * @param options When to send it.
   * @returns What became of it:
   * - `"sent"`: the system has taken all that was queued.
   * - `"queued"`: it leaves at the end of the turn, or when the peer makes room.
   * - `"congested"`: as queued, but the queue is above `highWaterMarkBytes` or `highWaterMarkFrames`: wait for `drained()`
   *   before sending more. Who does is never told `"full"` for the queue, unless others send on the session as well and do not.
   * - `"full"`: refused, the queue is at `maxQueuedBytes` or `maxQueuedFrames`, or the service's pool at its budget. See also
   *   `pauseWhenFull`.
   * - `"too-large"`: refused, the payload is longer than the codec takes.
   * - `"unencodable"`: refused, the codec can make no frame of it: a line with a line's end inside. One that has to wait under a
   *   policy that may drop is encoded later, and then ends the session by `"encode-error"`.
   * - `"closed"`: refused, the session is not open.
   * @throws {TypeError} if the payload is not a `Uint8Array`.
   */
  send(payload: Uint8Array, options?: SendOptions): SendResult {
    checkPayload(payload);
    const core = this.#core;
    const { length } = payload;
    const isDown = options?.whenFull === undefined && core.queue.hasCursor &&
      core.cursor.take(core.queue, payload, 0, length);
    const result = isDown ? "queued" : core.send(payload, 0, length, options?.key, checkPolicy(options?.whenFull));
    if (options?.flush !== "now") {
      if (options?.flush !== undefined) checkFlush(options.flush);
      return result;
    }
    core.queue.flush();
    return result === "queued" && core.queue.queuedBytes === 0 ? "sent" : result;
  }

  /**
   * Sends a range of an array as a message: `send` without the need for a view.
   *
   * @param buffer The array that holds the payload; copied.
   * @param offset Where the payload starts, in bytes.
   * @param length How long it is, in bytes.
   * @returns What became of it, as `send` says.
   * @throws {TypeError} if `buffer` is not a `Uint8Array`.
   * @throws {RangeError} if the range is not within the array.
   */
  sendRange(buffer: Uint8Array, offset: number, length: number): SendResult {
    // Written out, and nothing but what is nearly always so: JavaScriptCore checks at each call which function an import is.
    if (
      offset >>> 0 !== offset || length >>> 0 !== length || buffer?.BYTES_PER_ELEMENT !== 1 ||
      offset + length > buffer.byteLength
    ) refuseRange(buffer, offset, length);
    const core = this.#core;
    return core.queue.hasCursor && core.cursor.take(core.queue, buffer, offset, length)
      ? "queued"
      : core.send(buffer, offset, length);
  }

  /**
   * Sends a frame that is encoded already, as it stands: for what a codec exchanges with the peer besides messages, as a ping;
   * see `Frame.consume`. It comes behind all that was sent before, but for messages that wait under a policy that may drop them.
   *
   * @param frame A whole frame of the session's codec; copied.
   * @returns What became of it, as `send` says.
   * @throws {TypeError} if it is not a `Uint8Array`.
   */
  sendEncoded(frame: Uint8Array): SendResult {
    checkPayload(frame);
    return this.#core.sendEncoded(frame);
  }

  /**
   * Has the frames that come next cut and made by another codec: after a handshake, say. What was sent before goes out as it
   * was encoded; what was received behind the message at hand is cut by the new codec already. So call it in the handler, or
   * in the loop, of the last message of the old codec; the peer does the same where its own message order says so.
   *
   * @param codec The other codec. One with state of a session, as `encryption` has, is made for this session alone.
   * @throws {SessionClosedError} if the session is not open.
   * @throws {RangeError} if the queue's limits do not take the codec's longest frame.
   */
  switchCodec(codec: Codec): void {
    this.#core.switchCodec(codec);
  }

  /**
   * The peer has answered the `message` of the heartbeat: it is there, and has read all that was sent before that. Call it in the
   * handler of the answer, once for each. Codecs with control frames need no call.
   */
  acknowledge(): void {
    this.#core.handleAnswer();
  }

  /** Hands all that is queued to the system now, as far as it takes it. */
  flush(): void {
    this.#core.queue.flush();
  }

  /**
   * Waits until the queue has shrunk to `lowWaterMarkBytes` and `lowWaterMarkFrames`; resolves at once if it has. A promise that
   * nobody waits for does no harm when it rejects. Under `maxInFlightBytes` or `maxInFlightMs` no handler of the session, nor a
   * loop over its messages, should wait for it: the peer's answers to pings are not heard meanwhile.
   *
   * @param options A signal to stop waiting; the promise then rejects with its reason.
   * @throws {SessionClosedError} if the session closes first, or is closed.
   */
  drained(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const drained = this.#core.drained(options.signal);
    drained.catch(() => {}); // Whoever waits is told all the same.
    return drained;
  }

  /**
   * The messages of this session, instead of `onMessage` while the loop runs. Each payload is the caller's own. The next
   * message is read when the loop asks for it, so a slow loop slows the peer down. The loop ends when the session ends in
   * order. One loop at a time. A handler may run one: messages then go to the loop. Its `return()` does not wait for a message
   * that was asked for, and none is lost by it: the next one goes to whoever asks next.
   *
   * @returns The loop.
   * @throws {SessionClosedError} from the loop, if the session ends by a fault.
   */
  [Symbol.asyncIterator](): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
    return this.#core.stream.loop();
  }

  /**
   * Takes one message, instead of `onMessage`: a login that must come within five seconds, say. The payload is the caller's own.
   * In a handler the messages behind it wait until the next call, or until the handler is done; then they go where they usually
   * go. Outside of one they wait for the next call only if the session has no message handler. A wait that ends early loses no
   * message.
   *
   * @param options How long to wait, and a signal to stop waiting; the promise then rejects with its reason.
   * @returns The message, or undefined if the session ended in order first.
   * @throws {ReceiveTimeoutError} if none came in time.
   * @throws {SessionClosedError} if the session ended by a fault first.
   * @throws {TypeError} if there is a loop, or another call waits.
   *
   * @example A login
   * ```ts
   * import { TcpService } from "@laster/net";
   * import { memoryTransport } from "@laster/net/testing";
   * import { assertEquals } from "@std/assert";
   *
   * const transport = memoryTransport();
   * await using server = new TcpService({
   *   transport,
   *   listeners: [{ port: 1 }],
   *   async onOpen(session) {
   *     const name = await session.receive({ timeoutMs: 5_000 });
   *     if (name === undefined) return;
   *     session.send(new TextEncoder().encode(`welcome, ${new TextDecoder().decode(name)}`));
   *   },
   *   onMessage: (session, payload) => session.send(payload),
   * });
   * await server.start();
   * await using client = new TcpService({ transport });
   * await client.start();
   * const session = await client.connect({ port: 1 });
   * session.send(new TextEncoder().encode("ann"));
   * assertEquals(new TextDecoder().decode(await session.receive()), "welcome, ann");
   * ```
   */
  receive(options: ReceiveOptions = {}): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return this.#core.stream.receive(options);
  }

  /**
   * Closes in order: takes no more messages, sends what is queued, ends the sending side, reads to the peer's end
   * (dropping what comes), then closes. After `closeTimeoutMs`, or `timeoutMs`, it cuts the connection. May be called twice: the
   * first detail counts, and the last `timeoutMs`.
   *
   * @param options Why, for `onClose` and who watches, and what the peer is told last.
   * @returns How the session ended, once the connection is gone.
   * @throws {TypeError} if an option is wrong.
   *
   * @example A kick with its reason
   * ```ts
   * import { TcpService } from "@laster/net";
   * import { memoryTransport } from "@laster/net/testing";
   * import { assertEquals } from "@std/assert";
   *
   * const transport = memoryTransport();
   * await using server = new TcpService({
   *   transport,
   *   listeners: [{ port: 1 }],
   *   onOpen: (session) => void session.close({ message: new TextEncoder().encode("banned"), detail: "banned" }),
   *   onClose: (_session, { reason, detail }) => assertEquals([reason, detail], ["local-closing", "banned"]),
   * });
   * await server.start();
   * await using client = new TcpService({ transport });
   * await client.start();
   * const session = await client.connect({ port: 1 });
   * assertEquals(new TextDecoder().decode(await session.receive()), "banned");
   * ```
   */
  close(options: CloseOptions = {}): Promise<CloseEvent> {
    const { detail, message, timeoutMs } = checkCloseOptions(options);
    if (message !== undefined) this.send(message);
    this.#core.close("local-closing", undefined, detail);
    if (timeoutMs !== undefined) this.#core.ending?.endWithin(timeoutMs);
    return this.#core.endSignals.closed;
  }

  /**
   * Cuts the connection at once, with a reset where the runtime can send one. What is queued is lost, and counted in the
   * close event. May be called twice.
   */
  abort(): void {
    this.#core.abort();
  }

  /** Closes in order. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/**
 * A session of any service, whatever it keeps as `data`: for helpers that send, close or ask, and leave the data alone.
 *
 * @example A helper
 * ```ts
 * import type { AnySession } from "@laster/net";
 *
 * const kick = (session: AnySession, why: string) =>
 *   void session.close({ detail: why, message: new TextEncoder().encode(why), timeoutMs: 1_000 });
 * console.log(kick.name);
 * ```
 */
// deno-lint-ignore no-explicit-any -- `unknown` fits no session, as `data` can be written.
export type AnySession = Session<any>;

/**
 * Makes the face of a session.
 *
 * @param core Its life.
 * @param data What the application keeps with it.
 * @returns The session.
 */
export function makeSession<Data>(core: SessionCore<Data>, data: Data): Session<Data> {
  return construct(core, data);
}

/** For simulations: checks the invariants of a session; throws if one does not hold. */
export function checkSession(session: AnySession): void {
  check(session);
}

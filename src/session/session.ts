// Session: the public face of a session. Its life cycle is in session_core.ts. Runtime neutral.

import type { Codec } from "../codec/codec.ts";
import type { Address } from "../transport/address.ts";
import type { CloseEvent } from "./close_reason.ts";
import type { ReceiveOptions } from "./message_stream.ts";
import { checkPolicy } from "../outbound/queue_limits.ts";
import { checkPayload, refuseRange, type SendResult } from "../outbound/send_result.ts";
import type { TlsInfo } from "../transport/tls_options.ts";
import type { SessionCore } from "./session_core.ts";
import { onceOpen, type SessionState } from "./session_state.ts";
import { checkCloseOptions, checkSendOptions, type CloseOptions, type SendOptions } from "./session_options.ts";
import { type SessionStats, takeStats } from "./session_stats.ts";

/** A session that a listener accepted. */
export interface AcceptedOrigin {
  /** The kind of origin. */
  readonly kind: "accepted";
  /** The listener: its name, if it has one, and where it listens. */
  readonly listener: { readonly name: string | undefined; readonly address: Address };
}

/** A session that a dial made. */
export interface ConnectedOrigin {
  /** The kind of origin. */
  readonly kind: "connected";
  /** The address that was dialled. */
  readonly address: Address;
  /** What the dial was given as `token`. */
  readonly token: unknown;
}

/** Where a session comes from. */
export type SessionOrigin = AcceptedOrigin | ConnectedOrigin;

/** Set by the class, whose constructor is private. */
let construct: <Data>(core: SessionCore<Data>, data: Data) => Session<Data>;
let findCore: <Data>(session: Session<Data>) => SessionCore<Data>;

/**
 * One connection with its codec, queue and state; made by a service.
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
    findCore = (session) => session.#core;
  }

  /** The session's number: unique within its service, counted up from 1. */
  get id(): number {
    return this.#core.id;
  }

  /** Where the session comes from. */
  get origin(): SessionOrigin {
    return this.#core.origin;
  }

  /** The state of the session. */
  get state(): SessionState {
    return this.#core.state;
  }

  /** The address at this end. */
  get localAddress(): Address {
    return this.#core.connection.localAddress;
  }

  /** The TLS version, the peer's certificate and more; undefined without TLS. */
  get tls(): TlsInfo | undefined {
    return this.#core.connection.tls;
  }

  /** The peer's address. */
  get remoteAddress(): Address {
    return this.#core.connection.remoteAddress;
  }

  /** Bytes that `send` accepted and the system has not taken yet, framing included. A pending write counts as a whole. */
  get queuedBytes(): number {
    return this.#core.queue.queuedBytes;
  }

  /** Bytes received of an unfinished message; 0 while the input is paused. */
  get unfinishedBytes(): number {
    const { inbox, isInputPaused } = this.#core;
    return isInputPaused || !inbox.isInsideFrame ? 0 : inbox.tailBytes;
  }

  /** The names of the session's groups, in the order in which it joined them. */
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
   * Resolves once `onClose` has run and the promise that it returned has settled; never rejects. For work that must not overlap
   * with `onClose`: loading a player's state again only after it was saved.
   */
  get finished(): Promise<CloseEvent> {
    return this.#core.endSignals.finished;
  }

  /**
   * Aborts when the session leaves the state `"open"`, with a `SessionClosedError` as its reason. Pass it to calls that a
   * handler waits for, to end the handler with its session. Made on first use.
   */
  get signal(): AbortSignal {
    return this.#core.endSignals.signal;
  }

  /**
   * Sends a message. The payload is copied: the caller may reuse it when this returns. Nothing is dropped in silence.
   *
   * @param payload The message without its framing.
   * @param options When to write it, and what happens to it while the queue is full.
   * @returns What became of it:
   * - `"sent"`: the system has taken all that was queued.
   * - `"queued"`: it leaves at the end of the turn, or when the peer makes room.
   * - `"congested"`: queued, but the queue is above `highWaterMarkBytes` or `highWaterMarkFrames`: wait for `drained()` before
   *   sending more. If all senders of the session share that wait, the queue never causes a `"full"`.
   * - `"full"`: refused, the queue is at `maxQueuedBytes` or `maxQueuedFrames`, or the service's pool at its budget. See also
   *   `pauseWhenFull`.
   * - `"too-large"`: refused, the payload is longer than the codec takes.
   * - `"unencodable"`: refused, the codec can make no frame of it, such as a line with a line feed inside. A message that waits
   *   under a policy that may drop is encoded only later, and such a payload then ends the session with `"encode-error"`.
   * - `"closed"`: refused, the session is not open.
   * @throws {TypeError} if the payload is not a `Uint8Array`, or an option has a name or a value that is not allowed.
   */
  send(payload: Uint8Array, options?: SendOptions): SendResult {
    checkPayload(payload);
    if (options !== undefined) checkSendOptions(options);
    const core = this.#core;
    const { length } = payload;
    const isDown = options?.whenFull === undefined && core.queue.hasCursor &&
      core.cursor.take(core.queue, payload, 0, length);
    const result = isDown ? "queued" : core.send(payload, 0, length, options?.key, checkPolicy(options?.whenFull));
    if (options?.flush !== "now") return result;
    core.queue.flush();
    return result === "queued" && core.queue.queuedBytes === 0 ? "sent" : result;
  }

  /**
   * Sends a range of an array as a message, without a view of it. Otherwise like `send` without options.
   *
   * @param buffer The array that holds the payload; copied.
   * @param offset Where the payload starts, in bytes.
   * @param length How long it is, in bytes.
   * @returns What became of it, as `send` says.
   * @throws {TypeError} if `buffer` is not a `Uint8Array`.
   * @throws {RangeError} if the range is not within the array.
   */
  sendRange(buffer: Uint8Array, offset: number, length: number): SendResult {
    // The common case, inlined by hand: JavaScriptCore checks at each call of an imported function which one it is.
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
   * Sends a frame that is encoded already, unchanged: for frames that a codec exchanges besides messages, such as pings; see
   * `Frame.consume`. It goes behind all that was sent before, except messages that wait: those under a policy that may drop
   * them, those over `maxInFlightBytes` or `maxInFlightMs`, and all behind them.
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
   * Switches both directions to another codec, for example after a handshake. Messages sent before go out in the old codec;
   * bytes received behind the current message are decoded by the new one. So call it while handling the last message of the
   * old codec, in the handler or in the loop; the peer must switch at the same point of each direction. A codec without a ping
   * lifts `maxInFlightBytes` and `maxInFlightMs` for good.
   *
   * @param codec The new codec. A codec with state per session, such as `encryption`, must be made for this session alone.
   * @throws {SessionClosedError} if the session is not open.
   * @throws {TypeError} if `codec` is not a codec.
   * @throws {RangeError} if the queue's limits do not take the codec's longest frame, or the codec no `heartbeat.message`.
   */
  switchCodec(codec: Codec): void {
    this.#core.switchCodec(codec);
  }

  /**
   * Reports that the peer has answered the `message` of the heartbeat, and so has read all that was sent before it. Call this
   * in the handler of the answer, once for each. Not needed with codecs that have control frames.
   */
  acknowledge(): void {
    this.#core.handleAnswer();
  }

  /** Writes the queue to the system now, as far as the system takes it. */
  flush(): void {
    this.#core.queue.flush();
  }

  /**
   * Waits until the queue has shrunk to `lowWaterMarkBytes` and `lowWaterMarkFrames`; resolves at once if it has. The promise
   * may be ignored: its rejection counts as handled. Under `maxInFlightBytes` or `maxInFlightMs`, do not wait for it in a
   * handler of the session or a loop over its messages: the peer's answers to pings are not read meanwhile.
   *
   * @param options A signal to stop waiting; the promise then rejects with the signal's reason.
   * @throws {SessionClosedError} if the session closes first, or is closed already.
   */
  drained(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const drained = this.#core.drained(options.signal);
    drained.catch(() => {}); // Callers that await it still see the rejection.
    return drained;
  }

  /**
   * The messages of this session, in place of `onMessage` while the loop runs. Each payload is the caller's own. The next
   * message is read when the loop asks for it, so a slow loop slows the peer down. The loop ends when the session ends in
   * order. A session has one reader at a time, a loop or a `receive()`. A handler may run a loop: messages then go to the loop.
   * `return()` does not wait for a pending `next()`, and loses no message: the next one goes to the next reader.
   *
   * @returns The loop.
   * @throws {SessionClosedError} from the loop, if the session ends by a fault.
   * @throws {TypeError} from the loop, if there is another reader.
   */
  [Symbol.asyncIterator](): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
    return this.#core.stream.loop();
  }

  /**
   * Takes one message, in place of `onMessage`: a login that must come within five seconds, for example. The payload is the
   * caller's own. In a handler, later messages wait for the next call or the end of the handler, and then go to `onMessage`
   * again. Outside of a handler they wait for the next call only if the session has no message handler. A wait that ends early
   * loses no message.
   *
   * @param options How long to wait, and a signal to stop waiting; the promise then rejects with the signal's reason.
   * @returns The message, or undefined if the session ended in order first.
   * @throws {ReceiveTimeoutError} if none came in time.
   * @throws {SessionClosedError} if the session ended by a fault first.
   * @throws {TypeError | RangeError} if there is another reader, or an option is wrong.
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
   * (dropping what comes), then closes. Cuts the connection after `closeTimeoutMs`, or `timeoutMs`. May be called twice: the
   * first `detail` counts, and the last `timeoutMs`.
   *
   * @param options The reason for the close event, a last message, and a time limit.
   * @returns How the session ended, once the connection is gone.
   * @throws {TypeError | RangeError} if an option is wrong.
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
    onceOpen(this.#core, (core) => {
      core.close("local-closing", undefined, detail, message);
      if (timeoutMs !== undefined) core.ending?.endWithin(timeoutMs);
    });
    return this.#core.endSignals.closed;
  }

  /**
   * Cuts the connection at once, with a reset where the runtime can send one. Queued messages are lost, and counted in the
   * close event. May be called twice.
   */
  abort(): void {
    onceOpen(this.#core, (core) => core.abort());
  }

  /** Closes in order. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/**
 * A session with any type of `data`: for helpers that do not touch the data.
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
 * Makes the public face of a session.
 *
 * @param core The session behind it.
 * @param data What the application keeps with it.
 * @returns The session.
 */
export function makeSession<Data>(core: SessionCore<Data>, data: Data): Session<Data> {
  return construct(core, data);
}

/** For simulations and the guard: gives what a session is made of, to look at its state. */
export function coreOf<Data>(session: Session<Data>): SessionCore<Data> {
  return findCore(session);
}

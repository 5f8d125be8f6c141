// SessionCore: the life cycle of a session, from the open connection to the close event. Sending is in send_queue.ts,
// receiving in inbox.ts, the end in session_ending.ts; session.ts is the public face. Runtime neutral.

import { plainView } from "../buffer/plain_view.ts";
import type { Codec } from "../codec/codec.ts";
import { PoolError, SessionClosedError, toError } from "../errors.ts";
import { checkSignal } from "../options.ts";
import type { Connection, ConnectionEnd, ConnectionHandler } from "../transport/transport.ts";
import type { CloseEvent, CloseReason } from "./close_reason.ts";
import type { SharedFrame } from "../outbound/outbound_blocks.ts";
import { DrainWaiters } from "../outbound/drain_waiters.ts";
import { isThenable, whenSettled } from "./handler_result.ts";
import { acknowledge, type Heartbeat } from "./heartbeat.ts";
import { EndSignals } from "./end_signals.ts";
import type { IdleWatch, Watched } from "./idle_watch.ts";
import { type DirectHandler, Inbox, type InboxOwner } from "./inbox.ts";
import { InputPause } from "./input_pause.ts";
import type { InputWatched } from "./input_watch.ts";
import type { Holder } from "./memory_guard.ts";
import type { Pressure } from "./pressure_watch.ts";
import type { FullPolicy } from "../outbound/queue_limits.ts";
import { SendQueue } from "../outbound/send_queue.ts";
import type { SendQueueOwner } from "../outbound/send_queue_context.ts";
import type { SendCursor } from "../outbound/send_cursor.ts";
import type { SendResult } from "../outbound/send_result.ts";
import { makeSession, type Session, type SessionOrigin } from "./session.ts";
import type { SessionContext } from "./session_context.ts";
import { type EndingOwner, SessionEnding } from "./session_ending.ts";
import { countResult, type RefusalCounters } from "./session_stats.ts";
import { sendEncoded, sendLast } from "./send_encoded.ts";
import { nextState, type SessionState } from "./session_state.ts";
import { SessionStream, type StreamHost } from "./session_stream.ts";
import { switchCodec } from "./switch_codec.ts";

/**
 * The life cycle of one session. See `SessionState` for the table of states.
 *
 * Invariant: `onClose` is called once, after the connection is gone and no handler of the session runs (or the close
 * timeout has passed); nothing is called after it.
 */
export class SessionCore<Data>
  implements
    ConnectionHandler,
    InboxOwner<Session<Data>>,
    SendQueueOwner,
    StreamHost,
    EndingOwner,
    Watched,
    InputWatched,
    Holder {
  // Fields that each message touches come first, to share cache lines.
  readonly queue: SendQueue;
  /** Encodes most messages; `send` takes those that it refuses. */
  readonly cursor: SendCursor;
  state: SessionState = "opening";
  /** The promises of `drained()`; undefined before the first. */
  #drainWaiters: DrainWaiters | undefined = undefined;
  /** Whether it is above a high-water mark and has taken nothing for 200 ms: `drained()` of a group does not wait for it. */
  isStalled = false;
  pressure: Pressure | undefined = undefined;
  readonly #context: SessionContext<Data>;
  lastSignMs = 0;
  readonly idleWatch: IdleWatch;
  readonly heartbeat: Heartbeat | undefined;
  /** Bytes received, framing included. */
  receivedBytes = 0;
  readonly inbox: Inbox<Session<Data>>;
  /** Takes the messages while a loop or `receive()` reads them; made on first use. */
  #stream: SessionStream | undefined = undefined;
  readonly session: Session<Data>;
  readonly connection: Connection;
  /** The names of its groups; undefined before the first. */
  groups: Set<string> | undefined = undefined;
  readonly id: number;
  readonly origin: SessionOrigin;
  /** Sends that were refused; undefined before the first. */
  refusals: RefusalCounters | undefined = undefined;
  readonly hasHandler: boolean;
  ending: SessionEnding | undefined = undefined;
  #endSignals: EndSignals | undefined = undefined;
  pause: InputPause | undefined = undefined;
  #isReportDue = false;

  /** Makes a session over a connection that is not started. */
  constructor(context: SessionContext<Data>, connection: Connection, id: number, origin: SessionOrigin) {
    this.#context = context;
    this.cursor = context.cursor;
    this.idleWatch = context.idleWatch;
    this.heartbeat = context.heartbeat;
    this.id = id;
    this.origin = origin;
    this.hasHandler = context.handlers.onMessage !== undefined || context.handlers.onMessageRange !== undefined;
    this.session = makeSession(this, context.createData(origin, connection.remoteAddress));
    this.connection = connection;
    this.queue = new SendQueue(context, connection, context.codec.createEncoder(), this);
    this.inbox = new Inbox(context, this, context.codec.createDecoder());
  }

  /** The promises and the signal that report the end, besides `onClose`. */
  get endSignals(): EndSignals {
    return this.#endSignals ??= new EndSignals(this);
  }

  /** Starts the connection, opens the session and calls `onOpen`. */
  open(): void {
    this.state = nextState(this.state, "open");
    this.idleWatch.enter(this);
    this.heartbeat?.enter(this);
    this.connection.start(this);
    const { onOpen } = this.#context.handlers;
    if (onOpen !== undefined) this.#call(() => onOpen(this.session), { isHolding: true });
  }

  /** Begins an orderly end, behind a last message if there is one; does nothing unless the session is open. */
  close(reason: CloseReason, error?: Error, detail?: string, message?: Uint8Array): void {
    if (this.state === "open" && message !== undefined) sendLast(this, this.#context.limits, message);
    if (this.state !== "open") return;
    const ending = this.#startClosing(reason, error, detail);
    ending.armTimeout();
    this.connection.discardInput();
    if (!this.inbox.isBusy) this.inbox.close();
    this.queue.flush();
    ending.advance();
  }

  /** Ends at once. */
  abort(reason: CloseReason = "local-abort"): void {
    if (this.state === "open") this.#startClosing(reason);
    if (this.state === "closing") this.ending?.abort();
  }

  /** Ends at once, without waiting for a running handler. */
  giveUp(): void {
    this.abort("shutdown");
    this.ending?.giveUp();
  }

  /** Encodes and queues a message that the cursor did not take; see `SendQueue.push`. */
  send(buffer: Uint8Array, offset: number, length: number, key?: unknown, whenFull?: FullPolicy): SendResult {
    let result: SendResult = "closed";
    if (this.state === "open") {
      try {
        result = this.queue.push(buffer, offset, length, key, whenFull);
      } catch (fault) {
        const error = toError(fault);
        if (error instanceof PoolError) result = "full"; // The budget of the service is used up.
        else this.handleEncodeFault(error);
      }
    }
    if (result === "queued") return result;
    // If a handler of this peer's messages gets this answer, the peer has to read first.
    if (result === "full" && (this.inbox.isBusy || this.#stream?.isStreaming === true)) this.waitForReader();
    return this.tally(result);
  }

  /** Queues a frame that a broadcast has encoded. */
  sendShared(...frame: SharedFrame): SendResult {
    return this.tally(this.state === "open" ? this.queue.pushShared(...frame) : "closed");
  }

  sendEncoded(frame: Uint8Array, isReply: boolean = false): SendResult {
    const result = this.state === "open" ? sendEncoded(this.#context, this.queue, frame, isReply) : "closed";
    return isReply && result === "full" ? result : this.tally(result); // Such a reply is sent later.
  }

  tally(result: SendResult): SendResult {
    this.#context.pressure?.handleResult(this, result);
    return countResult(this, result);
  }

  handleFault(reason: CloseReason, fault: unknown): void {
    const error = toError(fault); // The reason is set before the report, as an observer may close the session.
    if (this.state === "open") (this.ending ??= new SessionEnding(this, this.#context)).explain(reason, error);
    this.#context.faults.reportEnd(this.session, reason, error);
    this.close(reason, error);
  }

  handleEncodeFault(fault: unknown): void {
    const error = toError(fault);
    this.handleFault(error instanceof PoolError ? "over-budget" : "encode-error", error);
  }

  /** Waits until the queue is down at the low-water marks. */
  async drained(signal?: AbortSignal): Promise<void> {
    checkSignal("wait for session", signal);
    if (this.state === "closed") throw this.ending?.closedError;
    this.queue.takeBroadcasts(); // It hears of what its queue writes only.
    if (!this.queue.isDrained) await (this.#drainWaiters ??= new DrainWaiters()).wait(signal);
  }

  /** The stream of messages for a loop or `receive()`. */
  get stream(): SessionStream {
    if (this.#stream !== undefined) return this.#stream;
    const stream = this.#stream = new SessionStream(this, this.id, this.#context.clock);
    if (this.#isHalfOpen || this.ending?.event !== undefined) stream.handleEnd(this.ending);
    return stream;
  }

  /** Switches both directions to another codec. */
  switchCodec(codec: Codec): void {
    if (this.state !== "open") throw this.ending?.closedError ?? new SessionClosedError(this.id, "local-closing");
    switchCodec(this, this.#context.limits, codec);
  }

  onData(buffer: Uint8Array, length: number): void {
    if (this.state !== "open") return;
    this.receivedBytes += length;
    this.lastSignMs = this.idleWatch.nowMs;
    const { onChunk } = this.#context.handlers;
    if (onChunk !== undefined) this.#call(() => onChunk(this.session, plainView(buffer, 0, length)));
    if (this.state === "open") this.inbox.receive(buffer, length);
  }

  onDiscard(length: number): void {
    this.#context.discardPacer.count(this.connection, length);
  }

  onEnd(): void {
    const ending = this.ending ??= new SessionEnding(this, this.#context);
    ending.handlePeerEnd();
    const { allowHalfOpen } = this.#context.limits;
    if (this.state !== "open") ending.advance();
    else if (!allowHalfOpen && this.#stream?.isHandling === true) this.pauseInput(); // Until it asks for more.
    else if (this.inbox.isInsideFrame) this.close("truncated");
    else if (allowHalfOpen) this.#stayHalfOpen();
    else this.close("remote-closing", undefined, this.heartbeat?.silenceOf(this));
  }

  handleAnswer(): void {
    acknowledge(this.queue);
  }

  onDrain(): void {
    this.queue.handleDrain();
  }

  onClose(end: ConnectionEnd): void {
    const ending = this.ending ??= new SessionEnding(this, this.#context);
    this.state = nextState(this.state, "closed");
    const event = ending.complete(end);
    this.#leaveOpen(ending);
    this.queue.dispose();
    this.#drainWaiters?.reject(ending.closedError);
    this.#stream?.handleEnd(ending);
    this.#endSignals?.handleClose(event);
    if (this.inbox.isBusy) ending.armTimeout();
    queueMicrotask(() => ending.finish()); // Later, as a handler may be running.
  }

  consume(buffer: Uint8Array, offset: number, length: number): unknown {
    if (this.#stream !== undefined && this.#stream.isStreaming) return this.#stream.push(buffer, offset, length);
    const { onMessageRange, onMessage, onChunk } = this.#context.handlers;
    if (onMessageRange !== undefined) return onMessageRange(this.session, buffer, offset, length);
    if (onMessage !== undefined) return onMessage(this.session, plainView(buffer, offset, length));
    if (onChunk !== undefined) return undefined;
    this.stream.waitForReader();
    return this.stream.push(buffer, offset, length);
  }

  directHandler(): DirectHandler<Session<Data>> | undefined {
    return this.#stream?.isStreaming ? undefined : this.#context.handlers.onMessageRange;
  }

  handOver(payload: Uint8Array): void {
    this.#call(() => this.consume(payload, 0, payload.length), { isHolding: true });
  }

  isReceiving(): boolean {
    return this.state === "open";
  }

  get isInputPaused(): boolean {
    return this.pause?.isPaused === true;
  }

  keepChunk(): void {
    this.connection.keepChunk?.();
  }

  pauseInput(): void {
    if (this.isInputPaused || this.state !== "open") return;
    (this.pause ??= new InputPause(this, this.#context)).begin();
  }

  resumeInput(): void {
    if (!this.isInputPaused || this.state !== "open") return;
    if (this.#isHalfOpen) return this.#context.limits.allowHalfOpen ? undefined : this.onEnd();
    this.lastSignMs = this.idleWatch.nowMs;
    this.pause?.end();
  }

  handleIdle(): void {
    this.#stream?.takeOver();
    this.ending?.finish();
  }

  handleProgress(): void {
    this.isStalled = false;
    this.#context.pressure?.handleProgress(this);
    if (this.#drainWaiters?.isAwaited && this.queue.isDrained) this.#drainWaiters.resolve();
    if (this.#context.handlers.onSend !== undefined && !this.#isReportDue) {
      this.#isReportDue = true;
      queueMicrotask(() => this.#reportSent());
    }
    if (this.state === "closing") this.ending?.handleProgress();
  }

  handleOverflow(): void {
    this.abort("slow-consumer");
  }

  /** The peer sent nothing for the idle timeout. While the input is paused, bytes that it took or sent count instead. */
  handleSilence(): void {
    if (this.pause?.isPaused === true && this.pause.hasMoved()) this.lastSignMs = this.idleWatch.nowMs;
    else this.close("idle-timeout");
  }

  get heldBytes(): number {
    return this.queue.heldBytes + (this.inbox.tail?.bytes.length ?? 0) + (this.pause?.heldBytes ?? 0);
  }

  /** Bytes that the system has taken for the peer, of a pending write as far as the runtime tells. */
  get takenBytes(): number {
    return this.queue.sentBytes + this.queue.writingBytes - this.connection.pendingBytes;
  }

  get isGoing(): boolean {
    return this.state === "closed" || this.ending?.isAborted === true;
  }

  callOnClose(event: CloseEvent): unknown {
    this.inbox.close();
    this.#reportSent();
    return this.#context.scheduler.inTurn(() => this.#context.handlers.onClose?.(this.session, event));
  }

  handleOver(event: CloseEvent, done: PromiseLike<unknown> | undefined): void {
    this.#context.handleSessionOver(this, event, done);
    if (done === undefined) return this.#endSignals?.handleOver(event, done);
    this.endSignals.handleOver(event, done);
    const flush = () => this.#context.scheduler.inTurn(() => {}); // What `onClose` has sent leaves at its end.
    whenSettled(done, flush, flush);
  }

  waitForReader(): void {
    if (this.queue.holdback?.inFlight?.isBounded === true) return; // Answers to pings must be read, or the queue never drains.
    if (this.#context.limits.pauseWhenFull && !this.queue.isDrained) this.inbox.holdForDrain(() => this.drained());
  }

  /** Whether the peer has ended its side, and this side has not. */
  get #isHalfOpen(): boolean {
    return this.state === "open" && this.ending?.hasPeerEnded === true;
  }

  #stayHalfOpen(): void {
    this.pauseInput(); // The idle timeout counts the bytes that the peer takes then.
    this.queue.holdback?.release(); // No answers to pings can come.
    this.queue.flush();
    this.#stream?.handleEnd(this.ending);
    this.#call(() => this.#context.handlers.onEnd?.(this.session), { isHolding: true });
  }

  #startClosing(reason: CloseReason, error?: Error, detail?: string): SessionEnding {
    const ending = this.ending ??= new SessionEnding(this, this.#context);
    ending.explain(reason, error, detail);
    this.state = nextState(this.state, "closing");
    this.#leaveOpen(ending);
    return ending;
  }

  #leaveOpen(ending: SessionEnding): void {
    this.idleWatch.leave(this);
    this.heartbeat?.leave(this);
    this.queue.seal();
    if (this.groups !== undefined) this.#context.leaveGroups(this);
    this.inbox.stop();
    this.pause?.release();
    this.#context.pressure?.tellDrops(this);
    this.#endSignals?.handleLeave(ending);
  }

  #reportSent(): void {
    this.#isReportDue = false;
    const { onSend } = this.#context.handlers;
    const sent = onSend === undefined ? undefined : this.queue.takeSent();
    if (sent !== undefined) this.#call(() => onSend?.(this.session, sent));
  }

  /** Calls a handler, guarded against re-entry and faults; `isHolding`: messages wait for its promise. */
  #call(run: () => unknown, { isHolding = false } = {}): void {
    try {
      const result = this.#context.scheduler.inTurn(() => this.inbox.guard(run));
      if (!isThenable(result)) return;
      if (isHolding) this.inbox.holdForHandler(result);
      else whenSettled(result, () => {}, (fault) => this.handleFault("handler-error", fault));
    } catch (fault) {
      this.handleFault("handler-error", fault);
    }
  }
}

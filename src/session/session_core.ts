// SessionCore: the life of a session, from the wired connection to the close event. Sending is in send_queue.ts,
// receiving in inbox.ts; session.ts is the face that applications see. Runtime neutral.

import { plainView } from "../buffer/plain_view.ts";
import type { Codec } from "../codec/codec.ts";
import { PoolError, SessionClosedError } from "../errors.ts";
import type { Connection, ConnectionEnd, ConnectionHandler } from "../transport/transport.ts";
import { type CloseEvent, type CloseReason, isOrderly, reasonOfEnd } from "./close_reason.ts";
import { DrainWaiters } from "./drain_waiters.ts";
import type { Watched } from "./idle_watch.ts";
import { type DirectHandler, Inbox, type InboxOwner, isThenable } from "./inbox.ts";
import { checkQueueTakes } from "./limits.ts";
import { MessageStream, type MessageStreamOwner } from "./message_stream.ts";
import type { OutboundBlock } from "./outbound_blocks.ts";
import { SendQueue, type SendQueueOwner } from "./send_queue.ts";
import type { SendLane } from "./send_lane.ts";
import type { SendResult } from "./send_result.ts";
import { makeSession, type Session, type SessionOrigin } from "./session.ts";
import type { SessionContext } from "./session_context.ts";
import { isRefusal, RefusalCounters, type SessionStats, takeStats } from "./session_stats.ts";
import { NO_ENDING, SessionEnding } from "./session_ending.ts";
import { nextState, type SessionState } from "./session_state.ts";
import type { TimeoutOwner } from "./timeout_queue.ts";

/**
 * The life of one session. See `SessionState` for its table.
 *
 * Invariant: `onClose` is called once, after the connection is gone and no handler of the session runs (or the close
 * timeout has passed); nothing is called after it.
 */
export class SessionCore<Data>
  implements ConnectionHandler, InboxOwner<Session<Data>>, SendQueueOwner, MessageStreamOwner, TimeoutOwner, Watched {
  // What each message touches comes first.
  readonly queue: SendQueue;
  /** Where messages go first; `send` takes what it does not. */
  readonly lane: SendLane;
  state: SessionState = "opening";
  #drainWaiters: DrainWaiters | undefined = undefined;
  readonly #context: SessionContext<Data>;
  lastSignMs = 0;
  /** Bytes received, framing included. */
  receivedBytes = 0;
  readonly inbox: Inbox<Session<Data>>;
  /** Whether messages go to `#stream`, and not to a handler. */
  #isStreaming = false;
  readonly session: Session<Data>;
  readonly connection: Connection;
  /** The names of its groups; undefined before the first. */
  groups: Set<string> | undefined = undefined;
  readonly id: number;
  readonly origin: SessionOrigin;
  /** Sends that were refused; undefined before the first. */
  refusals: RefusalCounters | undefined = undefined;
  readonly #hasHandler: boolean;
  #ending: SessionEnding = NO_ENDING;
  #closed: PromiseWithResolvers<CloseEvent> | undefined = undefined;
  #stream: MessageStream | undefined = undefined;
  #isInputPaused = false;
  #isReportDue = false;
  #sentAtLastCheck = -1;

  /** Makes a life over a connection that is not started. */
  constructor(context: SessionContext<Data>, connection: Connection, id: number, origin: SessionOrigin) {
    this.#context = context;
    this.lane = context.lane;
    this.id = id;
    this.origin = origin;
    this.#hasHandler = context.handlers.onMessage !== undefined || context.handlers.onFrame !== undefined;
    this.session = makeSession(this, context.createData());
    this.connection = connection;
    this.queue = new SendQueue(context, connection, context.codec.createEncoder(), this);
    this.inbox = new Inbox(context, this, context.codec.createDecoder());
  }

  /** Resolves once the connection is gone. */
  get closed(): Promise<CloseEvent> {
    this.#closed ??= Promise.withResolvers();
    if (this.#ending.event !== undefined) this.#closed.resolve(this.#ending.event);
    return this.#closed.promise;
  }

  /** Wires all up, opens the session and tells the application. */
  open(): void {
    this.state = nextState(this.state, "open");
    this.#context.idleWatch.enter(this);
    this.connection.start(this);
    const { handlers: { onOpen }, scheduler } = this.#context;
    if (onOpen === undefined) return;
    scheduler.enterTurn();
    this.#call(() => onOpen(this.session), { isHolding: true });
    scheduler.leaveTurn();
    if (this.state !== "open") this.#finish();
  }

  /** Begins an orderly end; does nothing if one has begun. */
  close(reason: CloseReason, error?: Error): void {
    if (this.state !== "open") return;
    this.#startClosing(reason, error);
    this.#armCloseTimeout();
    this.connection.discardInput();
    if (!this.inbox.isBusy) this.inbox.close();
    this.queue.flush();
    this.#advanceClose();
  }

  /** Ends at once. */
  abort(reason: CloseReason = "local-abort"): void {
    if (this.state === "open") this.#startClosing(reason);
    if (this.state === "closing") this.connection.abort();
  }

  /** Encodes and queues a message that the lane did not take; see `SendQueue.push`. */
  send(buffer: Uint8Array, offset: number, length: number, key?: unknown): SendResult {
    let result: SendResult = "closed";
    if (this.state === "open") {
      try {
        result = this.queue.push(buffer, offset, length, key);
      } catch (error) {
        if (error instanceof PoolError) result = "full"; // The budget of the service is used up.
        else this.handleFault("encode-error", error);
      }
    }
    return result === "queued" ? result : this.tally(result);
  }

  /** Queues a frame that a broadcast has encoded. */
  sendShared(block: OutboundBlock, start: number, end: number, payload: Uint8Array, key: unknown): SendResult {
    const result = this.state === "open" ? this.queue.pushShared(block, start, end, payload, key) : "closed";
    return result === "queued" ? result : this.tally(result);
  }

  /** Counts what became of a message, if it was refused. */
  tally(result: SendResult): SendResult {
    if (isRefusal(result)) (this.refusals ??= new RefusalCounters()).count(result);
    return result;
  }

  stats(): SessionStats {
    return takeStats(this);
  }

  /** Reports a fault of the codec or a handler, and ends the session by it. */
  handleFault(reason: CloseReason, fault: unknown): void {
    const { logger } = this.#context;
    const isOwnEnd = fault instanceof SessionClosedError && fault.sessionId === this.id;
    const level = reason === "handler-error" ? "error" : "info";
    logger[isOwnEnd ? "debug" : level]("Session {id} ends by {reason}: {error}", { id: this.id, reason, error: fault });
    this.close(reason, fault instanceof Error ? fault : new Error(String(fault), { cause: fault }));
  }

  /** Waits until the queue is down at the low-water mark. */
  async drained(signal: AbortSignal | undefined): Promise<void> {
    if (this.state === "closed") throw this.#closedError();
    if (this.queue.queuedBytes <= this.#context.limits.lowWaterMarkBytes) return;
    this.#drainWaiters ??= new DrainWaiters();
    await this.#drainWaiters.wait(signal);
  }

  /** The messages as a loop. */
  messages(): AsyncGenerator<Uint8Array, void, undefined> {
    return this.#openStream().loop();
  }

  /** Has the frames that come next cut, and made, by another codec. */
  switchCodec(codec: Codec): void {
    if (this.state !== "open") throw this.#closedError();
    const encoder = codec.createEncoder();
    checkQueueTakes(encoder, this.#context.limits);
    const decoder = codec.createDecoder();
    this.queue.switchEncoder(encoder);
    this.inbox.switchDecoder(decoder);
  }

  onData(buffer: Uint8Array, length: number): void {
    if (this.state !== "open") return;
    this.receivedBytes += length;
    this.lastSignMs = this.#context.idleWatch.nowMs;
    const { onReceive } = this.#context.handlers;
    if (onReceive !== undefined) this.#call(() => onReceive(this.session, plainView(buffer, 0, length)));
    if (this.state === "open") this.inbox.receive(buffer, length);
  }

  onDiscard(): void {
    this.#armCloseTimeout(); // Who talks is alive, and may still be reading.
  }

  onEnd(): void {
    this.#beginEnding();
    this.#ending.hasPeerEnded = true;
    if (this.state === "open") {
      this.close(this.inbox.isInsideFrame ? "truncated" : "remote-closing");
      return;
    }
    this.#ending.isConfirmed = this.#ending.hasShutDown;
    this.#advanceClose();
  }

  onDrain(): void {
    try {
      this.queue.handleDrain();
    } catch (error) {
      // Of a message that has waited.
      this.handleFault(error instanceof PoolError ? "over-budget" : "encode-error", error);
    }
  }

  onClose({ error }: ConnectionEnd): void {
    this.#beginEnding();
    this.state = nextState(this.state, "closed");
    this.#leaveOpen();
    const event = this.#ending.complete(reasonOfEnd(error, this.inbox.isInsideFrame), error, this.queue);
    this.queue.dispose();
    this.#drainWaiters?.reject(this.#closedError());
    this.#stream?.end(isOrderly(event.reason) ? undefined : this.#closedError());
    this.#closed?.resolve(event);
    if (this.inbox.isBusy) this.#armCloseTimeout();
    queueMicrotask(() => this.#finish()); // Later, for a handler may be running.
  }

  consume(buffer: Uint8Array, offset: number, length: number): unknown {
    if (this.#isStreaming) return this.#pushToStream(buffer, offset, length);
    const { onFrame, onMessage, onReceive } = this.#context.handlers;
    if (onFrame !== undefined) return onFrame(this.session, buffer, offset, length);
    if (onMessage !== undefined) return onMessage(this.session, plainView(buffer, offset, length));
    if (onReceive !== undefined) return undefined;
    // Nobody takes messages yet: the first one waits for a loop, and holds the others back.
    this.#isStreaming = true;
    this.inbox.setStreaming(true);
    return this.#pushToStream(buffer, offset, length);
  }

  directHandler(): DirectHandler<Session<Data>> | undefined {
    return this.#isStreaming ? undefined : this.#context.handlers.onFrame;
  }

  isReceiving(): boolean {
    return this.state === "open";
  }

  pauseInput(): void {
    if (this.#isInputPaused || this.state !== "open") return;
    this.#isInputPaused = true;
    this.connection.pause();
  }

  resumeInput(): void {
    if (!this.#isInputPaused || this.state !== "open") return;
    this.#isInputPaused = false;
    this.lastSignMs = this.#context.idleWatch.nowMs;
    this.connection.resume();
  }

  handleIdle(): void {
    this.#takeOver();
    this.#finish();
  }

  handleProgress(): void {
    if (this.#drainWaiters !== undefined && this.queue.queuedBytes <= this.#context.limits.lowWaterMarkBytes) {
      this.#drainWaiters.resolve();
    }
    if (this.#context.handlers.onSend !== undefined && !this.#isReportDue) {
      this.#isReportDue = true;
      queueMicrotask(() => this.#reportSent());
    }
    if (this.state !== "closing") return;
    this.#armCloseTimeout();
    this.#advanceClose();
  }

  handleOverflow(): void {
    this.abort("slow-consumer");
  }

  handleLoop(isRunning: boolean): void {
    if (isRunning) this.#isStreaming = true;
    // A handler that has left a loop and runs on is waited for: `handleIdle` tells of its end.
    const isAwaited = !isRunning && this.#hasHandler && this.inbox.isBusy;
    this.inbox.setStreaming(this.#isStreaming && !isAwaited);
    if (!isAwaited) this.#takeOver();
  }

  handleTimeout(): void {
    this.#ending.isOverdue = true;
    if (this.state === "closed") this.#finish();
    // All was given to the system, which goes on delivering it after a close in order, but not after a reset.
    else if (this.#ending.hasShutDown) this.connection.close();
    else this.connection.abort();
  }

  /** The peer sent nothing for the idle timeout; or was not listened to, and then must at least have read something. */
  handleSilence(): void {
    const isExcused = this.#isInputPaused && !(this.queue.isWriting && this.queue.sentBytes === this.#sentAtLastCheck);
    this.#sentAtLastCheck = this.queue.sentBytes;
    if (isExcused) this.lastSignMs = this.#context.idleWatch.nowMs;
    else this.close("idle-timeout");
  }

  #beginEnding(): void {
    if (this.#ending === NO_ENDING) this.#ending = new SessionEnding();
  }

  #startClosing(reason: CloseReason, error?: Error): void {
    this.#beginEnding();
    this.#ending.reason = reason;
    this.#ending.error = error;
    this.state = nextState(this.state, "closing");
    this.#leaveOpen();
  }

  #leaveOpen(): void {
    this.#context.idleWatch.leave(this);
    this.queue.seal();
    if (this.groups !== undefined) this.#context.leaveGroups(this);
    this.inbox.stop();
  }

  /** Takes the next step of an orderly end, if it is due. */
  #advanceClose(): void {
    if (this.state !== "closing" || this.queue.queuedFrames > 0) return;
    if (!this.#ending.hasShutDown) {
      this.#ending.hasShutDown = true;
      this.connection.shutdown();
    }
    if (this.#ending.hasPeerEnded) this.connection.close();
  }

  /** Calls `onClose` and lets the service forget the session, once that may be. */
  #finish(): void {
    const event = this.#ending.event;
    if (event === undefined || this.#ending.isFinished || (this.inbox.isBusy && !this.#ending.isOverdue)) return;
    this.#ending.isFinished = true;
    if (this.#ending.timeout !== undefined) this.#context.closeTimeouts.disarm(this.#ending.timeout);
    this.inbox.close();
    this.#reportSent();
    let done: PromiseLike<unknown> | undefined;
    try {
      const result = this.#context.handlers.onClose?.(this.session, event);
      if (isThenable(result)) done = result.then(undefined, (error: unknown) => this.#logCloseFault(error));
    } catch (error) {
      this.#logCloseFault(error);
    }
    this.#context.handleSessionOver(this, event, done);
  }

  #reportSent(): void {
    this.#isReportDue = false;
    const { onSend } = this.#context.handlers;
    const sent = onSend === undefined ? undefined : this.queue.takeSent();
    if (sent !== undefined) this.#call(() => onSend?.(this.session, sent));
  }

  /** Calls the application where it must be neither re-entered nor trusted; messages wait for it if `isHolding`. */
  #call(run: () => unknown, { isHolding } = { isHolding: false }): void {
    try {
      const result = this.inbox.guard(run);
      if (!isThenable(result)) return;
      if (isHolding) this.inbox.holdForHandler(result);
      else result.then(undefined, (error) => this.handleFault("handler-error", error));
    } catch (error) {
      this.handleFault("handler-error", error);
    }
  }

  /** Gives messages to the handler again once a loop is left, first of all the one that the loop had not asked for. */
  #takeOver(): void {
    if (!this.#isStreaming || this.#stream?.isLooping || !this.#hasHandler || this.state !== "open") return;
    this.#isStreaming = false;
    const payload = this.#stream?.takeWaiting();
    if (payload !== undefined) this.#call(() => this.consume(payload, 0, payload.length), { isHolding: true });
    this.inbox.setStreaming(this.#isStreaming);
  }

  #pushToStream(buffer: Uint8Array, offset: number, length: number): void {
    this.inbox.holdForStream(this.#openStream().push(Uint8Array.prototype.slice.call(buffer, offset, offset + length)));
  }

  #openStream(): MessageStream {
    if (this.#stream === undefined) {
      this.#stream = new MessageStream(this);
      if (this.#ending.event !== undefined) {
        this.#stream.end(isOrderly(this.#ending.event.reason) ? undefined : this.#closedError());
      }
    }
    return this.#stream;
  }

  #closedError(): SessionClosedError {
    return new SessionClosedError(this.id, this.#ending.reason ?? "local-closing", { cause: this.#ending.error });
  }

  #logCloseFault(error: unknown): void {
    this.#context.logger.error("The onClose handler of session {id} failed: {error}", { id: this.id, error });
  }

  /** Starts the close timeout, or puts it off. */
  #armCloseTimeout(): void {
    this.#ending.armTimeout(this, this.#context);
  }
}

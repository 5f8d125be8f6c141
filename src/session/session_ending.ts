// SessionEnding: the end of one session, from its first cause to `onClose`. Made when the end begins, to keep open sessions
// small. Runtime neutral.

import type { Clock } from "../clock.ts";
import { SessionClosedError, toError } from "../errors.ts";
import type { Connection, ConnectionEnd } from "../transport/transport.ts";
import { type CloseEvent, type CloseReason, detailOf, isPeerFault, reasonOfEnd } from "./close_reason.ts";
import type { FaultLog } from "./fault_log.ts";
import { isThenable, whenSettled } from "./handler_result.ts";
import type { SessionState } from "./session_state.ts";
import { TimeoutEntry, type TimeoutOwner, type TimeoutQueue } from "./timeout_queue.ts";

/** An orderly end takes at most this many close timeouts, even if the peer keeps taking bytes. */
const MOST_CLOSE_TIMEOUTS = 12;
/** Most milliseconds that a session stays connected after a fault of the peer. */
const FAULT_TIMEOUT_MS = 1_000;
/** Checks within a close timeout, which is late by at most one of them. */
const LOOKS = 10;
/** Most milliseconds between two checks, to keep `FAULT_TIMEOUT_MS` on time. */
const LONGEST_LOOK_MS = 500;

/**
 * Tells how often sessions that close are checked.
 *
 * @param closeTimeoutMs How long an end may make no progress.
 * @returns Milliseconds between two checks.
 */
export function closeLookMs(closeTimeoutMs: number): number {
  return Math.min(LONGEST_LOOK_MS, Math.ceil(closeTimeoutMs / LOOKS));
}

/** What the ends of all sessions of a service share. */
export interface EndingContext {
  /** Whose time counts. */
  readonly clock: Clock;
  /** The checks of ends: each `closeLookMs` after the one before. */
  readonly closeLooks: TimeoutQueue;
  /** How long an end may make no progress. */
  readonly limits: { readonly closeTimeoutMs: number };
  /** Where a fault of `onClose` is reported. */
  readonly faults: FaultLog;
}

/** The session that ends. */
export interface EndingOwner {
  /** Its number. */
  readonly id: number;
  /** Where it is in its life. */
  readonly state: SessionState;
  /** Its byte stream. */
  readonly connection: Connection;
  /** The incoming side: whether a handler runs, or a frame has begun. */
  readonly inbox: { readonly isBusy: boolean; readonly isInsideFrame: boolean };
  /** The outgoing side: frames accepted and not taken by the system. */
  readonly queue: {
    readonly queuedFrames: number;
    readonly queuedBytes: number;
    /** What waits before it is encoded, if anything ever did: frames among the queued ones that can no longer be sent. */
    readonly holdback: { readonly lostFrames: number } | undefined;
  };
  /** Bytes that the system has taken for the peer. */
  readonly takenBytes: number;
  /** Calls the application's `onClose`; gives what it returned. */
  callOnClose(event: CloseEvent): unknown;
  /** `onClose` was called; `done` resolves once its promise is settled, if it returned one. */
  handleOver(event: CloseEvent, done: PromiseLike<unknown> | undefined): void;
}

/** How far a session's end has come, and its next steps. */
export class SessionEnding implements TimeoutOwner {
  /** What `onClose` is told; set once the connection is gone. */
  event: CloseEvent | undefined = undefined;
  /** Whether the connection was aborted. */
  isAborted = false;
  readonly #owner: EndingOwner;
  readonly #context: EndingContext;
  /** Why it ends, and what was wrong. */
  #reason: CloseReason | undefined = undefined;
  #detail: string | undefined = undefined;
  #error: Error | undefined = undefined;
  #timeout: TimeoutEntry | undefined = undefined;
  #startMs = 0;
  /** Time of the last progress: the peer took bytes, or the timeout was armed. */
  #progressMs = 0;
  /** `takenBytes` of the owner at that time. */
  #takenBytes = 0;
  /** Whether this side has ended its sending. */
  #hasShutDown = false;
  /** Whether the peer has ended its sending. */
  hasPeerEnded = false;
  /** Whether the peer ended after this side: it has read all. */
  #isConfirmed = false;
  /** Whether the end has taken too long, and was cut. */
  isOverdue = false;
  /** The timer of `endWithin()`. */
  #deadline: unknown = undefined;
  /** Whether `onClose` was called; it may be running still. */
  #isFinished = false;
  /** Whether `onClose` has run, and the promise that it returned has settled. */
  isOver = false;

  /** Begins an end. */
  constructor(owner: EndingOwner, context: EndingContext) {
    this.#owner = owner;
    this.#context = context;
  }

  /** Records the reason, the detail and the error; the first of each counts. */
  explain(reason: CloseReason, error: Error | undefined, detail = detailOf(error)): void {
    if (this.#reason === undefined) this.#detail = detail;
    this.#reason ??= reason;
    this.#error ??= error;
  }

  /** The error for calls that wait for the session. */
  get closedError(): SessionClosedError {
    return new SessionClosedError(this.#owner.id, this.#reason ?? "local-closing", { cause: this.#error });
  }

  /** The peer has ended its side. */
  handlePeerEnd(): void {
    this.hasPeerEnded = true;
    this.#isConfirmed = this.#hasShutDown;
  }

  /** The peer took bytes of the queue. */
  handleProgress(): void {
    this.armTimeout();
    this.advance();
  }

  /** Takes the next step of an orderly end, if it is due. */
  advance(): void {
    const { connection, queue, state } = this.#owner;
    if (state !== "closing" || queue.queuedFrames > (queue.holdback?.lostFrames ?? 0)) return;
    if (this.hasPeerEnded) return connection.close(); // A shutdown first would be a useless system call.
    if (this.#hasShutDown) return;
    this.#hasShutDown = true;
    connection.shutdown();
  }

  /** Ends at once. */
  abort(): void {
    this.isAborted = true;
    this.#owner.connection.abort();
  }

  /** The connection is gone. */
  complete({ error }: ConnectionEnd): CloseEvent {
    const { queue, inbox } = this.#owner;
    const { queuedBytes, queuedFrames } = queue;
    const reason = this.#reason ?? reasonOfEnd(error, inbox.isInsideFrame);
    this.explain(reason, error);
    return this.event = {
      reason,
      detail: this.#detail,
      error: this.#error,
      unsentFrames: queuedFrames,
      unsentBytes: queuedBytes,
      isConfirmed: this.#isConfirmed && queuedFrames === 0,
    };
  }

  /** Starts the close timeout, or starts it anew. */
  armTimeout(): void {
    const { clock, closeLooks } = this.#context;
    this.#progressMs = clock.now();
    this.#takenBytes = this.#owner.takenBytes;
    if (this.#timeout === undefined) {
      this.#timeout = new TimeoutEntry(this);
      this.#startMs = this.#progressMs;
    }
    if (!this.isOverdue && this.#timeout.queue === undefined) closeLooks.arm(this.#timeout);
  }

  /** Checks the progress of the end. */
  handleTimeout(entry: TimeoutEntry): void {
    const { clock, closeLooks, limits: { closeTimeoutMs } } = this.#context;
    const nowMs = clock.now();
    const { takenBytes } = this.#owner;
    // The peer reads, even if the pending write is not complete yet.
    if (takenBytes !== this.#takenBytes) this.#progressMs = nowMs;
    this.#takenBytes = takenBytes;
    const isPatient = this.#owner.state === "closed" || !isPeerFault(this.#reason);
    const mostMs = isPatient ? MOST_CLOSE_TIMEOUTS * closeTimeoutMs : Math.min(FAULT_TIMEOUT_MS, closeTimeoutMs);
    if (nowMs - this.#progressMs >= closeTimeoutMs || nowMs - this.#startMs >= mostMs) this.giveUp();
    else closeLooks.arm(entry);
  }

  /** Gives up after `timeoutMs`, whatever the peer does. */
  endWithin(timeoutMs: number): void {
    if (this.#isFinished) return;
    if (this.#deadline !== undefined) this.#context.clock.clearTimer(this.#deadline);
    this.#deadline = this.#context.clock.setTimer(() => this.giveUp(), timeoutMs);
  }

  /** Stops waiting for the peer and for a handler. */
  giveUp(): void {
    this.isOverdue = true;
    if (this.#owner.state === "closed") this.finish();
    // The system has all bytes, and goes on delivering them after a close, but not after a reset.
    else if (this.#hasShutDown) this.#owner.connection.close();
    else this.abort();
  }

  /** Calls `onClose` and lets the service forget the session, once the connection is gone and no handler runs. */
  finish(): void {
    const { event } = this;
    if (event === undefined || this.#isFinished || (this.#owner.inbox.isBusy && !this.isOverdue)) return;
    this.#isFinished = true;
    this.#timeout?.queue?.disarm(this.#timeout);
    if (this.#deadline !== undefined) this.#context.clock.clearTimer(this.#deadline);
    const done = this.#callOnClose(event);
    if (done === undefined) this.isOver = true;
    else done.then(() => this.isOver = true);
    this.#owner.handleOver(event, done);
  }

  #callOnClose(event: CloseEvent): PromiseLike<unknown> | undefined {
    try {
      const result = this.#owner.callOnClose(event);
      if (!isThenable(result)) return undefined;
      const { promise, resolve } = Promise.withResolvers<void>();
      whenSettled(result, resolve, (fault) => {
        this.#logFault(fault);
        resolve();
      });
      return promise;
    } catch (fault) {
      this.#logFault(fault);
      return undefined;
    }
  }

  #logFault(fault: unknown): void {
    const message = "The onClose handler of session {id} failed: {error}";
    this.#context.faults.report("session", "error", message, { id: this.#owner.id, error: toError(fault) });
  }
}

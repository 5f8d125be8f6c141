// InputPause: the pauses of one session's input: counts the memory of the chunks that are held, and watches whether the peer is
// still there. Made when a session is first paused. Runtime neutral.

import type { BufferPool } from "../buffer/buffer_pool.ts";
import type { Clock } from "../clock.ts";
import type { Connection } from "../transport/transport.ts";
import type { CloseReason } from "./close_reason.ts";
import type { InputWatch } from "./input_watch.ts";
import type { SessionState } from "./session_state.ts";

/** What the sessions of a service share. */
export interface PauseContext {
  /** Whose time counts. */
  readonly clock: Clock;
  /** Where the memory of chunks is counted. */
  readonly pool: BufferPool;
  /** How long a handler may go on answering a peer that has ended; without a limit under `allowHalfOpen`. */
  readonly limits: { readonly closeTimeoutMs: number; readonly allowHalfOpen: boolean };
  /** Has paused sessions check their peer. */
  readonly inputWatch: InputWatch;
}

/** The session that is paused. */
export interface PausedSession {
  /** Where it is in its life. */
  readonly state: SessionState;
  /** Its byte stream. */
  readonly connection: Connection;
  /** The incoming side. */
  readonly inbox: {
    /** The chunk at hand. */
    readonly chunk: Uint8Array | undefined;
    /** Whether some of it is still to be handled. */
    readonly hasInput: boolean;
    /** Whether a frame has begun and not ended. */
    readonly isInsideFrame: boolean;
  };
  /** The outgoing side. */
  readonly queue: { readonly writingBytes: number };
  /** How far its end has come; undefined before it begins. */
  readonly ending: { readonly hasPeerEnded: boolean } | undefined;
  /** Bytes that the system has taken for the peer. */
  readonly takenBytes: number;
  /** Ends it in order. */
  close(reason: CloseReason): void;
}

/**
 * The input of one session, paused or not.
 *
 * Invariant: while paused, the pool counts the chunks that the session and its connection hold, as of the last check; otherwise
 * none.
 */
export class InputPause {
  /** Whether the connection is paused. */
  isPaused = false;
  readonly #session: PausedSession;
  readonly #context: PauseContext;
  /** Bytes that the pool counts for this session. */
  #chargedBytes = 0;
  /** `takenBytes` plus `heldBytes` at the last call of `hasMoved()`. */
  #movedBytes = 0;
  /** When the peer's end was seen; undefined if it was not. */
  #endSeenMs: number | undefined = undefined;

  /** Makes a pause that has not begun. */
  constructor(session: PausedSession, context: PauseContext) {
    this.#session = session;
    this.#context = context;
  }

  /** Bytes of chunks that are held. */
  get heldBytes(): number {
    return this.#chargedBytes;
  }

  /** Pauses the input. */
  begin(): void {
    const { connection, inbox, takenBytes } = this.#session;
    this.isPaused = true;
    this.#movedBytes = takenBytes;
    connection.pause();
    this.#charge(inbox.chunk?.byteLength ?? 0);
    this.#context.inputWatch.wake();
  }

  /** Resumes the input. */
  end(): void {
    this.release();
    this.#session.connection.resume();
  }

  /** Ends the pause without resuming the connection, and stops counting the held bytes. */
  release(): void {
    this.isPaused = false;
    this.#endSeenMs = undefined;
    this.#charge(0);
  }

  /**
   * Checks whether the peer has reset the connection or ended its side. If it has ended and no input is left, the session
   * closes after one close timeout, which a running handler or loop may use to answer; not under `allowHalfOpen`.
   */
  look(): void {
    const { connection, ending, inbox, queue } = this.#session;
    const hasEnded = connection.probe(queue.writingBytes === 0) || ending?.hasPeerEnded === true;
    if (!this.isPaused) return;
    this.#charge((inbox.chunk?.byteLength ?? 0) + connection.heldBytes);
    const { allowHalfOpen, closeTimeoutMs } = this.#context.limits;
    if (!hasEnded || inbox.hasInput || allowHalfOpen) return;
    const nowMs = this.#context.clock.now();
    this.#endSeenMs ??= nowMs;
    if (nowMs - this.#endSeenMs < closeTimeoutMs) return;
    this.#session.close(inbox.isInsideFrame ? "truncated" : "remote-closing");
  }

  /** Whether the peer has visibly taken or sent anything since the last call, or since the pause began. */
  hasMoved(): boolean {
    const { connection, takenBytes } = this.#session;
    const movedBytes = takenBytes + connection.heldBytes;
    const hasMoved = movedBytes !== this.#movedBytes;
    this.#movedBytes = movedBytes;
    return hasMoved;
  }

  #charge(bytes: number): void {
    if (bytes !== this.#chargedBytes) this.#context.pool.charge(bytes - this.#chargedBytes);
    this.#chargedBytes = bytes;
  }
}

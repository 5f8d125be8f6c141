// InputPause: what goes with not listening to a peer: the memory that its chunk takes meanwhile, whether it is still there, and
// when it is listened to again. Made when a session is first paused. Runtime neutral.

import type { BufferPool } from "../buffer/buffer_pool.ts";
import type { Clock } from "../clock.ts";
import type { Connection } from "../transport/transport.ts";
import type { CloseReason } from "./close_reason.ts";
import type { InputWatch } from "./input_watch.ts";
import type { SessionState } from "./session_state.ts";

/** What all sessions of a service share for it. */
export interface PauseContext {
  /** Whose time counts. */
  readonly clock: Clock;
  /** Where the memory of chunks is counted. */
  readonly pool: BufferPool;
  /** How long a handler may answer a peer that has ended; for ever, if sessions may be half-open. */
  readonly limits: { readonly closeTimeoutMs: number; readonly allowHalfOpen: boolean };
  /** Who has paused sessions look at their peer. */
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
  };
  /** The outgoing side. */
  readonly queue: { readonly isWriting: boolean };
  /** Bytes that the system has taken for the peer. */
  readonly takenBytes: number;
  /** Ends it in order. */
  close(reason: CloseReason): void;
}

/**
 * Invariant: while it is paused, the pool counts the chunks that the session and its connection hold; else it counts none.
 */
export class InputPause {
  /** Whether the connection is paused. */
  isPaused = false;
  readonly #session: PausedSession;
  readonly #context: PauseContext;
  /** What the pool counts. */
  #chargedBytes = 0;
  /** What the peer had taken, and sent ahead, when that was looked at last. */
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

  /** Stops listening. */
  begin(): void {
    const { connection, inbox, takenBytes } = this.#session;
    this.isPaused = true;
    this.#movedBytes = takenBytes;
    connection.pause();
    this.#charge(inbox.chunk?.byteLength ?? 0);
    this.#context.inputWatch.wake();
  }

  /** Listens again. */
  end(): void {
    this.release();
    this.#session.connection.resume();
  }

  /** The session is not open any more: nothing is held. */
  release(): void {
    this.isPaused = false;
    this.#endSeenMs = undefined;
    this.#charge(0);
  }

  /**
   * It has lasted for a while: the peer's reset shows now, and so does its end. A handler that runs may still answer a peer
   * that has ended, but only for one close timeout; unless more has come, which is to be handled first.
   */
  look(): void {
    const { connection, inbox, queue } = this.#session;
    const hasEnded = connection.probe(!queue.isWriting);
    if (!this.isPaused) return;
    this.#charge((inbox.chunk?.byteLength ?? 0) + connection.heldBytes);
    const { allowHalfOpen, closeTimeoutMs } = this.#context.limits;
    if (!hasEnded || inbox.hasInput || allowHalfOpen) return;
    const nowMs = this.#context.clock.now();
    this.#endSeenMs ??= nowMs;
    if (nowMs - this.#endSeenMs >= closeTimeoutMs) this.#session.close("remote-closing");
  }

  /** Whether the peer has taken or sent anything since the last call, or since the pause began, as far as can be seen. */
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

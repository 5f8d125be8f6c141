// EndSignals: the promises and the signal that report a session's end, besides `onClose`. Each is made on first use. Runtime
// neutral.

import type { SessionClosedError } from "../errors.ts";
import type { CloseEvent } from "./close_reason.ts";
import type { SessionState } from "./session_state.ts";

/** The end of a session, as far as it has come. */
export interface KnownEnd {
  /** Undefined until the connection is gone. */
  readonly event: CloseEvent | undefined;
  /** Whether `onClose` has run, and the promise that it returned has settled. */
  readonly isOver: boolean;
  /** The error for calls that wait for the session. */
  readonly closedError: SessionClosedError;
}

/** The session that ends. */
export interface SignallingSession {
  /** Where it is in its life. */
  readonly state: SessionState;
  /** Its end, as far as it is known. */
  readonly ending: KnownEnd | undefined;
}

/** The promises and the signal of one session. */
export class EndSignals {
  readonly #session: SignallingSession;
  #closed: PromiseWithResolvers<CloseEvent> | undefined = undefined;
  #finished: PromiseWithResolvers<CloseEvent> | undefined = undefined;
  #controller: AbortController | undefined = undefined;

  /** Makes the signals of a session. */
  constructor(session: SignallingSession) {
    this.#session = session;
  }

  /** Resolves once the connection is gone. */
  get closed(): Promise<CloseEvent> {
    this.#closed ??= Promise.withResolvers();
    const { ending } = this.#session;
    if (ending?.event !== undefined) this.#closed.resolve(ending.event);
    return this.#closed.promise;
  }

  /** Resolves once `onClose` has run, and the promise that it returned has settled. */
  get finished(): Promise<CloseEvent> {
    this.#finished ??= Promise.withResolvers();
    const { ending } = this.#session;
    if (ending?.isOver && ending.event !== undefined) this.#finished.resolve(ending.event);
    return this.#finished.promise;
  }

  /** Aborts when the session leaves the state `"open"`. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    const { ending, state } = this.#session;
    if (state !== "open" && ending !== undefined) this.#controller.abort(ending.closedError);
    return this.#controller.signal;
  }

  /** The session has left the state `"open"`. */
  handleLeave(end: KnownEnd): void {
    this.#controller?.abort(end.closedError);
  }

  /** The connection is gone. */
  handleClose(event: CloseEvent): void {
    this.#closed?.resolve(event);
  }

  /** `onClose` was called; `done` resolves once its promise is settled. */
  handleOver(event: CloseEvent, done: PromiseLike<unknown> | undefined): void {
    if (done === undefined) this.#finished?.resolve(event);
    else done.then(() => this.#finished?.resolve(event));
  }
}

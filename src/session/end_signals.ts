// EndSignals: how an application hears of a session's end besides `onClose`; each is made when first asked for. Runtime neutral.

import type { SessionClosedError } from "../errors.ts";
import type { CloseEvent } from "./close_reason.ts";

/** What is known of the end so far. */
export interface KnownEnd {
  /** Once the connection is gone. */
  readonly event: CloseEvent | undefined;
  /** What calls that wait for the session fail with. */
  readonly closedError: SessionClosedError;
}

/** The promise and the signal of one session. */
export class EndSignals {
  #closed: PromiseWithResolvers<CloseEvent> | undefined = undefined;
  #controller: AbortController | undefined = undefined;

  /** Resolves once the connection is gone. */
  closed(end: KnownEnd | undefined): Promise<CloseEvent> {
    this.#closed ??= Promise.withResolvers();
    if (end?.event !== undefined) this.#closed.resolve(end.event);
    return this.#closed.promise;
  }

  /** Aborts once the session is not open any more; `end` is why it is not, if that is so. */
  signal(end: KnownEnd | undefined): AbortSignal {
    this.#controller ??= new AbortController();
    if (end !== undefined) this.#controller.abort(end.closedError);
    return this.#controller.signal;
  }

  /** The session is not open any more. */
  handleLeave(end: KnownEnd): void {
    this.#controller?.abort(end.closedError);
  }

  /** The connection is gone. */
  handleClose(event: CloseEvent): void {
    this.#closed?.resolve(event);
  }
}

// AcceptLoop: accepts what comes to a listener under Deno, and lets the event loop turn meanwhile. Deno only.

import type { Clock } from "../clock.ts";
import { deferTurn } from "../defer.ts";

/** The pause after an accept that failed; doubles up to the longest while it goes on failing. */
const SHORTEST_BACK_OFF_MS = 5;
const LONGEST_BACK_OFF_MS = 100;
/** Accepts in a row until the event loop turns: with connections waiting, an accept completes without a trip through it. */
const ACCEPTS_A_TURN = 16;

/** What the loop uses of a `Deno.Listener`. */
export interface Acceptor<Socket> {
  /** Rejects if the next connection cannot be had, or the listener was closed. */
  accept(): Promise<Socket>;
  /** Stops listening. */
  close(): void;
}

/** Accepts until it is stopped; an accept that fails (EMFILE) is reported and tried again after a pause. */
export class AcceptLoop<Socket extends { close(): void }> {
  readonly #server: Acceptor<Socket>;
  readonly #clock: Pick<Clock, "setTimer" | "clearTimer">;
  readonly #onSocket: (socket: Socket) => void;
  readonly #onError: (cause: unknown) => void;
  #isStopped = false;
  #backOffMs = SHORTEST_BACK_OFF_MS;
  #endPause: () => void = () => {};

  /** Makes a loop that does not run yet. The callbacks must not throw. */
  constructor(
    server: Acceptor<Socket>,
    clock: Pick<Clock, "setTimer" | "clearTimer">,
    onSocket: (socket: Socket) => void,
    onError: (cause: unknown) => void,
  ) {
    this.#server = server;
    this.#clock = clock;
    this.#onSocket = onSocket;
    this.#onError = onError;
  }

  /** Resolves once the loop is stopped and no accept is pending. */
  async run(): Promise<void> {
    for (let accepts = 1; !this.#isStopped; accepts++) {
      if (accepts % ACCEPTS_A_TURN === 0) await new Promise<void>(deferTurn);
      await this.#acceptOne();
    }
  }

  /** Stops listening, and ends `run()`. May be called twice. */
  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#server.close();
    this.#endPause();
  }

  async #acceptOne(): Promise<void> {
    if (this.#isStopped) return;
    let socket: Socket;
    try {
      socket = await this.#server.accept();
    } catch (cause) {
      if (this.#isStopped || isOfOneConnection(cause)) return;
      this.#onError(cause);
      await this.#pause(this.#backOffMs);
      this.#backOffMs = Math.min(2 * this.#backOffMs, LONGEST_BACK_OFF_MS);
      return;
    }
    this.#backOffMs = SHORTEST_BACK_OFF_MS;
    if (this.#isStopped) socket.close();
    else this.#onSocket(socket);
  }

  #pause(delayMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#clock.setTimer(resolve, delayMs);
    this.#endPause = () => {
      this.#clock.clearTimer(timer);
      resolve();
    };
    return promise;
  }
}

/** Whether a connection was reset while it waited in the queue: nothing is wrong with the listener. */
function isOfOneConnection(cause: unknown): boolean {
  const { code } = cause as { code?: unknown };
  return code === "ENOTCONN" || code === "ECONNABORTED" || code === "ECONNRESET" || code === "EINVAL";
}

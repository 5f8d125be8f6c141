// Hands what a runtime reports of a connection to its handler, in the order and at the times that the contract in
// transport.ts promises. Owns no socket. Runtime neutral.

import type { ConnectionEnd, ConnectionHandler } from "./transport.ts";

/**
 * Stands between a runtime's events and a {@linkcode ConnectionHandler}.
 *
 * Holds back what comes while paused, or before `start()`: runtimes report an end, a close, and even data then. A close
 * with an error waits for nothing and drops what is held, as a reset does. After `finish()` nothing comes but the close.
 *
 * Invariant: data is handed over before the end, the end before the close, the close once and last.
 */
export class Delivery {
  #handler: ConnectionHandler | undefined = undefined;
  #isPaused = false;
  #isDiscarding = false;
  /** Whether this side called `close()` or `abort()`. */
  #isFinished = false;
  /** Chunks that came while paused, from `#heldIndex` on. */
  #held: Uint8Array[] = [];
  #heldIndex = 0;
  #isEndDue = false;
  #hasEnded = false;
  #close: ConnectionEnd | undefined = undefined;
  #hasClosed = false;
  #isHandOverDue = false;

  /** Whether the socket takes no call any more: this side finished, or the connection is gone. */
  get isOver(): boolean {
    return this.#isFinished || this.#close !== undefined;
  }

  /** Whether the peer's end came, handed over or not. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Whether bytes would reach the handler at once. */
  get isFlowing(): boolean {
    return this.#handler !== undefined && ((!this.#isPaused && this.#held.length === 0) || this.#isDiscarding);
  }

  /** Whether a chunk may be on loan to the handler. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Whether bytes are dropped. */
  get isDiscarding(): boolean {
    return this.#isDiscarding;
  }

  /** Sets the handler, which is called from the next microtask on. */
  start(handler: ConnectionHandler): void {
    this.#handler = handler;
    this.#handOverSoon();
  }

  /** Holds bytes and end back. */
  pause(): void {
    this.#isPaused = true;
  }

  /** Lets them go, from the next microtask on. */
  resume(): void {
    this.#isPaused = false;
    this.#handOverSoon();
  }

  /** Drops what is held and what comes; the end is still handed over. */
  discard(): void {
    this.#isDiscarding = true;
    this.#held = [];
    this.#heldIndex = 0;
    this.#handOverSoon();
  }

  /** Lets nothing through any more but the close, which is this side's own. */
  finish(): void {
    this.#isFinished = true;
  }

  /** Bytes came. Unless `isFlowing`, the chunk must belong to the connection alone, for it is held. */
  handleData(chunk: Uint8Array): void {
    if (this.#isFinished) return;
    if (this.#isDiscarding) this.#handler?.onDiscard?.();
    else if (this.isFlowing) this.#handler?.onData(chunk);
    else this.#held.push(chunk);
  }

  /** The peer's end came. Not from inside a call of the handler's. */
  handleEnd(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#isEndDue = true;
    this.#handOver();
  }

  /** What was on loan is taken. */
  handleDrain(): void {
    if (!this.isOver) this.#handler?.onDrain();
  }

  /** The connection is gone; the handler hears it in a microtask, since runtimes say so inside calls of the handler's. */
  handleClose(end: ConnectionEnd): void {
    if (this.#close !== undefined) return;
    this.#close = this.#isFinished ? {} : end;
    this.#handOverSoon();
  }

  #handOverSoon(): void {
    const hasNothing = this.#held.length === 0 && !this.#isEndDue && this.#close === undefined;
    if (hasNothing || this.#isHandOverDue) return;
    this.#isHandOverDue = true;
    queueMicrotask(() => {
      this.#isHandOverDue = false;
      this.#handOver();
    });
  }

  #handOver(): void {
    const handler = this.#handler;
    if (handler === undefined) return;
    while (this.#held.length > 0 && !this.#isBroken()) {
      if (this.#isPaused) return;
      handler.onData(this.#takeHeld());
    }
    if (this.#isEndDue && !this.#isBroken()) {
      if (this.#isPaused && !this.#isDiscarding) return;
      this.#isEndDue = false;
      handler.onEnd();
    }
    if (this.#close === undefined || this.#hasClosed) return;
    this.#hasClosed = true;
    handler.onClose(this.#close);
  }

  /** Whether what is held is lost. */
  #isBroken(): boolean {
    return this.#isFinished || this.#close?.error !== undefined;
  }

  #takeHeld(): Uint8Array {
    const chunk = this.#held[this.#heldIndex++];
    if (this.#heldIndex === this.#held.length) {
      this.#held = [];
      this.#heldIndex = 0;
    }
    return chunk;
  }
}

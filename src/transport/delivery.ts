// Hands what a runtime reports of a connection to its handler, in the order and at the times that the contract in
// transport.ts promises. What the adapters have in common. Runtime neutral.

import type { ConnectionEnd, ConnectionHandler } from "./transport.ts";

/**
 * Stands between a runtime's events and a {@linkcode ConnectionHandler}; the base of the adapters' connections.
 *
 * Holds back what comes while paused, or before `start()`: runtimes report an end, a close, and even data then. A close
 * with an error waits for nothing and drops what is held, as a reset does. After `finish()` nothing comes but the close.
 *
 * Invariant: data is handed over before the end, the end before the close, the close once and last; `#isDirect` says that
 * there is a handler, and nothing that keeps a chunk from it.
 */
export class Delivery {
  // The fields that each chunk and write uses come last, next to the fields of the subclass: with thousands of connections
  // the time goes into cache misses.
  /** Chunks that came while paused, from `#heldIndex` on. */
  #held: Uint8Array[] | undefined = undefined;
  #heldIndex = 0;
  #heldBytes = 0;
  /** Bytes that were dropped while paused, of which the handler has not heard. */
  #droppedBytes = 0;
  #isEndDue = false;
  #hasEnded = false;
  #hasClosed = false;
  #isHandOverDue = false;
  #isPaused = false;
  #isDiscarding = false;
  #handler: ConnectionHandler | undefined = undefined;
  #isDirect = false;
  /** Whether the last chunk stays valid for good: see `Connection.keepChunk`. */
  isKept = false;
  /** Whether this side called `close()` or `abort()`. */
  #isFinished = false;
  #close: ConnectionEnd | undefined = undefined;

  /** Whether the socket takes no call any more: this side finished, or the connection is gone. */
  get isOver(): boolean {
    return this.#isFinished || this.#close !== undefined;
  }

  /** Whether there was a `start()`. */
  get isStarted(): boolean {
    return this.#handler !== undefined;
  }

  /** Whether the peer's end came, handed over or not. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Whether bytes that come now are handed over or dropped at once, not held. */
  get isFlowing(): boolean {
    return this.#isDirect || (this.#isDiscarding && !this.#isPaused && this.#handler !== undefined);
  }

  /** Whether input is paused; the last chunk may then be on loan to the handler. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Bytes of the chunks that came while paused. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Whether the peer's end came, handed over or not, and no byte is held in front of it. */
  get isAtEnd(): boolean {
    return this.#hasEnded && this.#held === undefined;
  }

  /** Whether bytes are dropped. */
  get isDiscarding(): boolean {
    return this.#isDiscarding;
  }

  /** Sets the handler, which is called from the next microtask on. */
  start(handler: ConnectionHandler): void {
    this.#handler = handler;
    this.#look();
    this.#handOverSoon();
  }

  /** Holds the peer's bytes and end back. */
  pause(): void {
    this.#isPaused = true;
    this.#isDirect = false;
  }

  /** Hands over what is held, and what comes, from the next microtask on. */
  resume(): void {
    this.#isPaused = false;
    this.#look();
    this.#handOverSoon();
  }

  /** The chunk that is handed over, or on loan, stays valid for good. */
  keepChunk(): void {
    this.isKept = true;
  }

  /** Drops what is held and what comes, paused or not; the end is still handed over. */
  discard(): void {
    this.#isDiscarding = true;
    this.#isPaused = false;
    this.#isDirect = false;
    this.#droppedBytes += this.#heldBytes;
    this.#clearHeld();
    this.#handOverSoon();
  }

  /** This side closes or aborts: nothing is handed over from now on but the close, without an error. */
  finish(): void {
    this.#isFinished = true;
    this.#isDirect = false;
    this.#clearHeld();
  }

  /**
   * Bytes came, the first `length` bytes of `buffer`. Unless `isFlowing`, `buffer` is held: then it must have no other bytes,
   * and nobody else may use it.
   */
  handleData(buffer: Uint8Array, length: number): void {
    if (this.#isDirect) {
      this.isKept = false;
      this.#handler?.onData(buffer, length);
    } else if (this.#isFinished) return;
    else if (this.#isDiscarding) this.#drop(length);
    else this.#hold(buffer);
  }

  /** The peer's end came. Must not be called from inside a call that the handler makes. */
  handleEnd(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#isEndDue = true;
    this.#handOver();
  }

  /** The bytes of the pending write are all taken. */
  handleTaken(): void {
    if (!this.isOver) this.#handler?.onDrain();
  }

  /** The connection is gone. The handler hears it in a microtask, as a runtime may report it inside a call of the handler. */
  handleGone(end: ConnectionEnd): void {
    if (this.#close !== undefined) return;
    this.#close = this.#isFinished ? {} : end;
    if (this.#isBroken()) this.#clearHeld();
    this.#handOverSoon();
  }

  /** Sets `#isDirect`. */
  #look(): void {
    const isHeldUp = this.#isPaused || this.#isDiscarding || this.#isFinished || this.#held !== undefined;
    this.#isDirect = this.#handler !== undefined && !isHeldUp;
  }

  #handOverSoon(): void {
    const hasNothing = this.#held === undefined && this.#droppedBytes === 0 && !this.#isEndDue &&
      this.#close === undefined;
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
    while (this.#held !== undefined && !this.#isBroken()) {
      if (this.#isPaused) return;
      const chunk = this.#takeHeld(this.#held);
      handler.onData(chunk, chunk.length);
    }
    if (this.#droppedBytes > 0 && !this.#isBroken()) {
      if (this.#isPaused) return;
      this.#drop(0);
    }
    if (this.#isEndDue && !this.#isBroken()) {
      if (this.#isPaused) return;
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

  #hold(chunk: Uint8Array): void {
    this.#heldBytes += chunk.byteLength;
    if (this.#held === undefined) this.#held = [chunk];
    else this.#held.push(chunk);
  }

  /** Tells the handler of `length` bytes more that are dropped, unless it is paused. */
  #drop(length: number): void {
    this.#droppedBytes += length;
    if (this.#isPaused || this.#handler === undefined) return;
    const bytes = this.#droppedBytes;
    this.#droppedBytes = 0;
    this.#handler.onDiscard?.(bytes);
  }

  #takeHeld(held: Uint8Array[]): Uint8Array {
    const chunk = held[this.#heldIndex++];
    this.#heldBytes -= chunk.byteLength;
    if (this.#heldIndex < held.length) return chunk;
    this.#clearHeld();
    this.#look();
    return chunk;
  }

  #clearHeld(): void {
    this.#held = undefined;
    this.#heldIndex = 0;
    this.#heldBytes = 0;
  }
}

// MessageStream: the messages of one session, taken one by one by a loop or by `receive()`. Holds at most one message that
// nobody has asked for yet, and has the inbox wait meanwhile. Runtime neutral.

import type { Clock } from "../clock.ts";
import { ReceiveTimeoutError } from "../errors.ts";
import { checkKeys, checkSignal, LARGEST_TIMER_MS, requireInteger } from "../options.ts";

/** The session behind a stream. */
export interface MessageStreamOwner {
  /** A reader begins to take messages, or stops. */
  handleReading(isReading: boolean): void;
}

/** Options of {@linkcode Session.receive}. */
export interface ReceiveOptions {
  /**
   * Milliseconds to wait, 0 for no limit, at most 2^31 - 1.
   *
   * @default {0}
   */
  readonly timeoutMs?: number | undefined;
  /** Ends the wait; the promise then rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
}

const RECEIVE_NAMES: Record<keyof ReceiveOptions, true> = { timeoutMs: true, signal: true };

/** A reader's promise of a message; `undefined` is the end. */
type Taker = PromiseWithResolvers<Uint8Array<ArrayBuffer> | undefined>;

/**
 * The implementation of `for await (const payload of session)` and `session.receive()`.
 *
 * Invariant: a message waits only while no reader waits for one; there is one reader at a time.
 */
export class MessageStream {
  readonly #owner: MessageStreamOwner;
  readonly #sessionId: number;
  readonly #clock: Clock;
  /** The promises that wait, oldest first; more than one only if `next()` of a loop is called again before it resolved. */
  #takers: Taker[] = [];
  /** A message that waits for a reader. */
  #waiting: Uint8Array<ArrayBuffer> | undefined = undefined;
  /** Resolved when the reader asks for the next message: until then, handling the last one may switch the codec. */
  #asked: PromiseWithResolvers<void> | undefined = undefined;
  #isReading = false;
  /** Whether the reader is a loop. */
  isLooping = false;
  #isEnded = false;
  #error: Error | undefined = undefined;

  /** Makes a stream without a reader. */
  constructor(owner: MessageStreamOwner, sessionId: number, clock: Clock) {
    this.#owner = owner;
    this.#sessionId = sessionId;
    this.#clock = clock;
  }

  /** Whether there is a loop, or a `receive()` that waits. */
  get isReading(): boolean {
    return this.#isReading;
  }

  /** Whether the last message waits, or its reader has not asked for the next one. */
  get isHandling(): boolean {
    return this.#asked !== undefined;
  }

  /** Whether a message waits for a reader. */
  get hasWaiting(): boolean {
    return this.#waiting !== undefined;
  }

  /** Adds a message, and takes ownership of it; the promise resolves when a reader asks for the next one. */
  push(payload: Uint8Array<ArrayBuffer>): Promise<void> {
    const taker = this.#takers.shift();
    if (taker === undefined) this.#waiting = payload;
    else taker.resolve(payload);
    this.#asked = Promise.withResolvers();
    const { promise } = this.#asked;
    if (this.#takers.length > 0) this.#askForNext();
    return promise;
  }

  /** Takes the message that waits, to give it to a handler. */
  takeWaiting(): Uint8Array<ArrayBuffer> | undefined {
    const payload = this.#waiting;
    this.#waiting = undefined;
    this.#askForNext();
    return payload;
  }

  /** Ends the stream after the message that waits: in order, or with an error for readers. */
  end(error: Error | undefined): void {
    this.#isEnded = true;
    this.#error = error;
    for (const taker of this.#takers.splice(0)) {
      if (error === undefined) taker.resolve(undefined);
      else taker.reject(error);
    }
  }

  /** Waits for one message; undefined is an orderly end. */
  async receive(options: ReceiveOptions): Promise<Uint8Array<ArrayBuffer> | undefined> {
    checkKeys("receive options", options, RECEIVE_NAMES);
    const { signal, timeoutMs = 0 } = options;
    requireInteger("receive message", "timeoutMs", timeoutMs, 0, LARGEST_TIMER_MS);
    checkSignal("receive message", signal);
    signal?.throwIfAborted();
    this.enter("receive message", false);
    const taker = this.take();
    // A wait whose promise has its message already is not cancelled, so that no message is lost.
    const callOff = (error: unknown) => {
      if (this.#withdraw(taker)) taker.reject(error);
    };
    const onAbort = () => callOff(signal?.reason);
    const timer = timeoutMs === 0
      ? undefined
      : this.#clock.setTimer(() => callOff(new ReceiveTimeoutError(this.#sessionId, timeoutMs)), timeoutMs);
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      return await taker.promise;
    } finally {
      if (timer !== undefined) this.#clock.clearTimer(timer);
      signal?.removeEventListener("abort", onAbort);
      this.leave();
    }
  }

  /** The messages as a loop, which begins with the first `next()`. */
  loop(): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
    return new MessageLoop(this);
  }

  /** Begins to read: a loop, or one `receive()`. */
  enter(action: string, isLoop: boolean): void {
    if (this.#isReading) {
      throw new TypeError(`Cannot ${action} as a session has one reader at a time: current value is 2`);
    }
    this.#isReading = true;
    this.isLooping = isLoop;
    this.#owner.handleReading(true);
  }

  /** Ends reading. Promises that still wait resolve to undefined, so that the next message goes to the next reader. */
  leave(): void {
    this.#isReading = this.isLooping = false;
    for (const taker of this.#takers.splice(0)) taker.resolve(undefined);
    this.#owner.handleReading(false);
  }

  /** Asks for the next message. */
  take(): Taker {
    const taker: Taker = Promise.withResolvers();
    const payload = this.#waiting;
    this.#waiting = undefined;
    if (payload !== undefined) taker.resolve(payload);
    else {
      this.#askForNext();
      if (this.#error !== undefined) taker.reject(this.#error);
      else if (this.#isEnded) taker.resolve(undefined);
      else this.#takers.push(taker);
    }
    return taker;
  }

  /** The loop is over: the inbox need not wait for it to ask. */
  release(): void {
    if (this.#waiting === undefined) this.#askForNext();
  }

  #withdraw(taker: Taker): boolean {
    const index = this.#takers.indexOf(taker);
    if (index >= 0) this.#takers.splice(index, 1);
    return index >= 0;
  }

  #askForNext(): void {
    this.#asked?.resolve();
    this.#asked = undefined;
  }
}

/** One loop over the messages. Unlike a generator's, its `return()` does not wait for a pending `next()`. */
class MessageLoop implements AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  readonly #stream: MessageStream;
  #state: "new" | "reading" | "over" = "new";

  constructor(stream: MessageStream) {
    this.#stream = stream;
  }

  async next(): Promise<IteratorResult<Uint8Array<ArrayBuffer>, void>> {
    if (this.#state === "new") {
      this.#stream.enter("iterate session", true);
      this.#state = "reading";
    }
    if (this.#state === "over") return { done: true, value: undefined };
    try {
      const payload = await this.#stream.take().promise;
      if (payload !== undefined) return { done: false, value: payload };
    } catch (error) {
      this.#finish();
      throw error;
    }
    this.#finish();
    return { done: true, value: undefined };
  }

  return(): Promise<IteratorResult<Uint8Array<ArrayBuffer>, void>> {
    this.#finish();
    return Promise.resolve({ done: true, value: undefined });
  }

  throw(error: unknown): Promise<IteratorResult<Uint8Array<ArrayBuffer>, void>> {
    this.#finish();
    return Promise.reject(error);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#finish();
    return Promise.resolve();
  }

  #finish(): void {
    const wasReading = this.#state === "reading";
    this.#state = "over";
    if (!wasReading) return;
    this.#stream.release();
    this.#stream.leave();
  }
}

// SessionStream: routes the messages of one session to a loop or to `receive()`, and back to the handler afterwards. Made on
// first use. Runtime neutral.

import { plainView } from "../buffer/plain_view.ts";
import type { Clock } from "../clock.ts";
import { isOrderly } from "./close_reason.ts";
import type { KnownEnd } from "./end_signals.ts";
import { MessageStream, type MessageStreamOwner, type ReceiveOptions } from "./message_stream.ts";

/** The session behind a stream. */
export interface StreamHost {
  /** Whether messages are still wanted. */
  isReceiving(): boolean;
  /** Whether there is a handler to go back to. */
  readonly hasHandler: boolean;
  /** The incoming side. */
  readonly inbox: {
    /** Whether a handler runs, or has a promise open. */
    readonly isBusy: boolean;
    /** Whether the loop or the handler sets the pace. */
    setStreaming(isStreaming: boolean): void;
    /** Holds messages back until a promise resolves. */
    holdForStream(taken: PromiseLike<unknown>): void;
  };
  /** Gives a payload to the handler, and holds back the messages behind it. */
  handOver(payload: Uint8Array): void;
}

/** The messages of a session while a loop or `receive()` reads them. */
export class SessionStream implements MessageStreamOwner {
  /** Whether messages go to this stream, and not to a handler. */
  isStreaming = false;
  readonly #host: StreamHost;
  readonly #messages: MessageStream;

  /** Makes a stream that takes no messages yet. */
  constructor(host: StreamHost, sessionId: number, clock: Clock) {
    this.#host = host;
    this.#messages = new MessageStream(this, sessionId, clock);
  }

  /** Whether a loop, or a handler that uses `receive()`, may still answer the last message: it has not asked for the next one. */
  get isHandling(): boolean {
    return this.#messages.isHandling && (this.#messages.isLooping || this.#host.inbox.isBusy);
  }

  /** The messages as a loop. */
  loop(): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
    return this.#messages.loop();
  }

  /** The next message. */
  receive(options: ReceiveOptions): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return this.#messages.receive(options);
  }

  /** Takes a message: its bytes are copied. */
  push(buffer: Uint8Array, offset: number, length: number): void {
    const payload = plainView(buffer, offset, length).slice();
    this.#host.inbox.holdForStream(this.#messages.push(payload));
  }

  /** There is neither handler nor reader yet: the first message waits for a reader, and holds back the others. */
  waitForReader(): void {
    this.isStreaming = true;
    this.#host.inbox.setStreaming(true);
  }

  /** There are no more messages: readers get the end, or an error if it was not orderly. */
  handleEnd(end: KnownEnd | undefined): void {
    this.#messages.end(end?.event === undefined || isOrderly(end.event.reason) ? undefined : end.closedError);
  }

  /**
   * Gives messages to the handler again after a loop has ended, first the one that still waits for a reader; says false if they
   * stay with the stream.
   */
  takeOver(): boolean {
    if (!this.isStreaming || this.#messages.isReading || !this.#host.hasHandler || !this.#host.isReceiving()) {
      return false;
    }
    this.isStreaming = false;
    const payload = this.#messages.takeWaiting();
    if (payload !== undefined) this.#host.handOver(payload);
    this.#host.inbox.setStreaming(this.isStreaming);
    return true;
  }

  handleReading(isReading: boolean): void {
    const { hasHandler, inbox } = this.#host;
    if (isReading) this.isStreaming = true;
    // A handler that still runs is not given the message that waits: `takeOver()` is called when its promise settles.
    const isAwaited = !isReading && hasHandler && inbox.isBusy && this.#messages.hasWaiting;
    if (isReading || isAwaited || !this.takeOver()) inbox.setStreaming(this.isStreaming && !isAwaited);
  }
}

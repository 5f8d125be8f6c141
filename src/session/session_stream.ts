// SessionStream: has the messages of one session go to a loop, or to `receive()`, in place of a handler, and back. Made when
// it is first asked for. Runtime neutral.

import { plainView } from "../buffer/plain_view.ts";
import type { Clock } from "../clock.ts";
import { isOrderly } from "./close_reason.ts";
import type { KnownEnd } from "./end_signals.ts";
import { MessageStream, type MessageStreamOwner, type ReceiveOptions } from "./message_stream.ts";

/** The session behind it. */
export interface StreamHost {
  /** Whether messages are still wanted. */
  isReceiving(): boolean;
  /** Whether there is a handler to go back to. */
  readonly hasHandler: boolean;
  /** The incoming side. */
  readonly inbox: {
    /** Whether a handler runs, or has a promise open. */
    readonly isBusy: boolean;
    /** Has messages wait for the loop, or for the handler. */
    setStreaming(isStreaming: boolean): void;
    /** Has them wait for a promise. */
    holdForStream(taken: PromiseLike<unknown>): void;
  };
  /** Gives a payload to the handler, and has the messages behind it wait. */
  handOver(payload: Uint8Array): void;
}

/** Where the messages of a session go while somebody asks for them one by one. */
export class SessionStream implements MessageStreamOwner {
  /** Whether messages come here, and not to a handler. */
  isStreaming = false;
  readonly #host: StreamHost;
  readonly #messages: MessageStream;

  /** Makes one that takes nothing yet. */
  constructor(host: StreamHost, sessionId: number, clock: Clock) {
    this.#host = host;
    this.#messages = new MessageStream(this, sessionId, clock);
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

  /** Nobody takes messages yet: the first one waits, and holds the others back. */
  waitForReader(): void {
    this.isStreaming = true;
    this.#host.inbox.setStreaming(true);
  }

  /** There are no more messages; what is no orderly end is thrown to whoever asks. */
  handleEnd(end: KnownEnd | undefined): void {
    this.#messages.end(end?.event === undefined || isOrderly(end.event.reason) ? undefined : end.closedError);
  }

  /** Gives messages to the handler again once a loop is left, first of all the one that the loop had not asked for. */
  takeOver(): void {
    if (!this.isStreaming || this.#messages.isReading || !this.#host.hasHandler || !this.#host.isReceiving()) return;
    this.isStreaming = false;
    const payload = this.#messages.takeWaiting();
    if (payload !== undefined) this.#host.handOver(payload);
    this.#host.inbox.setStreaming(this.isStreaming);
  }

  handleReading(isReading: boolean): void {
    const { hasHandler, inbox } = this.#host;
    if (isReading) this.isStreaming = true;
    // A handler that has left a loop and runs on is waited for: the session tells of its end.
    const isAwaited = !isReading && hasHandler && inbox.isBusy;
    inbox.setStreaming(this.isStreaming && !isAwaited);
    if (!isAwaited) this.takeOver();
  }
}

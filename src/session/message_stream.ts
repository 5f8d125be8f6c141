// MessageStream: the messages of one session as an async iterable. Holds one message that nobody has asked for yet, and
// tells the inbox to wait meanwhile. Runtime neutral.

/** The session behind a stream. */
export interface MessageStreamOwner {
  /** A loop begins or ends. */
  handleLoop(isRunning: boolean): void;
}

/** What stands behind `for await (const payload of session)`. */
export class MessageStream {
  readonly #owner: MessageStreamOwner;
  /** The loop, while it waits for a message. */
  #consumer: PromiseWithResolvers<Uint8Array | undefined> | undefined = undefined;
  /** A message that waits for a loop. */
  #waiting: Uint8Array | undefined = undefined;
  /** Who waits for the loop to ask for the next message: until then the last one may switch the codec. */
  #asked: PromiseWithResolvers<void> | undefined = undefined;
  #isLooping = false;
  #isEnded = false;
  #error: Error | undefined = undefined;

  /** Makes a stream with no loop. */
  constructor(owner: MessageStreamOwner) {
    this.#owner = owner;
  }

  /** Whether a loop runs. */
  get isLooping(): boolean {
    return this.#isLooping;
  }

  /** Gives a message of the stream's own; the promise resolves once the loop asks for the next. */
  push(payload: Uint8Array): Promise<void> {
    if (this.#consumer === undefined) this.#waiting = payload;
    this.#consumer?.resolve(payload);
    this.#consumer = undefined;
    this.#asked = Promise.withResolvers();
    return this.#asked.promise;
  }

  /** Takes the message that waits, for others than a loop. */
  takeWaiting(): Uint8Array | undefined {
    const payload = this.#waiting;
    this.#waiting = undefined;
    this.#askForNext();
    return payload;
  }

  /** Ends the stream behind the message that waits: in order, or by an error that the loop throws. */
  end(error: Error | undefined): void {
    this.#isEnded = true;
    this.#error = error;
    if (error === undefined) this.#consumer?.resolve(undefined);
    else this.#consumer?.reject(error);
    this.#consumer = undefined;
  }

  /** The loop; a second one at the same time throws a TypeError. */
  async *loop(): AsyncGenerator<Uint8Array, void, undefined> {
    if (this.#isLooping) throw new TypeError("Cannot iterate session as it has one loop at a time: current value is 2");
    this.#isLooping = true;
    this.#owner.handleLoop(true);
    try {
      for (let payload = await this.#next(); payload !== undefined; payload = await this.#next()) yield payload;
    } finally {
      this.#isLooping = false;
      if (this.#waiting === undefined) this.#askForNext();
      this.#owner.handleLoop(false);
    }
  }

  #next(): Promise<Uint8Array | undefined> {
    const payload = this.#waiting;
    this.#waiting = undefined;
    if (payload !== undefined) return Promise.resolve(payload);
    this.#askForNext();
    if (this.#error !== undefined) return Promise.reject(this.#error);
    if (this.#isEnded) return Promise.resolve(undefined);
    this.#consumer = Promise.withResolvers();
    return this.#consumer.promise;
  }

  #askForNext(): void {
    this.#asked?.resolve();
    this.#asked = undefined;
  }
}

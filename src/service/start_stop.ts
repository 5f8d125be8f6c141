// StartStop: has calls of start() and stop() take effect one after the other, in the order of the calls.
// Runtime neutral.

/**
 * Remembers what was asked for last. A call that asks for the same shares its promise; one that asks for the other waits
 * until the change before has ended, well or badly.
 */
export class StartStop {
  readonly #start: () => Promise<void>;
  readonly #stop: () => Promise<void>;
  #isStarted = false;
  /** The last change; resolved if a start failed, for then nothing has changed. */
  #change: Promise<void> = Promise.resolve();
  #starts = 0;

  /** Makes one that is stopped. A `start` that fails has cleaned up after itself; `stop` does not fail. */
  constructor(start: () => Promise<void>, stop: () => Promise<void>) {
    this.#start = start;
    this.#stop = stop;
  }

  /** Starts, unless that was the last thing asked for. */
  start(): Promise<void> {
    if (!this.#isStarted) {
      this.#isStarted = true;
      this.#change = this.#startAfter(this.#change, ++this.#starts);
    }
    return this.#change;
  }

  /** Stops, unless that was the last thing asked for. */
  stop(): Promise<void> {
    if (this.#isStarted) {
      this.#isStarted = false;
      this.#change = this.#stopAfter(this.#change);
    }
    return this.#change;
  }

  async #startAfter(before: Promise<void>, number: number): Promise<void> {
    await before;
    try {
      await this.#start();
    } catch (error) {
      if (this.#isStarted && this.#starts === number) {
        // Nobody has asked for anything since: the next start is a new one, and the next stop has nothing to do.
        this.#isStarted = false;
        this.#change = Promise.resolve();
      }
      throw error;
    }
  }

  async #stopAfter(before: Promise<void>): Promise<void> {
    let hasStarted = true;
    await before.catch(() => {
      hasStarted = false; // Whoever called start() is told.
    });
    if (hasStarted) await this.#stop();
  }
}

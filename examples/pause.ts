// Pause: a time to wait that can be cut short. One at a time.

/** A wait; for a handler that returns its promise it holds back what its session says next. */
export class Pause {
  #end: () => void = () => {};

  /** Waits for so many milliseconds, or until `end()`. */
  begin(durationMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, durationMs);
    this.#end = () => {
      clearTimeout(timer);
      resolve();
    };
    return promise;
  }

  /** Ends the wait, and its timer. May be called twice, and when there is none. */
  end(): void {
    this.#end();
  }
}

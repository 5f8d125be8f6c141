// DrainWaiters: the calls that wait for a session's queue to shrink. Runtime neutral.

/** The promises of `drained()` of one session. */
export class DrainWaiters {
  #waiters = new Set<PromiseWithResolvers<void>>();

  /** Whether anybody waits. */
  get isAwaited(): boolean {
    return this.#waiters.size > 0;
  }

  /** Waits for `resolve()`, or until the signal aborts. */
  wait(signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    const waiter = Promise.withResolvers<void>();
    this.#waiters.add(waiter);
    if (signal === undefined) return waiter.promise;
    const onAbort = () => {
      this.#waiters.delete(waiter);
      waiter.reject(signal.reason);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    return waiter.promise.finally(() => signal.removeEventListener("abort", onAbort));
  }

  /** Resolves all promises. */
  resolve(): void {
    for (const waiter of this.#waiters) waiter.resolve();
    this.#waiters.clear();
  }

  /** Rejects all promises. */
  reject(error: Error): void {
    for (const waiter of this.#waiters) waiter.reject(error);
    this.#waiters.clear();
  }
}

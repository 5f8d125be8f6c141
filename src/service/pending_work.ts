// PendingWork: promises that a stopping service waits for. Runtime neutral.

import type { Clock } from "../clock.ts";

/** What `stop()` waits for: dials under way, and `onClose` handlers that returned a promise. */
export class PendingWork {
  readonly #promises = new Set<PromiseLike<unknown>>();

  /** Adds a promise until it settles, and gives it back. */
  track<Result>(promise: Promise<Result>): Promise<Result> {
    this.#promises.add(promise);
    const forget = () => this.#promises.delete(promise);
    promise.then(forget, forget);
    return promise;
  }

  /** Waits for all of them, but no longer than `mostMs`. */
  async settle(clock: Clock, mostMs: number): Promise<void> {
    if (this.#promises.size === 0) return;
    const timeout = Promise.withResolvers<void>();
    const timer = clock.setTimer(timeout.resolve, mostMs);
    await Promise.race([Promise.allSettled(this.#promises), timeout.promise]);
    clock.clearTimer(timer);
  }
}

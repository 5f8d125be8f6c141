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

  /** Waits for all of them, but no longer than to a time of the clock. */
  async settle(clock: Clock, deadlineMs: number): Promise<void> {
    if (this.#promises.size > 0) await settlesBy(clock, Promise.allSettled(this.#promises), deadlineMs);
  }
}

/** Waits for a promise that does not reject, but no longer than to a time of the clock; says whether it settled. */
export async function settlesBy(clock: Clock, promise: Promise<unknown>, deadlineMs: number): Promise<boolean> {
  const timeout = Promise.withResolvers<boolean>();
  const timer = clock.setTimer(() => timeout.resolve(false), Math.max(0, deadlineMs - clock.now()));
  const hasSettled = await Promise.race([promise.then(() => true), timeout.promise]);
  clock.clearTimer(timer);
  return hasSettled;
}

// Waiting: waits for a condition with a time limit; checks it again at each call of look(). Runtime neutral.

import { nextTurn } from "../../defer.ts";

/** Far above what any case takes on a busy machine: only a failure waits so long. */
export const DEFAULT_TIMEOUT_MS = 30_000;

/** Waits until something is true. */
export class Waiting {
  readonly #timeoutMs: number;
  readonly #looks = new Set<() => void>();

  constructor(timeoutMs: number = DEFAULT_TIMEOUT_MS) {
    this.#timeoutMs = timeoutMs;
  }

  /** Checks all conditions again. */
  look(): void {
    for (const look of [...this.#looks]) look();
  }

  /** Resolves when `isTrue` answers true at a look; rejects when it takes too long. */
  until(what: string, isTrue: () => boolean): Promise<void> {
    if (isTrue()) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = () => {
      if (!isTrue()) return;
      this.#looks.delete(look);
      resolve();
    };
    this.#looks.add(look);
    return withTimeout(promise, what, this.#timeoutMs);
  }
}

/** Gives what the promise gives, or rejects after a time limit. */
export async function withTimeout<Result>(
  promise: Promise<Result>,
  what: string,
  timeoutMs: number = DEFAULT_TIMEOUT_MS,
): Promise<Result> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const error = new Error(`Cannot pass as this must come within ${timeoutMs} ms: ${what}`);
  const timer = setTimeout(() => reject(error), timeoutMs);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves in the next turn of the event loop. */
export function turn(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  nextTurn(resolve);
  return promise;
}

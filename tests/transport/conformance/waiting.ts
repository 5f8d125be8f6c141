// Waiting for a state with a time limit, looked at again whenever something happened. Runtime neutral.

/** Far above what any case takes on a busy machine: only a failure waits so long. */
const LIMIT_MS = 30_000;

/** Waits until something is true. */
export class Waiting {
  readonly #looks = new Set<() => void>();

  /** Looks again: something happened. */
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
    return withTimeout(promise, what);
  }
}

/** Gives what the promise gives, or rejects after a time limit. */
export async function withTimeout<Result>(promise: Promise<Result>, what: string): Promise<Result> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const error = new Error(`Waited ${LIMIT_MS} ms for ${what}`);
  const timer = setTimeout(() => reject(error), LIMIT_MS);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

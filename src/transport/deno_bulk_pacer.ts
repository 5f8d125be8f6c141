// BulkPacer: makes heavy talkers pause under Deno, so that others are heard. Deno only.

/** A read of this much may be one of many for which the data waits already. */
const BULK_BYTES = 16_384;
/** What heavy talkers may read until they pause: a fifth of a millisecond's work. */
const BYTES_A_TURN = 524_288;
/** For one that is alone only new connections and timers wait. */
const BYTES_ALONE = 16_777_216;
/** While something is always ready, Deno looks for other sockets every 61 turns; a turn with nothing to do takes 1 us. */
const TURNS = 64;

/**
 * A read for which data waits completes without a trip through the event loop, so a connection that is sent more than it can
 * take would never let Deno look at the other sockets. After so many bytes all such readers wait until it has looked.
 */
export class BulkPacer {
  #bytes = 0;
  #turnsLeft = 0;
  #waiting: (() => void)[] = [];
  readonly #turn = () => this.#handleTurn();

  /** A read brought `bytes`; the promise, if any, resolves when the next may begin. */
  take(bytes: number, isAlone: boolean): Promise<void> | undefined {
    if (bytes < BULK_BYTES) return undefined;
    this.#bytes += bytes;
    if (this.#bytes < (isAlone ? BYTES_ALONE : BYTES_A_TURN)) return undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    if (this.#turnsLeft > 0) return promise;
    this.#turnsLeft = TURNS;
    deferTurn(this.#turn);
    return promise;
  }

  #handleTurn(): void {
    if (--this.#turnsLeft > 0) return deferTurn(this.#turn);
    this.#bytes = 0;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

/** Calls back in the next turn of the event loop. */
export function deferTurn(callback: () => void): void {
  // No type library of the web platform declares `setImmediate`.
  const { setImmediate } = globalThis as unknown as { setImmediate: (callback: () => void) => void };
  setImmediate(callback);
}

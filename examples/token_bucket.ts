// TokenBucket: how often something may be done, with a reserve for bursts. Sets no timers.

/** How often. */
export interface TokenBucketOptions {
  /** How many may be done at once after a rest. */
  readonly burst: number;
  /** How many in the long run. */
  readonly perSecond: number;
  /** The time in milliseconds; it never goes back. */
  readonly now?: () => number;
}

/** A bucket that holds `burst` tokens, and gets `perSecond` of them back. */
export class TokenBucket {
  readonly #burst: number;
  readonly #perMs: number;
  readonly #now: () => number;
  /** Below 0 if tokens were taken that are still to come. */
  #tokens: number;
  #lastMs: number;

  constructor({ burst, perSecond, now = () => performance.now() }: TokenBucketOptions) {
    this.#burst = burst;
    this.#perMs = perSecond / 1_000;
    this.#now = now;
    this.#tokens = burst;
    this.#lastMs = now();
  }

  /** Takes a token, even one that is still to come; returns the milliseconds until the next one is there, 0 if one is left. */
  take(): number {
    this.#refill();
    this.#tokens--;
    return Math.max(0, (1 - this.#tokens) / this.#perMs);
  }

  /** Takes a token if there is one; false if there is none. */
  tryTake(): boolean {
    this.#refill();
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }

  #refill(): void {
    const nowMs = this.#now();
    this.#tokens = Math.min(this.#burst, this.#tokens + (nowMs - this.#lastMs) * this.#perMs);
    this.#lastMs = nowMs;
  }
}

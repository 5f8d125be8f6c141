// TokenBucket: limits how often something happens, to a rate with bursts. Runtime neutral.

/** How fast, and how much at once. */
export interface Rate {
  /** Tokens that come back in a second, more than 0. */
  readonly perSecond: number;
  /** Tokens at the most: what may be taken at once. */
  readonly burst: number;
}

/** A bucket of tokens; full at first. Sets no timer: tokens that came back are added at the next call. */
export class TokenBucket {
  #tokens: number;
  #filledMs: number;

  /** Makes a full one. */
  constructor({ burst }: Rate, nowMs: number) {
    this.#tokens = burst;
    this.#filledMs = nowMs;
  }

  /** Takes `count` tokens if there are so many; says whether there were. */
  take(rate: Rate, count: number, nowMs: number): boolean {
    this.#fill(rate, nowMs);
    if (this.#tokens < count) return false;
    this.#tokens -= count;
    return true;
  }

  /** Takes as many whole tokens as there are, but not more than `most`; says how many. */
  takeUpTo(rate: Rate, most: number, nowMs: number): number {
    this.#fill(rate, nowMs);
    const count = Math.max(0, Math.min(most, Math.floor(this.#tokens)));
    this.#tokens -= count;
    return count;
  }

  /** Takes tokens back that were taken and not used. */
  giveBack({ burst }: Rate, count: number): void {
    this.#tokens = Math.min(burst, this.#tokens + count);
  }

  /**
   * Takes tokens even if they are not there yet: the count goes below 0.
   *
   * @returns Milliseconds until the tokens are there; 0 if they are.
   */
  borrow(rate: Rate, count: number, nowMs: number): number {
    this.#fill(rate, nowMs);
    this.#tokens -= count;
    return this.#tokens >= 0 ? 0 : Math.ceil((-this.#tokens / rate.perSecond) * 1_000);
  }

  #fill({ perSecond, burst }: Rate, nowMs: number): void {
    this.#tokens = Math.min(burst, this.#tokens + ((nowMs - this.#filledMs) / 1_000) * perSecond);
    this.#filledMs = nowMs;
  }
}

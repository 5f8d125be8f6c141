// ReasonCounts: a counter for each reason, of which an application may make any number. Runtime neutral.

/** Reasons with a counter each: an application may by mistake make a reason of each address, or of each message. */
const MOST_REASONS = 64;

/** Counts by reason; once there are 64 reasons, further ones count as `"other"`. */
export class ReasonCounts {
  readonly #counts = new Map<string, number>();

  /** Counts one. */
  count(reason: string): void {
    const counted = this.#counts.has(reason) || this.#counts.size < MOST_REASONS ? reason : "other";
    this.#counts.set(counted, (this.#counts.get(counted) ?? 0) + 1);
  }

  /** Gives the counts. */
  snapshot(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }
}

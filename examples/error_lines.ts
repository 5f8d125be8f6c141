// ErrorLines: a line for each fault that a peer can cause, so few that nobody can fill a disk with them.

import { TokenBucket } from "./token_bucket.ts";

/** Where lines go, and whose time counts. */
export interface ErrorLinesOptions {
  readonly print?: (line: string) => void;
  readonly now?: () => number;
}

/** Prints to the error output twenty lines at once and then one a second; of the others it tells the number. */
export class ErrorLines {
  readonly #print: (line: string) => void;
  readonly #limit: TokenBucket;
  #leftOut = 0;

  constructor({ print = console.error, now }: ErrorLinesOptions = {}) {
    this.#print = print;
    this.#limit = new TokenBucket({ burst: 20, perSecond: 1, now });
  }

  /** Prints a line, or counts it. */
  add(line: string): void {
    if (!this.#limit.tryTake()) {
      this.#leftOut++;
      return;
    }
    this.#print(this.#leftOut === 0 ? line : `${line} (${this.#leftOut} more before it)`);
    this.#leftOut = 0;
  }
}

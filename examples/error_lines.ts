// ErrorLines: prints a line for each fault that a peer can cause, with a limit, so that peers cannot fill a disk.

import { TokenBucket } from "./token_bucket.ts";

/** Where lines go, and the clock, in milliseconds. */
export interface ErrorLinesOptions {
  readonly print?: (line: string) => void;
  readonly now?: () => number;
}

/** Prints up to twenty lines at once, then one a second, to the error output; of the others only their number. */
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

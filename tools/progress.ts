// Lines on the console that say what goes on, with one at least every ten seconds. Deno only.

import { formatSeconds } from "./run.ts";

/** After so long without a line one says what is under way. */
const SILENCE_MS = 10_000;

/** Prints lines, and what is under way when none came for a while. Dispose of it at the end. */
export class Progress implements Disposable {
  readonly #startMs = performance.now();
  /** What is being done, in a few words. */
  underway: string;
  readonly #timer: ReturnType<typeof setInterval>;
  #lastMs = this.#startMs;

  constructor(underway: string) {
    this.underway = underway;
    this.#timer = setInterval(() => this.#look(), SILENCE_MS / 10);
  }

  /** Prints a line. */
  say(line: string): void {
    this.#lastMs = performance.now();
    console.log(line);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const nowMs = performance.now();
    if (nowMs - this.#lastMs < SILENCE_MS) return;
    this.say(`${this.underway} (after ${formatSeconds((nowMs - this.#startMs) / 1000)})`);
  }
}

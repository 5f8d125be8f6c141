// ProgressLine: one line that is written over in a terminal, and a line now and then elsewhere.

import process from "node:process";

/** How often the line is renewed where it cannot be written over. */
const LOG_INTERVAL_MS = 1_000;
const TERMINAL_INTERVAL_MS = 100;

/** Shows how far something is, until it is closed. */
export class ProgressLine {
  readonly #text: () => string;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #isTerminal = process.stdout.isTTY === true;

  constructor(text: () => string) {
    this.#text = text;
    this.#timer = setInterval(() => this.#show(), this.#isTerminal ? TERMINAL_INTERVAL_MS : LOG_INTERVAL_MS);
  }

  /** Stops, and clears the line. */
  close(): void {
    clearInterval(this.#timer);
    if (this.#isTerminal) process.stdout.write("\r\x1b[K");
  }

  #show(): void {
    if (this.#isTerminal) process.stdout.write(`\r\x1b[K${this.#text()}`);
    else console.log(this.#text());
  }
}

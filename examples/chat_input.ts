// ChatInput: reads lines that a person types, and prints lines above the one that is being typed. Plain lines where
// input or output is a pipe.

import process from "node:process";
import { clearScreenDown, createInterface, cursorTo, type Interface, moveCursor } from "node:readline";

/** What happens to the input. */
export interface ChatInputHandlers {
  /** A line was entered. */
  readonly onLine: (line: string) => void;
  /** The input is at its end: Ctrl-D, Ctrl-C, or the end of a pipe. */
  readonly onEnd: () => void;
}

/** The input line of a chat. */
export class ChatInput {
  readonly #lines: Interface;
  readonly #isTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
  #isPrompted = false;
  #isClosed = false;

  constructor({ onLine, onEnd }: ChatInputHandlers) {
    const output = this.#isTerminal ? process.stdout : undefined;
    this.#lines = createInterface({ input: process.stdin, output, terminal: this.#isTerminal, prompt: "> " });
    this.#lines.on("line", (line) => {
      this.#isPrompted = false;
      onLine(line);
      this.#prompt();
    });
    this.#lines.on("SIGINT", () => this.close());
    this.#lines.on("close", () => {
      this.#isClosed = true;
      if (this.#isPrompted) process.stdout.write("\n");
      onEnd();
    });
    this.#prompt();
  }

  /** Prints a line; what is being typed moves down, and the cursor stays where it was in it. */
  print(text: string): void {
    if (!this.#isTerminal || this.#isClosed) return console.log(text);
    const { rows } = this.#lines.getCursorPos();
    moveCursor(process.stdout, 0, -rows);
    cursorTo(process.stdout, 0);
    clearScreenDown(process.stdout);
    // readline redraws the prompt above the cursor by the rows of the input, as it does not know of the line that was printed.
    process.stdout.write(`${text}\n${"\n".repeat(rows)}`);
    this.#lines.prompt(true);
  }

  /** Takes no lines until `resume()`. */
  pause(): void {
    this.#lines.pause();
  }

  resume(): void {
    if (!this.#isClosed) this.#lines.resume();
  }

  /** Ends the input, and leaves the terminal as it was. May be called twice. */
  close(): void {
    if (!this.#isClosed) this.#lines.close();
  }

  #prompt(): void {
    if (!this.#isTerminal || this.#isClosed) return;
    this.#isPrompted = true;
    this.#lines.prompt();
  }
}

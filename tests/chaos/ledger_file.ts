// The ledger of a process that may be killed at any moment: a file to which each line is written before what it claims can be seen
// by anybody else. Runtime neutral.

import { closeSync, existsSync, openSync, readSync, writeSync } from "node:fs";

/** Writes a ledger. */
export class LedgerWriter {
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, "a");
  }

  /** Writes a line; a process that is killed right after has written it. */
  note(...words: readonly (string | number)[]): void {
    writeSync(this.#file, `${words.join(" ")}\n`);
  }
}

/** Reads a ledger that grows. */
export class LedgerReader implements Disposable {
  readonly #path: string;
  readonly #chunk = new Uint8Array(65_536);
  readonly #decoder = new TextDecoder();
  #file: number | undefined = undefined;
  #rest = "";

  constructor(path: string) {
    this.#path = path;
  }

  /** Gives the whole lines that have come since the last call. */
  read(): string[] {
    if (this.#file === undefined && !existsSync(this.#path)) return [];
    this.#file ??= openSync(this.#path, "r");
    let text = this.#rest;
    for (let count = 1; count > 0;) {
      count = readSync(this.#file, this.#chunk, 0, this.#chunk.length, null);
      text += this.#decoder.decode(this.#chunk.subarray(0, count), { stream: true });
    }
    const lines = text.split("\n");
    this.#rest = lines.pop() ?? "";
    return lines;
  }

  [Symbol.dispose](): void {
    if (this.#file !== undefined) closeSync(this.#file);
  }
}

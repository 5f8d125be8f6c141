// Runs a script in a process of the same runtime, and talks with it in lines. Runtime neutral.

import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Waiting } from "../../../src/testing/conformance/waiting.ts";

/** What the script is run with. */
export interface ChildOptions {
  /** Arguments of the script. */
  readonly arguments: readonly string[];
  /** Most open files. */
  readonly openFiles: number;
  /**
   * Arguments of the runtime.
   *
   * @default {all rights}
   */
  readonly runtimeArguments?: readonly string[];
}

/** A child process. */
export class Child {
  /** What it has said, a line each. */
  readonly lines: string[] = [];
  readonly #process: ChildProcess;
  readonly #waiting = new Waiting();
  #rest = "";
  #hasExited = false;

  /** Starts a script of this folder. */
  constructor(script: string, options: ChildOptions) {
    const path = fileURLToPath(new URL(script, import.meta.url));
    const allRights = "Deno" in globalThis ? ["run", "--allow-all", "--no-check"] : [];
    const runtimeArguments = options.runtimeArguments ?? allRights;
    const shellScript = `ulimit -n ${options.openFiles}; exec "$0" "$@"`;
    const words = ["-c", shellScript, process.execPath, ...runtimeArguments, path, ...options.arguments];
    this.#process = spawn("sh", words, { stdio: ["pipe", "pipe", "inherit"] });
    this.#process.stdout?.on("data", (chunk: Uint8Array) => this.#read(new TextDecoder().decode(chunk)));
    this.#process.on("exit", () => {
      this.#hasExited = true;
      this.#waiting.look();
    });
  }

  /** Waits for a line that starts so, and gives what follows. */
  async line(start: string): Promise<string> {
    const find = () => this.lines.find((line) => line.startsWith(start));
    await this.#waiting.until(`line "${start}" of ${this.lines}`, () => find() !== undefined || this.#hasExited);
    const line = find();
    if (line === undefined) throw new Error(`The child process ended without line "${start}": ${this.lines}`);
    return line.slice(start.length).trim();
  }

  /** Counts the lines that start so. */
  count(start: string): number {
    return this.lines.filter((line) => line.startsWith(start)).length;
  }

  /** Says something to it. */
  say(line: string): void {
    this.#process.stdin?.write(`${line}\n`);
  }

  /** Kills it, and waits until it is gone. */
  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#waiting.until("the child process to end", () => this.#hasExited);
  }

  #read(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    this.lines.push(...lines);
    this.#waiting.look();
  }
}

// Runs an example in a process of any runtime that there is. Runtime neutral.

import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { Waiting } from "../../src/testing/conformance/waiting.ts";

/** A runtime, as tools/test.ts hands it to the tests in LASTER_RUNTIMES. */
export interface TestRuntime {
  readonly name: "deno" | "bun" | "node";
  readonly command: string;
}

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const RUN_ARGUMENTS = { deno: ["run", "--no-check", "--allow-net"], bun: ["run"], node: [] } as const;

/** The runtime of this process. */
export function ownRuntime(): TestRuntime {
  const others = "Bun" in globalThis ? "bun" : "node";
  return { name: "Deno" in globalThis ? "deno" : others, command: process.execPath };
}

/** The runtimes that an example can be run on: without the variable, this one alone. */
export function runtimesHere(): readonly TestRuntime[] {
  const text = process.env.LASTER_RUNTIMES;
  return text === undefined || text === "" ? [ownRuntime()] : JSON.parse(text) as readonly TestRuntime[];
}

/** Another runtime, if there is one: the next, so that in a run of several each serves one other. */
export function nextRuntime(): TestRuntime {
  const all = runtimesHere();
  const own = all.findIndex(({ name }) => name === ownRuntime().name);
  return all[(own + 1) % all.length];
}

/** An example that runs; when disposed of, it is ended. */
export class Program implements AsyncDisposable {
  /** What it has printed, both streams. */
  output = "";
  readonly #child: ChildProcess;
  readonly #waiting = new Waiting();
  #code: number | null | undefined = undefined;

  /** Starts an example of the folder; on Deno it may use the network, and what `rights` say. */
  constructor(runtime: TestRuntime, file: string, options: readonly string[], rights: readonly string[] = []) {
    const own = runtime.name === "deno" ? rights : [];
    const words = [...RUN_ARGUMENTS[runtime.name], ...own, `examples/${file}`, ...options];
    const env = { ...process.env, NO_COLOR: "1" };
    this.#child = spawn(runtime.command, words, { cwd: ROOT, env, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on("data", (chunk: Uint8Array) => {
        this.output += new TextDecoder().decode(chunk);
        this.#waiting.look();
      });
    }
    // Once all that it printed is here, and not at its exit.
    this.#child.on("close", (code) => {
      this.#code = code;
      this.#waiting.look();
    });
  }

  /** Waits for the line that says where a server listens. */
  async port(): Promise<string> {
    const find = () => /^listening on .*:(\d+)\r?$/m.exec(this.output)?.[1];
    await this.#waiting.until("a server to listen", () => find() !== undefined || this.#code !== undefined);
    const port = find();
    if (port === undefined) throw new Error(`The server ended with ${this.#code}: ${this.output}`);
    return port;
  }

  /** Waits for its end and gives the exit code; null if a signal ended it. */
  async exit(): Promise<number | null> {
    await this.#waiting.until(`the end of a program that said ${this.output}`, () => this.#code !== undefined);
    return this.#code ?? null;
  }

  /** Asks it to stop, and gives the exit code. */
  stop(): Promise<number | null> {
    // Not by `kill()` of the child: with that, Deno says that a signal ended it, whatever its exit code was.
    if (this.#child.pid !== undefined) process.kill(this.#child.pid, "SIGTERM");
    return this.exit();
  }

  /** Ends it at once, as a machine that fails, and gives the exit code. */
  kill(): Promise<number | null> {
    if (this.#code === undefined) this.#child.kill("SIGKILL");
    return this.exit();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

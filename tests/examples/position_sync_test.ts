// The position sync example, in a process of its own on the same runtime.

import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { within } from "../support.ts";

const PATH = fileURLToPath(new URL("../../examples/position_sync.ts", import.meta.url));

test("position_sync brings everybody the newest positions and says so", async () => {
  await using run = new ExampleRun(["--seconds", "2", "--bots", "20"]);
  assertEquals([await run.code, run.errors], [0, ""]);
  assertStringIncludes(run.output, "players     20, 5 of them slow");
  assertStringIncludes(run.output, "everybody knows where everybody is");
});

test("position_sync works with the fewest players, all of them slow", async () => {
  await using run = new ExampleRun(["--seconds", "1", "--bots", "2", "--rate", "120", "--slow", "1000"]);
  assertEquals([await run.code, run.errors], [0, ""]);
  assertStringIncludes(run.output, "players     2, 2 of them slow");
});

test("position_sync ends in order on a signal", { skip: process.platform === "win32" && "no signals" }, async () => {
  await using run = new ExampleRun(["--seconds", "0", "--bots", "20"]);
  await run.said("a world on");
  run.kill("SIGTERM");
  assertEquals([await run.code, run.errors], [0, ""]);
  assertStringIncludes(run.output, "players     20, 5 of them slow");
});

test("position_sync refuses a bad argument", async () => {
  for (
    const words of [["--bots", "1"], ["--rate", "121"], ["--slow", "-1"], ["--seconds", "x"], ["--no-such-option"]]
  ) {
    await using run = new ExampleRun(words);
    assertEquals(await run.code, 2, words.join(" "));
    assertStringIncludes(run.errors, "expected:");
  }
});

/** One run of the example; killed when it is disposed of, should it still be there. */
class ExampleRun implements AsyncDisposable {
  output = "";
  errors = "";
  readonly #process: ChildProcess;
  readonly #code = Promise.withResolvers<number | null>();
  /** Looks at what was said so far. */
  #onOutput: () => void = () => {};

  constructor(words: readonly string[]) {
    const runtimeWords = "Deno" in globalThis ? ["run", "--allow-net", "--no-check"] : [];
    this.#process = spawn(process.execPath, [...runtimeWords, PATH, ...words], { stdio: ["ignore", "pipe", "pipe"] });
    this.#process.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.output += text;
      this.#onOutput();
    });
    this.#process.stderr?.setEncoding("utf8").on("data", (text: string) => this.errors += text);
    this.#process.on("error", this.#code.reject);
    this.#process.on("close", (code) => {
      this.#code.resolve(code);
      this.#onOutput();
    });
  }

  /** The exit code, once all was read; null if a signal ended it. */
  get code(): Promise<number | null> {
    return within(this.#code.promise, "the example to end");
  }

  /** Waits for a text in the output. */
  async said(text: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onOutput = () => {
      if (this.output.includes(text)) resolve();
    };
    this.#onOutput();
    await within(Promise.race([promise, this.#code.promise]), `"${text}"`);
  }

  /** Sends a signal. Not by the child's own `kill()`: Deno then gives the signal as its end, whatever its exit code was. */
  kill(signal: "SIGTERM" | "SIGKILL"): void {
    const { pid, exitCode, signalCode } = this.#process;
    if (pid !== undefined && exitCode === null && signalCode === null) process.kill(pid, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill("SIGKILL");
    await this.code;
  }
}

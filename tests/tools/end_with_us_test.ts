// What tools start does not outlive them when a signal ends them.

import { spawn } from "node:child_process";
import process from "node:process";
import test from "node:test";
import { assert } from "@std/assert";
import { runtimesHere } from "../examples/program.ts";
import { until } from "../support.ts";

const deno = runtimesHere().find(({ name }) => name === "deno");
const skip = deno === undefined || process.platform === "win32" ? "needs Deno, and signals" : false;

/** Starts a program that nothing but a signal ends, says its id, and waits. */
const TOOL = `
  import { endWithUs, start } from "./tools/run.ts";
  const child = endWithUs(start(Deno.execPath(), ["eval", "setInterval(() => {}, 1000)"], "piped"));
  console.log("child " + child.pid);
  setInterval(() => {}, 1_000);
`;

for (const [signal, code] of [["SIGTERM", 143], ["SIGINT", 130]] as const) {
  test(`endWithUs() ends a child when ${signal} ends its parent`, { skip }, async () => {
    const tool = spawn(deno?.command ?? "", ["eval", TOOL], { stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    tool.stdout.on("data", (chunk: Uint8Array) => output += new TextDecoder().decode(chunk));
    await until(() => /^child \d+$/m.test(output), "a child");
    const pid = Number(/^child (\d+)$/m.exec(output)?.[1]);
    assert(isThere(pid));
    tool.kill(signal);
    const exit = await new Promise((resolve) => tool.on("exit", (code, signal) => resolve(code ?? signal)));
    assert(exit === code || exit === signal, `${exit}`); // Deno takes a code above 128 for the signal.
    await until(() => !isThere(pid), "the child's end");
  });
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

// The code of docs/getting-started.md, run as it is printed, but for the port: the server, the client and the test.

import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { assert, assertEquals } from "@std/assert";
import { serve } from "@laster/net";
import { until } from "../support.ts";
import { ownRuntime } from "../examples/program.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const RUN = { deno: ["run", "--no-check", "--allow-net"], bun: ["run"], node: [] } as const;
const TEST = { deno: ["test", "--no-check"], bun: ["test"], node: ["--test"] } as const;

/** The files of the page: a name in backticks, and the code behind it. */
async function readFiles(): Promise<ReadonlyMap<string, string>> {
  const page = await readFile(join(ROOT, "docs/getting-started.md"), "utf8");
  const files = page.matchAll(/^`(\w+\.ts)`[^\n]*\n\n(?:[^`\n]+\n+)?```ts\n(.*?)^```$/gms);
  return new Map([...files].map(([, name, code]) => [name, code]));
}

/** A port that is free now. */
async function freePort(): Promise<number> {
  await using service = await serve({ hostname: "127.0.0.1", port: 0 });
  return service.port ?? 0;
}

interface Run {
  output: string;
  readonly code: Promise<number | null>;
  kill(): void;
}

function start(words: readonly string[]): Run {
  const child = spawn(ownRuntime().command, words, { cwd: ROOT, env: { ...process.env, NO_COLOR: "1" } });
  const run: Run = {
    output: "",
    code: new Promise((resolve) => child.on("close", resolve)),
    kill: () => void child.kill("SIGKILL"),
  };
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Uint8Array) => run.output += new TextDecoder().decode(chunk));
  }
  return run;
}

test("docs/getting-started.md: the server, the client and the test do what the page says", async () => {
  const files = await readFiles();
  assertEquals([...files.keys()], ["server.ts", "client.ts", "echo_test.ts"]);
  // Inside of the package, where its own name leads to its source.
  const folder = await mkdtemp(join(ROOT, "tests/docs/run-"));
  const { name } = ownRuntime();
  const port = `${await freePort()}`;
  try {
    for (const [file, code] of files) await writeFile(join(folder, file), code.replaceAll("11110", port));
    const server = start([...RUN[name], join(folder, "server.ts")]);
    try {
      await until(() => server.output.includes(`listening on ${port}`), `the server: ${server.output}`);
      const client = start([...RUN[name], join(folder, "client.ts")]);
      assertEquals([await client.code, client.output.trim()], [0, "hello"]);
    } finally {
      server.kill();
      await server.code;
    }
    const alone = start([...RUN[name], join(folder, "client.ts")]);
    assert(await alone.code !== 0);
    assert(alone.output.includes(`ConnectError: Cannot connect to 127.0.0.1:${port} as the connection was refused`));
    const tested = start([...TEST[name], join(folder, "echo_test.ts")]);
    assertEquals(await tested.code, 0, tested.output);
  } finally {
    await rm(folder, { recursive: true });
  }
});

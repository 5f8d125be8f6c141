// docs/getting-started.md, done as it is printed in an empty folder: its commands and its code, but for the port, and with this
// checkout in the place of the published package.

import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import process from "node:process";
import test from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { assert, assertEquals } from "@std/assert";
import { serve } from "@laster/net";
import { until, within } from "../support.ts";
import { ownRuntime } from "../examples/program.ts";
import { TemporaryFolder } from "../temporary_folder.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const TITLES = { deno: "Deno", bun: "Bun", node: "Node" } as const;
/** What takes this checkout instead of the published package; on Deno a map of imports does. */
const ADD = {
  deno: undefined,
  bun: ["bun", "add", ROOT],
  node: ["npm", "install", "--no-audit", "--no-fund", ROOT],
} as const;
const SLOW_MS = 60_000;

/** What the page says, for one runtime. */
interface Page {
  readonly install: readonly string[];
  readonly start: string;
  readonly test: string;
  /** By name. */
  readonly files: ReadonlyMap<string, string>;
}

async function readPage(title: string): Promise<Page> {
  const text = await readFile(`${ROOT}docs/getting-started.md`, "utf8");
  const rows = [...text.matchAll(new RegExp(`^\\| ${title}[^|]*\\|(.*)\\|$`, "gm"))];
  const [install, start, run] = rows.map(([, cell]) => [...cell.matchAll(/`([^`]+)`/g)].map(([, command]) => command));
  const files = text.matchAll(/^`(\w+\.ts)`[^\n]*\n\n(?:[^`\n]+\n+)?```ts\n(.*?)^```$/gms);
  return { install, start: start[0], test: run[0], files: new Map([...files].map(([, name, code]) => [name, code])) };
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

/** Starts a command in a folder. The runtime that this test runs on is meant by its name. */
function start(words: readonly string[], cwd: string): Run {
  const { command, name } = ownRuntime();
  const [program, ...rest] = words;
  const environment = { ...process.env, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" };
  const child = spawn(program === name ? command : program, rest, { cwd, env: environment });
  const run: Run = {
    output: "",
    code: new Promise((resolve, reject) => child.on("close", resolve).on("error", reject)),
    kill: () => void child.kill("SIGKILL"),
  };
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Uint8Array) => run.output += new TextDecoder().decode(chunk));
  }
  return run;
}

async function succeed(words: readonly string[], cwd: string): Promise<string> {
  const run = start(words, cwd);
  assertEquals(await within(run.code, words.join(" "), SLOW_MS), 0, `${words.join(" ")}: ${run.output}`);
  return run.output;
}

/** Does what the page says under "Install". */
async function install(commands: readonly string[], folder: string): Promise<void> {
  const add = ADD[ownRuntime().name];
  for (const command of commands) {
    const isPublished = command.includes("@laster/net");
    if (!isPublished) await succeed(command.split(" "), folder);
    else if (add !== undefined) await succeed(add, folder);
    else {
      const { exports } = JSON.parse(await readFile(`${ROOT}deno.json`, "utf8")) as { exports: Record<string, string> };
      const imports = Object.entries(exports)
        .map(([name, path]) => [`@laster/net${name.slice(1)}`, new URL(path, pathToFileURL(ROOT)).href]);
      await writeFile(`${folder}/deno.json`, JSON.stringify({ imports: Object.fromEntries(imports) }));
    }
  }
}

test("docs/getting-started.md leads from an empty folder to a server, a client and a test", async () => {
  using temporary = new TemporaryFolder();
  const folder = temporary.path;
  const { name } = ownRuntime();
  const page = await readPage(TITLES[name]);
  assertEquals([...page.files.keys()], ["server.ts", "client.ts", "echo_test.ts"]);
  await install(page.install, folder);
  // Bun brings what a folder needs for its own tests as well, which a published package has not.
  if (name === "node") {
    const installed = readdirSync(`${folder}/node_modules`).filter((entry) => !entry.startsWith("."));
    assertEquals(installed, ["@laster"], "an install brings one package");
    assertEquals(readdirSync(`${folder}/node_modules/@laster`), ["net"]);
  }
  const port = `${await freePort()}`;
  for (const [file, code] of page.files) await writeFile(`${folder}/${file}`, code.replaceAll("11110", port));
  const startWords = page.start.split(" ");
  const clientWords = startWords.map((word) => word === "server.ts" ? "client.ts" : word);

  const server = start(startWords, folder);
  try {
    await until(() => server.output.includes(`listening on ${port}`), `the server listens: ${server.output}`);
    assertEquals((await succeed(clientWords, folder)).trim().split("\n").at(-1), "hello");
  } finally {
    server.kill();
    await server.code;
  }
  const alone = start(clientWords, folder);
  assert(await within(alone.code, "the client to fail", SLOW_MS) !== 0);
  assert(alone.output.includes(`ConnectError: Cannot connect to 127.0.0.1:${port} as the connection was refused`));
  await succeed(page.test.split(" "), folder);
});

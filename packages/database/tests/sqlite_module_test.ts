// The module of sqliteDriver()'s thread is found wherever the package is: as it is, compiled, and on Deno from the network.

import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { assertEquals } from "@std/assert";
import { ownRuntime } from "../../../tests/examples/program.ts";
import { within } from "../../../tests/support.ts";
import { TemporaryFolder } from "../../../tests/temporary_folder.ts";

const SOURCE = fileURLToPath(new URL("../src/", import.meta.url));
const RUNTIME = ownRuntime();

/** What is used of the compiler, which only npm knows by this name. */
interface TypeScript {
  readonly ScriptTarget: { readonly ES2024: number };
  readonly ModuleKind: { readonly ESNext: number };
  transpileModule(text: string, options: { readonly compilerOptions: object }): { readonly outputText: string };
}

/** Asks one query without the rest of the package, which would need its dependencies. */
const program = (module: string) => `
import { sqliteDriver } from ${JSON.stringify(module)};
const driver = sqliteDriver({ path: ":memory:" });
const connection = await driver.connect();
console.log(JSON.stringify(await driver.query(connection, "select $1 as answer", [42])));
await driver.close(connection);
`;

/** Runs a program with this runtime, and gives what it printed. */
async function run(path: string, variables: Record<string, string> = {}): Promise<string> {
  const words = RUNTIME.name === "deno" ? ["run", "-A", "--no-check"] : [];
  const env = { ...process.env, NO_COLOR: "1", ...variables };
  const child = spawn(RUNTIME.command, [...words, path], { env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Uint8Array) => output += new TextDecoder().decode(chunk));
  }
  await within(new Promise((resolve) => child.on("close", resolve)), "the program to end");
  return output;
}

test("sqliteDriver() runs compiled", async () => {
  const typescript = createRequire(import.meta.url)("typescript-5.9") as TypeScript;
  using folder = new TemporaryFolder();
  mkdirSync(folder.file("src"));
  writeFileSync(folder.file("package.json"), `{ "type": "module" }`);
  const compilerOptions = {
    target: typescript.ScriptTarget.ES2024,
    module: typescript.ModuleKind.ESNext,
    verbatimModuleSyntax: true,
    rewriteRelativeImportExtensions: true,
  };
  for (const name of readdirSync(SOURCE)) {
    const { outputText } = typescript.transpileModule(readFileSync(SOURCE + name, "utf8"), { compilerOptions });
    writeFileSync(folder.file(`src/${name.replace(".ts", ".js")}`), outputText);
  }
  writeFileSync(folder.file("main.js"), program("./src/sqlite_driver.js"));
  assertEquals(await run(folder.file("main.js")), '[{"answer":42}]\n');
});

const skip = RUNTIME.name === "deno" ? false : "only Deno loads modules from the network";
test("sqliteDriver() runs from the network", { skip }, async () => {
  using folder = new TemporaryFolder();
  const server = createServer((request, response) => {
    const name = request.url?.slice(1) ?? "";
    response.setHeader("content-type", "application/typescript");
    response.end(name === "main.ts" ? program("./sqlite_driver.ts") : readFileSync(SOURCE + name));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const output = await run(`http://127.0.0.1:${port}/main.ts`, { DENO_DIR: folder.path });
    assertEquals(output.split("\n").filter((line) => !line.startsWith("Download")), ['[{"answer":42}]', ""]);
  } finally {
    server.close();
  }
});

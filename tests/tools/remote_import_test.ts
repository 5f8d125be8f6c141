// The packages as Deno loads them from JSR: over HTTP, so that no module's URL is that of a file. What packages import by name
// is rewritten as `deno publish` does. On Deno only, as the others load files alone.

import { execFile } from "node:child_process";
import { readdirSync, readFileSync, symlinkSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { assertEquals } from "@std/assert";
import { serveHttp } from "@laster/net/http";
import { TemporaryFolder } from "../temporary_folder.ts";

interface Config {
  readonly name: string;
  readonly exports: string | Readonly<Record<string, string>>;
  readonly imports?: Readonly<Record<string, string>>;
}

const ROOT = new URL("../../", import.meta.url);
const FOLDERS = ["", "tools/std/bytes/", ...readdirSync(new URL("packages/", ROOT)).map((name) => `packages/${name}/`)];
const skip = "Deno" in globalThis ? false : "only Deno loads modules over HTTP";

/** By what modules import, its path on the server, or its npm: specifier. */
function readSpecifiers(): Map<string, string> {
  const specifiers = new Map<string, string>();
  for (const folder of FOLDERS) {
    const { name, exports, imports = {} } = JSON.parse(
      readFileSync(new URL(`${folder}deno.json`, ROOT), "utf8"),
    ) as Config;
    for (const [imported, target] of Object.entries(imports)) {
      if (target.startsWith("npm:")) specifiers.set(imported, target);
    }
    for (const [path, file] of Object.entries(typeof exports === "string" ? { ".": exports } : exports)) {
      specifiers.set(`${name}${path.slice(1)}`, `/${folder}${file.slice(2)}`);
    }
  }
  return specifiers;
}

test("every package can be imported over HTTP", { skip }, async () => {
  const specifiers = readSpecifiers();
  await using server = await serveHttp(({ url }) => {
    const source = readFileSync(new URL(new URL(url).pathname.slice(1), ROOT), "utf8");
    const code = source.replaceAll(
      /(?<=^(?:import|export|\}).* from |^import )"([^"./][^"]*)"/gm,
      (_whole, name: string) => JSON.stringify(specifiers.get(name) ?? name),
    );
    return new Response(code, { headers: { "content-type": "text/typescript" } });
  }, { port: 0 });
  using folder = new TemporaryFolder();
  symlinkSync(fileURLToPath(new URL("node_modules", ROOT)), folder.file("node_modules"));
  const paths = [...specifiers].filter(([name]) => name.startsWith("@laster/")).map(([, path]) => path);
  const script = paths.map((path) => `await import("http://127.0.0.1:${server.port}${path}");`).join("\n");
  const { stdout } = await promisify(execFile)(process.execPath, [
    "eval",
    "--node-modules-dir=manual",
    `${script}\nconsole.log("all are there");`,
  ], { cwd: folder.path, env: { ...process.env, DENO_DIR: folder.path, NO_COLOR: "1" } }); // Keeps no modules of other runs.
  assertEquals(stdout, "all are there\n");
});

// The lint plugin on small sources. `Deno.lint.runPlugin` is Deno's alone, and there in tests only.

import { assertEquals } from "@std/assert";
import { resolve } from "node:path";
import { test } from "node:test";
import plugin from "../../tools/lint/plugin.ts";

const skip = "Deno" in globalThis ? false : "Deno.lint.runPlugin is on Deno only";

/** The rules that `source` breaks as the file `path`, without the plugin's name. */
function brokenRules(path: string, source: string): string[] {
  return Deno.lint.runPlugin(plugin, resolve(path), source).map(({ id }) => id.replace("laster/", ""));
}

/** Checks that `source` breaks just `rule` in each of the files, or none. */
function assertBroken(rule: string | undefined, source: string, ...paths: string[]): void {
  for (const path of paths) assertEquals(brokenRules(path, source), rule === undefined ? [] : [rule], path);
}

test("layers: an import of a lower layer or the same folder is fine", { skip }, () => {
  assertBroken(undefined, 'import { x } from "../buffer/x.ts";', "src/codec/raw.ts", "src/testing/mod.ts");
  assertBroken(
    undefined,
    'import { x } from "./x.ts";',
    "src/errors.ts",
    "src/session/session.ts",
    "src/metrics/mod.ts",
  );
  assertBroken(undefined, 'import { x } from "../service/x.ts";', "src/testing/mod.ts", "src/metrics/mod.ts");
  assertBroken(undefined, 'import { x } from "./clock.ts";', "src/errors.ts");
  assertBroken(undefined, 'export { x } from "./src/service/x.ts";', "mod.ts");
});

test("layers: an import upwards is refused, in every form", { skip }, () => {
  const path = "src/codec/raw.ts";
  assertBroken("layers", 'import { x } from "../session/x.ts";', path, "src/buffer/a.ts", "src/transport/node.ts");
  assertBroken("layers", 'import type { X } from "../session/x.ts";', path);
  assertBroken("layers", 'export { x } from "../session/x.ts";', path);
  assertBroken("layers", 'export * from "../session/x.ts";', path);
  assertBroken("layers", 'const x = await import("../session/x.ts");', path);
  assertBroken("layers", 'let x: import("../session/x.ts").X;', path);
  assertBroken("layers", 'import { x } from "./buffer/x.ts";', "src/errors.ts");
  assertBroken("layers", 'import { x } from "../../mod.ts";', "src/service/a.ts");
  assertBroken("layers", 'import { x } from "../../tools/x.ts";', "src/service/a.ts");
});

test("layers: codec and transport, and two integrations, do not know each other", { skip }, () => {
  assertBroken("layers", 'import { x } from "../transport/x.ts";', "src/codec/raw.ts");
  assertBroken("layers", 'import { x } from "../codec/x.ts";', "src/transport/node.ts");
  assertBroken("layers", 'import { x } from "../tracing/x.ts";', "src/metrics/mod.ts", "src/testing/mod.ts");
});

test("layers: the core imports nothing from outside", { skip }, () => {
  const core = ["src/errors.ts", "src/buffer/a.ts", "src/service/a.ts", "src/testing/mod.ts", "mod.ts"];
  assertBroken("layers", 'import { concat } from "@std/bytes";', ...core);
  assertBroken("layers", 'import { assert } from "@std/assert";', ...core);
  assertBroken("layers", 'import { x } from "@laster/net";', ...core);
  assertBroken("layers", 'import { test } from "node:test";', ...core);
  assertBroken("layers", 'import { Counter } from "prom-client";', "src/metrics/mod.ts");
});

test("layers: a package imports this one by its name, and what else it likes", { skip }, () => {
  const path = "packages/config/src/a.ts";
  assertBroken(undefined, 'import { XMLParser } from "fast-xml-parser";', path, "packages/config/mod.ts");
  assertBroken(undefined, 'import { TcpService } from "@laster/net";', path);
  assertBroken(undefined, 'import { open } from "node:fs/promises";', path);
  assertBroken(undefined, 'import { x } from "./b.ts";', path);
  assertBroken("layers", 'import { x } from "../../../src/service/x.ts";', path);
  assertBroken("layers", 'import { x } from "../../metrics/mod.ts";', path);
  assertBroken(undefined, 'import { x } from "../../../tests/support.ts";', "packages/config/tests/a_test.ts");
});

test("layers: node: modules are the Node adapter's", { skip }, () => {
  const source = 'import { connect } from "node:net";';
  assertBroken(undefined, source, "src/transport/node.ts", "src/stages/a.ts", "tests/a_test.ts", "examples/a.ts");
  assertBroken("layers", source, "src/transport/bun.ts", "src/session/session.ts", "src/players/players.ts");
});

test("runtime-globals: each runtime is named in its adapter only, inside functions", { skip }, () => {
  assertBroken(undefined, "function f() { return Deno.pid; }", "src/transport/deno.ts", "tools/a.ts");
  assertBroken(undefined, "const f = () => globalThis.Bun;", "src/transport/bun.ts");
  assertBroken(
    "runtime-globals",
    "function f() { return Deno.pid; }",
    "src/transport/node.ts",
    "src/clock.ts",
    "mod.ts",
  );
  assertBroken("runtime-globals", "const f = () => globalThis.Bun;", "src/transport/deno.ts");
  assertBroken("runtime-globals", 'const f = () => globalThis["Bun"];', "src/transport/deno.ts");
  assertBroken("runtime-globals", "const pid = Deno.pid;", "src/transport/deno.ts");
});

test("runtime-globals: default.ts may ask which runtime it is", { skip }, () => {
  const source = 'const f = () => "Deno" in globalThis;';
  assertBroken(undefined, source, "src/transport/default.ts");
  assertBroken("runtime-globals", source, "src/transport/memory.ts", "src/service/a.ts");
});

test("module-style: no default export, namespace import, enum, index.ts or missing extension", { skip }, () => {
  const path = "examples/a.ts";
  assertBroken("module-style", "export default 1;", path);
  assertBroken("module-style", 'import * as x from "./x.ts";', path);
  assertBroken("module-style", "enum X { A }", path);
  assertBroken("module-style", 'import { x } from "./x";', path);
  assertBroken("module-style", 'import { x } from "./x.js";', path);
  assertBroken("module-style", "export const x = 1;", "src/codec/index.ts");
  assertBroken(undefined, 'import { x } from "./x.ts"; export const y = x;', path);
});

test("file-length: a file of src has at most 400 lines", { skip }, () => {
  assertBroken(undefined, "//\n".repeat(400), "src/codec/raw.ts");
  assertBroken("file-length", "//\n".repeat(401), "src/codec/raw.ts");
  assertBroken(undefined, "//\n".repeat(401), "tests/codec/raw_test.ts");
});

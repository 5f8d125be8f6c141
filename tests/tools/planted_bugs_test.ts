// The patches of tests/mutants/: each still fits the source. `deno task mutants` says what catches them.

import test from "node:test";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { assert, assertEquals } from "@std/assert";

const rootUrl = new URL("../../", import.meta.url);
const read = (path: string) => readFileSync(fileURLToPath(new URL(path, rootUrl)), "utf8");

/** What a patch changes: for each part of a file its text before. */
function partsOf(patch: string): { readonly path: string; readonly before: string }[] {
  const parts: { path: string; before: string }[] = [];
  let path = "";
  for (const line of patch.split("\n")) {
    if (line.startsWith("+++ b/")) path = line.slice("+++ b/".length);
    else if (line.startsWith("@@ ")) parts.push({ path, before: "" });
    else if (/^[ -]/.test(line) && !line.startsWith("--- ")) {
      const part = parts.at(-1);
      if (part !== undefined) part.before += `${line.slice(1)}\n`;
    }
  }
  return parts;
}

test("each planted bug fits the source as it is", () => {
  const names = readdirSync(fileURLToPath(new URL("tests/mutants/", rootUrl))).filter((name) =>
    name.endsWith(".patch")
  );
  assert(names.length >= 25, `${names.length} planted bugs`);
  for (const name of names) {
    const parts = partsOf(read(`tests/mutants/${name}`));
    assert(parts.length > 0, `${name} changes nothing`);
    for (const { path, before } of parts) {
      assertEquals(read(path).split(before).length, 2, `${name}: its lines stand once in ${path}`);
    }
  }
});

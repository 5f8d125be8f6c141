// The pages of docs/: each piece of code that has its output below it is run, as it is printed, and must print that.

import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { assert, assertEquals } from "@std/assert";
import { within } from "../support.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** A piece of code, and what it prints. */
const PIECE = /^```ts\n(.*?)^```\n\n```text\n(.*?)^```$/gms;
/** The pages that have such code; getting-started.md has whole programs, and a test of its own. */
const PAGES = [
  "backpressure",
  "conformance",
  "from-laster40net",
  "lifecycle",
  "limits",
  "messages",
  "operating",
  "recorder",
  "rooms-and-broadcast",
  "security",
  "settings",
  "testing",
];

/** Runs a module, and gives what it printed. */
async function runModule(path: string): Promise<string> {
  const { log } = console;
  const lines: string[] = [];
  console.log = (...values: unknown[]) => void lines.push(values.join(" "));
  try {
    await within(import(pathToFileURL(path).href), "the code to end");
  } finally {
    console.log = log;
  }
  return lines.join("\n");
}

for (const page of PAGES) {
  test(`docs/${page}.md: the code prints what the page says`, async () => {
    const text = await readFile(join(ROOT, `docs/${page}.md`), "utf8");
    const pieces = [...text.matchAll(PIECE)];
    assert(pieces.length > 0, "there is code");
    assertEquals(pieces.length, [...text.matchAll(/^```ts$/gm)].length, "each piece of code has its output below it");
    // Inside of the package, where its own name leads to its source.
    const folder = await mkdtemp(join(ROOT, "tests/docs/run-"));
    try {
      for (const [index, [, code, output]] of pieces.entries()) {
        const path = join(folder, `${index}.ts`);
        await writeFile(path, code);
        assertEquals(await runModule(path), output.trimEnd(), `piece ${index + 1}`);
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });
}

test("docs/: no link leads nowhere", async () => {
  const names = (await readdir(join(ROOT, "docs"))).filter((name) => name.endsWith(".md"));
  for (const name of names) {
    const text = await readFile(join(ROOT, "docs", name), "utf8");
    for (const [, target] of text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)) {
      const isThere = await readFile(join(ROOT, "docs", target)).then(() => true, (error) => error.code === "EISDIR");
      assert(isThere, `${name} links to ${target}`);
    }
  }
});

test("docs/: a logger gets its sentence as a literal, as braces in any other text would be taken for properties", async () => {
  for (const page of PAGES) {
    const text = await readFile(join(ROOT, `docs/${page}.md`), "utf8");
    assertEquals(text.match(/\blogger\.(?:debug|info|warn|error)\((?!").*/g), null, page);
  }
});

test("README.md: each link to a page leads to it, in the version that this is", async () => {
  const { version, publish } = JSON.parse(await readFile(join(ROOT, "deno.json"), "utf8"));
  const text = await readFile(join(ROOT, "README.md"), "utf8");
  const links = [...text.matchAll(/\]\(([^)]+)\)/g)].map(([, target]) => target);
  const base = `https://jsr.io/@laster/net/${version}/`;
  assert(links.length > 5, "there are links");
  for (const link of links) {
    assert(link.startsWith(base), `${link} is no page of ${base}`);
    const path = link.slice(base.length);
    assert(publish.include.includes(path.split("/", 1)[0]), `${path} is published`);
    await readFile(join(ROOT, path));
  }
});

// uPlot's files as they are installed. Run by itself it writes the dashboard's copy, src/uplot_files.ts; `deno fmt` it then.

import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import process from "node:process";

const folder = dirname(createRequire(import.meta.url).resolve("uplot/dist/uPlot.min.css"));

/** Reads a file, by its path from `dist`. */
export function readUplot(path: string): string {
  return readFileSync(join(folder, path), "utf8");
}

/** Makes the module, with the licence of what is in it. */
function makeCopy(): string {
  const licence = readUplot("../LICENSE").trim().split("\n").map((line) => `// ${line}`.trim());
  return [
    "// uPlot's files as texts, to be served wherever this module was loaded from. Made by tests/uplot_files.ts.",
    "//",
    ...licence,
    "",
    "/** What the page loads as its script. */",
    `export const UPLOT_SCRIPT: string = ${JSON.stringify(readUplot("uPlot.iife.min.js"))};`,
    "",
    "/** What the page loads as its styles. */",
    `export const UPLOT_STYLES: string = ${JSON.stringify(readUplot("uPlot.min.css"))};`,
    "",
  ].join("\n");
}

if (process.argv.includes("--write")) writeFileSync(new URL("../src/uplot_files.ts", import.meta.url), makeCopy());

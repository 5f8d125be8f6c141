// What the page is made of: uPlot's own files, read from the package once they are asked for. Runtime neutral, over `node:fs`.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const files = createRequire(import.meta.url);

/** Reads a file of uPlot. */
export async function readUplot(name: "uPlot.iife.min.js" | "uPlot.min.css"): Promise<string> {
  return await readFile(files.resolve(`uplot/dist/${name}`), "utf8");
}

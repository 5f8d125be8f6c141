// Runs alloc.ts on each runtime and makes a table of it. Deno only.

import { run } from "../tools/run.ts";
import type { Runtime } from "../tools/runtimes.ts";
import type { Programs } from "./machine.ts";
import { commandOf, parseLines } from "./micro_report.ts";
import { format } from "./statistics.ts";

interface Line {
  readonly path: string;
  readonly perMessage: number;
  readonly perChunk?: number;
}

/** Gives the section. */
export async function allocationSection(runtimes: readonly Runtime[], { loadgen }: Programs): Promise<string> {
  const lines = [
    "## Heap bytes allocated per message",
    "",
    "Over a million messages of 64 B in the steady state, 64 in a chunk where the path says so; in brackets per chunk. The " +
    "counter is `total_allocated_bytes` of `node:v8`, which no collection lowers; on Bun the capacity of a heap that is never collected. `onMessage` is handed a view, which is an object.",
    "",
  ];
  const measured: Line[][] = [];
  for (const runtime of runtimes) {
    console.log(`allocations on ${runtime.title}`);
    const words = [...commandOf(runtime.name, "bench/alloc.ts"), ...(loadgen === undefined ? [] : [loadgen])];
    const { code, output } = await run(runtime.command, words, { env: { BUN_JSC_useGC: "0" } });
    if (code !== 0) lines.push(`${runtime.title} failed: ${output.slice(0, 300)}`, "");
    measured.push(parseLines<Line>(output));
  }
  lines.push(
    `| path | ${runtimes.map(({ title }) => title).join(" | ")} |`,
    `|---|${runtimes.map(() => "---").join("|")}|`,
  );
  for (const path of new Set(measured.flat().map((line) => line.path))) {
    const cells = measured.map((found) => {
      const line = found.find((each) => each.path === path);
      if (line === undefined) return "-";
      return `${format(line.perMessage)}${line.perChunk === undefined ? "" : ` (${format(line.perChunk)})`}`;
    });
    lines.push(`| ${path} | ${cells.join(" | ")} |`);
  }
  return lines.join("\n");
}

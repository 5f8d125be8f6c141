// Runs the micro benchmarks on each runtime and makes a table of them. Deno only.

import { run } from "../tools/run.ts";
import type { Runtime } from "../tools/runtimes.ts";
import { format } from "./statistics.ts";

interface Line {
  readonly title: string;
  readonly name: string;
  readonly ns: number;
}

/** Gives the section. */
export async function microSection(runtimes: readonly Runtime[]): Promise<string> {
  const lines = ["## Micro benchmarks", "", "Results are checked to be equal first; µs, medians of mitata.", ""];
  const measured = new Map<string, Line[]>();
  for (const runtime of runtimes) {
    console.log(`micro benchmarks on ${runtime.title}`);
    const { code, output } = await run(runtime.command, commandOf(runtime.name, "bench/micro/micro.ts"));
    if (code !== 0) lines.push(`${runtime.title} failed: ${output.slice(0, 300)}`, "");
    measured.set(runtime.name, parseLines<Line>(output));
  }
  const names = [...measured.keys()];
  lines.push(
    `| subject | | ${runtimes.map(({ title }) => title).join(" | ")} |`,
    `|---|---|${names.map(() => "---").join("|")}|`,
  );
  const rows = new Map([...measured.values()].flat().map(({ title, name }) => [`${title} | ${name}`, { title, name }]));
  for (const { title, name } of rows.values()) {
    const cells = names.map((runtime) => {
      const found = measured.get(runtime)?.filter((line) => line.title === title) ?? [];
      const own = found.find((line) => line.name === name);
      const ours = found.find((line) => line.name === "ours");
      if (own === undefined || ours === undefined) return "-";
      return `${format(own.ns / 1_000)}${own === ours ? "" : ` (${format(own.ns / ours.ns)} × ours)`}`;
    });
    lines.push(`| ${title} | ${name} | ${cells.join(" | ")} |`);
  }
  return lines.join("\n");
}

/** The words that run a file of the benchmark on a runtime. */
export function commandOf(runtime: Runtime["name"], file: string): string[] {
  return runtime === "deno" ? ["run", "--quiet", "-A", file] : [file];
}

/** Reads lines of JSON among others. */
export function parseLines<Line>(output: string): Line[] {
  return output.split("\n").filter((line) => line.startsWith("{")).map((line) => JSON.parse(line) as Line);
}

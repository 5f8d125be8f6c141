// Draws the two charts: CPU per message by connections and by size, ours and by hand. Both axes are logarithmic. Deno only.

import { join } from "node:path";
import { ROOT } from "../tools/run.ts";
import { cpuPerMessage, type Results } from "./results.ts";
import { format } from "./statistics.ts";
import { CHART_CONNECTIONS, CHART_SIZES } from "./workloads.ts";

const WIDTH = 760;
const HEIGHT = 420;
const LEFT = 70;
const RIGHT = 150;
const TOP = 40;
const BOTTOM = 50;
const COLORS: Record<string, string> = { bun: "#d9480f", deno: "#1864ab", node: "#2b8a3e", c: "#868e96" };

/** A line of a chart. */
interface Line {
  readonly name: string;
  readonly color: string;
  readonly isDashed: boolean;
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** A chart. */
interface Chart {
  readonly title: string;
  readonly xTitle: string;
  readonly ticks: readonly number[];
  readonly lines: readonly Line[];
}

/** Writes the charts to bench/charts/ and gives the section that shows them. */
export async function chartSection(results: Results, runtimes: readonly string[]): Promise<string> {
  const folder = join(ROOT, "bench/charts");
  await Deno.mkdir(folder, { recursive: true });
  const charts = {
    connections: {
      title: "Server CPU per message by connections (64 B, one outstanding)",
      xTitle: "connections",
      ticks: CHART_CONNECTIONS,
      lines: linesOf(results, runtimes, "connections", CHART_CONNECTIONS),
    },
    size: {
      title: "Server CPU per message by payload (16 connections, 4 outstanding)",
      xTitle: "payload",
      ticks: CHART_SIZES,
      lines: linesOf(results, runtimes, "size", CHART_SIZES),
    },
  };
  const lines = ["## Cost by connections and by size", ""];
  for (const [name, chart] of Object.entries(charts)) {
    await Deno.writeTextFile(join(folder, `${name}.svg`), draw(chart));
    lines.push(`![${chart.title}](charts/${name}.svg)`, "", ...table(chart), "");
  }
  return lines.join("\n");
}

function linesOf(results: Results, runtimes: readonly string[], id: string, ticks: readonly number[]): Line[] {
  const servers = [
    ...runtimes.flatMap((runtime) => [["ours", runtime], ["hand", runtime]] as const),
    ["c", "c"] as const,
  ];
  return servers.map(([kind, runtime]) => ({
    name: kind === "c" ? "C epoll" : `${kind} ${runtime}`,
    color: COLORS[runtime],
    isDashed: kind === "hand",
    points: ticks.flatMap((x) => {
      const spread = results.spread(`${id}-${x}`, kind, runtime, cpuPerMessage);
      return spread === undefined ? [] : [[x, spread.median] as const];
    }),
  })).filter(({ points }) => points.length > 0);
}

function table({ ticks, lines }: Chart): string[] {
  const cell = (line: Line, tick: number) => {
    const point = line.points.find(([x]) => x === tick);
    return point === undefined ? "-" : format(point[1]);
  };
  return [
    `| µs/message | ${ticks.map(tickName).join(" | ")} |`,
    `|---|${ticks.map(() => "---").join("|")}|`,
    ...lines.map((line) => `| ${line.name} | ${ticks.map((tick) => cell(line, tick)).join(" | ")} |`),
  ];
}

function draw({ title, xTitle, ticks, lines }: Chart): string {
  const values = lines.flatMap(({ points }) => points.map(([, y]) => y));
  const lowest = 10 ** Math.floor(Math.log10(Math.min(...values, 1)));
  const highest = 10 ** Math.ceil(Math.log10(Math.max(...values, 10)));
  const x = scale(ticks[0], ticks[ticks.length - 1], LEFT, WIDTH - RIGHT);
  const y = scale(lowest, highest, HEIGHT - BOTTOM, TOP);
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>`,
    `<text x="${LEFT}" y="22" font-size="14">${title}</text>`,
    `<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 10}" text-anchor="middle">${xTitle}</text>`,
  ];
  for (let value = lowest; value <= highest * 1.001; value *= 10) {
    parts.push(`<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(value)}" y2="${y(value)}" stroke="#dee2e6"/>`);
    parts.push(`<text x="${LEFT - 6}" y="${y(value) + 4}" text-anchor="end">${Number(value.toPrecision(1))} µs</text>`);
  }
  for (const tick of ticks) {
    parts.push(`<text x="${x(tick)}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${tickName(tick)}</text>`);
  }
  lines.forEach((line, index) => parts.push(...drawLine(line, x, y, TOP + 10 + 18 * index)));
  return [...parts, "</svg>", ""].join("\n");
}

function drawLine({ name, color, isDashed, points }: Line, x: Scale, y: Scale, legendY: number): string[] {
  const dash = isDashed ? ` stroke-dasharray="5 4"` : "";
  const path = points.map(([at, value]) => `${x(at)},${y(value)}`).join(" ");
  const legendX = WIDTH - RIGHT + 12;
  return [
    `<polyline points="${path}" fill="none" stroke="${color}" stroke-width="2"${dash}/>`,
    ...points.map(([at, value]) => `<circle cx="${x(at)}" cy="${y(value)}" r="3" fill="${color}"/>`),
    `<line x1="${legendX}" x2="${
      legendX + 26
    }" y1="${legendY}" y2="${legendY}" stroke="${color}" stroke-width="2"${dash}/>`,
    `<text x="${legendX + 32}" y="${legendY + 4}">${name}</text>`,
  ];
}

type Scale = (value: number) => number;

function scale(least: number, most: number, from: number, to: number): Scale {
  const span = Math.log(most / least) || 1;
  return (value) => Math.round(10 * (from + (to - from) * Math.log(value / least) / span)) / 10;
}

function tickName(tick: number): string {
  if (tick >= 1_048_576) return `${tick / 1_048_576} Mi`;
  return tick >= 1_024 && tick % 1_024 === 0 ? `${tick / 1_024} Ki` : tick.toLocaleString("en-US");
}

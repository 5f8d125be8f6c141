// `deno task soak`: a server on each runtime under thousands of clients for minutes: does it grow, and what does it leave? Deno only.
//
//   deno task soak [--minutes 10] [--only deno,bun,node] [--clients 2000]
//
// One client in forty never reads, one in forty floods, the others are players. Needs Linux, as it reads /proc. The runtimes go one
// after the other; a line each ten seconds, the judgement of each, and a last line `N passed, N failed`. Ends with 1 if one failed.

import { parseArgs } from "node:util";
import { parseRuntimeNames, prepareRuntimes } from "../tools/runtimes.ts";
import { formatSeconds } from "../tools/run.ts";
import { type Check, judge, type Sample, slopeAfterWarmup } from "./judge.ts";
import { soakRuntime } from "./soak.ts";

const DEFAULT_MINUTES = 10;
const DEFAULT_CLIENTS = 2_000;
/** Below what the descriptors of one process allow for. */
const MOST_CLIENTS = 9_000;
const MARKS = new Map([[true, "ok     "], [false, "FAILED "], [undefined, "not judged, too short:"]]);

async function main(): Promise<number> {
  const options = { minutes: { type: "string" }, only: { type: "string" }, clients: { type: "string" } } as const;
  const { values } = parseArgs({ args: Deno.args, options });
  const minutes = readNumber("minutes", values.minutes, DEFAULT_MINUTES, 0, 24 * 60);
  const clients = readNumber("clients", values.clients, DEFAULT_CLIENTS, 40, MOST_CLIENTS);
  if (Deno.build.os !== "linux") throw new TypeError("a soak reads /proc, which only Linux has");
  const names = parseRuntimeNames(values.only);
  // The clients run on Node, whichever runtime the server runs on.
  const prepared = await prepareRuntimes([...new Set([...names, "node" as const])]);
  const loadRuntime = prepared.find(({ name }) => name === "node") ?? prepared[0];
  const checks: Check[] = [];
  for (const runtime of prepared.filter(({ name }) => names.includes(name))) {
    console.log(`${runtime.title}: ${clients} clients for ${minutes} minutes`);
    const soak = await soakRuntime({ runtime, loadRuntime, minutes, clients, onSample: (each) => print(each) });
    const own = judge(soak);
    for (const { passed, what, found } of own) console.log(`${MARKS.get(passed)} ${what}: ${found}`);
    printSlopes(soak.samples);
    console.log(`load ${JSON.stringify(soak.load)}`);
    checks.push(...own);
  }
  const count = (wanted: boolean) => checks.filter(({ passed }) => passed === wanted).length;
  console.log(`${count(true)} passed, ${count(false)} failed`);
  return count(false) === 0 ? 0 : 1;
}

function print(sample: Sample): void {
  const { minute, residentBytes, heapBytes, arrayBufferBytes, descriptors, timers, sessions, receivedFrames } = sample;
  const { poolOutstanding, poolOutstandingBytes, poolFreeBytes } = sample;
  console.log(
    `${formatSeconds(minute * 60).padStart(8)}  resident ${mega(residentBytes)}, heap ${mega(heapBytes)}, arrays ${
      mega(arrayBufferBytes)
    }, descriptors ${descriptors}, timers ${timers}, sessions ${sessions}, pool ${poolOutstanding} out ` +
      `(${mega(poolOutstandingBytes)}), ${mega(poolFreeBytes)} free, ${receivedFrames} frames`,
  );
}

/** Those that are not judged: they go up and down with the peers that do not read. */
function printSlopes(samples: readonly Sample[]): void {
  const slopes = (["descriptors", "timers", "sessions", "poolOutstandingBytes", "poolFreeBytes"] as const).map((name) =>
    `${name} ${slopeAfterWarmup(samples, (sample) => sample[name])?.toFixed(2) ?? "unknown"}`
  );
  console.log(`per cent a minute: ${slopes.join(", ")}`);
}

function mega(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function readNumber(name: string, text: string | undefined, normal: number, least: number, most: number): number {
  const value = text === undefined ? normal : Number(text);
  if (text !== "" && value > 0 && value >= least && value <= most) return value;
  throw new TypeError(`--${name} takes a number above 0, from ${least} to ${most}: got ${text}`);
}

try {
  Deno.exit(await main());
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  Deno.exit(error instanceof TypeError ? 2 : 1);
}

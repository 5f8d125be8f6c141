// soakRuntime(): a server and its clients, from their start to their end, and all that was seen. Deno only.

import { countDescriptors, readMemory } from "../attack/process_stats.ts";
import { V8_FLAG } from "../bench/machine.ts";
import { endWithUs, start } from "../tools/run.ts";
import type { Runtime } from "../tools/runtimes.ts";
import type { LoadFigures, Sample, ServerFigures, Soak } from "./judge.ts";

/** Those of bench/servers.ts, and the collector by hand. */
const SERVER_FLAGS: Record<Runtime["name"], readonly string[]> = {
  deno: ["run", "--quiet", "--no-check", "-A", `--v8-flags=${V8_FLAG},--expose-gc`],
  bun: ["run"],
  node: [V8_FLAG, "--expose-gc"],
};
const LOAD_FLAGS: Record<Runtime["name"], readonly string[]> = {
  deno: ["run", "--quiet", "--no-check", "-A"],
  bun: ["run"],
  node: [],
};
const START_LIMIT_MS = 20_000;
/** Longer than an end in order takes of a peer that does not read. */
const GONE_LIMIT_MS = 60_000;
const END_LIMIT_MS = 15_000;
const LOOK_MS = 50;
const MEMORY_LOOK_MS = 250;
/** What is kept of the end of a program's output. */
const KEPT_CHARS = 100_000;
/** One in so many clients never reads, and one floods. */
const SHARE = 40;

/** What is to be done. */
export interface SoakOptions {
  readonly runtime: Runtime;
  /** What the clients run on. */
  readonly loadRuntime: Runtime;
  readonly minutes: number;
  readonly clients: number;
  readonly onSample: (sample: Sample) => void;
}

/** Runs a soak of one runtime. */
export async function soakRuntime(options: SoakOptions): Promise<Soak> {
  const { runtime, loadRuntime, minutes, clients, onSample } = options;
  const samples: Sample[] = [];
  let startMs = Infinity;
  let least = Infinity;
  const look = () => least = Math.min(least, readMemory(server.pid)?.residentBytes ?? Infinity);
  const server = new Child(runtime.command, [...SERVER_FLAGS[runtime.name], "soak/server.ts"]);
  server.onLine = (line) => {
    const figures = readFigures(line, "sample");
    const minute = (performance.now() - startMs) / 60_000;
    if (figures === undefined || minute < 0 || minute > minutes) return;
    look();
    const residentBytes = least;
    least = Infinity;
    const sample = { ...figures, minute, residentBytes, descriptors: countDescriptors(server.pid) ?? NaN };
    samples.push(sample);
    onSample(sample);
  };
  const looking = setInterval(look, MEMORY_LOOK_MS);
  let load: Child | undefined;
  try {
    await waitFor("the server to listen", START_LIMIT_MS, () => findPort(server) !== undefined || server.hasEnded);
    const port = findPort(server);
    if (port === undefined) throw new Error(`the server ended: ${server.output.slice(-1_000)}`);
    await warmUp(Number(port), server);
    const descriptorsBefore = countDescriptors(server.pid) ?? NaN;
    const shares = [String(Math.floor(clients / SHARE)), String(Math.floor(clients / SHARE))];
    load = new Child(loadRuntime.command, [
      ...LOAD_FLAGS[loadRuntime.name],
      "soak/load.ts",
      port,
      String(clients),
      ...shares,
    ]);
    startMs = performance.now();
    const endMs = startMs + minutes * 60_000;
    await waitFor("never", Infinity, () => performance.now() >= endMs || server.hasEnded || load?.hasEnded === true);
    if (server.hasEnded || load.hasEnded) {
      throw new Error(`it ended early: server ${server.output.slice(-1_000)}, clients ${load.output.slice(-1_000)}`);
    }
    const loadCode = await load.end(GONE_LIMIT_MS);
    const figures = loadCode === 0 ? JSON.parse(load.output.trim()) as LoadFigures : undefined;
    if (figures === undefined) console.log(`the clients ended with ${loadCode}: ${load.output.slice(-1_000)}`);
    const isAsBefore = () => countDescriptors(server.pid) === descriptorsBefore;
    await waitFor("the clients' descriptors", GONE_LIMIT_MS, isAsBefore).catch(() => {}); // Judged below.
    const descriptorsAfter = countDescriptors(server.pid) ?? NaN;
    const exitCode = await server.end(END_LIMIT_MS);
    const stopped = server.output.split("\n").map((line) => readFigures(line, "stopped")).find((found) => found);
    return { clients, samples, load: figures, descriptorsBefore, descriptorsAfter, stopped, exitCode };
  } finally {
    clearInterval(looking);
    await Promise.all([server.kill(), load?.kill()]);
  }
}

/** Connects once, so that what the runtime opens at its first connection is there. */
async function warmUp(port: number, { pid }: Child): Promise<void> {
  const before = countSockets(pid);
  const peer = await Deno.connect({ hostname: "127.0.0.1", port });
  await waitFor("a first connection", START_LIMIT_MS, () => countSockets(pid) > before);
  peer.close();
  await waitFor("the end of a first connection", START_LIMIT_MS, () => countSockets(pid) <= before);
}

function countSockets(pid: number): number {
  return [...Deno.readDirSync(`/proc/${pid}/fd`)].filter(({ name }) => {
    try {
      return Deno.readLinkSync(`/proc/${pid}/fd/${name}`).startsWith("socket:");
    } catch {
      return false; // Closed meanwhile.
    }
  }).length;
}

function findPort(server: Child): string | undefined {
  return /^listening on .*:(\d+)$/m.exec(server.output)?.[1];
}

function readFigures(line: string, what: string): ServerFigures | undefined {
  return line.startsWith(`${what} {`) ? JSON.parse(line.slice(what.length + 1)) : undefined;
}

async function waitFor(what: string, limitMs: number, check: () => boolean): Promise<void> {
  const endMs = performance.now() + limitMs;
  while (!check()) {
    if (performance.now() > endMs) throw new Error(`waited ${limitMs} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** A program that runs. */
class Child {
  output = "";
  hasEnded = false;
  onLine: (line: string) => void = () => {};
  readonly #child: Deno.ChildProcess;
  readonly #reads: Promise<unknown>;

  constructor(command: string, args: readonly string[]) {
    const child = start(command, args, "piped", { env: { NO_COLOR: "1" } });
    if (child === undefined) throw new Error(`${command} is gone`);
    this.#child = endWithUs(child);
    this.#reads = Promise.all([this.#read(child.stdout), this.#read(child.stderr)]);
    child.status.then(() => this.hasEnded = true);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Sends SIGTERM; gives the exit code, undefined if that was not enough within the limit. */
  async end(limitMs: number): Promise<number | undefined> {
    this.#child.kill("SIGTERM");
    await waitFor("an end", limitMs, () => this.hasEnded).catch(() => this.#child.kill("SIGKILL"));
    const { code, signal } = await this.#child.status;
    await this.#reads;
    return signal === null ? code : undefined;
  }

  async kill(): Promise<void> {
    if (!this.hasEnded) this.#child.kill("SIGKILL");
    await this.#child.status;
    await this.#reads;
  }

  /** Reads both streams alike: what is printed as an error is no line of figures. */
  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    let rest = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      this.output = (this.output + text).slice(-KEPT_CHARS);
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.onLine(line);
    }
  }
}

// What the benchmark needs to know of the machine, and the programs that it needs built there. Deno only.

import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { ROOT, run } from "../tools/run.ts";
import type { Runtime } from "../tools/runtimes.ts";
import { buildNettyEcho, buildTokioEcho, type CommandWords } from "./debian_baselines.ts";

/** What README says to start a server with, under V8. */
export const V8_FLAG = "--max-semi-space-size=8";

/** Where programs, and results that are not to be kept, go. */
export const BUILD: string = join(ROOT, "bench/build");

/** What was built. */
export interface Programs {
  /** Other checkouts, which ours is measured against. */
  readonly before?: readonly string[];
  /** The load generator in C; undefined where there is no C compiler. */
  readonly loadgen: string | undefined;
  /** The C server; undefined where there is no C compiler, or no epoll. */
  readonly epollEcho: string | undefined;
  /** The server on tokio-util; undefined where it cannot be built. */
  readonly tokioEcho: CommandWords | undefined;
  /** The server on Netty; undefined where it cannot be built. */
  readonly nettyEcho: CommandWords | undefined;
  /** Whether bench/micro has what package-lock.json says. */
  readonly hasPackages: boolean;
  /** Whether haproxy is there, for the rows over TLS. */
  readonly hasHaproxy: boolean;
  /** Whether `taskset` can pin a process to a CPU. */
  readonly canPin: boolean;
}

/** Builds the programs in other languages and installs the npm packages, as far as the machine can. */
export async function prepareMachine(): Promise<Programs> {
  await Deno.mkdir(BUILD, { recursive: true });
  const loadgen = await compile("bench/loadgen.c", "loadgen");
  const epollEcho = await compile("bench/baselines/epoll_echo.c", "epoll_echo");
  if (loadgen === undefined) {
    console.log("no C compiler that builds bench/loadgen.c: the client is bench/load_client.ts, and is the bottleneck");
  }
  const tokioEcho = await buildTokioEcho(ROOT, BUILD);
  const nettyEcho = await buildNettyEcho(BUILD);
  const hasPackages = await installPackages();
  if (!hasPackages) {
    console.log("npm cannot install bench/micro: the baselines on ws and the micro benchmarks are left out");
  }
  const { code } = await run("taskset", ["-c", "1", "true"]);
  const haproxy = await run("haproxy", ["-v"]);
  return {
    loadgen,
    epollEcho,
    tokioEcho,
    nettyEcho,
    hasPackages,
    hasHaproxy: haproxy.code === 0,
    canPin: code === 0,
  };
}

async function compile(source: string, name: string): Promise<string | undefined> {
  const output = join(BUILD, name);
  for (const compiler of ["cc", "gcc", "clang"]) {
    const { code } = await run(compiler, ["-O2", "-o", output, source]);
    if (code === 0) return output;
  }
  return undefined;
}

async function installPackages(): Promise<boolean> {
  const folder = join(ROOT, "bench/micro");
  try {
    const lock = await Deno.stat(join(folder, "package-lock.json"));
    const installed = await Deno.stat(join(folder, "node_modules/.package-lock.json"));
    if ((installed.mtime ?? 0) >= (lock.mtime ?? 0)) return true;
  } catch {
    // Not installed yet.
  }
  const npm = Deno.build.os === "windows" ? { command: "cmd", args: ["/c", "npm"] } : { command: "npm", args: [] };
  const { code } = await run(npm.command, [...npm.args, "ci", "--prefix", folder]);
  return code === 0;
}

/** The machine and the versions, for the head of the results. */
export async function describeMachine(runtimes: readonly Runtime[], programs: Programs): Promise<string[]> {
  const [first] = cpus();
  const commit = await run("git", ["rev-parse", "--short", "HEAD"]);
  const changes = await run("git", ["status", "--porcelain", "--", "src", "examples"]);
  const isChanged = changes.code === 0 && changes.output.trim() !== "";
  return [
    `Date: ${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC`,
    `Machine: ${cpus().length} CPUs (${first?.model.trim() ?? "unknown"}), ${(totalmem() / 2 ** 30).toFixed(1)} GiB, ` +
    `${Deno.build.os} ${Deno.osRelease()}, ${Deno.build.arch}; loopback only`,
    `Versions: ${runtimes.map(({ title }) => title).join(", ")} (V8 ${Deno.version.v8} in Deno)`,
    `Source: ${commit.code === 0 ? commit.output.trim() : "no git"}${isChanged ? ", with changes not committed" : ""}`,
    `Deno and Node: all servers with V8's ${V8_FLAG}, as README says`,
    `Server and client: ${programs.canPin ? "pinned to CPU 0 and CPU 1" : "not pinned (no taskset)"}; client ` +
    `${programs.loadgen === undefined ? "bench/load_client.ts, which is the bottleneck" : "bench/loadgen.c"}`,
  ];
}

// The servers of the benchmark: ours, which are the examples, and the baselines. Starts and stops them. Deno only.

import { join } from "node:path";
import { collect, endWithUs, start } from "../tools/run.ts";
import type { Runtime } from "../tools/runtimes.ts";
import { type Programs, V8_FLAG } from "./machine.ts";
import { BEFORE_KINDS, LIBRARY_KINDS, PART_KINDS, type ServerKind } from "./server_kinds.ts";
import type { Workload } from "./workloads.ts";

/** What a server does with a message. */
export type Service = "echo" | "fanout";

/** The speech of a server, for the load generator. */
export type Protocol = "frames" | "bytes" | "websocket";

/** A server that can be started. */
export interface Server {
  readonly kind: ServerKind;
  /** What it runs on, or whose servers it has its turns with; undefined for the one in C. */
  readonly runtime: Runtime | undefined;
  readonly protocol: Protocol;
  readonly command: string;
  readonly args: readonly string[];
}

/** Of all servers of a runtime, ours and others. */
const RUN_FLAGS: Record<Runtime["name"], readonly string[]> = {
  deno: ["run", "--quiet", "--allow-net", "--allow-env", "--allow-read", "--allow-sys", `--v8-flags=${V8_FLAG}`],
  bun: ["run"],
  node: [V8_FLAG],
};

/** Ours costs least on Bun, and a JVM's warm-up beside each runtime would make a run a third longer. */
const LIBRARY_NEIGHBOUR: Runtime["name"] = "bun";

const START_LIMIT_MS = 20_000;
const STOP_LIMIT_MS = 10_000;

/** Finds a server; undefined if there is none of that kind here. */
export function findServer(
  kind: ServerKind,
  workload: Workload,
  runtime: Runtime | undefined,
  programs: Programs,
): Server | undefined {
  const { service } = workload;
  if (workload.isTls === true && !programs.hasHaproxy) return undefined;
  if (kind === "c") {
    if (programs.epollEcho === undefined) return undefined;
    const args = ["--kind", service === "echo" ? "framed" : "fanout"];
    return { kind, runtime, protocol: "frames", command: programs.epollEcho, args };
  }
  if (LIBRARY_KINDS.includes(kind)) {
    const words = kind === "tokio" ? programs.tokioEcho : programs.nettyEcho;
    if (service !== "echo" || runtime?.name !== LIBRARY_NEIGHBOUR || words === undefined) return undefined;
    return { kind, runtime, protocol: "frames", command: words[0], args: words.slice(1) };
  }
  const file = runtime === undefined ? undefined : fileOf(kind, workload, runtime.name, programs);
  if (runtime === undefined || file === undefined) return undefined;
  const protocol = kind === "raw" ? "bytes" : kind === "ws" || kind === "websocket" ? "websocket" : "frames";
  return { kind, runtime, protocol, command: runtime.command, args: [...RUN_FLAGS[runtime.name], ...file] };
}

function fileOf(
  kind: ServerKind,
  { service, maxPayloadBytes, hasParts = false, isTls = false }: Workload,
  runtime: Runtime["name"],
  { before = [], hasPackages, loadgen }: Programs,
): string[] | undefined {
  if (isTls) {
    return kind === "ours" ? ["bench/tls_echo_server.ts"] : [`bench/baselines/${runtime}_hand_echo.ts`, "--tls"];
  }
  if (hasParts) return ["bench/part_echo_server.ts", "--part", kind === "ours" ? "none" : kind];
  if (PART_KINDS.some((name) => name === kind)) return undefined;
  const other = BEFORE_KINDS.findIndex((name) => name === kind);
  if (kind === "ours" || other >= 0) {
    const folder = kind === "ours" ? "" : before[other];
    if (folder === undefined) return undefined;
    const options = maxPayloadBytes === undefined ? [] : ["--max-payload", String(maxPayloadBytes)];
    return [join(folder, service === "echo" ? "examples/echo_server.ts" : "examples/broadcast_server.ts"), ...options];
  }
  if (kind === "hand") return [`bench/baselines/${runtime}_hand_${service}.ts`];
  if (service === "fanout") return undefined;
  if (kind === "naive" || kind === "raw") return [`bench/baselines/${runtime}_${kind}_echo.ts`];
  if (loadgen === undefined) return undefined; // The client in TypeScript speaks no WebSocket.
  // Deno and Bun have servers of their own; `ws` stands for what runs on Node.
  if (kind === "ws") return runtime !== "deno" && hasPackages ? ["bench/baselines/ws_echo.ts"] : undefined;
  return runtime === "node" ? undefined : [`bench/baselines/${runtime}_websocket_echo.ts`];
}

/** A server that runs. */
export class RunningServer {
  readonly #child: Deno.ChildProcess;
  readonly #printed: string[] = [];
  readonly #reads: Promise<unknown>;

  private constructor(child: Deno.ChildProcess) {
    this.#child = endWithUs(child);
    this.#reads = Promise.all([collect(child.stdout, this.#printed), collect(child.stderr, this.#printed)]);
  }

  /** Starts `server` on a free port, on CPU 0 if the machine can pin processes, and waits until it listens. */
  static async start(server: Server, canPin: boolean): Promise<{ running: RunningServer; port: string }> {
    const words = [...(canPin ? ["taskset", "-c", "0"] : []), server.command, ...server.args, "--port", "0"];
    const child = start(words[0], words.slice(1), "piped");
    if (child === undefined) throw new Error(`${words[0]} is not on this machine`);
    const running = new RunningServer(child);
    const endMs = performance.now() + START_LIMIT_MS;
    while (performance.now() < endMs) {
      const port = /^listening on .*:(\d+)\r?$/m.exec(running.#printed.join(""))?.[1];
      if (port !== undefined) return { running, port };
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await running.stop();
    throw new Error(`never said "listening on HOST:PORT": ${running.#printed.join("").slice(0, 500)}`);
  }

  /** The process: `taskset` becomes the server, so its id is the server's. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Ends it, by force if SIGTERM does not do. Says what was wrong with its end, if anything was. */
  async stop(): Promise<string | undefined> {
    this.#kill("SIGTERM");
    const timer = setTimeout(() => this.#kill("SIGKILL"), STOP_LIMIT_MS);
    const { code, signal } = await this.#child.status;
    clearTimeout(timer);
    await this.#reads;
    if (code === 0 || Deno.build.os === "windows") return undefined;
    return `ended with ${signal ?? `code ${code}`}: ${this.#printed.join("").slice(0, 500)}`;
  }

  #kill(signal: "SIGTERM" | "SIGKILL"): void {
    try {
      this.#child.kill(signal);
    } catch {
      // It has ended already.
    }
  }
}

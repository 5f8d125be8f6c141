// A server under attack: starts it as its users would, says where it listens, looks at it, and ends it. Deno only.

import { V8_FLAG } from "../bench/machine.ts";
import { endWithUs, ROOT } from "../tools/run.ts";
import type { Runtime } from "../tools/runtimes.ts";
import type { Clients } from "./client_process.ts";
import type { EndFigures } from "./figures.ts";
import { readMemory } from "./process_stats.ts";

/** Those of bench/servers.ts. */
const RUN_FLAGS: Record<Runtime["name"], readonly string[]> = {
  deno: ["run", "--quiet", "--allow-net", "--allow-env", `--v8-flags=${V8_FLAG}`],
  bun: ["run"],
  node: [V8_FLAG],
};

const LISTENING = /^listening on .*:(\d+)\r?$/gm;
/** What attack/servers/ print at their end. */
const REASONS = /^reasons (\{.*\})\r?$/m;
const START_LIMIT_MS = 20_000;
/** It ends with whoever started it, and after this in any case. */
const LIFE_SECS = 240;
/** A dying process is looked at so often: what it had is gone with it. */
const SAMPLE_MS = 50;
/** What is kept of the end of its output. */
const KEPT_CHARS = 4_000;

/** How a server is started: on CPU 0 if processes can be pinned. */
export interface ServerOptions {
  readonly file: string;
  /** Beside its port. */
  readonly options: readonly string[];
  readonly descriptorLimit: number | undefined;
  readonly clients: Clients;
  /** Which of its listeners has to be up, counted from 0. */
  readonly listener: number;
}

/** A server that runs. */
export class ServerProcess {
  readonly #child: Deno.ChildProcess;
  readonly #reads: Promise<unknown>;
  readonly #sampler: ReturnType<typeof setInterval>;
  #output = "";
  #peakBytes = 0;
  #status: Deno.CommandStatus | undefined;
  logLines = 0;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#reads = Promise.all([this.#collect(child.stdout), this.#collect(child.stderr)]);
    this.#sampler = setInterval(() => this.#sample(), SAMPLE_MS);
    child.status.then((status) => {
      this.#status = status;
      clearInterval(this.#sampler);
    });
  }

  /** Starts a server on free ports, and waits until it listens. */
  static async start(runtime: Runtime, options: ServerOptions): Promise<{ server: ServerProcess; ports: string[] }> {
    const words = [
      options.clients.attacker,
      "run",
      String(LIFE_SECS),
      ...(options.clients.canPin ? ["taskset", "-c", "0"] : []),
      runtime.command,
      ...RUN_FLAGS[runtime.name],
      options.file,
      "--port",
      "0",
      ...options.options,
    ];
    // `exec`: the process that is started becomes the server, so its id is the server's.
    const limit = options.descriptorLimit === undefined ? "" : `ulimit -n ${options.descriptorLimit}; `;
    const command = new Deno.Command("sh", {
      args: ["-c", `${limit}exec "$@"`, "sh", ...words],
      cwd: ROOT,
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    });
    const server = new ServerProcess(endWithUs(command.spawn()));
    const endMs = performance.now() + START_LIMIT_MS;
    while (performance.now() < endMs && server.#status === undefined) {
      const ports = Array.from(server.#output.matchAll(LISTENING), ([, port]) => port);
      if (ports.length > options.listener) {
        server.logLines = 0;
        return { server, ports };
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await server.kill();
    throw new Error(`never said "listening on HOST:PORT": ${server.#output.trim().slice(0, 500)}`);
  }

  /** Why connections were refused and closed, and how many; undefined of servers that do not say, or as long as they run. */
  get reasons(): Readonly<Record<string, number>> | undefined {
    const [, reasons] = REASONS.exec(this.#output) ?? [];
    return reasons === undefined ? undefined : JSON.parse(reasons);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** How it ended, with its last words; undefined as long as it runs. */
  get death(): string | undefined {
    if (this.#status === undefined) return undefined;
    const { signal, code } = this.#status;
    const words = this.#output.trim().split("\n").slice(-3).join(" / ").replaceAll("|", "\\|").slice(-200);
    return `${signal ?? `code ${code}`}${words === "" ? "" : `: ${words}`}`;
  }

  /** The most memory that it had, in bytes. */
  get peakBytes(): number {
    this.#sample();
    return this.#peakBytes;
  }

  /** Sends SIGTERM; says how long it took to end, by SIGKILL if `limitMs` was not enough. */
  async terminate(limitMs: number): Promise<EndFigures> {
    const startMs = performance.now();
    this.signal("SIGTERM");
    let isKilled = false;
    const timer = setTimeout(() => {
      isKilled = true;
      this.signal("SIGKILL");
    }, limitMs);
    const { code, signal } = await this.#child.status;
    const ms = performance.now() - startMs;
    clearTimeout(timer);
    await this.#reads;
    return { ms, code: isKilled || signal !== null ? undefined : code };
  }

  /** Ends it by force, and waits for that. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.#child.status;
    await this.#reads;
  }

  signal(signal: "SIGTERM" | "SIGKILL"): void {
    try {
      this.#child.kill(signal);
    } catch {
      // It has ended already.
    }
  }

  #sample(): void {
    const memory = this.#status === undefined ? readMemory(this.pid) : undefined;
    this.#peakBytes = Math.max(this.#peakBytes, memory?.peakBytes ?? 0);
  }

  async #collect(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      this.logLines += text.split("\n").length - 1;
      this.#output = (this.#output + text).slice(-KEPT_CHARS);
    }
  }
}

// Runs every example once on Deno, Bun and Node: what a user would try first has to work. Deno only.
//
//   deno run -A tools/examples.ts [--only deno,bun,node]

import { parseArgs } from "node:util";
import { collect, formatSeconds, ROOT, run, type RunResult, start } from "./run.ts";
import { parseRuntimeNames, prepareRuntimes, type Runtime } from "./runtimes.ts";

/** How an example is run. */
interface Example {
  readonly file: string;
  /**
   * A server runs until it is told to stop; a program ends by itself, with exit code 0; one that is run by a test of its own in
   * tests/examples/ needs more than an example is given here.
   */
  readonly kind: "server" | "program" | "tested";
  /** What a program is given. */
  readonly args?: readonly string[];
  /** What is run against a server: a file and its arguments, to which the port is added. */
  readonly client?: readonly string[];
}

const EXAMPLES: readonly Example[] = [
  { file: "demo.ts", kind: "program", args: ["--seconds", "1"] },
  { file: "custom_codec.ts", kind: "program" },
  { file: "heartbeat.ts", kind: "program" },
  { file: "echo_server.ts", kind: "server", client: ["echo_client.ts", "--connections", "20", "--messages", "50"] },
  { file: "secure_echo_server.ts", kind: "server", client: ["secure_echo_client.ts", "--messages", "50"] },
  { file: "broadcast_server.ts", kind: "server" },
  { file: "chat_server.ts", kind: "server", client: ["chat_client.ts", "--name", "ann"] },
  { file: "room_server.ts", kind: "server", client: ["room_bot.ts", "--seconds", "1"] },
  { file: "production_server.ts", kind: "tested" },
  { file: "leaderboard.ts", kind: "tested" },
  { file: "position_sync.ts", kind: "program", args: ["--seconds", "1", "--bots", "20"] },
];

const RUN_FLAGS = { deno: ["run", "--allow-net"], bun: ["run"], node: [] } as const;

/** How long an example may take to start, or to run. */
const LIMIT_MS = 30_000;

class ServerProcess {
  readonly #child: Deno.ChildProcess;
  readonly #printed: string[] = [];
  readonly #reads: Promise<unknown>;

  constructor(runtime: Runtime, file: string, args: readonly string[]) {
    const child = start(runtime.command, commandLine(runtime, file, args), "piped");
    if (child === undefined) throw new Error(`${runtime.command} is gone`);
    this.#child = child;
    this.#reads = Promise.all([collect(child.stdout, this.#printed), collect(child.stderr, this.#printed)]);
  }

  get output(): string {
    return this.#printed.join("");
  }

  /** Waits for the line that says where the server listens. */
  async port(): Promise<string> {
    const endMs = performance.now() + LIMIT_MS;
    while (performance.now() < endMs) {
      const port = /^listening on .*:(\d+)\r?$/m.exec(this.output)?.[1];
      if (port !== undefined) return port;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`never said "listening on HOST:PORT"\n${this.output}`);
  }

  /** Sends a signal, waits for the end and answers the exit code. */
  async end(signal: "SIGTERM" | "SIGKILL"): Promise<number> {
    try {
      this.#child.kill(signal);
    } catch {
      // It has ended already.
    }
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), LIMIT_MS);
    const { code } = await this.#child.status;
    clearTimeout(timer);
    await this.#reads;
    return code;
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({ args: Deno.args, options: { only: { type: "string" } } });
  await checkTable();
  for (const runtime of await prepareRuntimes(parseRuntimeNames(values.only))) {
    const startMs = performance.now();
    for (const example of EXAMPLES) {
      try {
        await checkExample(runtime, example);
      } catch (error) {
        throw new Error(`${example.file} on ${runtime.title}: ${error instanceof Error ? error.message : error}`);
      }
    }
    const seconds = (performance.now() - startMs) / 1000;
    console.log(`${runtime.title}: ${EXAMPLES.length} examples work (${formatSeconds(seconds)})`);
  }
}

/** Checks that each example that deno.json has a task for stands in the table. */
async function checkTable(): Promise<void> {
  const { tasks } = JSON.parse(await Deno.readTextFile(`${ROOT}/deno.json`)) as { tasks: Record<string, string> };
  const known = EXAMPLES.flatMap(({ file, client = [] }) => [file, client[0]]);
  for (const command of Object.values(tasks)) {
    const file = /examples\/(\S+\.ts)/.exec(command)?.[1];
    if (file !== undefined && !known.includes(file)) {
      throw new Error(`${file} is not in the table of tools/examples.ts`);
    }
  }
}

async function checkExample(runtime: Runtime, { file, kind, args = [], client }: Example): Promise<void> {
  expectCode("with bad arguments", await runExample(runtime, file, ["--no-such-option"]), 2);
  if (kind === "tested") return;
  if (kind === "program") return expectCode("", await runExample(runtime, file, args), 0);

  const server = new ServerProcess(runtime, file, ["--port", "0"]);
  try {
    const port = await server.port();
    expectCode("on a port in use", await runExample(runtime, file, ["--port", port]), 1);
    if (client !== undefined) {
      const [clientFile, ...clientArgs] = client;
      expectCode(`with ${clientFile}`, await runExample(runtime, clientFile, [...clientArgs, "--port", port]), 0);
    }
    // Windows has no SIGTERM: there the process is just ended.
    const code = await server.end("SIGTERM");
    if (Deno.build.os !== "windows") expectCode("after SIGTERM", { code, output: server.output, seconds: 0 }, 0);
  } finally {
    await server.end("SIGKILL");
  }
}

function runExample(runtime: Runtime, file: string, args: readonly string[]): Promise<RunResult> {
  return run(runtime.command, commandLine(runtime, file, args), { limitMs: LIMIT_MS });
}

function commandLine(runtime: Runtime, file: string, args: readonly string[]): string[] {
  return [...RUN_FLAGS[runtime.name], `examples/${file}`, ...args];
}

function expectCode(when: string, { code, output }: RunResult, expected: number): void {
  if (code !== expected) throw new Error(`exit code ${code} ${when}, expected ${expected}\n${output}`);
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  Deno.exit(1);
}

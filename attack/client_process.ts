// The programs in C: builds them, runs the honest clients and the attackers. Deno only.

import { join } from "node:path";
import { BUILD } from "../bench/machine.ts";
import { endWithUs, ROOT, run } from "../tools/run.ts";
import { type AttackFigures, type HonestFigures, parseAttack, parseHonest } from "./figures.ts";

/** What was built. */
export interface Clients {
  readonly honest: string;
  readonly attacker: string;
  /** Whether `taskset` can pin a process to CPU 1. */
  readonly canPin: boolean;
}

/** What the honest clients count messages under. */
export type Phase = "before" | "during" | "settle" | "after";

/** More than honest clients ever need: they end by themselves if nobody tells them. */
const HONEST_LIFE_SECS = 180;
const READY_LIMIT_MS = 10_000;
/** Beyond what an attacker was given to attack. */
const ATTACK_LIMIT_MS = 20_000;

/** Builds the programs; undefined where there is no C compiler, or no epoll. */
export async function buildClients(): Promise<Clients | undefined> {
  await Deno.mkdir(BUILD, { recursive: true });
  const honest = await compile("honest");
  const attacker = await compile("attacker");
  if (honest === undefined || attacker === undefined) return undefined;
  const { code } = await run("taskset", ["-c", "1", "true"]);
  return { honest, attacker, canPin: code === 0 };
}

async function compile(name: string): Promise<string | undefined> {
  const output = join(BUILD, name);
  for (const compiler of ["cc", "gcc", "clang"]) {
    const { code } = await run(compiler, ["-O2", "-o", output, join(ROOT, "attack", `${name}.c`)]);
    if (code === 0) return output;
  }
  return undefined;
}

function spawn(program: string, args: readonly string[], canPin: boolean, stdin: "piped" | "null"): Deno.ChildProcess {
  const words = [...(canPin ? ["taskset", "-c", "1"] : []), program, ...args];
  return endWithUs(
    new Deno.Command(words[0], { args: words.slice(1), stdin, stdout: "piped", stderr: "piped" }).spawn(),
  );
}

/** The honest clients, in a process of their own. */
export class HonestClients {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: ReadableStreamDefaultReader<string>;
  #text = "";

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#writer = child.stdin.getWriter();
    this.#lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Connects them, and waits until each has had an echo; undefined if that does not come about. */
  static async start(
    { honest, canPin }: Clients,
    port: string,
    options: readonly string[],
  ): Promise<HonestClients | undefined> {
    const args = ["--port", port, "--limit", String(HONEST_LIFE_SECS), ...options];
    const clients = new HonestClients(spawn(honest, args, canPin, "piped"));
    const timer = setTimeout(() => clients.kill(), READY_LIMIT_MS);
    const line = await clients.#readLine();
    clearTimeout(timer);
    if (line === "ready") return clients;
    await clients.#finish();
    return undefined;
  }

  async enter(phase: Phase): Promise<void> {
    await this.#tell(`phase ${phase}`);
  }

  /** Lets more clients come. */
  async addNewcomers(): Promise<void> {
    await this.#tell("newcomers");
  }

  /** Waits for the last answers if the server is there to give any, and says what they saw. */
  async end(isServerThere: boolean): Promise<HonestFigures> {
    await this.#tell(isServerThere ? "end" : "abandon");
    const line = await this.#readLine();
    await this.#finish();
    if (line === undefined) throw new Error("the honest clients ended without a word");
    return parseHonest(line);
  }

  kill(): void {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // They have ended already.
    }
  }

  async #tell(line: string): Promise<void> {
    await this.#writer.write(new TextEncoder().encode(`${line}\n`));
  }

  async #readLine(): Promise<string | undefined> {
    while (!this.#text.includes("\n")) {
      const { value, done } = await this.#lines.read();
      if (done) return undefined;
      this.#text += value;
    }
    const end = this.#text.indexOf("\n");
    const line = this.#text.slice(0, end);
    this.#text = this.#text.slice(end + 1);
    return line;
  }

  async #finish(): Promise<void> {
    await this.#writer.close().catch(() => {}); // They have ended, and so has the pipe.
    await this.#lines.cancel();
    await this.#child.stderr.cancel();
    await this.#child.status;
  }
}

/** An attacker that is at work. */
export class Attacker {
  readonly #child: Deno.ChildProcess;
  readonly #output: Promise<Deno.CommandOutput>;

  constructor({ attacker, canPin }: Clients, port: string, args: readonly string[]) {
    this.#child = spawn(attacker, [...args, "--port", port], canPin, "null");
    this.#output = this.#child.output();
  }

  /** Waits for the end of the attack of `secs` seconds. */
  async finished(secs: number): Promise<AttackFigures> {
    const timer = setTimeout(() => this.kill(), secs * 1_000 + ATTACK_LIMIT_MS);
    const { stdout, stderr } = await this.#output;
    clearTimeout(timer);
    const text = new TextDecoder().decode(stdout).trim();
    if (text === "") throw new Error(`the attacker gave up: ${new TextDecoder().decode(stderr).trim()}`);
    return parseAttack(text);
  }

  /** Ends the attack. */
  async stop(): Promise<void> {
    this.kill();
    await this.#output;
  }

  kill(): void {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
  }
}

// Runs a command to its end and keeps what it printed. Deno only.

import { dirname } from "node:path";

/** The root of the checkout. */
export const ROOT: string = dirname(import.meta.dirname ?? ".");

/** What a run may need. */
export interface RunOptions {
  readonly env?: Record<string, string>;
  /** Where it runs. @default {the root of the checkout} */
  readonly cwd?: string;
  /** How long it may take before it is ended. @default {600_000} */
  readonly limitMs?: number;
  /** Whether its output is shown as it comes, and not kept. @default {false} */
  readonly isShown?: boolean;
  /** Ends it. */
  readonly signal?: AbortSignal;
}

/** How a run ended. */
export interface RunResult {
  /** The exit code; undefined if the program is not on this machine. */
  readonly code: number | undefined;
  /** What it printed, both streams in order of arrival. */
  readonly output: string;
  readonly seconds: number;
}

/** Runs `command` with no input. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const { limitMs = 600_000, isShown = false } = options;
  const startMs = performance.now();
  const child = start(command, args, isShown ? "inherit" : "piped", options);
  if (child === undefined) return { code: undefined, output: "", seconds: 0 };

  const printed: string[] = [];
  const reads = isShown ? [] : [collect(child.stdout, printed), collect(child.stderr, printed)];
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.kill("SIGTERM");
  }, limitMs);
  const { code } = await child.status;
  clearTimeout(timer);
  // A grandchild that outlives a command that was ended may hold its output open for ever: what came until then will do.
  if (!isLate) await Promise.all(reads);
  else printed.push(`\nended, as it took longer than ${limitMs / 1000} s\n`);
  return { code: isLate ? 1 : code, output: printed.join(""), seconds: (performance.now() - startMs) / 1000 };
}

/** Starts `command`, in the root of the checkout if nothing else is said, with no input; undefined if it is not on this machine. */
export function start(
  command: string,
  args: readonly string[],
  output: "inherit" | "piped",
  { env, cwd = ROOT, signal }: Pick<RunOptions, "env" | "cwd" | "signal"> = {},
): Deno.ChildProcess | undefined {
  try {
    const streams = { stdin: "null", stdout: output, stderr: output } as const;
    return new Deno.Command(command, { args: [...args], cwd, env, signal, ...streams }).spawn();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** The signals that end a run, and the exit code of each: Ctrl-C, and `timeout` or a supervisor, which Windows has not. */
export const ENDS: readonly (readonly [Deno.Signal, number])[] = Deno.build.os === "windows"
  ? [["SIGINT", 130]]
  : [["SIGINT", 130], ["SIGTERM", 143]];

/** What must not outlive this process; empty until `endWithUs()`. */
const children = new Set<Deno.ChildProcess>();

/** Has `child` end, by force, when a signal ends this process, which nothing else would do. Answers it. */
export function endWithUs(child: Deno.ChildProcess): Deno.ChildProcess {
  if (children.size === 0) {
    for (const [name, code] of ENDS) Deno.addSignalListener(name, () => endChildren(code));
  }
  children.add(child);
  return child;
}

function endChildren(code: number): never {
  for (const child of children) {
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
  }
  Deno.exit(code);
}

/** Reads `stream` to its end, text by text, into `into`. */
export async function collect(stream: ReadableStream<Uint8Array>, into: string[]): Promise<void> {
  for await (const text of stream.pipeThrough(new TextDecoderStream())) into.push(text);
}

/** A duration for the eye. */
export function formatSeconds(seconds: number): string {
  return `${seconds.toFixed(1)} s`;
}

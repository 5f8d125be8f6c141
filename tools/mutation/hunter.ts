// Runs the stages on a copy of the checkout, and ends whatever is still running as soon as one process fails. Deno only,
// on Linux and macOS: each process leads a group, which is ended as a whole.

import { formatSeconds } from "../run.ts";
import type { Stage } from "./stages.ts";

/** What a test that failed is reported with, and a seed. */
const FAILURE = /^\s*not ok|"failure":/m;

/** A process that holds more than this is ended, as it will not stop growing. */
const MOST_BYTES = 1_500_000_000;
const PAGE_BYTES = 4096;
const LOOK_MS = 250;

/** How a stage ended. */
export interface StageResult {
  /** What showed the mutant; undefined if all went well. */
  readonly caught: "failed" | "hung" | "grew" | undefined;
  /** The first line that said so, if one did. */
  readonly says: string;
  readonly seconds: number;
}

/** The processes that run. */
const running = new Set<Deno.ChildProcess>();

/** Ends everything that runs. */
export function endAll(): void {
  for (const child of running) end(child);
}

/** Runs `stage` in `folder`, for `limitMs` at the most. */
export async function runStage(
  stage: Stage,
  { command, folder, limitMs, env }: { command: string; folder: string; limitMs: number; env: Record<string, string> },
): Promise<StageResult> {
  const startMs = performance.now();
  let caught: StageResult["caught"];
  let says = "";
  const children = stage.processes.map((args) =>
    new Deno.Command("nice", {
      args: [command, ...args],
      cwd: folder,
      env,
      stdin: "null",
      stdout: "piped",
      stderr: "null",
      detached: true,
    }).spawn()
  );
  for (const child of children) running.add(child);
  const decide = (how: StageResult["caught"], why: string) => {
    if (caught !== undefined) return;
    caught = how;
    says = why.trim();
    for (const child of children) if (running.has(child)) end(child);
  };
  const timer = setInterval(() => {
    if (performance.now() - startMs > limitMs) decide("hung", `after ${formatSeconds(limitMs / 1000)}`);
    for (const child of children) if (readBytes(child.pid) > MOST_BYTES) decide("grew", "too much memory");
  }, LOOK_MS);
  try {
    await Promise.all(children.map(async (child) => {
      const reading = readFailure(child.stdout, (line) => decide("failed", line)).catch(() => {});
      const { code } = await child.status;
      running.delete(child);
      if (code !== 0) decide("failed", `exit code ${code}`);
      if (caught === undefined) await reading;
      end(child); // what it may have left behind
    }));
  } finally {
    clearInterval(timer);
  }
  return { caught, says, seconds: (performance.now() - startMs) / 1000 };
}

async function readFailure(stream: ReadableStream<Uint8Array>, onFailure: (line: string) => void): Promise<void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = `${rest}${text}`.split("\n");
    rest = lines.pop() ?? "";
    const failure = lines.find((line) => FAILURE.test(line));
    if (failure !== undefined) onFailure(failure);
  }
}

/** Ends the group that `child` leads. */
function end(child: Deno.ChildProcess): void {
  try {
    Deno.kill(-child.pid, "SIGKILL");
  } catch {
    // nothing of it is left
  }
}

/** The memory of a process, where the system tells. */
function readBytes(pid: number): number {
  try {
    return Number(Deno.readTextFileSync(`/proc/${pid}/statm`).split(" ")[1]) * PAGE_BYTES;
  } catch {
    return 0; // it has ended, or the system has no such file
  }
}

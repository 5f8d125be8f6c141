// Takes samples: starts a server, or several in turns, puts load on it, stops it, and says what came out. Deno only.

import { ROOT } from "../tools/run.ts";
import { RunningServer, type Server } from "./servers.ts";
import type { Programs } from "./machine.ts";
import { TlsFront } from "./tls_front.ts";
import type { Workload } from "./workloads.ts";

/** What a load generator printed; which of them depends on its mode. */
export interface Load {
  readonly msgs_per_s?: number;
  readonly server_us_per_msg?: number;
  readonly server_cpu?: number;
  readonly client_cpu?: number;
  readonly others_cpu?: number;
  readonly p50_us?: number;
  readonly p99_us?: number;
  readonly max_us?: number;
  readonly conn_min?: number;
  readonly conn_p50?: number;
  readonly secs?: number;
  readonly end_bytes_per_conn?: number;
  readonly large_bytes_per_conn?: number;
  readonly errors: number;
  readonly mismatches: number;
  readonly missing: number;
}

/** One run of one server. */
export interface Sample {
  readonly workload: string;
  readonly kind: Server["kind"];
  /** `deno`, `bun`, `node`, or `c`; of a library's server the runtime whose servers it has its turns with. */
  readonly runtime: string;
  readonly round: number;
  /** Which of the windows of servers that ran in turns. */
  readonly window?: number;
  readonly load?: Load;
  readonly heavyLoad?: Load;
  /** Why it does not count. */
  readonly failure?: string;
}

/** How long the runs are. */
export interface Timing {
  readonly secs: number;
  readonly warmup: number;
  /** The same for servers that run in turns. */
  readonly pairWarmup: number;
  /** The same for a server on a JVM, whose compilers take longer. */
  readonly jvmWarmup: number;
  /** In how many windows each of them has the load. */
  readonly windows: number;
}

/** What a window is, and how much of it goes before: the connections are new, the server is warm. */
const WINDOW: Pick<Timing, "secs" | "warmup"> = { secs: 0.5, warmup: 0.15 };
const WINDOW_SETTLE_MS = 50;
/** The run before the windows only warms up. */
const UNCOUNTED_SECS = 0.1;

/** A run that others take more than this share of the machine from is taken again, so many times at most. */
const MOST_OTHERS_CPU = 0.12;
const MOST_TRIES = 2;

/** Takes a sample; of several tries, as others were busy, the quietest. */
export async function takeSample(
  workload: Workload,
  server: Server,
  round: number,
  programs: Programs,
  timing: Timing,
): Promise<Sample> {
  const head = headOf(workload, server, round);
  return await takeQuietest(async () => {
    try {
      const { running, port } = await RunningServer.start(server, programs.canPin);
      const loads = await putLoad({ workload, server, running, port }, programs, timeOf(workload, timing));
      const end = await running.stop();
      return { ...head, ...loads, failure: loads.failure ?? end };
    } catch (error) {
      return { ...head, failure: messageOf(error) };
    }
  });
}

/**
 * Takes the samples of servers that are up together and have the load in turns, a window each: what a machine does to
 * all of them cancels out, which it does not between runs of seconds.
 */
export async function takeTurns(
  workload: Workload,
  servers: readonly Server[],
  round: number,
  programs: Programs,
  timing: Timing,
): Promise<Sample[]> {
  const samples: Sample[] = [];
  const targets: LoadTarget[] = [];
  for (const server of servers) {
    try {
      const started = await RunningServer.start(server, programs.canPin);
      const front = workload.isTls === true ? await TlsFront.start(started.port, programs.canPin) : undefined;
      targets.push({ workload, server, front, running: started.running, port: front?.port ?? started.port });
    } catch (error) {
      samples.push({ ...headOf(workload, server, round), failure: messageOf(error) });
    }
  }
  try {
    // The last goes first: a JVM that has been warmed up may compile on for a while, which is not to fall into a window.
    for (const target of targets.toReversed()) {
      const warmup = target.server.kind === "netty" ? timing.jvmWarmup : timing.pairWarmup;
      await putLoad(target, programs, timeArgs({ secs: UNCOUNTED_SECS, warmup }));
    }
    for (let window = 0; window < timing.windows; window++) {
      // Now one is first and now the other.
      for (const target of window % 2 === 0 ? targets : targets.toReversed()) {
        const head = { ...headOf(workload, target.server, round), window };
        const time = [...timeArgs(WINDOW), "--settle", String(WINDOW_SETTLE_MS)];
        samples.push(await takeQuietest(async () => ({ ...head, ...await putLoad(target, programs, time) })));
      }
    }
  } catch (error) {
    samples.push(...targets.map(({ server }) => ({ ...headOf(workload, server, round), failure: messageOf(error) })));
  }
  const ends = await Promise.all(
    targets.map(async ({ server, running, front }) => {
      await front?.stop();
      return [server.kind, await running.stop()] as const;
    }),
  );
  const failures = new Map(ends);
  return samples.map((sample) => ({ ...sample, failure: sample.failure ?? failures.get(sample.kind) }));
}

/** A server that runs, and what it is to bear. */
interface LoadTarget {
  readonly workload: Workload;
  readonly server: Server;
  readonly running: RunningServer;
  /** What stands before it, in the rows over TLS. */
  readonly front?: TlsFront | undefined;
  /** Where the load goes. */
  readonly port: string;
}

function headOf(workload: Workload, { kind, runtime }: Server, round: number) {
  return { workload: workload.id, kind, runtime: runtime?.name ?? "c", round } as const;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function takeQuietest(take: () => Promise<Sample>): Promise<Sample> {
  let best = await take();
  for (let tries = 1; tries < MOST_TRIES && othersCpu(best) > MOST_OTHERS_CPU; tries++) {
    const next = await take();
    if (next.failure !== undefined || othersCpu(next) < othersCpu(best)) best = next;
  }
  return best;
}

/** The share of the machine that others took: more than this program needs means a noisy run. */
function othersCpu({ load, failure, heavyLoad }: Sample): number {
  // Two clients: each counts the other as a stranger.
  return failure !== undefined || heavyLoad !== undefined ? 0 : load?.others_cpu ?? 0;
}

/** Puts the load of the workload on a server, the heavy one too if there is one. */
async function putLoad(
  { workload, server, running, port }: LoadTarget,
  programs: Programs,
  time: readonly string[],
): Promise<Pick<Sample, "load" | "heavyLoad" | "failure">> {
  const first = [...loadOf(workload.load, server), "--port", port, "--pid", String(running.pid), ...time];
  const second = workload.heavyLoad && [...loadOf(workload.heavyLoad, server), "--port", port, ...time];
  const [light, heavy] = await Promise.all([
    runLoad(first, programs),
    second === undefined ? undefined : runLoad(second, programs),
  ]);
  return { load: light.load, heavyLoad: heavy?.load, failure: light.failure ?? heavy?.failure };
}

function loadOf([mode, ...options]: readonly string[], { protocol }: Server): string[] {
  if (protocol === "bytes") return ["raw", ...options];
  return [mode, ...options, ...(protocol === "websocket" ? ["--ws"] : [])];
}

function timeOf(workload: Workload, { secs, warmup }: Pick<Timing, "secs" | "warmup">): string[] {
  // A run that is counted may take this long at the most.
  if (workload.isCounted) return ["--secs", "30"];
  return timeArgs({ secs: workload.secs ?? secs, warmup: workload.warmup ?? warmup });
}

function timeArgs({ secs, warmup }: { readonly secs: number; readonly warmup: number }): string[] {
  return ["--secs", String(secs), "--warmup", String(warmup)];
}

async function runLoad(
  args: readonly string[],
  { loadgen, canPin }: Programs,
): Promise<{ load: Load | undefined; failure: string | undefined }> {
  const program = loadgen === undefined
    ? [Deno.execPath(), "run", "--quiet", "-A", `${ROOT}/bench/load_client.ts`]
    : [loadgen];
  const words = [...(canPin ? ["taskset", "-c", "1"] : []), ...program, ...args];
  const command = new Deno.Command(words[0], { args: words.slice(1), stdin: "null", stdout: "piped", stderr: "piped" });
  const { code, stdout, stderr } = await command.output();
  const text = new TextDecoder().decode(stdout).trim();
  const trouble = new TextDecoder().decode(stderr).trim().replaceAll(/\s*\n\s*/g, "; ");
  if (code === 2 || text === "") return { load: undefined, failure: trouble === "" ? `client: code ${code}` : trouble };
  const load = JSON.parse(text) as Load;
  const counts = `${load.errors} errors, ${load.mismatches} mismatches, ${load.missing} missing`;
  return { load, failure: code === 0 ? undefined : `${counts}; ${trouble}` };
}

// runService(): a service as a process: starts it, says that it is ready, and ends it in order when the system asks. Runs on
// Node, Bun and Deno.

import process from "node:process";
import type { Clock } from "../clock.ts";
import { clockOf } from "../clock.ts";
import { ListenError, messageOf, toError } from "../errors.ts";
import { checkKeys, LARGEST_TIMER_MS, orDefault, requireBoolean, requireFunction, requireInteger } from "../options.ts";
import { callGuarded } from "../session/handler_result.ts";
import type { ServiceState, ServiceStats } from "../service/service_stats.ts";
import type { StopOptions, StopResult } from "../service/start_stop.ts";
import { sleep } from "../sleep.ts";
import { formatAddress } from "../transport/address.ts";
import { Systemd } from "./systemd.ts";

/** What is run: a `TcpService`, or what is like one. */
export interface HostableService {
  /** Where it is in its life. */
  readonly state: ServiceState;
  /** Starts it. */
  start(): Promise<void>;
  /** Stops it. */
  stop(options?: StopOptions): Promise<StopResult>;
  /** Says where it listens. */
  stats(): Pick<ServiceStats, "listeners">;
}

/** Options of {@linkcode runService}. */
export interface RunOptions {
  /**
   * Milliseconds that sessions may take to end in order, 0 to 2^31 - 1; then the rest is cut. `onStopping` may take as long
   * again. Keep all of it, `drainMs` and `onStopped` included, below the time after which the platform kills the process: 30 s
   * for Kubernetes, 90 s for systemd, 10 s for Docker.
   *
   * @default {8000}
   */
  readonly stopTimeoutMs?: number | undefined;
  /**
   * Milliseconds from the signal, at which `health()` begins to answer that the service is not ready, to the end of listening,
   * 0 to 2^31 - 1: time for load balancers to stop sending players.
   *
   * @default {0}
   */
  readonly drainMs?: number | undefined;
  /**
   * Runs before the sessions are closed: to say good-bye, to take a health server down. What it throws is printed, and
   * makes the code 1. Its promise is awaited for `stopTimeoutMs` at most; then that is printed, and the sessions are closed.
   */
  readonly onStopping?: (() => unknown) | undefined;
  /**
   * Runs once the service has stopped, before the process ends: to close a database. What it throws is printed, and makes the
   * code 1. Its promise is awaited however long it takes, as what it saves may matter more than the end.
   */
  readonly onStopped?: ((result: StopResult) => unknown) | undefined;
  /**
   * Whether the process is ended, once every service that is hosted in it has ended: with 0 after a stop in order, with 1 at a
   * second signal, or if the start, `onStopping` or `onStopped` failed.
   *
   * @default {true}
   */
  readonly exit?: boolean | undefined;
  /**
   * Takes a line for whoever looks at the process. What it throws is ignored.
   *
   * @default {console.log}
   */
  readonly print?: ((line: string) => void) | undefined;
  /**
   * Where time comes from.
   *
   * @default {systemClock()}
   */
  readonly clock?: Clock | undefined;
}

const NAMES: Record<keyof RunOptions, true> = {
  stopTimeoutMs: true,
  drainMs: true,
  onStopping: true,
  onStopped: true,
  exit: true,
  print: true,
  clock: true,
};

const FUNCTIONS = ["onStopping", "onStopped", "print"] as const;

/** A service that runs as a process. */
export interface HostedService {
  /** As the service's, and `"draining"` from the first signal until it stops: for `health()`. */
  readonly state: ServiceState | "draining";
  /** The code that the process ends with, once it is known. */
  readonly ended: Promise<number>;
  /**
   * Stops the service as a first signal does, but leaves the end of the process to the caller; gives the code for it. A signal
   * meanwhile counts as the second.
   */
  stop(): Promise<number>;
}

/** Windows has no SIGTERM; it closes a console with SIGHUP and a console's Ctrl+Break is SIGBREAK. */
const SIGNALS: readonly string[] = process.platform === "win32"
  ? ["SIGINT", "SIGBREAK", "SIGHUP"]
  : ["SIGINT", "SIGTERM"];

/** The hosted services that have not ended. Module-wide, as signals and the end are those of the whole process. */
const hosts = new Set<Hosted>();

/**
 * Runs a service as a process: starts it, prints `listening on HOST:PORT` for each listener, and stops it in order on SIGTERM
 * and SIGINT (on Windows Ctrl+C and Ctrl+Break). A second signal ends the process at once, with code 1. As a service of systemd
 * it tells that it is ready, that it stops, and that it lives; on Deno that needs `--allow-run=systemd-notify --allow-env`.
 * Several services of one process stop side by side; once the last has ended, the process ends with the largest of their codes.
 *
 * @param service The service, not started.
 * @param options How it stops.
 * @returns The service as it is hosted. A start that fails is printed, and ends the process with 1.
 * @throws {TypeError | RangeError} if an option is wrong.
 * @throws {ListenError} if it cannot listen, and `exit` is false.
 *
 * @example A server, and how it would end
 * ```ts
 * import { TcpService } from "@laster/net";
 * import { runService } from "@laster/net/hosting";
 * import { assertEquals } from "@std/assert";
 *
 * const service = new TcpService({ listeners: [{ hostname: "127.0.0.1", port: 0 }] });
 * const hosted = await runService(service, { exit: false, print: () => {} });
 * assertEquals(hosted.state, "running");
 * assertEquals(await hosted.stop(), 0); // As on SIGTERM.
 * ```
 */
export async function runService(service: HostableService, options: RunOptions = {}): Promise<HostedService> {
  checkKeys("hosted service", options, NAMES);
  for (const name of FUNCTIONS) {
    if (options[name] !== undefined) requireFunction("host service", name, options[name]);
  }
  requireBoolean("host service", "exit", orDefault(options.exit, true));
  const hosted = new Hosted(service, options);
  await hosted.start();
  return hosted;
}

class Hosted implements HostedService {
  readonly #service: HostableService;
  readonly #options: RunOptions;
  readonly #stopTimeoutMs: number;
  readonly #drainMs: number;
  readonly #clock: Clock;
  readonly #systemd: Systemd;
  readonly #ended = Promise.withResolvers<number>();
  #isStopping = false;
  /** What the process ends with after a stop. */
  #code = 0;

  constructor(service: HostableService, options: RunOptions) {
    this.#service = service;
    this.#options = options;
    this.#stopTimeoutMs = orDefault(options.stopTimeoutMs, 8_000);
    this.#drainMs = orDefault(options.drainMs, 0);
    requireInteger("host service", "stopTimeoutMs", this.#stopTimeoutMs, 0, LARGEST_TIMER_MS);
    requireInteger("host service", "drainMs", this.#drainMs, 0, LARGEST_TIMER_MS);
    this.#clock = clockOf("hosted service", options.clock);
    this.#systemd = new Systemd(this.#clock, (error) => this.#print(`systemd is not told: ${messageOf(error)}`));
  }

  get state(): ServiceState | "draining" {
    const { state } = this.#service;
    return this.#isStopping && state === "running" ? "draining" : state;
  }

  get ended(): Promise<number> {
    return this.#ended.promise;
  }

  get isStopping(): boolean {
    return this.#isStopping;
  }

  /** Whether the process is to end with this service. */
  get endsProcess(): boolean {
    return this.#options.exit !== false;
  }

  async start(): Promise<void> {
    for (const signal of hosts.size === 0 ? SIGNALS : []) process.on(signal, handleSignal);
    hosts.add(this);
    try {
      await this.#service.start();
    } catch (error) {
      if (this.#isStopping) return; // The stop cut the start short, and has its own end.
      this.end(1);
      if (!this.endsProcess) throw error;
      this.#print(error instanceof ListenError ? error.message : messageOf(toError(error)));
      await stopHosts();
      return process.exit(1);
    }
    if (this.#isStopping) return; // A signal came meanwhile.
    this.#systemd.ready();
    for (const address of this.#service.stats().listeners) this.#print(`listening on ${formatAddress(address)}`);
  }

  async stop(): Promise<number> {
    if (this.#isStopping) return await this.ended;
    this.#isStopping = true;
    this.#systemd.stopping();
    if (this.#drainMs > 0) await sleep(this.#clock, this.#drainMs);
    await this.#callOnStopping();
    const result = await this.#service.stop({ timeoutMs: this.#stopTimeoutMs });
    await this.#call(() => this.#options.onStopped?.(result));
    this.end(this.#code);
    return await this.ended; // 1, if a second signal came meanwhile.
  }

  /** Is over, with this code. */
  end(code: number): void {
    hosts.delete(this);
    for (const signal of hosts.size === 0 ? SIGNALS : []) process.off(signal, handleSignal);
    this.#systemd.stop();
    this.#ended.resolve(code);
  }

  #print(line: string): void {
    callGuarded(() => (this.#options.print ?? console.log)(line), () => {}); // There is nobody else to tell.
  }

  async #callOnStopping(): Promise<void> {
    const settled = new AbortController();
    void this.#call(() => this.#options.onStopping?.()).then(() => settled.abort());
    await sleep(this.#clock, this.#stopTimeoutMs, settled.signal);
    if (!settled.signal.aborted) this.#print(`stopping: onStopping has not ended in ${this.#stopTimeoutMs} ms`);
  }

  async #call(handler: () => unknown): Promise<void> {
    try {
      await handler();
    } catch (fault) {
      this.#code = 1;
      this.#print(`stopping: ${messageOf(toError(fault))}`);
    }
  }
}

/** Stops every hosted service, or, if all are stopping already, ends them at once; then the process, if one of them ends it. */
function handleSignal(): void {
  const all = [...hosts];
  const endsProcess = all.some((host) => host.endsProcess);
  if (!all.every((host) => host.isStopping)) {
    void stopHosts().then((code) => endsProcess && process.exit(code));
    return;
  }
  for (const host of all) host.end(1);
  if (endsProcess) process.exit(1);
}

/** Stops the hosted services, those that start meanwhile too; gives the largest of their codes. */
async function stopHosts(): Promise<number> {
  let code = 0;
  while (hosts.size > 0) {
    code = Math.max(code, ...await Promise.all([...hosts].map((host) => host.stop())));
  }
  return code;
}

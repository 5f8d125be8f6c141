// What systemd is told of a service: that it is ready, that it stops, and that it lives (sd_notify(3)). By the program
// `systemd-notify`, since no runtime has Unix datagram sockets. Runs on Node, Bun and Deno.

import { spawn } from "node:child_process";
import process from "node:process";
import type { Clock } from "../clock.ts";
import { LARGEST_TIMER_MS } from "../options.ts";

/** What systemd is told. */
export type SystemdState = "READY=1" | "STOPPING=1" | "WATCHDOG=1";

/** Tells systemd the state of the service, if the process is one of its services. */
export class Systemd {
  readonly #clock: Clock;
  readonly #onFault: (error: Error) => void;
  readonly #isThere: boolean;
  #timer: unknown = undefined;
  /** Whether the last message was not told. */
  #isFaulty = false;

  /** Makes it; tells nothing yet. A fault is reported once, until a message could be told again. */
  constructor(clock: Clock, onFault: (error: Error) => void) {
    this.#clock = clock;
    this.#onFault = onFault;
    this.#isThere = (readVariable("NOTIFY_SOCKET") ?? "") !== "";
  }

  /** Says that the service is ready, then that it lives, twice in each watchdog interval (`WATCHDOG_USEC`), if there is one. */
  ready(): void {
    this.#notify("READY=1");
    const watchdogMs = Number(readVariable("WATCHDOG_USEC") ?? 0) / 1_000;
    const own = readVariable("WATCHDOG_PID");
    // Above that is `infinity`, which systemd writes as 2^64 - 1: a timer of the runtime would fire at once.
    const hasWatchdog = watchdogMs > 0 && watchdogMs <= LARGEST_TIMER_MS;
    if (hasWatchdog && (own === undefined || own === String(process.pid))) this.#beat(watchdogMs / 2);
  }

  /** Says that the service stops. The watchdog messages go on. */
  stopping(): void {
    this.#notify("STOPPING=1");
  }

  /** Says nothing more. */
  stop(): void {
    this.#clock.clearTimer(this.#timer);
  }

  #beat(intervalMs: number): void {
    this.#timer = this.#clock.setTimer(() => {
      this.#notify("WATCHDOG=1");
      this.#beat(intervalMs);
    }, intervalMs);
  }

  #notify(state: SystemdState): void {
    if (!this.#isThere) return;
    const options = { stdio: "ignore" } as const;
    try {
      // systemd takes it as the main process's by `--pid`, if the unit says NotifyAccess=all.
      const child = spawn("systemd-notify", ["--no-block", `--pid=${process.pid}`, state], options);
      child.on("error", (error) => this.#report(error));
      if (child.pid === undefined) return; // There is no such program: Deno could not unref() it.
      this.#isFaulty = false;
      child.unref();
    } catch (fault) {
      this.#report(fault instanceof Error ? fault : new Error(String(fault))); // Deno, without the right to run it.
    }
  }

  #report(error: Error): void {
    if (!this.#isFaulty) this.#onFault(error);
    this.#isFaulty = true;
  }
}

/** What is used of Deno: without a look at the permission, reading a variable would ask the user. */
interface DenoPermissions {
  querySync(wish: { readonly name: "env"; readonly variable: string }): { readonly state: string };
}

/** Reads a variable of the environment; without the right to, there is none. */
function readVariable(name: string): string | undefined {
  const { Deno: deno } = globalThis as unknown as { Deno?: { readonly permissions: DenoPermissions } };
  if (deno !== undefined && deno.permissions.querySync({ name: "env", variable: name }).state !== "granted") {
    return undefined;
  }
  return process.env[name];
}

// LoadShedding: takes no new connections while the process is overloaded, and closes the sessions that send most. Runtime
// neutral.

import { type Clock, clockOf } from "../clock.ts";
import { toError } from "../errors.ts";
import { checkKeys, describeValue, LARGEST_TIMER_MS, orDefault, requireInteger } from "../options.ts";
import type { Admission, AdmissionRequest } from "../service/admission.ts";
import type { ServiceObserver } from "../service/observers.ts";
import { isThenable, whenSettled } from "../session/handler_result.ts";
import type { Session } from "../session/session.ts";

/** How often the load is looked at. */
const LOOK_MS = 250;
/** An overload is over once it is down to this share of its bound, so that it does not come and go. */
const RECOVERED = 0.8;
/** Overloaded looks in a row before a session is closed: new connections are refused first. */
const PATIENT_LOOKS = 8;
const CLOSE_MS = 1_000;

/** Options of {@linkcode LoadShedding}; 0 is no bound. */
export interface LoadSheddingOptions {
  /**
   * Milliseconds that the event loop may be late at two looks in a row, of which there are four a second; 0 to 2^31 - 1.
   *
   * @default {250}
   */
  readonly maxDelayMs?: number | undefined;
  /**
   * Bytes of memory that the process may have resident (RSS), 0 to 2^53 - 1.
   *
   * @default {0}
   */
  readonly maxMemoryBytes?: number | undefined;
  /**
   * Sessions, dialled ones too, at which new connections are refused, until no more than four fifths of them are left; 0 to
   * 2^31 - 1.
   *
   * @default {0}
   */
  readonly maxSessions?: number | undefined;
  /**
   * Tells the memory in bytes. Where it throws, or gives anything but a number from 0 on, the memory counts as 0; the first
   * time is reported when the next session opens, as a fault of an observer.
   *
   * @default {what the runtime says of the process}
   */
  readonly measureMemory?: (() => number) | undefined;
  /**
   * Where time comes from.
   *
   * @default {systemClock()}
   */
  readonly clock?: Clock | undefined;
}

const NAMES: Record<keyof LoadSheddingOptions, true> = {
  maxDelayMs: true,
  maxMemoryBytes: true,
  maxSessions: true,
  measureMemory: true,
  clock: true,
};

/** The bounds, with every default filled in. */
interface Bounds {
  readonly maxDelayMs: number;
  readonly maxMemoryBytes: number;
  readonly maxSessions: number;
}

/** What is overloaded. */
export type Load = "event-loop" | "memory" | "sessions";

/** What was seen, and done. */
export interface LoadSheddingStats {
  /** What was too much at the last look; undefined if nothing was. Without sessions only a new connection makes it look. */
  readonly overload: Load | undefined;
  /** Milliseconds that the event loop was late at the last look. */
  readonly delayMs: number;
  /** Connections that were refused. */
  readonly refused: number;
  /** Sessions that were closed. */
  readonly shed: number;
}

/**
 * Refuses new connections with `"overloaded"` while the event loop is late, the memory large or the sessions many, until that
 * is down at four fifths of its bound. If the event loop or the memory stay so for two seconds, the session that has sent most
 * since the last look is closed, with the detail `"load-shed"`, one at each look. Give it to `admission` and to `observers`.
 *
 * @example Shed load above a gibibyte
 * ```ts
 * import { serve } from "@laster/net";
 * import { LoadShedding } from "@laster/net/guard";
 *
 * const shedding = new LoadShedding({ maxMemoryBytes: 2 ** 30 });
 * await using service = await serve({ hostname: "127.0.0.1", port: 0, admission: [shedding], observers: [shedding] });
 * ```
 */
export class LoadShedding implements Admission, ServiceObserver {
  readonly #clock: Clock;
  readonly #measureMemory: () => number;
  #bounds: Bounds;
  /** The accepted sessions, with what each had sent at the last look. */
  readonly #sessions = new Map<Session<unknown>, number>();
  #overload: Load | undefined = undefined;
  /** Whether the last connection came to `maxSessions`, or to what has not recovered since. A look sees accepted sessions only. */
  #isFull = false;
  #overloadedLooks = 0;
  /** How late the event loop was at both of the last two looks: one stall, such as a thousand accepts in a row, is no load. */
  #lastingDelayMs = 0;
  /** How late it was at the last look. */
  #beforeMs = 0;
  #lookedMs = 0;
  /** When the timer was set. */
  #armedMs = 0;
  #timer: unknown = undefined;
  /** Why the memory could not be measured, until that is reported. */
  #fault: Error | undefined = undefined;
  #isFaultKnown = false;
  readonly #stats = { delayMs: 0, refused: 0, shed: 0 };

  /**
   * Makes one that has seen no load.
   *
   * @param options The bounds.
   * @throws {RangeError | TypeError} if an option is wrong.
   */
  constructor(options: LoadSheddingOptions = {}) {
    this.#bounds = resolveBounds(options);
    this.#measureMemory = options.measureMemory ?? residentBytes;
    if (typeof this.#measureMemory !== "function") {
      throw new TypeError(
        `Cannot create load shedding as measureMemory must be a function: current value is ${
          describeValue(this.#measureMemory)
        }`,
      );
    }
    this.#clock = clockOf("load shedding", options.clock);
  }

  /**
   * Replaces the bounds, from the next connection and the next look on; an option that is left out has its default. Clock and
   * `measureMemory` stay. The call itself closes no session: a load above a new bound is treated as any other.
   *
   * @param options The bounds.
   * @throws {RangeError | TypeError} if an option is wrong; nothing has changed then.
   */
  change(options: LoadSheddingOptions): void {
    this.#bounds = resolveBounds(options);
  }

  /** A snapshot of what was seen, and done. */
  get stats(): LoadSheddingStats {
    return { overload: this.#overload, ...this.#stats };
  }

  admit({ sessions }: Pick<AdmissionRequest, "sessions">): string | undefined {
    const { maxSessions } = this.#bounds;
    if (this.#timer === undefined) this.#lookAgain();
    const isFull = this.#isFull ? sessions > maxSessions * RECOVERED : sessions >= maxSessions;
    this.#isFull = maxSessions > 0 && isFull;
    if (this.#isFull) this.#overload ??= "sessions";
    if (this.#overload === undefined) return undefined;
    this.#stats.refused++;
    return "overloaded";
  }

  onOpened(session: Session<unknown>): void {
    if (session.origin.kind !== "accepted") return;
    this.#sessions.set(session, 0);
    this.#watch();
    const fault = this.#fault;
    this.#fault = undefined;
    if (fault !== undefined) throw fault; // The service reports it.
  }

  onClosed(session: Session<unknown>): void {
    if (this.#sessions.delete(session) && this.#sessions.size === 0) this.#rest();
  }

  /** Without sessions no timer runs, so that none outlives its service: the next connection has `admit()` look. */
  #rest(): void {
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
    this.#overloadedLooks = this.#beforeMs = 0;
  }

  #watch(): void {
    if (this.#timer !== undefined) return;
    this.#armedMs = this.#clock.now();
    this.#timer = this.#clock.setTimer(() => this.#look(), LOOK_MS);
  }

  #look(): void {
    this.#timer = undefined;
    this.#lookedMs = this.#clock.now();
    const delayMs = Math.max(0, this.#lookedMs - this.#armedMs - LOOK_MS);
    this.#stats.delayMs = delayMs;
    this.#lastingDelayMs = Math.min(this.#beforeMs, delayMs);
    this.#beforeMs = delayMs;
    this.#overload = this.#findOverload();
    const canBeShed = this.#overload === "event-loop" || this.#overload === "memory";
    this.#overloadedLooks = canBeShed ? this.#overloadedLooks + 1 : 0;
    const heaviest = canBeShed ? this.#findHeaviest() : undefined; // A walk over all sessions: under load only.
    if (heaviest !== undefined && this.#overloadedLooks > PATIENT_LOOKS) {
      this.#stats.shed++;
      this.#sessions.delete(heaviest);
      void heaviest.close({ detail: "load-shed", timeoutMs: CLOSE_MS });
    }
    if (this.#sessions.size > 0) this.#watch();
    else this.#rest();
  }

  /** Looks without a timer, unless it has just looked: whether the event loop is late is not known then. */
  #lookAgain(): void {
    const nowMs = this.#clock.now();
    if (nowMs - this.#lookedMs < LOOK_MS) return;
    this.#lookedMs = nowMs;
    this.#stats.delayMs = this.#lastingDelayMs = this.#beforeMs = 0;
    this.#overload = this.#findOverload();
  }

  #findOverload(): Load | undefined {
    const { maxDelayMs, maxMemoryBytes, maxSessions } = this.#bounds;
    const exceeds = (load: Load, value: number, most: number) =>
      most > 0 && value > (this.#overload === load ? most * RECOVERED : most);
    if (exceeds("event-loop", this.#lastingDelayMs, maxDelayMs)) return "event-loop";
    if (maxMemoryBytes > 0 && exceeds("memory", this.#memoryBytes(), maxMemoryBytes)) return "memory";
    return exceeds("sessions", this.#sessions.size, maxSessions) ? "sessions" : undefined;
  }

  /** Measures the memory; 0 if that fails. */
  #memoryBytes(): number {
    let fault: unknown;
    try {
      const bytes: unknown = this.#measureMemory();
      if (typeof bytes === "number" && bytes >= 0) return bytes;
      fault = new TypeError(`measureMemory must give a number from 0 on: current value is ${describeValue(bytes)}`);
      if (isThenable(bytes)) whenSettled(bytes, () => {}, () => {}); // Nobody else hears of it.
    } catch (error) {
      fault = error;
    }
    if (!this.#isFaultKnown) this.#fault = new Error("Cannot measure the memory", { cause: toError(fault) });
    this.#isFaultKnown = true;
    return 0;
  }

  /** Gives who has sent most since the last look; undefined if nobody has sent anything. */
  #findHeaviest(): Session<unknown> | undefined {
    let heaviest: Session<unknown> | undefined;
    let mostBytes = 0;
    for (const [session, before] of this.#sessions) {
      const { receivedBytes } = session.stats;
      this.#sessions.set(session, receivedBytes);
      if (receivedBytes - before <= mostBytes) continue;
      mostBytes = receivedBytes - before;
      heaviest = session;
    }
    return heaviest;
  }
}

function resolveBounds(options: LoadSheddingOptions): Bounds {
  checkKeys("load shedding", options, NAMES);
  const maxDelayMs = orDefault(options.maxDelayMs, 250);
  const maxMemoryBytes = orDefault(options.maxMemoryBytes, 0);
  const maxSessions = orDefault(options.maxSessions, 0);
  requireInteger("create load shedding", "maxDelayMs", maxDelayMs, 0, LARGEST_TIMER_MS);
  requireInteger("create load shedding", "maxMemoryBytes", maxMemoryBytes, 0, Number.MAX_SAFE_INTEGER);
  requireInteger("create load shedding", "maxSessions", maxSessions, 0, LARGEST_TIMER_MS);
  return { maxDelayMs, maxMemoryBytes, maxSessions };
}

/** Reads what the runtime says of the process; 0 where it says nothing. */
function residentBytes(): number {
  const { process } = globalThis as { process?: { memoryUsage?: () => { rss: number } } };
  return process?.memoryUsage?.().rss ?? 0;
}

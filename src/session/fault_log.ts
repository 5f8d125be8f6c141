// FaultLog: reports each kind of fault at most once a second, with a count, so that a peer cannot fill the disk with log lines.
// Runtime neutral.

import type { Clock } from "../clock.ts";
import { messageOf, SessionClosedError } from "../errors.ts";
import type { Logger, LoggerLevel } from "../logger.ts";
import { type Address, formatAddress } from "../transport/address.ts";
import type { CloseReason } from "./close_reason.ts";

/** After a report, further faults of its kind are only counted for this long. */
const PERIOD_MS = 1_000;
/** Most kinds that are told apart; all further ones count as one kind. */
const MOST_KINDS = 64;

/** What a report is about: the category of the logger that it goes to. */
export type LogPart = "session" | "listener" | "dial" | "observer" | "service";

/** Called for each fault, including those that are only counted. */
export type ReportHandler = (level: LoggerLevel, message: string, properties: Record<string, unknown>) => void;

/** The session in the report of its end. */
export interface EndedSession {
  /** Its number. */
  readonly id: number;
  /** The peer. */
  readonly remoteAddress: Address;
}

/** The state of one kind of fault. */
interface Kind {
  reportedMs: number;
  /** How many came since the last report. */
  count: number;
  logger: Logger;
  level: LoggerLevel;
  message: string;
  properties: Record<string, unknown>;
}

/** Wraps the logger of a service. A timer runs only while there are counted faults to report. */
export class FaultLog {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #loggers = new Map<LogPart, Logger>();
  readonly #kinds = new Map<string, Kind>();
  #onReport: ReportHandler | undefined = undefined;
  #isTelling = false;
  #timer: unknown = undefined;
  #stacksFromMs = -Infinity;

  /** Makes a log over a logger that does not throw. */
  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Sets a handler for all faults, except those that the handler itself causes. */
  observe(onReport: ReportHandler): void {
    this.#onReport = onReport;
  }

  /**
   * Reports a fault at once, or only counts it if one of its kind was reported less than a second ago. At most a second later
   * the last counted fault is reported with the count.
   *
   * @param part What it is about.
   * @param level How serious it is.
   * @param message A sentence with placeholders.
   * @param properties Their values.
   * @param kind The key of the kind: the message or the reason, not the session.
   */
  report(
    part: LogPart,
    level: LoggerLevel,
    message: string,
    properties: Record<string, unknown>,
    kind = message,
  ): void {
    this.#tell(level, message, properties);
    const key = this.#kinds.has(kind) || this.#kinds.size < MOST_KINDS ? kind : "";
    const known = this.#kinds.get(key);
    const nowMs = this.#clock.now();
    if (nowMs < this.#stacksFromMs) properties = withoutStacks(properties);
    const logger = this.#loggerOf(part);
    if (known === undefined || (known.count === 0 && nowMs - known.reportedMs >= PERIOD_MS)) {
      this.#kinds.set(key, { reportedMs: nowMs, count: 0, logger, level, message, properties });
      logger[level](message, properties);
      return;
    }
    Object.assign(known, { logger, level, message, properties });
    known.count++;
    this.#timer ??= this.#clock.setTimer(() => this.#endPeriod(), PERIOD_MS);
  }

  /** Reports the fault that ends a session. */
  reportEnd({ id, remoteAddress }: EndedSession, reason: CloseReason, error: Error): void {
    const isOwnEnd = error instanceof SessionClosedError && error.sessionId === id;
    // A fault in a handler is the application's, and its stack is needed; any other fault is the peer's.
    const isHandlers = reason === "handler-error" && !isOwnEnd;
    const level = isHandlers ? "error" : isOwnEnd ? "debug" : "info";
    const address = formatAddress(remoteAddress);
    const properties = { id, reason, address, error: isHandlers ? error : messageOf(error) };
    const kind = isOwnEnd ? `${reason}, own` : reason;
    this.report("session", level, "Session {id} ends by {reason}: {error}", properties, kind);
  }

  /**
   * Reports errors as text, without their stacks, for `durationMs`. For when file descriptors have run out: Deno then ends the
   * process if the stack of an error is read (docs/deno_accept_stack.md).
   */
  withholdStacks(durationMs: number): void {
    this.#stacksFromMs = this.#clock.now() + durationMs;
  }

  /** Reports the faults that were only counted, and stops the timer. */
  flush(): void {
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#endPeriod();
  }

  #loggerOf(part: LogPart): Logger {
    let logger = this.#loggers.get(part);
    if (logger === undefined) this.#loggers.set(part, logger = this.#logger.getChild?.(part) ?? this.#logger);
    return logger;
  }

  #tell(level: LoggerLevel, message: string, properties: Record<string, unknown>): void {
    if (this.#onReport === undefined || this.#isTelling) return;
    this.#isTelling = true;
    try {
      this.#onReport(level, message, properties);
    } finally {
      this.#isTelling = false;
    }
  }

  #endPeriod(): void {
    this.#timer = undefined;
    const nowMs = this.#clock.now();
    for (const kind of this.#kinds.values()) {
      const { count, logger, level, message, properties } = kind;
      if (count === 0) continue;
      kind.count = 0;
      kind.reportedMs = nowMs;
      if (count === 1) logger[level](message, properties);
      else logger[level](`${message} ({count} times within a second)`, { ...properties, count });
    }
  }
}

function withoutStacks(properties: Record<string, unknown>): Record<string, unknown> {
  const { error } = properties;
  return error === undefined || typeof error === "string"
    ? properties
    : { ...properties, error: messageOf(error as Error) };
}

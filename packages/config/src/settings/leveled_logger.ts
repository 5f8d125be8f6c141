// LeveledLogger: a logger whose level changes at run time. Runtime neutral.

import type { Logger } from "@laster/net";
import type { LogLevel } from "./parse_settings.ts";

const RANKS: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warning: 2, error: 3, off: 4 };

/**
 * Passes on to another logger what is at its level or above. What is below is not formatted. The other logger may drop more:
 * `consoleLogger()` drops what is below a warning, unless it is given a `level`.
 *
 * @example Errors only, for the time being
 * ```ts
 * import { LeveledLogger } from "@laster/config";
 * import { consoleLogger, TcpService } from "@laster/net";
 *
 * const logger = new LeveledLogger(consoleLogger({ level: "debug" }), "error");
 * new TcpService({ logger });
 * logger.level = "info";
 * ```
 */
export class LeveledLogger implements Logger {
  readonly #logger: Logger;
  /** Shared with the loggers of parts. */
  #shared: { level: LogLevel };

  /** Wraps a logger. */
  constructor(logger: Logger, level: LogLevel = "warning") {
    this.#logger = logger;
    this.#shared = { level };
  }

  /** The lowest level that is logged, by the loggers of parts too. */
  get level(): LogLevel {
    return this.#shared.level;
  }

  set level(level: LogLevel) {
    this.#shared.level = level;
  }

  /** Makes the logger of a part, which has the level of this one. */
  getChild(category: string): LeveledLogger {
    const child = new LeveledLogger(this.#logger.getChild?.(category) ?? this.#logger);
    child.#shared = this.#shared;
    return child;
  }

  /** Logs if the level is `"debug"`. */
  debug(message: string, properties?: Record<string, unknown>): void {
    if (RANKS[this.level] <= RANKS.debug) this.#logger.debug(message, properties);
  }

  /** Logs if the level is `"info"` or lower. */
  info(message: string, properties?: Record<string, unknown>): void {
    if (RANKS[this.level] <= RANKS.info) this.#logger.info(message, properties);
  }

  /** Logs if the level is `"warning"` or lower. */
  warn(message: string, properties?: Record<string, unknown>): void {
    if (RANKS[this.level] <= RANKS.warning) this.#logger.warn(message, properties);
  }

  /** Logs unless the level is `"off"`. */
  error(message: string, properties?: Record<string, unknown>): void {
    if (RANKS[this.level] <= RANKS.error) this.#logger.error(message, properties);
  }
}

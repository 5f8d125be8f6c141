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
  /** The lowest level that is logged. */
  level: LogLevel;
  readonly #logger: Logger;

  /** Wraps a logger. */
  constructor(logger: Logger, level: LogLevel = "warning") {
    this.#logger = logger;
    this.level = level;
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

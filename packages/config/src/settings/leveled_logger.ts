// LeveledLogger: a logger whose level changes at run time. Runtime neutral.

import type { Logger } from "@laster/net";
import type { LogLevel } from "./parse_settings.ts";

const RANKS: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warning: 2, error: 3, off: 4 };

/**
 * Hands on to another logger what is at its level or above; what is below is not even formatted.
 *
 * @example Errors only, for the time being
 * ```ts
 * import { LeveledLogger } from "@laster/config";
 * import { consoleLogger, TcpService } from "@laster/net";
 *
 * const logger = new LeveledLogger(consoleLogger(), "error");
 * new TcpService({ logger });
 * logger.level = "warning";
 * ```
 */
export class LeveledLogger implements Logger {
  /** From which level on. */
  level: LogLevel;
  readonly #logger: Logger;

  /** Makes one before another. */
  constructor(logger: Logger, level: LogLevel = "warning") {
    this.#logger = logger;
    this.level = level;
  }

  /** Hands on at `"debug"`. */
  debug(message: string, properties?: Record<string, unknown>): void {
    if (RANKS[this.level] <= RANKS.debug) this.#logger.debug(message, properties);
  }

  /** Hands on up to `"info"`. */
  info(message: string, properties?: Record<string, unknown>): void {
    if (RANKS[this.level] <= RANKS.info) this.#logger.info(message, properties);
  }

  /** Hands on up to `"warning"`. */
  warn(message: string, properties?: Record<string, unknown>): void {
    if (RANKS[this.level] <= RANKS.warning) this.#logger.warn(message, properties);
  }

  /** Hands on but at `"off"`. */
  error(message: string, properties?: Record<string, unknown>): void {
    if (RANKS[this.level] <= RANKS.error) this.#logger.error(message, properties);
  }
}

// Logger: the few methods the package calls on one. Structural, so that a LogTape logger or `console` fits as it is.
// Runtime neutral.

import { checkKeys, describeValue, orDefault, toText } from "./options.ts";

/**
 * Where the package reports faults that no caller can be told of: a handler that threw, an accept that failed.
 *
 * Each kind of fault is reported at most once a second, with a count. Faults that a peer can cause have their error as text;
 * only faults of the application's own code have it as an `Error`, with its stack.
 *
 * `message` is a sentence with `{name}` placeholders, `properties` holds their values, as LogTape expects. Use
 * {@linkcode consoleLogger} for the console, which does not know placeholders.
 */
export interface Logger {
  /** Reports something of use while developing. */
  debug(message: string, properties?: Record<string, unknown>): void;
  /** Reports a normal event. */
  info(message: string, properties?: Record<string, unknown>): void;
  /** Reports something odd that was survived. */
  warn(message: string, properties?: Record<string, unknown>): void;
  /** Reports a failure that someone should look at. */
  error(message: string, properties?: Record<string, unknown>): void;
  /**
   * Makes the logger of a part. If it is there, what the package reports goes to the logger of the part that it is about:
   * `"session"`, `"listener"`, `"dial"`, `"link"`, `"observer"` or `"service"`. LogTape makes a category of it.
   */
  getChild?(category: string): Logger;
}

/** The name of a logger's method that reports. */
export type LoggerLevel = Exclude<keyof Logger, "getChild">;

/** The levels that {@linkcode consoleLogger} may write from. */
const LEVELS = ["debug", "info", "warning"] as const;

/**
 * Makes a logger that writes to the console. Without options it writes warnings and errors: the default of a service.
 *
 * @param options `level` is the lowest that is written; `"warning"` if it is left out. What is below a warning is written as
 * warnings are, by `console.warn()`.
 * @returns A logger.
 * @throws {TypeError} if `level` is another word, or an option has another name.
 *
 * @example Pass it in
 * ```ts
 * import { consoleLogger, TcpService } from "@laster/net";
 *
 * const service = new TcpService({ logger: consoleLogger() });
 * await service.stop();
 * ```
 */
export function consoleLogger(options: { readonly level?: "debug" | "info" | "warning" | undefined } = {}): Logger {
  checkKeys("logger", options, { level: true });
  const rank = LEVELS.indexOf(orDefault(options.level, "warning"));
  if (rank < 0) {
    const value = describeValue(options.level);
    throw new TypeError(`Cannot create logger as level must be one of ${LEVELS.join(", ")}: current value is ${value}`);
  }
  const warn: Logger["warn"] = (message, properties) => console.warn(fillIn(message, properties));
  return {
    debug: rank === 0 ? warn : () => {},
    info: rank <= 1 ? warn : () => {},
    warn,
    error: (message, properties) => console.error(fillIn(message, properties)),
  };
}

/**
 * Makes a logger that drops everything.
 *
 * @returns A logger.
 *
 * @example Keep quiet
 * ```ts
 * import { silentLogger, TcpService } from "@laster/net";
 *
 * const service = new TcpService({ logger: silentLogger() });
 * await service.stop();
 * ```
 */
export function silentLogger(): Logger {
  return { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
}

/** Replaces placeholders such as `{id}` by their properties; errors appear with their stack. */
export function fillIn(message: string, properties: Record<string, unknown> = {}): string {
  return message.replaceAll(/\{(\w+)\}/g, (whole, name: string) => {
    const value = properties[name];
    return value === undefined ? whole : textOf(value);
  });
}

/** An error with its stack, if it has one that can be read. */
function textOf(value: unknown): string {
  try {
    if (value instanceof Error && typeof value.stack === "string") return value.stack;
  } catch {
    // A proxy, or a getter that throws.
  }
  return toText(value);
}

// readLogger(): the logger for `Log` and `LogLevel` of laster40Net, "the original". Writes no files. Runtime neutral.

import { consoleLogger, type Logger, silentLogger } from "@laster/net";
import type { FieldReader } from "./field_reader.ts";

/** The original takes any other word for its null logger; here a mistyped one is refused. */
const LOGS = ["console", "file", "null", "none"] as const;
const LEVELS = ["Debug", "Info", "Error"] as const;
const CONSOLE_LEVELS = { Debug: "debug", Info: "info", Error: "warning" } as const;

/**
 * Makes the logger of a config.
 *
 * The original has no level for warnings and reports as errors what are warnings here, so `Error` writes both.
 *
 * @param fields The config's fields.
 * @param notes Where to say what could not be done.
 * @returns A logger; without the fields it writes errors to the console, as the original.
 * @throws {ConfigError} if a field has another word.
 */
export function readLogger(fields: FieldReader, notes: string[]): Logger {
  // An empty word is the null logger too, as in the original.
  const log = fields.text("Log") === "" ? "null" : fields.word("Log", LOGS) ?? "console";
  const level = fields.word("LogLevel", LEVELS) ?? "Error";
  if (log !== "console" && log !== "file") return silentLogger();
  if (log === "file") {
    notes.push(
      "Log is file, and goes to the console: a log file needs a logger of your own, as the service's logger option",
    );
  }
  return consoleLogger({ level: CONSOLE_LEVELS[level] });
}

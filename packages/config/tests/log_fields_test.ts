// The logger that a config asks for: what it writes, seen on the console of the runtime.

import { assertEquals } from "@std/assert";
import { test } from "node:test";
import type { Logger } from "@laster/net";
import { parseLasterConfig } from "@laster/config";
import { assertRefused, configOf, field } from "./config_text.ts";

/** What a logger writes of one message on each level. */
function written(logger: Logger | undefined): string[] {
  const lines: string[] = [];
  const { warn, error } = console;
  console.warn = console.error = (line: string) => lines.push(line);
  try {
    for (const level of ["debug", "info", "warn", "error"] as const) {
      logger?.[level](`a {what} at ${level}`, { what: "word" });
    }
  } finally {
    Object.assign(console, { warn, error });
  }
  return lines.map((line) => line.replace("a word at ", ""));
}

test("Log and LogLevel choose what is written", () => {
  const levels: Record<string, string[]> = {
    Debug: ["debug", "info", "warn", "error"],
    Info: ["info", "warn", "error"],
    Error: ["warn", "error"],
    error: ["warn", "error"],
  };
  for (const log of ["console", "Console", "file"]) {
    for (const [level, lines] of Object.entries(levels)) {
      const { logger } = parseLasterConfig(configOf(`<Log>${log}</Log><LogLevel>${level}</LogLevel>`)).options;
      assertEquals(written(logger), lines, `${log} ${level}`);
    }
  }
});

test("Log and LogLevel may be absent: errors go to the console, as in the original", () => {
  assertEquals(written(parseLasterConfig(configOf("")).options.logger), ["warn", "error"]);
  assertEquals(written(parseLasterConfig(field("Log", "console")).options.logger), ["warn", "error"]);
});

test("Log null writes nothing, whatever the level", () => {
  for (const log of ["null", "Null", "none", ""]) {
    const { logger } = parseLasterConfig(configOf(`<Log>${log}</Log><LogLevel>Debug</LogLevel>`)).options;
    assertEquals(written(logger), [], log);
  }
});

test("Log file is the console, and a note names the file and says so", () => {
  assertEquals(parseLasterConfig(field("Log", "file")).notes, [
    "Log is file, and goes to the console: a log file needs a logger of your own, as the service's logger option",
  ]);
});

test("Log and LogLevel refuse other words", () => {
  for (const value of ["syslog", "files"]) {
    assertRefused(field("Log", value), { field: "Log", value, rule: "Log must be one of console, file, null, none" });
  }
  for (const value of ["", "Warn", "1"]) {
    assertRefused(field("LogLevel", value), {
      field: "LogLevel",
      value,
      rule: "LogLevel must be one of Debug, Info, Error",
    });
  }
});

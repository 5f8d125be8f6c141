// guardLogger(): passes everything on, and drops what the logger throws.

import test from "node:test";
import { assertEquals } from "@std/assert";
import type { Logger } from "@laster/net";
import { guardLogger } from "../../src/service/guarded_logger.ts";

const LEVELS = ["debug", "info", "warn", "error"] as const;

test("guardLogger() passes the message and its properties on, as a method call", () => {
  /** A logger of a class, which needs its `this`. */
  class Lines {
    readonly lines: unknown[] = [];
    debug = this.#write("debug");
    info = this.#write("info");
    warn = this.#write("warn");
    error(message: string, properties?: Record<string, unknown>): void {
      this.lines.push(["error", message, properties]);
    }
    #write(level: string): Logger["info"] {
      return (message, properties) => this.lines.push([level, message, properties]);
    }
  }
  const lines = new Lines();
  const logger = guardLogger(lines);
  for (const level of LEVELS) logger[level]("{id} did it", { id: 1 });
  assertEquals(lines.lines, LEVELS.map((level) => [level, "{id} did it", { id: 1 }]));
});

test("guardLogger() drops what the logger throws", () => {
  const fail = () => {
    throw new Error("the disk is full");
  };
  const logger = guardLogger({ debug: fail, info: fail, warn: fail, error: fail });
  for (const level of LEVELS) logger[level]("nobody hears");
});

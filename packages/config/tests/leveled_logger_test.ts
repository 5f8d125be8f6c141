// LeveledLogger: what it hands on, its level, and the loggers of parts.

import test from "node:test";
import { assertEquals } from "@std/assert";
import type { Logger } from "@laster/net";
import { LeveledLogger, type LogLevel } from "@laster/config";

test("LeveledLogger formats nothing of a level that is off, and does not even look at the properties", () => {
  let looks = 0;
  const properties = {
    get player(): string {
      looks++;
      return "player 5";
    },
  };
  const lines: string[] = [];
  const say = (message: string, given: Record<string, unknown> = {}) =>
    void lines.push(message.replaceAll(/\{(\w+)\}/g, (_whole, name: string) => String(given[name])));
  const logger = new LeveledLogger({ debug: say, info: say, warn: say, error: say }, "error");
  for (const name of ["debug", "info", "warn"] as const) logger[name]("{player} moves", properties);
  assertEquals([looks, lines], [0, []]);
  logger.error("{player} moves", properties);
  assertEquals([looks, lines], [1, ["player 5 moves"]]);
});

test("LeveledLogger has loggers of parts, whose level is its own", () => {
  const seen: string[] = [];
  const loggerOf = (part: string): Logger => {
    const write = (message: string) => void seen.push(`${part}: ${message}`);
    return { debug: write, info: write, warn: write, error: write };
  };
  const logger = new LeveledLogger({ ...loggerOf("all"), getChild: loggerOf });
  const [part, other] = [logger.getChild("session"), new LeveledLogger(loggerOf("all")).getChild("session")];
  part.info("a");
  logger.level = "info";
  for (const one of [part, other, logger]) one.info("b");
  part.level = "off";
  logger.error("c");
  other.error("d");
  assertEquals([seen, logger.level], [["session: b", "all: b", "all: d"], "off"]);
});

test("LeveledLogger hands on what is at its level, and the level changes", () => {
  const seen: string[] = [];
  const say = (level: string) => (message: string) => void seen.push(`${level} ${message}`);
  const logger = new LeveledLogger({ debug: say("d"), info: say("i"), warn: say("w"), error: say("e") });
  const sayAll = (level: LogLevel) => {
    logger.level = level;
    seen.length = 0;
    for (const name of ["debug", "info", "warn", "error"] as const) logger[name]("x");
    return seen.join();
  };
  assertEquals((["debug", "info", "warning", "error", "off"] as const).map(sayAll), [
    "d x,i x,w x,e x",
    "i x,w x,e x",
    "w x,e x",
    "e x",
    "",
  ]);
});

// LogTape loggers as they are: what a service reports arrives with its properties, and what is switched off costs nothing more.

import test from "node:test";
import { configure, getLogger, jsonLinesFormatter, type LogRecord, reset } from "@logtape/logtape";
import { assert, assertEquals } from "@std/assert";
import { connect, serve, silentLogger } from "@laster/net";
import { bytes, until } from "../support.ts";

test("a LogTape logger hears of a session that ends by a fault, with its properties", async () => {
  const records: LogRecord[] = [];
  await configure({
    sinks: { memory: (record: LogRecord) => void records.push(record) },
    loggers: [
      { category: "game", lowestLevel: "info", sinks: ["memory"] },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: [] },
    ],
  });
  try {
    await using service = await serve({
      hostname: "127.0.0.1",
      port: 0,
      logger: getLogger(["game", "net"]),
      onMessage: (_session, payload) => {
        if (payload.length > 0) throw new Error("a fault of the game's");
      },
    });
    for (let count = 0; count < 20; count++) {
      const session = await connect({ port: service.port, logger: silentLogger() });
      session.send(bytes("x"));
      await session.closed;
    }
    await until(() => service.sessionCount === 0, "all are over");
    const [first] = records;
    assertEquals([first.category, first.level], [["game", "net"], "error"]);
    const { id, address, reason, error } = first.properties;
    assertEquals([id, reason, (error as Error).message], [1, "handler-error", "a fault of the game's"]);
    assert(/^127\.0\.0\.1:\d+$/.test(String(address)), String(address));
    assert(records.length <= 3, `${records.length} lines for twenty of the same within a second or two`);
    const line = JSON.parse(jsonLinesFormatter(first)) as { properties: { address: string }; logger: string };
    assertEquals([line.properties.address, line.logger], [address, "game.net"]);
    assert(first.message.join("").includes("ends by"));
  } finally {
    await reset();
  }
});

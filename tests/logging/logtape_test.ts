// LogTape loggers as they are: what a service reports arrives with its properties, and what is switched off costs nothing more.

import test from "node:test";
import { configure, getLogger, jsonLinesFormatter, type LogRecord, reset } from "@logtape/logtape";
import { assert, assertEquals } from "@std/assert";
import { connect, type Logger, serve, silentLogger } from "@laster/net";
import { keepConnected } from "@laster/net/client";
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
    assertEquals([first.category, first.level], [["game", "net", "session"], "error"]);
    const { id, address, reason, error } = first.properties;
    assertEquals([id, reason, (error as Error).message], [1, "handler-error", "a fault of the game's"]);
    assert(/^127\.0\.0\.1:\d+$/.test(String(address)), String(address));
    assert(records.length <= 3, `${records.length} lines for twenty of the same within a second or two`);
    const line = JSON.parse(jsonLinesFormatter(first)) as { properties: { address: string }; logger: string };
    assertEquals([line.properties.address, line.logger], [address, "game.net.session"]);
    assert(first.message.join("").includes("ends by"));
  } finally {
    await reset();
  }
});

test("what is reported goes to the logger of its part, where there is one", async () => {
  const seen: string[] = [];
  const loggerOf = (part: string): Logger => {
    const write = (message: string) => void seen.push(`${part}: ${message}`);
    const getChild = part === "" ? loggerOf : undefined;
    return { debug: write, info: write, warn: write, error: write, ...(getChild === undefined ? {} : { getChild }) };
  };
  const fail = () => {
    throw new Error("a fault");
  };
  const logger = loggerOf("");
  const [hostname, port] = ["127.0.0.1", 0];
  await using service = await serve({
    hostname,
    port,
    logger,
    dials: [{ port: 1 }],
    admission: [{ admit: fail }],
    observers: [{ onOpened: fail }],
    onMessage: fail,
  });
  await using _link = keepConnected({ hostname, port: service.port ?? 0, logger, onConnected: fail });
  const session = await connect({ port: service.port, logger: silentLogger() });
  session.send(bytes("x"));
  const wanted = [
    "session: Session {id} ends by {reason}: {error}",
    "listener: An admission failed: {error}",
    "observer: The onOpened method of an observer failed: {error}",
    "dial: A dial failed: {error}",
    "link: The {name} handler failed: {error}",
  ];
  for (const line of wanted) await until(() => seen.includes(line), `${line} among ${seen.join(", ")}`);
});

test("a logger whose getChild() throws is asked itself", async () => {
  const seen: string[] = [];
  const getChild = (): never => {
    throw new Error("no parts");
  };
  const logger = { ...silentLogger(), error: (message: string) => void seen.push(message), getChild };
  const onMessage = () => {
    throw new Error("a fault");
  };
  await using service = await serve({ hostname: "127.0.0.1", port: 0, logger, onMessage });
  const session = await connect({ port: service.port, logger: silentLogger() });
  session.send(bytes("x"));
  await session.closed;
  await until(() => seen.length > 0, "a line");
  assertEquals(seen, ["Session {id} ends by {reason}: {error}"]);
});

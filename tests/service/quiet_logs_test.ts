// What is logged: of what a peer causes a line of text a second, never a stack; of an application's own faults the error.

import test from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { consoleLogger, type Logger, raw, simpleBinary, TcpService, type TcpServiceOptions } from "@laster/net";
import { checksum, compression, staged } from "@laster/net/stages";
import { memoryTransport } from "@laster/net/testing";
import { frameOf, RawPeer } from "../raw_peer.ts";
import { assertNothingLeft, bytes, startPair, transportsHere, turn, until } from "../support.ts";

interface Line {
  readonly level: string;
  readonly message: string;
  readonly properties: Record<string, unknown>;
}

/** A logger that keeps its lines, and finds every value that is an error or has a stack. */
function recorder() {
  const lines: Line[] = [];
  const write = (level: string) => (message: string, properties: Record<string, unknown> = {}) =>
    void lines.push({ level, message, properties });
  const logger: Logger = { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
  const withStack = () =>
    lines.filter(({ properties }) =>
      Object.values(properties).some((value) =>
        value instanceof Error || (typeof value === "object" && value !== null && "stack" in value) ||
        (typeof value === "string" && /\n\s+at /.test(value))
      )
    );
  return { lines, logger, withStack };
}

const GARBAGE = new Uint8Array([255, 255, 255, 255]);
const WRONG = frameOf(bytes("this is neither compressed nor summed"));

/** What peers do that a service logs. */
const FAULTS: Record<string, { readonly options?: TcpServiceOptions; readonly bytes: Uint8Array }> = {
  "a length beyond the limit": { bytes: GARBAGE },
  "a wrong checksum": { options: { codec: staged(simpleBinary(), [checksum()]) }, bytes: WRONG },
  "what cannot be inflated": { options: { codec: staged(simpleBinary(), [compression()]) }, bytes: WRONG },
  "a frame that is cut off": { bytes: new Uint8Array([10, 0, 0, 0, 1]) },
};

for (const { name, make } of transportsHere()) {
  for (const [what, fault] of Object.entries(FAULTS)) {
    test(`TcpService logs 100 peers that send ${what} in a line or two, without a stack, on ${name}`, async () => {
      const { lines, logger, withStack } = recorder();
      const transport = make();
      await using pair = await startPair(transport, {
        logger,
        closeTimeoutMs: 50,
        onMessage: () => {},
        ...fault.options,
      });
      const startMs = performance.now();
      for (let count = 0; count < 100; count++) {
        const peer = await RawPeer.dial(transport, pair.port);
        await peer.write(fault.bytes);
        if (count % 2 === 0) peer.connection.shutdown();
        else peer.connection.abort();
      }
      await until(() => pair.server.stats().openedSessions === 100 && pair.server.sessionCount === 0, "all are gone");
      await pair.server.stop();
      const seconds = Math.ceil((performance.now() - startMs) / 1_000);
      assertEquals(withStack(), []);
      // One at once, then one a second, and one at the end; of one reason, or of two.
      assert(lines.length <= 2 * (2 + seconds), `${lines.length} lines within ${seconds} s`);
      assertNothingLeft(pair.server);
    });
  }
}

test("TcpService logs a fault of its application as an error, with its stack", async () => {
  const { lines, logger, withStack } = recorder();
  const transport = memoryTransport();
  await using pair = await startPair(transport, {
    logger,
    onMessage() {
      throw new RangeError("mine");
    },
  });
  const peer = await RawPeer.dial(transport, pair.port);
  await peer.write(frameOf(bytes("hi")));
  await until(() => lines.length > 0, "the line");
  assertEquals(withStack().map(({ level, properties }) => [level, (properties.error as Error).message]), [
    ["error", "mine"],
  ]);
  peer.connection.abort();
});

test("TcpService logs a dial of its options that fails as text", async () => {
  const { lines, logger, withStack } = recorder();
  await using service = new TcpService({ logger, transport: memoryTransport(), dials: [{ port: 9 }] });
  await service.start();
  await until(() => lines.length > 0, "the line");
  assertEquals([lines.map(({ level }) => level), withStack()], [["warn"], []]);
});

test("TcpService logs one session's fault once, however many of its messages are wrong", async () => {
  const { lines, logger } = recorder();
  const transport = memoryTransport();
  await using pair = await startPair(transport, {
    logger,
    codec: raw(),
    onMessage() {
      throw new Error("mine");
    },
  });
  const peer = await RawPeer.dial(transport, pair.port);
  for (let count = 0; count < 20; count++) {
    await peer.write(GARBAGE);
    await turn();
  }
  await until(() => pair.server.sessionCount === 0 || peer.hasEnded, "the end");
  await turn();
  assertEquals(lines.length, 1);
  peer.connection.abort();
});

test("consoleLogger() writes from its level on", () => {
  const lines: string[] = [];
  const { warn, error } = console;
  console.warn = console.error = (line: string) => void lines.push(line);
  try {
    for (const level of ["debug", "info", "warning", undefined] as const) {
      const logger = consoleLogger({ level });
      lines.push(`from ${level}`);
      for (const name of ["debug", "info", "warn", "error"] as const) logger[name]("{name}", { name });
    }
  } finally {
    Object.assign(console, { warn, error });
  }
  assertEquals(
    lines.join(" "),
    "from debug debug info warn error from info info warn error from warning warn error from undefined warn error",
  );
  const other = "warn" as "warning";
  assertThrows(() => consoleLogger({ level: other }), TypeError, "level must be one of debug, info, warning");
  assertThrows(() => consoleLogger({ levels: other } as object), TypeError, "did you mean level?");
});

test("consoleLogger() writes whatever value it is given, and throws for none", () => {
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  const throwing = new Error("odd");
  Object.defineProperty(throwing, "stack", {
    get() {
      throw new Error("stack");
    },
  });
  const values = [
    Symbol("s"),
    Object.create(null),
    null,
    revoked.proxy,
    throwing,
    { toString: () => ({}) },
    () => {},
    1n,
    NaN,
    "text",
    new Error("with a stack"),
  ];
  const written: unknown[] = [];
  const { warn, error } = console;
  console.warn = console.error = (line: unknown) => void written.push(line);
  try {
    const logger = consoleLogger();
    for (const value of values) {
      logger.warn("value {value} of {nobody}", { value });
      logger.error("value {value}", { value });
    }
    logger.warn("plain");
    logger.debug("dropped");
    logger.info("dropped");
  } finally {
    Object.assign(console, { warn, error });
  }
  assertEquals(written.length, 2 * values.length + 1);
  for (const line of written) assertEquals(typeof line, "string");
  assert(String(written[18]).startsWith("value text of {nobody}"), String(written[18]));
  assert(String(written[21]).includes("\n"), "an error has its stack");
});

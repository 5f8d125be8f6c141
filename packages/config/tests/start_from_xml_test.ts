// startFromXml(): the original's two files as working services, in one call each.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { writeFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { ListenError, type Session, silentLogger, TcpService, type Transport } from "@laster/net";
import { ConfigError, startFromXml } from "@laster/config";
import { FakeClock, memoryTransport } from "@laster/net/testing";
import { assertNothingLeft, bytes, CloseLog, text, until, within } from "../../../tests/support.ts";
import { TemporaryFolder } from "../../../tests/temporary_folder.ts";
import { dataFile, readData } from "./config_text.ts";

const SERVER_FILE = fileURLToPath(dataFile("SimpleEchoServer.xml"));
const CLIENT_FILE = fileURLToPath(dataFile("SimpleClient.xml"));

/** A free port, and this machine only: the files' own port may be in use. */
const FREE_LISTENER = { hostname: "127.0.0.1", port: 0 };

function portOf(service: TcpService): number {
  const [address] = service.stats().listeners;
  return address?.kind === "tcp" ? address.port : 0;
}

/** Stops services and checks that nothing is left. */
async function stopAll(...services: readonly TcpService[]): Promise<void> {
  for (const service of services) {
    await within(service.stop(), "a service to stop");
    assertNothingLeft(service);
  }
}

/** Runs `use` with the path of a file of this text, and removes the file. */
async function withFile(xml: string, use: (path: string) => Promise<void>): Promise<void> {
  using folder = new TemporaryFolder();
  const path = folder.file("config.xml");
  await writeFile(path, xml);
  await use(path);
}

test("startFromXml() starts SimpleEchoServer.xml and SimpleClient.xml, and they exchange messages", async () => {
  const server = await startFromXml(
    SERVER_FILE,
    { onMessage: (session, payload) => session.send(payload, { flush: "now" }) },
    { listeners: [FREE_LISTENER], logger: silentLogger() },
  );
  const received: string[] = [];
  const done = Promise.withResolvers<void>();
  const closes = new CloseLog();
  const client = await startFromXml(
    CLIENT_FILE,
    {
      onOpen(session) {
        for (const word of ["hello", "", "world"]) session.send(bytes(word), { flush: "now" });
      },
      onMessage(_session, payload) {
        received.push(text(payload));
        if (received.length === 3) done.resolve();
      },
      onClose: closes.onClose,
    },
    { dials: [{ hostname: "127.0.0.1", port: portOf(server), retries: Infinity }], logger: silentLogger() },
  );
  await within(done.promise, "three echoes");
  assertEquals(received, ["hello", "", "world"]);
  await stopAll(client, server);
  assertEquals(closes.events.map(({ reason }) => reason), ["shutdown"]);
});

test("startFromXml() starts the files with nothing changed but the port, batched sends too", async () => {
  const server = await startFromXml(
    SERVER_FILE,
    { onMessage: (session, payload) => session.send(payload) },
    { listeners: [FREE_LISTENER] },
  );
  const xml = (await readData("SimpleClient.xml")).replace("11110", `${portOf(server)}`);
  const echo = Promise.withResolvers<string>();
  await withFile(xml, async (path) => {
    const client = await startFromXml(path, {
      onOpen: (session) => session.send(bytes("tick")),
      onMessage: (_session, payload) => echo.resolve(text(payload)),
    });
    assertEquals(await within(echo.promise, "the echo"), "tick");
    await stopAll(client, server);
  });
});

test("startFromXml() starts both files with nothing changed, on the in-memory transport", async () => {
  const transport = memoryTransport();
  const server = await startFromXml(
    SERVER_FILE,
    { onMessage: (session, payload) => session.send(payload) },
    { transport },
  );
  assertEquals(server.stats().listeners, [{ kind: "tcp", hostname: "0.0.0.0", port: 11110 }]);
  const echo = Promise.withResolvers<string>();
  const client = await startFromXml(CLIENT_FILE, {
    onOpen: (session) => session.send(bytes("hello")),
    onMessage: (_session, payload) => echo.resolve(text(payload)),
  }, { transport });
  assertEquals(await within(echo.promise, "the echo"), "hello");
  await stopAll(client, server);
});

test("startFromXml() listens on every address if the file names none, and rejects if the port is in use", async () => {
  const xml = await readData("SimpleEchoServer.xml");
  await withFile(xml.replace("11110", "0"), async (path) => {
    const server = await startFromXml(path, {});
    const port = portOf(server);
    assertEquals(server.stats().listeners, [{ kind: "tcp", hostname: "0.0.0.0", port }]);
    await withFile(xml.replace("11110", `${port}`), async (samePort) => {
      const error = await assertRejects(() => startFromXml(samePort, {}), ListenError);
      assertEquals(error.code, "address-in-use");
    });
    await stopAll(server);
  });
});

test("startFromXml() refuses the payload past SendBuffer, and the connection past MaxConnectionCount", async () => {
  const server = await startFromXml(SERVER_FILE, {}, { listeners: [FREE_LISTENER] });
  const client = new TcpService({ logger: silentLogger() });
  await client.start();
  const sessions: Session[] = [];
  for (let count = 0; count < 10; count++) sessions.push(await client.connect({ port: portOf(server) }));
  await until(() => server.sessionCount === 10, "ten sessions");
  assertEquals(server.sendTo(1, new Uint8Array(41_001)), "too-large");
  assertEquals(server.sendTo(1, new Uint8Array(41_000)), "queued");
  const eleventh = await client.connect({ port: portOf(server) });
  await within(eleventh.closed, "the eleventh to be closed");
  assertEquals(server.stats().refusedConnections, 1);
  await stopAll(client, server);
});

test("startFromXml() tries again for ever, as retry 0 says", async () => {
  const transport = memoryTransport();
  const clock = new FakeClock();
  const opened = Promise.withResolvers<unknown>();
  let dials = 0;
  const counting: Transport = {
    ...transport,
    listen: (...args) => transport.listen(...args),
    connect(...args) {
      dials++;
      return transport.connect(...args);
    },
  };
  const options = { transport: counting, clock };
  const client = await startFromXml(CLIENT_FILE, { onOpen: ({ origin }) => opened.resolve(origin.kind) }, options);
  // No pause is longer than ten seconds.
  for (let pauses = 0; pauses < 100; pauses++) await clock.advance(10_000);
  assert(dials > 100);
  const server = await startFromXml(SERVER_FILE, {}, { transport });
  await clock.advance(10_000);
  assertEquals(await within(opened.promise, "the dial that is tried again"), "connected");
  await stopAll(server, client);
});

test("startFromXml() hands the notes out, and takes data and codecs", async () => {
  const notes: string[] = [];
  const codec = {
    name: "mine",
    createDecoder: () => ({ maxFrameBytes: 1, decode: () => 0 }),
    createEncoder: () => ({ maxPayloadBytes: 1, frameBytes: () => 1, encode: () => 1 }),
  };
  const server = await startFromXml<{ name: string }>(SERVER_FILE, {}, {
    listeners: [],
    createData: () => ({ name: "nobody" }),
    codecs: { SimpleBinaryMessageFactory: codec },
    onNote: (note) => notes.push(note),
  });
  assertEquals(notes.length, 4);
  await server.stop();
});

test("startFromXml() takes from the file what an option leaves undefined", async () => {
  const options = { listeners: undefined, transport: memoryTransport() };
  const server = await startFromXml(SERVER_FILE, {}, options);
  assertEquals(server.stats().listeners.length, 1);
  await server.stop();
});

test("startFromXml() rejects with what is wrong, and nothing runs", async () => {
  await withFile("<TcpServiceConfig>", async (path) => {
    await assertRejects(() => startFromXml(path, {}), ConfigError);
  });
  await assertRejects(() => startFromXml("no such file", {}), ConfigError);
  // deno-lint-ignore no-explicit-any -- it is what a mistyped name is in JavaScript.
  await assertRejects(() => startFromXml(SERVER_FILE, {}, { listener: [] } as any), TypeError);
});

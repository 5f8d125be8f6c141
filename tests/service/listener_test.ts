// Listener and openListener(): what reaches the transport, and closing.

import test from "node:test";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { networkInterfaces } from "node:os";
import { TcpService } from "@laster/net";
import { memoryTransport } from "@laster/net/testing";
import type { Address, ListenOptions, Transport, TransportListener } from "@laster/net/transport";
import { MEMORY_CAPABILITIES } from "../../src/transport/capabilities.ts";
import { checkListenerOptions, Listener, openListener } from "../../src/service/listener.ts";
import { assertNothingLeft, bytes, socketTransportsHere, text } from "../support.ts";

const IGNORE = { onConnection: () => {}, onAcceptError: () => {} };

/** A transport that notes what it is asked for. */
function setUp() {
  const asked: (readonly [Address, ListenOptions | undefined])[] = [];
  const transport: Transport = {
    name: "notes",
    connect: () => Promise.reject(new Error("not here")),
    listen(address, _handler, options) {
      asked.push([address, options]);
      return Promise.resolve({ address, close: () => Promise.resolve() });
    },
  };
  return { asked, transport };
}

/** What the transport is told of options that were not given. */
const NOTHING_SAID = {
  ipv6Only: undefined,
  keepAlive: undefined,
  noDelay: undefined,
  reusePort: undefined,
  tls: undefined,
};

test("openListener() listens on every address by default, with the backlog given", async () => {
  const { asked, transport } = setUp();
  await openListener(transport, { port: 0 }, () => IGNORE, () => {});
  await openListener(transport, { port: 65_535, hostname: "::1", backlog: 1 }, () => IGNORE, () => {});
  await openListener(transport, { path: "/run/x", backlog: 65_535 }, () => IGNORE, () => {});
  assertEquals(asked, [
    [{ kind: "tcp", hostname: "0.0.0.0", port: 0 }, { ...NOTHING_SAID, backlog: undefined }],
    [{ kind: "tcp", hostname: "::1", port: 65_535 }, { ...NOTHING_SAID, backlog: 1 }],
    [{ kind: "unix", path: "/run/x" }, { ...NOTHING_SAID, backlog: 65_535 }],
  ]);
});

test("openListener() asks the transport for nothing when an option is wrong", async () => {
  const { asked, transport } = setUp();
  for (const options of [{ port: 70_000 }, { port: 1, backlog: 0 }, { port: 1, backlog: 65_536 }]) {
    await assertRejects(() => openListener(transport, options, () => IGNORE, () => {}), RangeError);
  }
  await assertRejects(() => openListener(transport, {}, () => IGNORE, () => {}), TypeError, "port or a path");
  assertEquals(asked, []);
});

test("checkListenerOptions() shows what is wrong", () => {
  const wrong: readonly (readonly [object, typeof Error, string])[] = [
    [{ port: -1 }, RangeError, "current value is -1"],
    [{ port: 1.5 }, RangeError, "current value is 1.5"],
    [{ port: "80" }, RangeError, 'current value is "80"'],
    [{ port: 1, backlog: 1.5 }, RangeError, "current value is 1.5"],
    [{ port: 1, backlog: NaN }, RangeError, "current value is NaN"],
    [{ port: 1, hostname: "" }, TypeError, "hostname"],
    [{ port: 1, hostname: 5 }, TypeError, "current value is 5"],
    [{ path: "" }, TypeError, "path"],
    [{ path: "/x", port: 1 }, TypeError, 'current value is "/x"'],
    [{ path: "/x", hostname: "h" }, TypeError, 'current value is "/x"'],
    [{ port: 1, Port: 2 }, TypeError, '"Port"'],
    [{ port: 1, name: 5 }, TypeError, "name must be a text: current value is 5"],
    [{ port: 1, codec: {} }, TypeError, "Cannot create listener as codec must be an object with createDecoder()"],
    [{ port: 1, turnMs: 1 }, TypeError, '"turnMs"'],
    [{ port: 1, tls: { bogus: 1 } }, TypeError, '"bogus"'],
    [{ port: 1, tls: 5 }, TypeError, "current value is 5"],
    [{ port: 1, tls: null }, TypeError, "current value is null"],
    [{ port: 1, tls: {} }, TypeError, "cert must be a certificate as PEM text"],
  ];
  for (const [options, kind, message] of wrong) assertThrows(() => checkListenerOptions(options), kind, message);
  const simulated = { ...memoryTransport(), capabilities: { ...MEMORY_CAPABILITIES, tls: "emulated" } } as const;
  checkListenerOptions({ port: 1, tls: { cert: "", key: "" } }, simulated); // It needs no certificate.
  assertThrows(() => checkListenerOptions(undefined as unknown as object), TypeError, "current value is undefined");
});

test("Listener.close() tells its service first, waits for the transport, and may be called twice", async () => {
  const log: string[] = [];
  const gate = Promise.withResolvers<void>();
  const opened: TransportListener = {
    address: { kind: "tcp", hostname: "::1", port: 1 },
    close: () => gate.promise.then(() => void log.push("closed")),
  };
  const listener = new Listener(opened, "door", () => log.push("told"));
  assertEquals([listener.address, listener.name], [opened.address, "door"]);
  const closing = [listener.close(), listener[Symbol.asyncDispose]()];
  assertEquals(log, ["told", "told"]);
  gate.resolve();
  await Promise.all(closing);
  assertEquals(log, ["told", "told", "closed", "closed"]);
});

const hasIPv6 = Object.values(networkInterfaces()).flat().some((face) => face?.address === "::1");

for (const { name, make } of socketTransportsHere()) {
  for (const hostname of ["::1", "::"]) {
    test(
      `TcpService listens on ${hostname} and is dialled by ::1 on ${name}`,
      { skip: !hasIPv6 && "no IPv6" },
      async () => {
        const transport = make();
        const server = new TcpService({ transport, onMessage: (session, payload) => session.send(payload) });
        const client = new TcpService({ transport });
        await Promise.all([server.start(), client.start()]);
        const { address } = await server.listen({ hostname, port: 0 });
        assertEquals([address.kind, address.kind === "tcp" && address.hostname], ["tcp", hostname]);
        const port = address.kind === "tcp" ? address.port : 0;
        const session = await client.connect({ hostname: "::1", port });
        assertEquals(session.remoteAddress, { kind: "tcp", hostname: "::1", port });
        session.send(bytes("six"));
        for await (const payload of session) {
          assertEquals(text(payload), "six");
          break;
        }
        await client.stop();
        await server.stop();
        assertNothingLeft(server);
        assertNothingLeft(client);
      },
    );
  }

  test(`TcpService gives IPv4 peers of a dual-stack listener their own form on ${name}`, {
    skip: !hasIPv6 && "no IPv6",
  }, async () => {
    const transport = make();
    const server = new TcpService({ transport, onOpen: (session) => session.send(bytes("hi")) });
    await using client = new TcpService({ transport });
    await Promise.all([server.start(), client.start()]);
    const { address } = await server.listen({ hostname: "::", port: 0 });
    const session = await client.connect({ hostname: "127.0.0.1", port: address.kind === "tcp" ? address.port : 0 });
    for await (const _payload of session) break;
    const [far] = server.sessions();
    assertEquals(far.remoteAddress, session.localAddress);
    await client.stop();
    await server.stop();
    assertNothingLeft(server);
  });
}

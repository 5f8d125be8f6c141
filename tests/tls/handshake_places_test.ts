// Who gets the places for handshakes where there are too few: silent clients make way, and sound ones come in.

import { once } from "node:events";
import { type AddressInfo, connect as connectRaw, createServer, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import test from "node:test";
import { assert, assertEquals } from "@std/assert";
import { connect, serve, type Session, silentLogger } from "@laster/net";
import { guard } from "@laster/net/guard";
import { FakeClock } from "@laster/net/testing";
import { nodeTransport } from "@laster/net/transport";
import { TemporaryFolder } from "../temporary_folder.ts";
import { bytes, socketTransportsHere, text, until, within } from "../support.ts";
import { Authority, skipWithoutOpenssl } from "./certificates.ts";

const skip = skipWithoutOpenssl;
const skipAddresses = skip || (process.platform !== "linux" && "only Linux has 127.0.0.2 without a setup");
const folder = new TemporaryFolder();
const authority = skip === false ? new Authority(folder) : undefined as never;
const good = skip === false ? authority.sign() : undefined as never;
const ca = skip === false ? authority.cert : "";
const hostname = "127.0.0.1";
const logger = silentLogger();
const onMessage = (session: Session, payload: Uint8Array) => session.send(payload);

const raws: Socket[] = [];
/** Also of a test that failed: they would hold the process. */
const leave = () => raws.splice(0).forEach((raw) => raw.destroy());

/** Connects and says nothing. */
async function comeSilently(port: number, localAddress = hostname): Promise<Socket> {
  const raw = connectRaw({ host: hostname, port, localAddress });
  raws.push(raw);
  raw.on("error", () => {});
  raw.resume();
  await within(once(raw, "connect"), "a connection");
  return raw;
}

/** What a client of TLS says first. */
async function recordHello(): Promise<Uint8Array> {
  const { promise, resolve } = Promise.withResolvers<Uint8Array>();
  const server = createServer((raw) => void raw.once("data", resolve).on("error", () => {}));
  server.listen(0, hostname);
  await once(server, "listening");
  const raw = connectRaw({ host: hostname, port: (server.address() as AddressInfo).port });
  const socket = connectTls({ socket: raw, host: hostname });
  for (const each of [raw, socket]) each.on("error", () => {});
  const hello = await within(promise, "what it says");
  raw.destroy();
  server.close();
  return hello;
}

for (const { name, make } of socketTransportsHere()) {
  test(
    `silent clients at four addresses, as many as the guard lets in, keep no TLS client out, on ${name}`,
    { skip: skipAddresses },
    async () => {
      const guarded = guard({ connections: { countLoopback: true }, slowPeers: { countLoopback: true } });
      const { admission, observers } = guarded;
      const transport = make();
      using _all = { [Symbol.dispose]: leave };
      const guards = { admission, observers };
      const tls = { ...good, maxHandshakes: 256 };
      await using service = await serve({ hostname, port: 0, transport, logger, onMessage, tls, ...guards });
      const port = service.port ?? 0;
      const silent: Socket[] = [];
      for (let count = 0; count < 256; count++) silent.push(await comeSilently(port, `127.0.0.${1 + count % 4}`));
      const gone = silent.map(() => false);
      for (const [index, raw] of silent.entries()) raw.once("close", () => gone[index] = true);
      for (let count = 1; count <= 3; count++) {
        await using session = await connect({ port, transport, logger, localAddress: "127.0.0.5", tls: { ca } });
        session.send(bytes("hi"));
        assertEquals(text(await within(session.receive(), "an answer") ?? bytes("nothing")), "hi");
        assertEquals(service.stats().refusals, { "too-many-handshakes": count });
        await until(() => gone[count - 1], "the silent one that came first is gone");
        silent.push(await comeSilently(port, `127.0.0.${count}`)); // Takes the place again.
      }
      assertEquals(gone.filter((isGone) => isGone).length, 3);
    },
  );

  test(`of a crowd of TLS clients at least as many come in as there are places, on ${name}`, { skip }, async () => {
    const transport = make();
    await using service = await serve({ hostname, port: 0, transport, logger, tls: { ...good, maxHandshakes: 8 } });
    const dial = () => connect({ port: service.port, transport, logger, tls: { ca } });
    const sessions = await within(Promise.allSettled(Array.from({ length: 64 }, dial)), "the crowd");
    const opened = sessions.filter(({ status }) => status === "fulfilled").length;
    assert(opened >= 8, `${opened}`);
    for (const result of sessions) if (result.status === "fulfilled") result.value.abort();
  });
}

test("a TLS client that has begun its handshake keeps its place for a second, a silent one while there is room", {
  skip,
}, async () => {
  const clock = new FakeClock();
  const hello = await recordHello();
  const tls = { ...good, maxHandshakes: 3 };
  const transport = nodeTransport({ clock });
  await using service = await serve({ hostname, port: 0, transport, logger, tls });
  const port = service.port ?? 0;
  using _all = { [Symbol.dispose]: leave };
  const gone: string[] = [];
  const come = async (who: string, said?: Uint8Array) => {
    const raw = await comeSilently(port);
    raw.once("close", () => gone.push(who));
    if (said === undefined) return;
    raw.write(said);
    await Promise.race([once(raw, "data"), once(raw, "close")]); // The server's answer.
  };
  const refused = () => service.stats().refusals["too-many-handshakes"] ?? 0;
  await come("first", hello);
  await come("silent");
  await come("second", hello);
  await come("third", hello);
  await until(() => refused() === 1, "one makes way");
  await until(() => gone.length === 1, "it is gone");
  assertEquals(gone, ["silent"]);
  await clock.advance(999);
  await come("too soon");
  await until(() => gone.length === 2, "there is no room");
  assertEquals([gone[1], refused()], ["too soon", 2]);
  await clock.advance(1);
  await come("fourth", hello);
  await until(() => gone.length === 3, "the first makes way");
  assertEquals([gone[2], refused()], ["first", 3]);
});

for (const { name, make } of socketTransportsHere()) {
  /** A service that an admission tells of each client, with one listener for TLS beside its own. */
  const open = async () => {
    const came = Promise.withResolvers<void>();
    const admission = [{ admit: () => came.resolve() }];
    const service = await serve({ hostname, port: 0, transport: make(), logger, admission, onMessage });
    const listener = await service.listen({ hostname, port: 0, tls: good });
    const raw = await comeSilently(listener.port ?? 0);
    await within(came.promise, "the client");
    return { service, listener, raw };
  };

  test(`a handshake under way outlives its listener, on ${name}`, { skip }, async () => {
    using _all = { [Symbol.dispose]: leave };
    const { service, listener, raw } = await open();
    await using _service = service;
    await listener.close();
    const socket = connectTls({ socket: raw, host: hostname, ca: [ca] });
    socket.on("error", () => {});
    socket.write(new Uint8Array([2, 0, 0, 0, 104, 105]));
    const [answer] = await within(once(socket, "data"), "the answer");
    assertEquals([text(answer.subarray(4)), service.stats().refusals], ["hi", {}]);
    socket.destroy();
  });

  test(`stop() ends the handshakes under way, of closed listeners too, on ${name}`, { skip }, async () => {
    for (const isClosed of [false, true]) {
      using _all = { [Symbol.dispose]: leave };
      const { service, listener, raw } = await open();
      const gone = once(raw, "close");
      if (isClosed) await listener.close();
      await within(service.stop(), "the stop");
      await within(gone, "the client to be gone");
      assertEquals([service.stats().refusals, service.sessionCount], [{ "not-running": 1 }, 0]);
    }
  });
}

test("the folder of the certificates is removed", () => folder[Symbol.dispose]());

// The secure echo examples: a client of this runtime against a server of each runtime that there is, so that the runs on
// three runtimes cover all nine pairs; wrong secrets; peers that lie, are cut in, or say nothing.

import test from "node:test";
import process from "node:process";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Session, silentLogger, TcpService } from "@laster/net";
import { raw } from "@laster/net/codec";
import { defaultTransport } from "@laster/net/transport";
import { Handshake, HANDSHAKE_CODEC } from "../../examples/secure_session.ts";
import { assertNothingLeft, bytes, pattern, until, within } from "../support.ts";
import { ownRuntime, Program, runtimesHere, type TestRuntime } from "./program.ts";

const SECRET = "a secret of this test 1";
const own = ownRuntime();
const runtimes = runtimesHere();

function startServer(runtime: TestRuntime, ...options: readonly string[]): Program {
  return new Program(runtime, "secure_echo_server.ts", ["--port", "0", "--secret", SECRET, ...options]);
}

function startClient(port: string, ...options: readonly string[]): Program {
  return new Program(own, "secure_echo_client.ts", ["--port", port, "--secret", SECRET, ...options]);
}

/** Makes a side of the handshake in this process. */
function makeService(
  onMessage: (session: Session<Handshake>, payload: Uint8Array) => unknown,
  onDone = (_: Session<Handshake>) => {},
) {
  return new TcpService<Handshake>({
    codec: HANDSHAKE_CODEC,
    logger: silentLogger(),
    createData: () => new Handshake(SECRET),
    onOpen: (session) => session.data.begin(session),
    onMessage(session, payload) {
      if (session.data.isDone) return onMessage(session, payload);
      session.data.advance(session, payload);
      if (session.data.isDone) onDone(session);
    },
    onClose: (session) => session.data.end(),
  });
}

async function stop<Data>(service: TcpService<Data>): Promise<void> {
  await within(service.stop(), "a service to stop");
  assertNothingLeft(service);
}

for (const runtime of runtimes) {
  test(`secure_echo_client on ${own.name} gets its messages back from secure_echo_server on ${runtime.name}`, async () => {
    await using server = startServer(runtime);
    const port = await server.port();
    await using client = startClient(port, "--messages", "60");
    assertEquals([await client.exit(), client.output.includes("60 of 60 messages")], [0, true], client.output);
    const [, receivedBytes] = /^60 of 60 messages, (\d+) bytes in [\d.]+ s, 0 wrong$/m.exec(client.output) ?? [];
    assert(Number(receivedBytes) > 60_000, client.output);

    // Beside the client's own check: messages of this process, byte by byte, on a session with other keys.
    const messages = [pattern(0), pattern(1), pattern(60_000), bytes("x".repeat(30_000)), pattern(127), pattern(128)];
    const echoes: Uint8Array[] = [];
    const service = makeService((_session, payload) => echoes.push(Uint8Array.from(payload)), (session) => {
      for (const message of messages) session.send(message);
    });
    await service.start();
    await service.connect({ hostname: "127.0.0.1", port: Number(port) });
    await until(() => echoes.length === messages.length, "all echoes");
    assertEquals(echoes, messages);
    await stop(service);
    const code = await server.stop();
    if (process.platform !== "win32") assertEquals(code, 0, server.output);
  });
}

test(`secure_echo_client on ${own.name} says so when secure_echo_server on ${own.name} has another secret`, async () => {
  await using server = startServer(own);
  const port = await server.port();
  await using client = startClient(port, "--secret", "a secret of this test 2");
  assertEquals(await client.exit(), 1);
  assertMatch(client.output, /the session ended by tampered after 0 of 1000 messages: the secrets differ/);
  await using other = startClient(port, "--messages", "5");
  assertEquals(await other.exit(), 0, other.output);
});

for (const name of ["deno", "bun", "node"] as const) {
  if (runtimes.some((runtime) => runtime.name === name)) continue;
  const skip = "LASTER_RUNTIMES does not say where it is: run `deno task test`";
  test(
    `secure_echo_client on ${own.name} gets its messages back from secure_echo_server on ${name}`,
    { skip },
    () => {},
  );
}

test("secure_echo_client counts an echo of which one bit is another, and exits 1", async () => {
  let count = 0;
  const service = makeService((session, payload) => {
    const echo = Uint8Array.from(payload);
    if (count++ === 1) echo[40_000] ^= 1;
    session.send(echo);
  });
  await service.start();
  const { address } = await service.listen({ hostname: "127.0.0.1", port: 0 });
  await using client = startClient(address.kind === "tcp" ? String(address.port) : "", "--messages", "20");
  assertEquals(await client.exit(), 1);
  assertMatch(client.output, /^20 of 20 messages, \d+ bytes in [\d.]+ s, 1 wrong$/m);
  await stop(service);
});

/** Passes everything on between a client and a server, and lets `look` see and change what the server says. */
async function startProxy(port: string, look: (chunk: Uint8Array, before: number) => void) {
  const partners = new Map<Session, Session>();
  let passedBytes = 0;
  const options = { codec: raw(), logger: silentLogger(), closeTimeoutMs: 1_000, maxQueuedBytes: 100_000_000 };
  const onClose = (session: Session) => void partners.get(session)?.close();
  const toServer: TcpService = new TcpService({
    ...options,
    onClose,
    onMessage(session, payload) {
      const chunk = Uint8Array.from(payload);
      look(chunk, passedBytes);
      passedBytes += chunk.length;
      partners.get(session)?.send(chunk);
    },
  });
  const toClient: TcpService = new TcpService({
    ...options,
    onClose,
    onMessage: (session, payload) => partners.get(session)?.send(payload),
    async onOpen(session) {
      const partner = await toServer.connect({ hostname: "127.0.0.1", port: Number(port) });
      partners.set(session, partner);
      partners.set(partner, session);
    },
  });
  await toServer.start();
  await toClient.start();
  const { address } = await toClient.listen({ hostname: "127.0.0.1", port: 0 });
  return {
    port: address.kind === "tcp" ? String(address.port) : "",
    async [Symbol.asyncDispose]() {
      await stop(toClient);
      await stop(toServer);
    },
  };
}

test("secure_echo_client ends by tampered when one bit of what the server says is changed on its way", async () => {
  await using server = startServer(own);
  const place = 100_000;
  await using proxy = await startProxy(await server.port(), (chunk, before) => {
    if (before <= place && place < before + chunk.length) chunk[place - before] ^= 4;
  });
  await using client = startClient(proxy.port, "--messages", "50");
  assertEquals(await client.exit(), 1, client.output);
  // By another reason if it is the length of a frame that was hit.
  assertMatch(client.output, /the session ended by (tampered|incomplete|decode-error) after \d+ of 50 messages/);
});

test("secure_echo_client and its server let nothing of the messages be seen on the way", async () => {
  await using server = startServer(own);
  const passed: Uint8Array[] = [];
  await using proxy = await startProxy(await server.port(), (chunk) => passed.push(chunk));
  const marker = bytes("nobody is to read this");
  const echoes: Uint8Array[] = [];
  const service = makeService((_session, payload) => echoes.push(Uint8Array.from(payload)), (session) => {
    session.send(marker);
  });
  await service.start();
  await service.connect({ hostname: "127.0.0.1", port: Number(proxy.port) });
  await until(() => echoes.length === 1, "the echo");
  assertEquals(echoes, [marker]);
  const wire = passed.flatMap((chunk) => [...chunk]).join();
  assert(wire.length > 0 && !wire.includes(marker.join()) && !wire.includes(bytes("ready").join()));
  await stop(service);
});

/** Sends these bytes to a server, and waits until it has closed. */
async function provoke(port: number, sent: Uint8Array): Promise<void> {
  const connection = await within(defaultTransport().connect({ kind: "tcp", hostname: "127.0.0.1", port }), "a dial");
  const over = Promise.withResolvers<void>();
  connection.start({ onData() {}, onDrain() {}, onEnd: () => connection.close(), onClose: () => over.resolve() });
  if (sent.length > 0) connection.write(sent, 0, sent.length);
  await within(over.promise, `the server to close after ${sent.length} bytes`);
}

/** A payload in the frame of a handshake. */
function frame(payload: Uint8Array): Uint8Array {
  return Uint8Array.from([payload.length, 0, 0, 0, ...payload]);
}

test(`secure_echo_server on ${own.name} says of a hello that is no key one line, and serves the next`, async () => {
  await using server = startServer(own);
  const port = await server.port();
  const one = new Uint8Array(32).with(0, 1);
  // Keys of which every exchange gives zero; hellos that are too short.
  const hellos = [new Uint8Array(32), one, new Uint8Array(31), new Uint8Array(0)];
  for (const [index, hello] of hellos.entries()) {
    await provoke(Number(port), frame(hello));
    await until(() => server.output.trimEnd().split("\n").length > index + 1, "a line about it");
  }
  // Frames that are too long, and what nobody encrypted: told by how the session ends, and not in the log.
  const key = new Uint8Array(32).fill(9);
  const garbage = [frame(pattern(33)), [255, 255, 255, 255], [...frame(key), ...frame(pattern(40))]];
  for (const sent of garbage) await provoke(Number(port), Uint8Array.from(sent));

  await using client = startClient(port, "--messages", "3");
  assertEquals(await client.exit(), 0, client.output);
  await server.stop();
  assertEquals(/^\s+at /m.exec(server.output), null, server.output);
  const lines = server.output.match(/^127\.0\.0\.1:\d+ is closed: its hello is no public key\r?$/gm) ?? [];
  assertEquals(lines.length, hellos.length, server.output);
});

test("secure_echo_client says of a hello that is no key one line, and exits 1", async () => {
  await using server = new TcpService({
    codec: HANDSHAKE_CODEC,
    logger: silentLogger(),
    onOpen: (session) => void session.send(new Uint8Array(32)),
  });
  await server.start();
  const { address } = await server.listen({ hostname: "127.0.0.1", port: 0 });
  await using client = startClient(address.kind === "tcp" ? String(address.port) : "");
  assertEquals(await client.exit(), 1);
  const lines = client.output.trimEnd().split(/\r?\n/);
  assertMatch(lines[0], /^127\.0\.0\.1:\d+ is closed: its hello is no public key$/);
  assertEquals(lines.slice(1), ["the session ended by local-abort after 0 of 1000 messages"]);
});

test("secure_echo_server closes a peer that never says hello, or says something else", async () => {
  await using server = startServer(own, "--hello-ms", "200");
  const port = Number(await server.port());
  // Nothing, a part of a hello, a whole hello and nothing more, a hello that is too long, one that is too short.
  const hellos = [[], [32, 0, 0, 0, 1, 2], [32, 0, 0, 0, ...pattern(32)], [33, 0, 0, 0], [1, 0, 0, 0, 1]];
  for (const hello of hellos) {
    await provoke(port, Uint8Array.from(hello));
  }
  await using client = startClient(String(port), "--messages", "3");
  assertEquals(await client.exit(), 0, client.output);
});

test("secure_echo_client exits 1 when nobody listens, and both exit 2 when the secret is short", async () => {
  await using server = startServer(own);
  const port = await server.port();
  await server.stop();
  await using client = startClient(port);
  assertEquals(await client.exit(), 1);
  assertMatch(client.output, /refused/);
  for (const file of ["secure_echo_client.ts", "secure_echo_server.ts"]) {
    await using program = new Program(own, file, ["--port", port, "--secret", "short"]);
    assertEquals(await program.exit(), 2, program.output);
  }
});

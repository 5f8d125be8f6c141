// How connections over TLS end; some of their sockets are stand-ins.

import { EventEmitter, once } from "node:events";
import { connect as connectRaw, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import test from "node:test";
import { assertEquals } from "@std/assert";
import { connect, serve, silentLogger } from "@laster/net";
import { FakeClock } from "@laster/net/testing";
import { type Address, type ConnectionEnd, nodeTransport } from "@laster/net/transport";
import { TlsConnection } from "../../src/transport/tls_connection.ts";
import { turn, until, within } from "../support.ts";
import { TemporaryFolder } from "../temporary_folder.ts";
import { Authority, skipWithoutOpenssl } from "./certificates.ts";

const skip = skipWithoutOpenssl;
const nowhere: Address = { kind: "tcp", hostname: "127.0.0.1", port: 1 };

/** A socket that says what it is told, and is never done with its end by itself. */
class FakeSocket extends EventEmitter {
  readonly calls: string[] = [];
  destroyed = false;
  writableFinished = false;
  readableLength = 0;
  bytesRead = 0;
  /** Whether the system knows the peer. */
  isConnected = true;
  readonly _handle = { getpeername: () => this.isConnected ? 0 : -107 };

  pause(): void {}
  resume(): void {}

  end(): void {
    this.calls.push("end");
  }

  destroy(): void {
    this.calls.push("destroy");
    if (this.destroyed) return;
    this.destroyed = true;
    setTimeout(() => this.emit("close"), 0);
  }

  resetAndDestroy(): void {
    this.calls.push("reset");
    this.destroyed = true;
    setTimeout(() => this.emit("close"), 0);
  }
}

/** A connection that is started, over two stand-ins. */
function start() {
  const clock = new FakeClock();
  const [socket, raw] = [new FakeSocket(), new FakeSocket()];
  const connection = new TlsConnection(socket as unknown as TLSSocket, raw as unknown as Socket, {
    clock,
    ends: { localAddress: nowhere, remoteAddress: nowhere },
    tls: { protocol: "TLSv1.3", alpn: undefined, serverName: undefined, peerCertificate: undefined },
    keepAliveDelayMs: 0,
  });
  const closed = Promise.withResolvers<ConnectionEnd>();
  connection.start({ onData: () => {}, onDrain: () => {}, onEnd: () => {}, onClose: closed.resolve });
  return { clock, socket, raw, connection, closed: closed.promise };
}

test("TlsConnection.close() waits a second for its end to be sent, and no longer", async () => {
  const { clock, socket, connection, closed } = start();
  connection.shutdown();
  connection.close();
  connection.close();
  await clock.advance(999);
  assertEquals(socket.calls, ["end"]);
  await clock.advance(1);
  assertEquals(socket.calls, ["end", "destroy"]);
  await within(closed, "the close");
});

test("TlsConnection.close() leaves no timer once its end was sent", async () => {
  const { clock, socket, connection, closed } = start();
  connection.shutdown();
  connection.close();
  socket.writableFinished = true;
  socket.emit("finish");
  await within(closed, "the close");
  assertEquals([socket.calls, clock.timerCount], [["end", "destroy"], 0]);
});

test("TlsConnection takes a peer that the system does not know any more for a reset one, but not after a shutdown", async () => {
  for (const hasShutDown of [false, true]) {
    for (const look of ["keepAlive", "probe"] as const) {
      const { socket, raw, connection, closed } = start();
      if (hasShutDown) connection.shutdown();
      raw.isConnected = false;
      connection.pause();
      connection[look](false);
      assertEquals(socket.destroyed, !hasShutDown, look);
      connection.close();
      socket.emit("finish");
      await within(closed, "the close");
    }
  }
});

test("TlsConnection.abort() leaves the TLS socket alone until the one below is closed, though it is called twice", async () => {
  const { socket, raw, connection, closed } = start();
  connection.abort();
  connection.abort();
  assertEquals([raw.calls, socket.calls], [["reset"], []]);
  await within(closed, "the close");
  assertEquals(socket.calls, ["destroy"]);
});

/** What one look after another finds: bytes of records, data in them, and how many bytes of it wait. */
type Look = readonly [recordBytes: number, records: readonly number[], waiting?: number];

/** Lets records come, and says how many looks it takes until the connection ends; undefined if it does not. */
async function look(looks: readonly Look[]): Promise<number | undefined> {
  const { socket, raw, connection, closed } = start();
  for (const [index, [recordBytes, records, waiting = 0]] of looks.entries()) {
    raw.bytesRead += recordBytes;
    socket.bytesRead += waiting - socket.readableLength;
    socket.readableLength = waiting;
    for (const length of records) {
      socket.bytesRead += length;
      socket.emit("data", new Uint8Array(length));
    }
    connection.checkRecords();
    if (!socket.destroyed) continue;
    assertEquals((await within(closed, "the close")).error?.code, "tls-failed");
    return index + 1;
  }
  return undefined;
}

test("TlsConnection.checkRecords() ends a peer that sends 32 KiB of records without data, and no other", async () => {
  const small = new Array<number>(1_000).fill(1);
  const ends: [string, readonly Look[], number | undefined][] = [
    ["nothing", new Array(100).fill([0, []]), undefined],
    ["key updates", [[32_768, []], [0, []], [1, []]], 3],
    ["key updates behind data", [[100_500, [100_000]], [32_768, []], [1, []]], 3],
    ["key updates between records of one byte", new Array(100).fill([600 * 27 + 23, [1]]), 3],
    ["records of one byte", new Array(1_000).fill([23_000, small]), undefined],
    ["records with padding", new Array(1_000).fill([1_000, [1]]), undefined],
    ["an unfinished record", [[16_645, []], [16_645, [16_384]], [0, [16_384]]], undefined],
    ["a paused peer", [[1_472_000, [], 64_000], [0, small, 63_000]], undefined],
    ["a paused peer with key updates", [[23, [], 1], ...new Array<Look>(9).fill([16_384, [], 1])], 4],
    ["an update now and then", new Array(5_000).fill([27 + 122, [100]]), undefined],
  ];
  for (const [what, looks, end] of ends) assertEquals(await look(looks), end, what);
});

test("a session over TLS that is aborted in the turn of its close ends", { skip }, async () => {
  using folder = new TemporaryFolder();
  const authority = new Authority(folder);
  const transport = nodeTransport();
  const logger = silentLogger();
  await using service = await serve({ hostname: "127.0.0.1", port: 0, transport, logger, tls: authority.sign() });
  for (const end of ["dialled", "accepted"]) {
    const dialled = await connect({ port: service.port, transport, logger, tls: { ca: authority.cert } });
    await until(() => service.sessionCount === 1, "the session");
    const [accepted] = service.sessions();
    const session = end === "dialled" ? dialled : accepted;
    const closed = session.close();
    session.abort();
    session.abort();
    assertEquals((await within(closed, `the close of the ${end} one`)).reason, "local-closing");
    await until(() => service.sessionCount === 0, "both are gone");
  }
});

test("a reset right behind the handshake is found at a paused connection over TLS, without keep-alive, too", {
  skip: skip || ("Deno" in globalThis && "`node:tls` of Deno tells a reset as an end"),
}, async () => {
  using folder = new TemporaryFolder();
  const clock = new FakeClock();
  const closed = Promise.withResolvers<ConnectionEnd>();
  const came = Promise.withResolvers<void>();
  const listener = await nodeTransport({ clock }).listen({ kind: "tcp", hostname: "127.0.0.1", port: 0 }, {
    onConnection(connection) {
      connection.start({ onData: () => {}, onDrain: () => {}, onEnd: () => {}, onClose: closed.resolve });
      connection.pause();
      came.resolve();
    },
    onAcceptError: () => {},
  }, { keepAlive: false, tls: new Authority(folder).sign() });
  const { port } = listener.address as Address & { kind: "tcp" };
  const raw = connectRaw({ host: "127.0.0.1", port });
  const socket = connectTls({ socket: raw, rejectUnauthorized: false });
  for (const each of [raw, socket]) each.on("error", () => {});
  await within(came.promise, "the connection");
  raw.resetAndDestroy();
  await within(once(raw, "close"), "the reset");
  await turn();
  await clock.advance(2_000);
  assertEquals((await within(closed.promise, "its end", 5_000)).error?.code, "reset");
  await listener.close();
});

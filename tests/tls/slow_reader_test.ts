// A peer over TLS that reads slowly, but steadily, gets all that was sent before the close. Its sockets are stand-ins: a real
// system's buffers take more than such a peer reads in a test.

import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import test from "node:test";
import { assert, assertEquals } from "@std/assert";
import { raw, silentLogger, TcpService } from "@laster/net";
import { FakeClock } from "@laster/net/testing";
import { type Address, memoryTransport } from "@laster/net/transport";
import { TlsConnection } from "../../src/transport/tls_connection.ts";
import { pattern, turn, within } from "../support.ts";

const nowhere: Address = { kind: "tcp", hostname: "127.0.0.1", port: 1 };

/** Both sockets of a connection: takes bytes only when it is told to, each write once all before it is taken. */
class SlowSocket extends EventEmitter {
  destroyed = false;
  writableFinished = false;
  readonly readableLength = 0;
  takenBytes = 0;
  #writes: { bytes: Uint8Array; done: () => void }[] = [];
  #offset = 0;

  write(bytes: Uint8Array, done: () => void): void {
    this.#writes.push({ bytes, done });
  }

  take(count: number): void {
    for (let left = count; left > 0 && this.#writes.length > 0;) {
      const [{ bytes, done }] = this.#writes;
      const taken = Math.min(left, bytes.length - this.#offset);
      left -= taken;
      this.takenBytes += taken;
      this.#offset += taken;
      if (this.#offset < bytes.length) return;
      this.#writes.shift();
      this.#offset = 0;
      done();
    }
  }

  end(): void {
    this.writableFinished = true;
    queueMicrotask(() => this.emit("end")); // The peer has all, and ends too.
  }

  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    setTimeout(() => this.emit("close"), 0);
  }

  resetAndDestroy(): void {
    this.destroy();
  }

  pause(): void {}
  resume(): void {}
}

function connectSlowly(clock: FakeClock) {
  const socket = new SlowSocket();
  const connection = new TlsConnection(socket as unknown as TLSSocket, new SlowSocket() as unknown as Socket, {
    clock,
    ends: { localAddress: nowhere, remoteAddress: nowhere },
    tls: { protocol: "TLSv1.3", alpn: undefined, serverName: undefined, peerCertificate: undefined },
    keepAliveDelayMs: 0,
  });
  return { socket, connection };
}

test("a close waits for a peer over TLS that reads 20 KB a second, until it has read 480 KB", async () => {
  const clock = new FakeClock();
  const { socket, connection } = connectSlowly(clock);
  const transport = { ...memoryTransport(), connect: () => Promise.resolve(connection) };
  await using service = new TcpService({ transport, clock, codec: raw(), logger: silentLogger() });
  await service.start();
  const session = await service.connect({ port: 1 });
  for (let count = 0; count < 8; count++) session.send(pattern(60_000));
  const closed = session.close();
  for (let elapsedMs = 0; elapsedMs < 24_000; elapsedMs += 200) {
    socket.take(4_000);
    await clock.advance(200);
    await turn();
  }
  const { reason, isConfirmed, unsentBytes } = await within(closed, "the close");
  assertEquals([socket.takenBytes, unsentBytes, reason, isConfirmed], [480_000, 0, "local-closing", true]);
});

test("TlsConnection.pendingBytes shrinks while a slow peer reads", () => {
  const { socket, connection } = connectSlowly(new FakeClock());
  let drains = 0;
  connection.start({ onData: () => {}, onDrain: () => void drains++, onEnd: () => {}, onClose: () => {} });
  assertEquals(connection.write(pattern(400_000), 100_000, 300_000), false);
  for (let before = connection.pendingBytes; drains === 0; before = connection.pendingBytes) {
    socket.take(69_632);
    assert(connection.pendingBytes < before, `${connection.pendingBytes}`);
  }
  assertEquals([connection.pendingBytes, socket.takenBytes], [0, 300_000]);
});

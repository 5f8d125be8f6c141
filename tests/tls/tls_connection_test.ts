// How connections over TLS end; some of their sockets are stand-ins.

import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import test from "node:test";
import { assertEquals } from "@std/assert";
import { FakeClock } from "@laster/net/testing";
import type { Address } from "@laster/net/transport";
import { TlsConnection } from "../../src/transport/tls_connection.ts";
import { within } from "../support.ts";

const nowhere: Address = { kind: "tcp", hostname: "127.0.0.1", port: 1 };

/** A socket that says what it is told, and is never done with its end by itself. */
class FakeSocket extends EventEmitter {
  readonly calls: string[] = [];
  destroyed = false;
  writableFinished = false;
  readableLength = 0;

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
  const closed = Promise.withResolvers<void>();
  connection.start({ onData: () => {}, onDrain: () => {}, onEnd: () => {}, onClose: () => closed.resolve() });
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

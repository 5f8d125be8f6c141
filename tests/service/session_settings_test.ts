// Settings of a listener and of a dial: one service, several kinds of players.

import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { lengthPrefixed, type Session, simpleBinary, TcpService } from "@laster/net";
import { raw } from "@laster/net/codec";
import { FakeClock, memoryTransport } from "@laster/net/testing";
import { assertNothingLeft, bytes, socketTransportsHere, text, until } from "../support.ts";

for (const { name, make } of socketTransportsHere()) {
  test(`TcpService speaks to each listener's players with its codec, and tells them apart, on ${name}`, async () => {
    const transport = make();
    const made: unknown[] = [];
    const service = new TcpService<string>({
      transport,
      codec: simpleBinary(),
      refusalMessage: bytes("no"),
      listeners: [
        { hostname: "127.0.0.1", port: 0, name: "players" },
        { hostname: "127.0.0.1", port: 0, name: "admins", codec: lengthPrefixed({ width: 2 }), idleTimeoutMs: 0 },
        { hostname: "127.0.0.1", port: 0, codec: lengthPrefixed({ width: 2 }), admission: [{ admit: () => "closed" }] },
      ],
      createData(origin, remoteAddress) {
        made.push(remoteAddress.kind);
        return origin.kind === "accepted" ? origin.listener.name ?? "nobody" : "dialled";
      },
      onMessage: (session, payload) => session.send(bytes(`${session.data}: ${text(payload)}`)),
    });
    await service.start();
    const ports = service.stats().listeners.map((address) => address.kind === "tcp" ? address.port : 0);
    const client = new TcpService({ transport, codec: simpleBinary() });
    await client.start();
    const player = await client.connect({ port: ports[0] });
    const admin = await client.connect({ port: ports[1], codec: lengthPrefixed({ width: 2 }) });
    const refused = await client.connect({ port: ports[2], codec: raw() });
    player.send(bytes("hello"));
    admin.send(bytes("hello"));
    assertEquals(text(await player.receive() ?? bytes("")), "players: hello");
    assertEquals(text(await admin.receive() ?? bytes("")), "admins: hello");
    assertEquals(await refused.receive(), new Uint8Array([2, 0, ...bytes("no")]));
    service.broadcast(bytes("all"));
    assertEquals([text(await player.receive() ?? bytes("")), text(await admin.receive() ?? bytes(""))], ["all", "all"]);
    assertEquals(made, ["tcp", "tcp"]);
    const names = [...service.sessions()].map(({ origin }) => origin.kind === "accepted" && origin.listener);
    assertEquals(
      names,
      [0, 1].map((index) => ({
        name: ["players", "admins"][index],
        address: { kind: "tcp", hostname: "127.0.0.1", port: ports[index] } as const,
      })),
    );
    const listener = await service.listen({ hostname: "127.0.0.1", port: 0, name: "late" });
    assertEquals(listener.name, "late");
    await client.stop();
    await service.stop();
    assertNothingLeft(service);
  });
}

test("TcpService closes the silent of each listener after its own idle timeout, and others not", async () => {
  const clock = new FakeClock();
  const transport = memoryTransport();
  const closed: string[] = [];
  const service = new TcpService({
    transport,
    clock,
    idleTimeoutMs: 1_000,
    listeners: [
      { port: 1, name: "usual" },
      { port: 2, name: "quick", idleTimeoutMs: 100 },
      { port: 3, name: "patient", idleTimeoutMs: 0 },
    ],
    onMessage: () => {},
    onClose({ origin }, { reason }) {
      closed.push(`${origin.kind === "accepted" ? origin.listener.name : "dialled"}: ${reason}`);
    },
  });
  await service.start();
  const client = new TcpService({ transport, clock, idleTimeoutMs: 0, onMessage: () => {} });
  await client.start();
  for (const port of [1, 2, 3]) await client.connect({ port });
  await clock.advance(99);
  assertEquals(closed, []);
  await clock.advance(1);
  assertEquals(closed, ["quick: idle-timeout"]);
  await clock.advance(900);
  assertEquals(closed, ["quick: idle-timeout", "usual: idle-timeout"]);
  await clock.advance(1_000_000);
  assertEquals(closed.length, 2);
  const stopping = Promise.all([client.stop(), service.stop()]);
  await clock.advance(10_000);
  await stopping;
  assertEquals(clock.timerCount, 0);
});

test("TcpService gives the sessions of a listener its limits", async () => {
  const transport = memoryTransport();
  const opened: Session<undefined>[] = [];
  await using service = new TcpService({
    transport,
    codec: simpleBinary({ maxPayloadBytes: 100 }),
    listeners: [{ port: 1, name: "small", highWaterMarkBytes: 100, maxQueuedBytes: 300, maxQueuedFrames: 3 }],
    onOpen: (session) => void opened.push(session),
    onMessage: () => {},
  });
  await service.start();
  await using client = new TcpService({ transport, onMessage: () => new Promise(() => {}), closeTimeoutMs: 10 });
  await client.start();
  const near = await client.connect({ port: 1 });
  await until(() => opened.length === 1, "it is open");
  let full = 0;
  for (let count = 0; count < 1_000_000 && full === 0; count++) {
    if (opened[0].send(new Uint8Array(50)) === "full") full = count + 1;
    if (count % 100 === 0) await undefined;
  }
  assert(full > 0, "its queue is full");
  assert(opened[0].queuedBytes <= 300, `${opened[0].queuedBytes} bytes are queued`);
  near.abort();
});

test("TcpService refuses settings that make no sense when it is made, and when it listens or dials", async () => {
  const transport = memoryTransport();
  const wrong = { highWaterMarkBytes: -1 };
  assertThrows(
    () => new TcpService({ transport, listeners: [{ port: 1, ...wrong }] }),
    RangeError,
    "highWaterMarkBytes",
  );
  assertThrows(() => new TcpService({ transport, dials: [{ port: 1, ...wrong }] }), RangeError, "highWaterMarkBytes");
  await using service = new TcpService({ transport });
  await service.start();
  await assertRejects(() => service.listen({ port: 1, ...wrong }), RangeError, "highWaterMarkBytes");
  await assertRejects(() => service.connect({ port: 1, ...wrong }), RangeError, "highWaterMarkBytes");
  const codec = {} as unknown as ReturnType<typeof raw>;
  await assertRejects(() => service.connect({ port: 1, codec }), TypeError, "Cannot create dial as codec must be");
  await assertRejects(() => service.listen({ port: 1, codec }), TypeError, "Cannot create listener as codec must be");
});

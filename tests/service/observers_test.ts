// Observers: what they hear, in which order, over every transport; that they disturb nobody; that who does not ask is not asked.

import { test } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  type CloseEvent,
  ConnectError,
  raw,
  type ServiceObserver,
  silentLogger,
  simpleBinary,
  TcpService,
} from "@laster/net";
import { FakeClock, memoryTransport } from "@laster/net/testing";
import { FaultLog } from "../../src/session/fault_log.ts";
import { observeHandlers } from "../../src/service/observed_handlers.ts";
import { Observers } from "../../src/service/observers.ts";
import { bytes, startPair, text, transportsHere, until, within } from "../support.ts";

for (const end of ["close", "abort", "closeSession"] as const) {
  test(`a session ends that an observer's onOpened ends by ${end}()`, async () => {
    const log: string[] = [];
    let ended: Promise<unknown> | undefined;
    await using pair = await startPair(memoryTransport(), {
      observers: [{
        onOpened(session) {
          log.push(`opened ${session.state}`);
          if (end === "abort") session.abort();
          else if (end === "close") ended = session.close({ detail: "kicked", timeoutMs: 50 });
          else ended = pair.server.closeSession(session.id, { detail: "kicked" });
        },
      }],
      onOpen: () => void log.push("onOpen"),
      onMessage: () => {},
      onClose: (_session, { reason, detail }) => void log.push(`${reason} ${detail}`),
    }, { onMessage: () => {} });
    const near = await pair.client.connect({ port: pair.port });
    await within(near.closed, "its end");
    await until(() => pair.server.sessionCount === 0, "the end on the other side");
    await within(Promise.resolve(ended), "the promise");
    assertEquals(log, ["opened opening", "onOpen", end === "abort" ? "local-abort undefined" : "local-closing kicked"]);
  });
}

for (const { name, make } of transportsHere()) {
  test(`an observer hears of all that happens to a service, in order, on ${name}`, async () => {
    const log: string[] = [];
    const note = (line: string) => void log.push(line);
    const observer: ServiceObserver = {
      onListening: (event) => note(`listening ${event.name} ${event.address.kind}`),
      onAccepted: ({ listener, remoteAddress }) => note(`accepted ${listener.kind} ${remoteAddress.kind}`),
      onConnectionRefused: ({ reason }) => note(`refused ${reason}`),
      onOpened: ({ state }) => note(`opened ${state}`),
      onClosed: ({ state }, { reason }) => note(`closed ${state} ${reason}`),
      onConnecting: ({ address, token }) => note(`dialling ${address.kind} ${token}`),
      onConnectFailed: ({ error, token }) => note(`dial failed ${error.code} ${token}`),
      onFault: ({ level, message }) => note(`fault ${level} ${message}`),
      onMessageStart: (_session, length) => note(`message of ${length}`),
      onMessageEnd: () => note("message done"),
      onSent: (_session, { frames }) => note(`sent ${frames}`),
    };
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const transport = make();
    const service = new TcpService({
      transport,
      codec: simpleBinary(),
      logger: silentLogger(),
      maxConnections: 1,
      observers: [observer],
      listeners: [{ hostname: "127.0.0.1", port: 0, name: "door" }],
      onOpen: () => note("onOpen"),
      async onMessage(session, payload) {
        note(`onMessage ${text(payload)}`);
        await gate;
        if (text(payload) === "fail") throw new Error("a fault");
        session.send(payload);
      },
      onClose: () => note("onClose"),
    });
    await service.start();
    const [address] = service.stats().listeners;
    const port = address.kind === "tcp" ? address.port : 0;
    const client = new TcpService({ transport, codec: simpleBinary(), logger: silentLogger() });
    await client.start();
    const session = await client.connect({ port });
    session.send(bytes("hello"));
    await until(() => log.includes("onMessage hello"), "the message is there");
    const second = await client.connect({ port });
    await within(second.closed, "the second is refused");
    open();
    assertEquals(text(await session.receive() ?? bytes("")), "hello");
    await until(() => log.includes("sent 1"), "it is told");
    assertEquals(log.splice(0), [
      "listening door tcp",
      "accepted tcp tcp",
      "opened opening",
      "onOpen",
      "message of 5",
      "onMessage hello",
      "refused max-connections",
      "message done",
      "sent 1",
    ]);
    session.send(bytes("fail"));
    await within(session.closed, "the session ends");
    await until(() => log.some((line) => line.startsWith("closed")), "its end is told");
    assertEquals(log.splice(0), [
      "message of 4",
      "onMessage fail",
      "message done",
      "fault error Session {id} ends by {reason}: {error}",
      "onClose",
      "closed closed handler-error",
    ]);
    await client.stop();
    await service.stop();
  });
}

test("an observer hears of dials, and of those that fail", async () => {
  const log: string[] = [];
  await using service = new TcpService({
    transport: memoryTransport(),
    logger: silentLogger(),
    observers: [{
      onConnecting: ({ token }) => void log.push(`dialling ${token}`),
      onConnectFailed: ({ error, token, attempts }) =>
        void log.push(`failed ${token} ${attempts} ${error instanceof ConnectError}`),
    }],
  });
  await service.start();
  await service.connect({ port: 9, retries: 1, minRetryDelayMs: 0, token: "a" }).catch(() => {});
  assertEquals(log, ["dialling a", "failed a 2 true"]);
});

for (const { name, make } of transportsHere()) {
  test(`an observer hears that a peer does not keep up, that it does again, and what it missed, on ${name}`, async () => {
    const log: string[] = [];
    const gate = Promise.withResolvers<void>();
    await using pair = await startPair(make(), {
      highWaterMarkBytes: 100_000,
      observers: [{
        onBackpressure: (_session, isCongested) => void log.push(isCongested ? "on" : "off"),
        onDropped: (_session, reason, count) => void log.push(`${reason} ${count}`),
      }],
      onMessage: () => {},
    }, { onMessage: () => gate.promise });
    const { near, far } = await pair.connect();
    while (far.send(new Uint8Array(10_000)) !== "full") await undefined;
    far.send(new Uint8Array(10_000));
    await undefined;
    assertEquals(log, ["on", "full 1", "full 1"]);
    gate.resolve();
    await until(() => log.length > 3, "it reads again");
    assertEquals(log, ["on", "full 1", "full 1", "off"]);
    far.send(bytes("more"));
    far.flush();
    await undefined;
    near.abort();
    await within(far.closed, "the end");
    far.send(bytes("late"));
    await undefined;
    assertEquals(log, ["on", "full 1", "full 1", "off", "closed 1"], "each is told once");
  });
}

test("an observer hears how many messages made way for newer ones", async () => {
  const counts: [string, number][] = [];
  const gate = Promise.withResolvers<void>();
  await using pair = await startPair(memoryTransport(), {
    whenFull: "latest-per-key",
    observers: [{ onDropped: (_session, reason, count) => void counts.push([reason, count]) }],
    onMessage: () => {},
  }, { onMessage: () => gate.promise });
  const { near, far } = await pair.connect();
  for (let count = 0; count < 5_000; count++) {
    far.send(new Uint8Array(1_000), { key: "x" });
    if (count % 10 === 0) await undefined;
  }
  const { superseded } = far.stats.dropped;
  assert(superseded > 0, "some were superseded");
  gate.resolve();
  await until(() => counts.length > 0, "it is told");
  assertEquals(counts.reduce((sum, [, count]) => sum + count, 0), far.stats.dropped.superseded);
  assertEquals(new Set(counts.map(([reason]) => reason)), new Set(["superseded"]));
  near.abort();
});

for (const end of ["abort", "close", "stop"] as const) {
  test(`an observer hears before onClosed what was dropped for a peer that never reads again, by ${end}()`, async () => {
    const log: string[] = [];
    const gate = Promise.withResolvers<void>();
    await using pair = await startPair(memoryTransport(), {
      whenFull: "drop-oldest",
      maxQueuedBytes: 200_000,
      highWaterMarkBytes: 100_000,
      observers: [{
        onDropped: (_session, reason, count) => void log.push(`${reason} ${count}`),
        onClosed: (_session, { reason }) => void log.push(reason),
      }],
    }, { onMessage: () => gate.promise });
    const { far } = await pair.connect();
    for (let count = 0; count < 100; count++) {
      far.send(new Uint8Array(10_000));
      await undefined;
    }
    const { oldest } = far.stats.dropped;
    assert(oldest > 0, "some were dropped");
    assertEquals(log, [], "nothing moves any more");
    if (end === "stop") await within(pair.server.stop({ timeoutMs: 0 }), "the stop");
    else {
      void far[end]();
      if (end === "close") void far.close({ timeoutMs: 0 });
      await within(far.finished, "the end");
    }
    const reason = { abort: "local-abort", close: "local-closing", stop: "shutdown" }[end];
    await until(() => log.length === 2, "both events");
    assertEquals(log, [`oldest ${oldest}`, reason]);
    assertEquals(pair.server.stats().droppedSends, oldest);
    gate.resolve();
  });
}

test("an observer that closes a session as it hears of its fault does not change why that ends", async () => {
  const events: CloseEvent[] = [];
  await using pair = await startPair(memoryTransport(), {
    observers: [{
      onFault: ({ properties }) =>
        void pair.server.closeSession(Number(properties.id), { detail: "kicked", message: bytes("bye") }),
    }],
    onMessage(_session, payload) {
      if (payload.length === 1) throw new RangeError("by purpose");
    },
    onClose: (_session, event) => void events.push(event),
  });
  const handler = await pair.connect();
  handler.near.send(bytes("x"));
  assertEquals(text(await handler.near.receive() ?? bytes("nothing")), "bye");
  await until(() => events.length === 1, "the end by a handler");
  const codec = await pair.connect();
  codec.near.switchCodec(raw());
  codec.near.send(new Uint8Array([255, 255, 255, 255, 0]));
  await until(() => events.length === 2, "the end by the codec");
  assertEquals(events.map(({ reason, detail }) => [reason, detail]), [["handler-error", undefined], [
    "decode-error",
    "negative-length",
  ]]);
  assert(events[0].error instanceof RangeError);
});

test("observers that fail are reported, and neither each other nor sessions notice", async () => {
  const heard: string[] = [];
  const reports = new Set<string>();
  const fail = () => {
    throw new Error("an observer");
  };
  const failing: ServiceObserver = {
    onListening: fail,
    onAccepted: fail,
    onOpened: () => Promise.reject(new Error("an observer")),
    onClosed: fail,
    onFault: fail,
    onBackpressure: fail,
    onMessageStart: fail,
    onMessageEnd: fail,
    onSent: fail,
  };
  await using pair = await startPair(memoryTransport(), {
    logger: { ...silentLogger(), error: (message: string) => void reports.add(message) },
    observers: [failing, { onOpened: () => void heard.push("opened"), onMessageEnd: () => void heard.push("done") }],
    onMessage: (session, payload) => session.send(payload),
  });
  const { near } = await pair.connect();
  near.send(bytes("hello"));
  assertEquals(text(await near.receive() ?? bytes("")), "hello");
  assertEquals(heard, ["opened", "done"]);
  for (const name of ["onListening", "onAccepted", "onOpened", "onMessageStart", "onMessageEnd", "onSent", "onFault"]) {
    assert(reports.has(`The ${name} method of an observer failed: {error}`), name);
  }
});

test("observers that do not ask for messages leave the handlers as they are, and queues unwatched", () => {
  const handlers = { onMessage: () => {}, onSend: () => {} };
  const faults = new FaultLog(new FakeClock(), silentLogger());
  const quiet = new Observers([{ onOpened: () => {} }, {}], faults);
  assert(observeHandlers(handlers, quiet) === handlers);
  assertEquals(quiet.pressure(), undefined);
  assertEquals(new Observers([{ onFault: () => {} }], faults).sessions(), undefined);
});

test("TcpService refuses observers that are none", () => {
  for (const observers of [5, {}, "x", [5], [null], ["x"]]) {
    const options = { observers: observers as unknown as readonly ServiceObserver[] };
    assertThrows(
      () => new TcpService({ transport: memoryTransport(), ...options }),
      TypeError,
      "observers must be an array",
    );
  }
});

// A service's starts and stops in any order, and what calls find in each state.

import test from "node:test";
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { ConnectError, ListenError, ServiceStateError, silentLogger, TcpService } from "@laster/net";
import { FakeClock, memoryTransport } from "@laster/net/testing";
import type { Transport } from "@laster/net/transport";
import { assertNothingLeft, bytes, pattern, startPair, text, transportsHere, turn, until, within } from "../support.ts";

const SESSIONS = 1_000;
/** A thousand sockets take a second: once a runtime is enough. */
const OWN = transportsHere()[0];
const MEMORY = { name: "memory", make: () => memoryTransport() };

/** Start and stop in a row without waiting, and the state that the last one asks for. */
const ORDERS = ["start stop", "start stop start", "start stop start stop", "start start stop stop", "stop start"];

for (const order of ORDERS) {
  for (const first of ["stopped", "running"] as const) {
    test(`TcpService that is ${first} does what the last call of ${order} asks for`, async () => {
      const service = new TcpService({ transport: memoryTransport(), listeners: [{ port: 1 }] });
      if (first === "running") await service.start();
      const calls = order.split(" ").map((call) => call === "start" ? service.start() : service.stop());
      await within(Promise.all(calls), "all calls");
      const isRunning = order.endsWith("start");
      assertEquals([service.state, service.stats().listeners.length], isRunning ? ["running", 1] : ["stopped", 0]);
      await service.stop();
      assertNothingLeft(service);
    });
  }
}

test("TcpService.start() and stop() resolve once it is so, for everyone who calls", async () => {
  const service = new TcpService({ transport: memoryTransport(), listeners: [{ port: 1 }] });
  await service.stop();
  assertEquals(service.state, "stopped");
  const states: string[] = [];
  const starts = [service.start(), service.start()].map((call) => call.then(() => states.push(service.state)));
  await Promise.all(starts);
  await service.start();
  const stops = [service.stop(), service.stop()].map((call) => call.then(() => states.push(service.state)));
  await Promise.all(stops);
  await service.stop();
  assertEquals(states, ["running", "running", "stopped", "stopped"]);
});

test("TcpService.start() can be called again after it failed, and stop() then has nothing to do", async () => {
  const transport = memoryTransport();
  const other = new TcpService({ transport, listeners: [{ port: 2 }] });
  await other.start();
  const service = new TcpService({ transport, listeners: [{ port: 1 }, { port: 2 }] });
  const both = await Promise.allSettled([service.start(), service.start()]);
  assertEquals(both.map(({ status }) => status), ["rejected", "rejected"]);
  assertEquals(service.state, "stopped");
  await service.stop();
  await assertRejects(() => service.start(), ListenError);
  assertNothingLeft(service);
  // A stop that was called while the start was failing does not fail with it.
  const [start, stop] = await Promise.allSettled([service.start(), service.stop()]);
  assertEquals([start.status, stop.status, service.state], ["rejected", "fulfilled", "stopped"]);
  const [failed, stopped, again] = [service.start(), service.stop(), service.start()];
  await Promise.all([assertRejects(() => failed, ListenError), stopped, assertRejects(() => again, ListenError)]);
  await other.stop();
  await service.start();
  assertEquals([service.state, service.stats().listeners.length], ["running", 2]);
  await service.stop();
  assertNothingLeft(service);
});

test("TcpService refuses listen() and connect() in every state but running", async () => {
  const gate = Promise.withResolvers<void>();
  const memory = memoryTransport();
  const transport: Transport = {
    ...memory,
    listen: (address, handler) => gate.promise.then(() => memory.listen(address, handler)),
  };
  const service = new TcpService({ transport, listeners: [{ port: 1 }] });
  const refuse = async (state: string) => {
    assertEquals(service.state, state);
    assertEquals((await assertRejects(() => service.listen({ port: 5 }), ServiceStateError)).state, state);
    assertEquals((await assertRejects(() => service.connect({ port: 1 }), ServiceStateError)).state, state);
  };
  await refuse("stopped");
  const started = service.start();
  await turn();
  await refuse("starting");
  gate.resolve();
  await started;
  await service.listen({ port: 5 });
  const stopped = service.stop();
  await undefined;
  await undefined;
  await refuse("stopping");
  await stopped;
  await refuse("stopped");
  assertNothingLeft(service);
});

for (const next of ["stops", "stops and starts"]) {
  test(`TcpService.listen() rejects and closes its listener when the service ${next} meanwhile`, async () => {
    const gate = Promise.withResolvers<void>();
    const memory = memoryTransport();
    const transport: Transport = {
      ...memory,
      listen: (address, handler) => gate.promise.then(() => memory.listen(address, handler)),
    };
    const service = new TcpService({ transport });
    await service.start();
    const listening = assertRejects(() => service.listen({ port: 5 }), ServiceStateError, "is stopped");
    await service.stop();
    if (next === "stops and starts") await service.start();
    gate.resolve();
    await listening;
    assertNothingLeft(service);
    await memory.listen({ kind: "tcp", hostname: "0.0.0.0", port: 5 }, { onConnection() {}, onAcceptError() {} });
    await service.stop();
  });
}

test("TcpService refuses a connection that arrives while it stops, and counts it", async () => {
  const memory = memoryTransport();
  const clock = new FakeClock();
  const transport: Transport = {
    ...memory,
    // A listener that goes on handing connections over while it closes, as a runtime may.
    listen: async (address, handler) => {
      const listener = await memory.listen(address, handler);
      return { address: listener.address, close: () => turn().then(turn).then(() => listener.close()) };
    },
  };
  const service = new TcpService({ transport, clock, listeners: [{ hostname: "127.0.0.1", port: 1 }] });
  await service.start();
  await using client = new TcpService({ transport: memory });
  await client.start();
  const stopped = service.stop();
  await undefined;
  await undefined;
  const session = await client.connect({ port: 1 });
  await within(session.closed, "the refusal");
  await stopped;
  const { openedSessions, refusedConnections } = service.stats();
  assertEquals([openedSessions, refusedConnections], [0, 1]);
  assertNothingLeft(service);
});

test("TcpService does not pass maxConnections when a dial and a connection arrive together", async () => {
  const transport = memoryTransport();
  const events: unknown[] = [];
  await using target = new TcpService({ transport, listeners: [{ hostname: "127.0.0.1", port: 7 }] });
  await using service = new TcpService({
    transport,
    maxConnections: 1,
    listeners: [{ hostname: "127.0.0.1", port: 8 }],
    onConnectFailed: ({ error, attempts }) => events.push([error.code, attempts]),
  });
  await using client = new TcpService({ transport });
  await Promise.all([target.start(), service.start(), client.start()]);
  const dial = assertRejects(() => service.connect({ port: 7 }), ConnectError);
  await client.connect({ port: 8 });
  assertEquals((await dial).code, "limit");
  assertEquals([service.sessionCount, events], [1, [["limit", 1]]]);
  await until(() => target.sessionCount === 0, "the dialled one is closed");
});

test("TcpService.connect() rejects with what createData throws, and closes the connection", async () => {
  await using pair = await startPair(memoryTransport(), {}, {
    createData(): undefined {
      throw new RangeError("on purpose");
    },
  });
  await assertRejects(() => pair.client.connect({ port: pair.port }), RangeError, "on purpose");
  await until(() => pair.server.stats().openedSessions === 1 && pair.server.sessionCount === 0, "its end");
  assertEquals([pair.client.stats().dials, pair.client.stats().openedSessions], [0, 0]);
});

test("TcpService.stop() waits for onClose promises, and no longer than timeoutMs for one that never settles", async () => {
  const clock = new FakeClock();
  const log: string[] = [];
  const pair = await startPair(memoryTransport(), {
    clock,
    closeTimeoutMs: 1_000, // Bounds how a session ends, not what is done about it.
    onClose(session) {
      if (session.id === 2) return new Promise<void>(() => {});
      return new Promise<void>((resolve) =>
        clock.setTimer(() => {
          log.push(`saved ${clock.now()}`);
          resolve();
        }, 1_000)
      );
    },
  }, { onMessage: () => {} });
  const first = await pair.connect();
  await pair.connect();
  first.near.close();
  await until(() => pair.server.sessionCount === 1, "the first end");
  const stopped = pair.server.stop({ timeoutMs: 5_000 }).then(() => log.push(`stopped ${clock.now()}`));
  await clock.advance(4_999);
  assertEquals(log, ["saved 1000"]);
  await clock.advance(1);
  await within(stopped, "stop()");
  assertEquals(log, ["saved 1000", "stopped 5000"]);
  assertEquals(clock.timerCount, 0);
  await pair[Symbol.asyncDispose]();
});

test("TcpService keeps going when its logger throws", async () => {
  const fail = () => {
    throw new Error("the disk is full");
  };
  let echoed = 0;
  await using pair = await startPair(memoryTransport(), {
    logger: { debug: fail, info: fail, warn: fail, error: fail },
    dials: [{ hostname: "127.0.0.1", port: 9 }],
    onMessage(session, payload) {
      if (text(payload) === "bad") throw new Error("on purpose");
      session.send(payload);
    },
    onClose: fail,
    onConnectFailed: fail,
  }, { onMessage: () => echoed++ });
  const good = await pair.connect();
  const bad = await pair.connect();
  bad.near.send(bytes("bad"));
  assertEquals((await within(bad.far.closed, "the close")).reason, "handler-error");
  good.near.send(bytes("hi"));
  await until(() => echoed === 1, "the echo");
});

test("TcpService.broadcast() holds nothing when nobody listens", () => {
  const clock = new FakeClock();
  const service = new TcpService({ transport: memoryTransport(), clock, flushIntervalMs: 1_000 });
  assertEquals(service.broadcast(bytes("hello?")), { accepted: 0, congested: 0, refused: 0 });
  assertEquals([service.stats().pool.outstanding, clock.timerCount], [0, 0]);
});

test("TcpService.stop() gives back what was broadcast and not flushed", async () => {
  const clock = new FakeClock();
  const pair = await startPair(memoryTransport(), { clock, flushIntervalMs: 60_000 }, { onMessage: () => {} });
  await pair.connect();
  pair.server.broadcast(bytes("hello"));
  assert(pair.server.stats().pool.outstanding > 0);
  await pair.server.stop();
  assertEquals([pair.client.stats().receivedFrames, clock.timerCount], [1, 0]);
  await pair[Symbol.asyncDispose]();
});

test("TcpService.stats() gives snapshots that do not change", async () => {
  await using pair = await startPair(memoryTransport());
  const before = pair.server.stats();
  const { far } = await pair.connect();
  assertEquals([before.sessions, before.openedSessions], [0, 0]);
  const { closedSessions } = pair.server.stats();
  await within(Promise.all([far.close(), [...pair.client.sessions()][0].close()]), "the close");
  await until(() => pair.server.sessionCount === 0, "the end");
  assertEquals(closedSessions, {});
});

test("TcpService is stopped at the end of an await using block", async () => {
  let service: TcpService;
  {
    await using scoped = new TcpService({ transport: memoryTransport(), listeners: [{ port: 1 }] });
    service = scoped;
    await scoped.start();
  }
  assertEquals(service.state, "stopped");
  assertNothingLeft(service);
});

test("TcpService.session() gives the same object each time, and nothing once it is over", async () => {
  await using pair = await startPair(memoryTransport(), {}, { onMessage: () => {} });
  const { far } = await pair.connect();
  assertStrictEquals(pair.server.session(far.id), pair.server.session(far.id));
  const { id } = far;
  await far.close();
  await until(() => pair.server.sessionCount === 0, "the end");
  assertEquals([pair.server.session(id), pair.server.sendTo(id, pattern(1))], [undefined, "closed"]);
  for (const unknown of [0, -1, NaN, 1.5]) assertEquals(await pair.server.closeSession(unknown), undefined);
});

for (const { name, make } of [OWN, MEMORY]) {
  test(`TcpService.stop() closes ${SESSIONS} sessions at once on ${name}`, async () => {
    const pair = await startPair(make(), { onMessage: (session, payload) => session.send(payload) }, {
      onMessage: () => {},
    });
    const dials = Array.from({ length: SESSIONS }, () => pair.client.connect({ port: pair.port }));
    for (const session of await within(Promise.all(dials), "the dials")) session.send(bytes("hello"));
    await until(() => pair.server.sessionCount === SESSIONS, "all sessions");
    await within(pair.server.stop(), "stop()");
    assertEquals(pair.server.stats().closedSessions, { shutdown: SESSIONS });
    await pair[Symbol.asyncDispose]();
  });
}

for (const { name, make } of transportsHere()) {
  test(`Listener.close() while connections arrive leaves every one open or closed on ${name}`, async () => {
    await using pair = await startPair(make(), { logger: silentLogger() }, { maxDials: 500 });
    const listener = await pair.server.listen({ hostname: "127.0.0.1", port: 0 });
    const port = listener.address.kind === "tcp" ? listener.address.port : 0;
    const dials = Array.from({ length: 100 }, () => pair.client.connect({ port }));
    for (let count = 0; count < 3; count++) await turn();
    await within(listener.close(), "the listener to close");
    const results = await within(Promise.allSettled(dials), "the dials");
    for (const result of results) if (result.status === "rejected") assert(result.reason instanceof ConnectError);
    // What the system had taken and the listener had not is reset or ended.
    await until(() => pair.client.sessionCount === pair.server.sessionCount, "both ends to agree");
    await pair.connect();
  });
}

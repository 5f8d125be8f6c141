// StartStop: one change after the other, in the order of the calls.

import test from "node:test";
import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { ServiceStateError, silentLogger, TcpService } from "@laster/net";
import { FakeClock, memoryTransport } from "@laster/net/testing";
import type { TcpAddress, Transport } from "@laster/net/transport";
import { StartStop } from "../../src/service/start_stop.ts";
import { turn, within } from "../support.ts";

function setUp() {
  const log: string[] = [];
  const faults: Error[] = [];
  const change = (name: string) => async () => {
    log.push(`${name} begins`);
    await turn();
    log.push(`${name} ends`);
    const fault = name === "start" ? faults.shift() : undefined;
    if (fault !== undefined) throw fault;
    return { abortedSessions: 0 };
  };
  return { log, faults, startStop: new StartStop(() => change("start")().then(() => {}), change("stop")) };
}

test("StartStop.stop() does nothing before the first start, and start() nothing while started", async () => {
  const { log, startStop } = setUp();
  await startStop.stop(0);
  assertEquals(log, []);
  assertStrictEquals(startStop.start(), startStop.start());
  await startStop.start();
  await startStop.start();
  assertEquals(log, ["start begins", "start ends"]);
  await startStop.stop(0);
  await startStop.stop(0);
  assertEquals(log.length, 4);
});

test("StartStop lets no two changes overlap, and ends as the last call asks", async () => {
  const { log, startStop } = setUp();
  await Promise.all([startStop.start(), startStop.stop(0), startStop.stop(0), startStop.start(), startStop.start()]);
  assertEquals(log, ["start begins", "start ends", "stop begins", "stop ends", "start begins", "start ends"]);
});

test("StartStop.start() that fails is as if it had not been, for the calls after it", async () => {
  const { log, faults, startStop } = setUp();
  faults.push(new Error("one"), new Error("two"), new Error("three"));
  const both = [startStop.start(), startStop.start()];
  for (const call of both) await assertRejects(() => call, Error, "one");
  await startStop.stop(0);
  assertEquals(log, ["start begins", "start ends"]);
  const [start, stop, again] = [startStop.start(), startStop.stop(0), startStop.start()];
  await Promise.all([assertRejects(() => start, Error, "two"), stop, assertRejects(() => again, Error, "three")]);
  assertEquals(log.filter((line) => line.startsWith("stop")), [], "there was nothing to stop");
  await startStop.start();
  await startStop.stop(0);
  assertEquals(log.slice(-4), ["start begins", "start ends", "stop begins", "stop ends"]);
});

/** A transport of which one port opens only once it is told to. */
function slowPort(slow: number) {
  const memory = memoryTransport();
  const gate = Promise.withResolvers<void>();
  const open = new Set<number>();
  const transport: Transport = {
    ...memory,
    async listen(address, handler, options) {
      const port = address.kind === "tcp" ? address.port : 0;
      if (port === slow) await gate.promise;
      const listener = await memory.listen(address, handler, options);
      open.add(port);
      return { ...listener, close: () => (open.delete(port), listener.close()) };
    },
  };
  return { transport, open, opens: gate.resolve };
}

test("TcpService.stop() does not wait beyond its time for a change whose port does not open, and closes that once it does", async () => {
  const { transport, open, opens } = slowPort(2);
  const clock = new FakeClock();
  const logger = silentLogger();
  const service = new TcpService({ transport, clock, logger, listeners: [{ port: 1 }], onMessage: () => {} });
  await service.start();
  const changed = service.reconfigure({ listeners: [{ port: 1 }, { port: 2 }] });
  await turn();
  const stopped = service.stop({ timeoutMs: 2_000 });
  await clock.advance(1_999);
  assertEquals(service.state, "running");
  await clock.advance(1);
  assertEquals([await within(stopped, "the stop"), service.state], [{ abortedSessions: 0 }, "stopped"]);
  const started = service.start(); // Waits for what is under way.
  await turn();
  assertEquals([...open], []);
  opens();
  await assertRejects(() => changed, ServiceStateError);
  await within(started, "the start");
  assertEquals([[...open], service.state], [[1], "running"]);
  await service.stop();
});

test("TcpService.stop() ends a start whose port does not open, and the next start begins anew", async () => {
  const { transport, open, opens } = slowPort(1);
  const clock = new FakeClock();
  const logger = silentLogger();
  const service = new TcpService({ transport, clock, logger, listeners: [{ port: 1 }], onMessage: () => {} });
  const hangs = service.start();
  hangs.catch(() => {});
  const stopped = service.stop({ timeoutMs: 0 });
  await clock.advance(1_000);
  assertEquals([await within(stopped, "the stop"), service.state], [{ abortedSessions: 0 }, "stopped"]);
  const again = service.start();
  opens();
  await assertRejects(() => hangs, ServiceStateError);
  await within(again, "the start");
  assertEquals([[...open], service.state], [[1], "running"]);
  await service.stop();
  assertEquals([...open], []);
});

test("StartStop.stop() waits for no start without end, also for one that another was under way before", async () => {
  const clock = new FakeClock();
  const starts = [Promise.resolve(), new Promise<void>(() => {})];
  const stop = () => Promise.resolve({ abortedSessions: 0 });
  const startStop = new StartStop(() => starts.shift() ?? Promise.resolve(), stop, () => clock);
  const calls = [startStop.start(), startStop.stop(0)];
  void startStop.start();
  await within(Promise.all(calls), "the first start, and its stop");
  await turn();
  const stopped = startStop.stop(0);
  await turn();
  await clock.advance(1_000);
  assertEquals(await within(stopped, "the stop"), { abortedSessions: 0 });
});

test("StartStop.stop() that does not wait for a start ends it, however many wait behind each other", async () => {
  const clock = new FakeClock();
  const gate = Promise.withResolvers<void>();
  const log: string[] = [];
  const start = () => (log.push("start"), log.length === 1 ? gate.promise : Promise.resolve());
  const stop = () => (log.push("stop"), Promise.resolve({ abortedSessions: 0 }));
  const startStop = new StartStop(start, stop, () => clock);
  const first = startStop.start();
  const patient = startStop.stop(9_000); // Gives up after the others have.
  const waiting: Promise<void>[] = [];
  for (let count = 0; count < 3; count++) {
    const waits = startStop.start();
    waits.catch(() => {});
    waiting.push(waits);
    const stopped = startStop.stop(0);
    await clock.advance(1_000);
    await within(stopped, "a stop");
  }
  await clock.advance(9_000);
  await within(patient, "the first stop");
  const last = startStop.start();
  gate.resolve();
  await first;
  for (const waits of waiting) await assertRejects(() => waits, ServiceStateError);
  await within(last, "the last start");
  assertEquals(log, ["start", "stop", "stop", "stop", "stop", "start"]);
});

for (const what of ["start", "change"] as const) {
  test(`TcpService.stop() ends a start that waits for a ${what} whose port does not open`, async () => {
    const { transport, open, opens } = slowPort(what === "start" ? 1 : 2);
    const clock = new FakeClock();
    const logger = silentLogger();
    const service = new TcpService({ transport, clock, logger, listeners: [{ port: 1 }], onMessage: () => {} });
    const started = service.start();
    started.catch(() => {});
    if (what === "change") await started;
    const changed = what === "start" ? started : service.reconfigure({ listeners: [{ port: 1 }, { port: 2 }] });
    changed.catch(() => {});
    await turn();
    const stop = async () => {
      const stopped = service.stop({ timeoutMs: 0 });
      await clock.advance(1_000);
      await within(stopped, "the stop");
    };
    await stop();
    const waits = service.start();
    waits.catch(() => {});
    await stop();
    opens();
    await assertRejects(() => changed, ServiceStateError);
    await assertRejects(() => waits, ServiceStateError);
    assertEquals([[...open], service.state], [[], "stopped"]);
    await service.start();
    assertEquals(service.state, "running");
    await service.stop();
  });
}

test("TcpService.stop() that gives up waiting for another stop cuts what that one waits for, and both count it", async () => {
  const transport = memoryTransport();
  const clock = new FakeClock();
  const options = { transport, clock, logger: silentLogger(), listeners: [{ port: 1 }], onMessage: () => {} };
  const service = new TcpService({ ...options, closeTimeoutMs: 60_000 });
  await service.start();
  const peer = await transport.connect({ kind: "tcp", hostname: "127.0.0.1", port: 1 }); // Never ends its side.
  await turn();
  assertEquals(service.sessionCount, 1);
  const patient = service.stop({ timeoutMs: 30_000 });
  const waits = service.start();
  waits.catch(() => {});
  const hasty = service.stop({ timeoutMs: 0 });
  await turn();
  await clock.advance(1_000);
  const results = await within(Promise.all([patient, hasty]), "the stops");
  assertEquals(results.map(({ abortedSessions }) => abortedSessions), [1, 1]);
  await assertRejects(() => waits, ServiceStateError);
  assertEquals([service.state, service.sessionCount], ["stopped", 0]);
  peer.abort();
});

/** A service whose listener of one port is closed only once it is told to. */
function slowClose(port = 1) {
  const memory = memoryTransport();
  const gate = Promise.withResolvers<void>();
  const transport: Transport = {
    ...memory,
    async listen(...args) {
      const listener = await memory.listen(...args);
      if ((args[0] as TcpAddress).port !== port) return listener;
      return { ...listener, close: () => gate.promise.then(() => listener.close()) };
    },
  };
  const clock = new FakeClock();
  const options = { transport, clock, logger: silentLogger(), listeners: [{ port: 1 }], onMessage: () => {} };
  return { service: new TcpService(options), clock, closes: gate.resolve };
}

test("TcpService.stop() whose time is up waits until its ports are closed, so that the next start() finds them free", async () => {
  const { service, clock, closes } = slowClose();
  await service.start();
  const stopped = service.stop({ timeoutMs: 0 });
  await clock.advance(0);
  for (let count = 0; count < 5; count++) await turn();
  assertEquals(service.state, "stopping");
  closes();
  await within(stopped, "the stop");
  await service.start();
  await service.stop();
});

test("TcpService.stop() waits a second beyond its time, no longer, for a port that does not close", async () => {
  const { service, clock, closes } = slowClose();
  await service.start();
  const stopped = service.stop({ timeoutMs: 0 });
  await clock.advance(0);
  await clock.advance(999);
  assertEquals(service.state, "stopping");
  await clock.advance(1);
  assertEquals([await within(stopped, "the stop"), service.state], [{ abortedSessions: 0 }, "stopped"]);
  closes();
});

test("TcpService.stop() waits for a listener that the application is closing", async () => {
  const { service, clock, closes } = slowClose(2);
  await service.start();
  const listener = await service.listen({ port: 2 });
  const closed = listener.close();
  let isStopped = false;
  const stopped = service.stop({ timeoutMs: 500 }).then(() => isStopped = true);
  await clock.advance(499);
  assertEquals(isStopped, false);
  closes();
  await within(Promise.all([stopped, closed]), "the stop");
});

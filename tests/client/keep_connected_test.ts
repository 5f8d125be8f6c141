// keepConnected(): dials again, slower and slower, and stops when it is told to.

import test from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { serve, type Session, silentLogger, type Transport } from "@laster/net";
import { keepConnected, type KeepConnectedOptions, type LinkEvent } from "@laster/net/client";
import { FakeClock, memoryTransport } from "@laster/net/testing";
import { sleep } from "../../src/sleep.ts";
import { bytes, text, transportsHere, turn, until, within } from "../support.ts";

const QUIET = { logger: silentLogger() };

for (const { name, make } of transportsHere()) {
  test(`keepConnected() hands over a new session each time the old one ends, on ${name}`, async () => {
    const transport = make();
    const logins: string[] = [];
    const kicks: Session[] = [];
    const service = await serve({
      ...QUIET,
      transport,
      hostname: "127.0.0.1",
      port: 0,
      onMessage(session, payload) {
        logins.push(text(payload));
        session.send(payload);
        kicks.push(session);
      },
    });
    const heard: string[] = [];
    const states: string[] = [];
    const link = keepConnected({
      ...QUIET,
      transport,
      port: service.port,
      minDelayMs: 1,
      maxDelayMs: 5,
      onConnected: (session) => session.send(bytes("ann")),
      onMessage: (_session, payload) => heard.push(text(payload)),
      onState: ({ state }) => states.push(state),
    });
    for (let count = 1; count <= 3; count++) {
      await until(() => heard.length === count, "the answer");
      assertEquals([link.state, link.session?.state], ["connected", "open"]);
      kicks[count - 1].abort();
    }
    await until(() => heard.length === 4, "the fourth");
    await within(link.stop(), "the stop");
    assertEquals(logins, ["ann", "ann", "ann", "ann"]);
    assertEquals(states.slice(0, 5), ["connecting", "connected", "waiting", "connecting", "connected"]);
    assertEquals([states.at(-1), link.state, link.session], ["stopped", "stopped", undefined]);
    await service.stop();
  });

  test(`keepConnected() is there again after the server was away, on ${name}`, async () => {
    const transport = make();
    let service = await serve({ ...QUIET, transport, hostname: "127.0.0.1", port: 0 });
    const { port } = service;
    let count = 0;
    const link = keepConnected({
      ...QUIET,
      transport,
      port,
      minDelayMs: 2,
      maxDelayMs: 20,
      onConnected: () => count++,
    });
    await until(() => count === 1, "the first session");
    await service.stop();
    await until(() => link.state === "waiting", "that it waits");
    service = await serve({ ...QUIET, transport, hostname: "127.0.0.1", port });
    await until(() => count === 2, "the second session");
    await link.stop();
    await service.stop();
  });
}

/** A link over a network on which nobody, or somebody who closes at once, listens. */
async function setUp(options: Partial<KeepConnectedOptions>, onOpen?: (session: Session) => void) {
  const clock = new FakeClock();
  const transport = memoryTransport();
  const service = onOpen && await serve({ ...QUIET, transport, hostname: "127.0.0.1", port: 1, onOpen });
  const events: LinkEvent<undefined>[] = [];
  const link = keepConnected({
    ...QUIET,
    clock,
    transport,
    port: 1,
    random: () => 0,
    idleTimeoutMs: 0,
    onState: (event) => events.push(event),
    ...options,
  });
  const delays = () => events.filter(({ state }) => state === "waiting").map(({ delayMs }) => delayMs);
  return { clock, service, events, link, delays };
}

test("keepConnected() doubles its pauses up to the longest, and stops after maxFailures", async () => {
  const { clock, events, link, delays } = await setUp({ minDelayMs: 100, maxDelayMs: 500, maxFailures: 6 });
  await clock.advance(5_000);
  await within(link.stopped, "the end");
  assertEquals(delays(), [100, 200, 400, 500, 500]);
  const { state, error, failures } = events.at(-1) ?? {};
  assertEquals([state, error?.code, failures, clock.timerCount], ["stopped", "refused", 6, 0]);
});

test("keepConnected() cuts its pauses by up to half at random", async () => {
  const { clock, link, delays } = await setUp({ minDelayMs: 100, maxFailures: 3, random: () => 0.999 });
  await clock.advance(5_000);
  await link.stopped;
  assertEquals(delays(), [51, 101]);
});

test("keepConnected() is slower and slower with a server that accepts and closes, and starts anew after a stable session", async () => {
  let stableMs = 0;
  const far: Session[] = [];
  const { clock, service, link, delays } = await setUp({ minDelayMs: 100, stableMs: 1_000 }, (session) => {
    if (stableMs === 0) void session.close();
    else far.push(session);
  });
  for (let round = 0; round < 40 && delays().length < 3; round++) await clock.advance(100);
  assertEquals(delays().slice(0, 3), [100, 200, 400]);
  stableMs = 1_000;
  for (let round = 0; round < 40 && far.length === 0; round++) await clock.advance(100);
  await clock.advance(1_500);
  far[0].abort();
  const before = delays().length;
  for (let round = 0; round < 40 && delays().length === before; round++) await clock.advance(1);
  assertEquals(delays().at(-1), 100);
  const stopping = link.stop();
  await clock.advance(10_000);
  await stopping;
  await service?.stop();
});

test("keepConnected() counts how long a session lived, and neither its dial nor its onClose, for stableMs", async () => {
  const clock = new FakeClock();
  const near = memoryTransport();
  const far = { ...QUIET, clock, transport: near, hostname: "127.0.0.1", port: 1, idleTimeoutMs: 0 };
  const service = await serve({ ...far, onOpen: (session) => void session.close() });
  const transport: Transport = {
    ...near,
    async connect(...dial) {
      await sleep(clock, 6_000);
      return await near.connect(...dial);
    },
  };
  const { link, delays } = await setUp({
    clock,
    transport,
    minDelayMs: 100,
    maxFailures: 3,
    onClose: () => sleep(clock, 6_000),
  });
  for (let round = 0; round < 100 && link.state !== "stopped"; round++) await clock.advance(1_000);
  assertEquals([link.failures, delays()], [3, [100, 200]]);
  await service.stop();
});

test("keepConnected() has a pause of 0 ms after a thousand attempts too", async () => {
  const { clock, link, delays } = await setUp({ minDelayMs: 0, maxFailures: 1_100 });
  for (let round = 0; round < 100 && link.state !== "stopped"; round++) await clock.advance(100);
  assertEquals([link.failures, delays().length, delays().every((delayMs) => delayMs === 0)], [1_100, 1_099, true]);
});

test("keepConnected() leaves no listener at its signal, however it stops", async () => {
  const abort = new AbortController();
  const { signal } = abort;
  let listeners = 0;
  for (const [name, step] of [["addEventListener", 1], ["removeEventListener", -1]] as const) {
    const call = signal[name].bind(signal) as (...call: unknown[]) => void;
    signal[name] = (...given: unknown[]) => {
      listeners += step;
      call(...given);
    };
  }
  const failing = await setUp({ signal, maxFailures: 1 });
  assert(listeners > 0);
  await within(failing.link.stopped, "the end after a failure");
  assertEquals(listeners, 0);
  const stopping = await setUp({ signal });
  await within(stopping.link.stop(), "the stop");
  assertEquals(listeners, 0);
  const { link } = await setUp({ signal });
  abort.abort();
  await within(link.stopped, "the end by the signal");
  assertEquals([listeners, link.state], [0, "stopped"]);
});

test("keepConnected() stops in a pause, by its signal too, and leaves no timer", async () => {
  const abort = new AbortController();
  const { clock, link } = await setUp({ minDelayMs: 1_000, signal: abort.signal });
  for (let round = 0; round < 20 && link.state !== "waiting"; round++) await clock.advance(1);
  assertEquals(link.state, "waiting");
  abort.abort();
  await within(link.stopped, "the end");
  assertEquals([link.state, clock.timerCount], ["stopped", 0]);
  await link.stop();
});

test("keepConnected() stops although an onClose never settles, or waits for the stop", async () => {
  for (const waitsForStop of [false, true]) {
    const far: Session[] = [];
    const { clock, link, service } = await setUp({
      async onClose() {
        await (waitsForStop ? link.stop() : new Promise(() => {}));
      },
    }, (session) => void far.push(session));
    await until(() => link.state === "connected" && far.length === 1, "the session");
    const session = link.session;
    far[0].abort();
    await until(() => session?.state === "closed", "its end");
    await turn();
    if (!waitsForStop) void link.stop();
    await clock.advance(9_999);
    assertEquals(link.state, "connected", "it still waits");
    await clock.advance(1);
    await within(link.stopped, "the stop");
    assertEquals([link.state, link.session, clock.timerCount], ["stopped", undefined, 0]);
    await service?.stop();
  }
});

for (const { name, make } of transportsHere()) {
  test(`a loop in onConnected whose session is reset is no error of the handler, on ${name}`, async () => {
    const transport = make();
    const sessions: Session[] = [];
    const service = await serve({
      ...QUIET,
      transport,
      hostname: "127.0.0.1",
      port: 0,
      onOpen: (session) => void sessions.push(session),
    });
    const logged: [level: string, message: string][] = [];
    const log = (level: string) => (message: string) => void logged.push([level, message]);
    const logger = { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") };
    let loops = 0;
    const link = keepConnected({
      logger,
      transport,
      port: service.port,
      minDelayMs: 1,
      maxDelayMs: 5,
      async onConnected(session) {
        loops++;
        for await (const payload of session) void payload;
      },
    });
    for (let count = 1; count <= 2; count++) {
      await until(() => loops === count && sessions.length === count, "a session");
      sessions[count - 1].abort();
    }
    await until(() => loops === 3 && sessions.length === 3, "the third session");
    await within(link.stop(), "the stop");
    await service.stop();
    assertEquals(logged.filter(([level]) => level === "warn" || level === "error"), []);
  });
}

test("keepConnected() survives handlers that throw, and dials again for an onConnected that did", async () => {
  let count = 0;
  const { clock, link, service } = await setUp({
    onConnected() {
      if (++count === 1) throw new Error("by purpose");
    },
    onState() {
      throw new Error("by purpose");
    },
  }, () => {});
  for (let round = 0; round < 100 && count < 2; round++) await clock.advance(100);
  assertEquals(count, 2);
  const stopping = link.stop();
  await clock.advance(10_000);
  await within(stopping, "the end");
  await service?.stop();
});

test("keepConnected() that onState has stopped hands over no session that is closing", async () => {
  const handedOver: string[] = [];
  const { clock, link, service } = await setUp({
    onState({ state }) {
      if (state === "connected") void link.stop();
    },
    onConnected: (session) => void handedOver.push(session.state),
  }, () => {});
  for (let round = 0; round < 100 && link.state !== "stopped"; round++) await clock.advance(100);
  assertEquals([link.state, handedOver], ["stopped", []]);
  await service?.stop();
});

test("keepConnected() takes a createData that throws for a failed attempt, reports it, and waits before the next one", async () => {
  const { clock, service, events, link, delays } = await setUp({
    minDelayMs: 100,
    maxFailures: 3,
    createData() {
      throw new RangeError("by purpose");
    },
  } as Partial<KeepConnectedOptions>, () => {});
  await clock.advance(1_000);
  await within(link.stopped, "the end");
  const { error, failures } = events.at(-1) ?? {};
  assertEquals([error?.code, error?.cause instanceof RangeError, failures, delays()], ["unknown", true, 3, [100, 200]]);
  await service?.stop();
});

test("keepConnected() refuses options that are none when it is called", () => {
  const wrong: readonly (readonly [object, string])[] = [
    [{ port: 70_000 }, "70000"],
    [{}, "port or a path"],
    [{ port: 1, minDelayMs: -1 }, "minDelayMs"],
    [{ port: 1, minDelayMs: 5, maxDelayMs: 4 }, "maxDelayMs"],
    [{ port: 1, stableMs: "x" }, "stableMs"],
    [{ port: 1, maxFailures: 0 }, "maxFailures"],
    [{ port: 1, onconnected: () => {} }, '"onconnected"'],
  ];
  const ofOthers = ["listeners", "dials", "admission", "retries", "minRetryDelayMs", "maxRetryDelayMs", "onSend"];
  const foreign = ofOthers.map((name) => [{ port: 1, [name]: undefined }, `current value is "${name}"`] as const);
  for (const [options, part] of [...wrong, ...foreign]) {
    const error = assertThrows(() => keepConnected(options as KeepConnectedOptions));
    assert(error instanceof Error && error.message.includes(part), `${error}`);
  }
});

test("a breaker opens after failures in a row, tries once, and closes when a session lasts", async () => {
  const { clock, events, link } = await setUp({
    minDelayMs: 10,
    maxDelayMs: 10,
    breaker: { failures: 3, openMs: 5_000 },
  });
  await clock.advance(100);
  await until(() => link.state === "open", "it is open");
  const dials = () => events.filter(({ state }) => state === "connecting" || state === "half-open").length;
  assertEquals([dials(), link.failures], [3, 3]);
  await clock.advance(4_000);
  assertEquals(dials(), 3, "nothing is dialled");
  await clock.advance(1_000);
  await until(() => link.failures === 4, "it has tried once");
  assertEquals(events.slice(-2).map(({ state, delayMs }) => [state, delayMs]), [["half-open", undefined], [
    "open",
    5_000,
  ]]);
  await link.stop();
  assertEquals([link.state, clock.timerCount], ["stopped", 0]);

  const kicks: Session[] = [];
  const back = await setUp(
    { minDelayMs: 10, maxDelayMs: 10, breaker: { failures: 1, openMs: 1_000 } },
    (session) => void kicks.push(session),
  );
  await until(() => back.link.state === "connected", "it is up");
  kicks[0].abort();
  await until(() => back.link.state === "open", "a session that ends at once is a failure");
  await back.clock.advance(1_000);
  await until(() => back.link.state === "connected", "it is up again");
  await back.clock.advance(6_000);
  kicks[1].abort();
  await until(
    () => back.link.state === "waiting" || back.link.state === "connected",
    "one that lasted closes the breaker",
  );
  await back.link.stop();
  await back.service?.stop();
  for (const breaker of [{ failures: 0, openMs: 1 }, { failures: 1, openMs: -1 }]) {
    assertThrows(() => keepConnected({ port: 1, breaker }), RangeError, "breaker.");
  }
  assertThrows(
    () => keepConnected({ port: 1, breaker: { failures: 1, openMS: 1 } as never }),
    TypeError,
    "did you mean openMs?",
  );
});

test("what is sent without a session is refused, or kept in order up to a bound, and goes to the next one", async () => {
  const transport = memoryTransport();
  const heard: string[] = [];
  const options = { ...QUIET, transport, hostname: "127.0.0.1", port: 1 };
  const start = () => serve({ ...options, onMessage: (_session, payload) => void heard.push(text(payload)) });
  const refusing = keepConnected({ ...options, minDelayMs: 5, maxDelayMs: 5 });
  assertEquals(refusing.send(bytes("lost")), "closed");
  await refusing.stop();
  const link = keepConnected({
    ...options,
    minDelayMs: 5,
    maxDelayMs: 5,
    keep: { messages: 3, bytes: 100 },
    onConnected: (session) => session.send(bytes("login")),
  });
  const payload = bytes("1");
  assertEquals(["1", "2"].map((word) => link.send(bytes(word))), ["kept", "kept"]);
  assertEquals(link.send(payload), "kept");
  payload.fill(0); // It was copied.
  assertEquals(link.send(bytes("4")), "closed", "there is no room");
  let service = await start();
  await until(() => heard.length === 4, "all of it");
  assertEquals(heard, ["login", "1", "2", "1"]);
  assert(["sent", "queued"].includes(link.send(bytes("now"))));
  await until(() => heard.length === 5, "and what is sent now");
  await service.stop();
  await until(() => link.session === undefined, "it is away");
  assertEquals([link.send(new Uint8Array(90)), link.send(new Uint8Array(20))], ["kept", "closed"]);
  assertThrows(() => link.send("text" as never), TypeError, "must be a Uint8Array");
  service = await start();
  await until(() => heard.length === 7, "the next session has it");
  await link.stop();
  await service.stop();
  assertEquals(link.send(bytes("late")), "closed");
  assertThrows(() => keepConnected({ ...options, keep: { messages: 0 } }), RangeError, "keep.messages");
});

test("what is sent while messages wait goes behind them", async () => {
  const transport = memoryTransport();
  const heard: string[] = [];
  const options = { ...QUIET, transport, hostname: "127.0.0.1", port: 1 };
  const link = keepConnected({
    ...options,
    minDelayMs: 5,
    maxDelayMs: 5,
    keep: { messages: 10 },
    onConnected: (session) => {
      session.send(bytes("login"));
      assertEquals(link.send(bytes("behind")), "kept");
    },
  });
  for (const word of ["1", "2"]) assertEquals(link.send(bytes(word)), "kept");
  const service = await serve({ ...options, onMessage: (_session, payload) => void heard.push(text(payload)) });
  await until(() => heard.length === 4, "all of it");
  assertEquals(heard, ["login", "1", "2", "behind"]);
  await link.stop();
  await service.stop();
});

test("what is sent while the onClose of the last session runs is kept for the next one", async () => {
  const transport = memoryTransport();
  const gate = Promise.withResolvers<void>();
  const heard: string[] = [];
  const options = { ...QUIET, transport, hostname: "127.0.0.1", port: 1 };
  await using service = await serve({ ...options, onMessage: (_session, payload) => void heard.push(text(payload)) });
  const link = keepConnected({
    ...options,
    minDelayMs: 5,
    maxDelayMs: 5,
    keep: { messages: 3 },
    onClose: () => gate.promise,
  });
  await until(() => service.sessionCount === 1, "the session");
  await until(() => link.session?.state === "open", "its other end");
  for (const session of service.sessions()) session.abort();
  await until(() => link.session?.state === "closed", "its end");
  assertEquals(link.send(bytes("kept")), "kept");
  gate.resolve();
  await until(() => heard.length === 1, "the next session has it");
  assertEquals(heard, ["kept"]);
  await link.stop();
});

test("what was kept waits until a session that is full has room, and all of it arrives", async () => {
  const transport = memoryTransport({ dialScript: { capacityBytes: 1_024 } });
  const gate = Promise.withResolvers<void>();
  const heard: number[] = [];
  const options = { ...QUIET, transport, hostname: "127.0.0.1", port: 1 };
  let first = 0;
  const link = keepConnected({
    ...options,
    minDelayMs: 5,
    maxDelayMs: 5,
    keep: { messages: 3 },
    onConnected(session) {
      while (session.send(new Uint8Array(60_000)) !== "full") first++;
    },
  });
  for (const length of [60_001, 60_002, 60_003]) assertEquals(link.send(new Uint8Array(length)), "kept");
  const service = await serve({
    ...options,
    onMessage(_session, { length }) {
      heard.push(length);
      return gate.promise;
    },
  });
  await until(() => heard.length === 1, "the first message");
  gate.resolve();
  await until(() => heard.length === first + 3, "all of it");
  assertEquals(heard.slice(first), [60_001, 60_002, 60_003]);
  await link.stop();
  await service.stop();
});

// Half-open sessions: a peer that has ended its side is still sent to, if the options say so.

import test from "node:test";
import { assertEquals } from "@std/assert";
import { raw, type Session } from "@laster/net";
import { FakeClock, memoryTransport } from "@laster/net/testing";
import { bytes, CloseLog, startPair, text, transportsHere, turn, until, within } from "../support.ts";

for (const { name, make } of transportsHere()) {
  test(`Session answers a peer that has ended long after its last handler, under allowHalfOpen, on ${name}`, async () => {
    const heard: string[] = [];
    const log = new CloseLog();
    let far: Session | undefined = undefined as Session | undefined;
    await using pair = await startPair(make(), {
      allowHalfOpen: true,
      onMessage: (_session, payload) => heard.push(text(payload)),
      onEnd(session) {
        heard.push("end");
        far = session;
      },
      onClose: log.onClose,
    });
    const near = await pair.client.connect({ port: pair.port });
    near.send(bytes("question"));
    const closed = near.close();
    await until(() => far !== undefined, "the end");
    assertEquals([heard, far?.state, far?.send(bytes("answer"))], [["question", "end"], "open", "queued"]);
    // The near side has closed, and drops what comes: that it ends in order says that nothing is stuck.
    assertEquals((await within(far!.close(), "the close")).reason, "local-closing");
    assertEquals((await closed).reason, "local-closing");
    assertEquals(log.events.length, 1);
  });

  test(`Session delivers what it sends after the peer's end on ${name}`, async () => {
    const transport = make();
    await using pair = await startPair(transport, { allowHalfOpen: true });
    const received: number[] = [];
    const ended = Promise.withResolvers<void>();
    const connection = await transport.connect({ kind: "tcp", hostname: "127.0.0.1", port: pair.port });
    connection.start({
      onData: (buffer, length) => received.push(...buffer.subarray(0, length)),
      onEnd: () => {
        ended.resolve();
        connection.close();
      },
      onDrain: () => {},
      onClose: () => {},
    });
    await until(() => pair.server.sessionCount === 1, "the session");
    const [far] = pair.server.sessions();
    connection.shutdown();
    for await (const payload of far) throw new Error(`a message: ${payload}`);
    for (const word of ["one", "two"]) {
      far.send(bytes(word), { flush: "now" });
      await until(() => received.length >= 4 + word.length, word);
      assertEquals(text(new Uint8Array(received.splice(0)).subarray(4)), word);
    }
    void far.close();
    await within(ended.promise, "the end of the other side");
  });

  test(`Session ends loops and receive() at the peer's end, those that begin later too, on ${name}`, async () => {
    await using pair = await startPair(make(), { allowHalfOpen: true });
    const { near, far } = await pair.connect();
    near.send(bytes("last"));
    void near.close();
    const heard: string[] = [];
    for await (const payload of far) heard.push(text(payload));
    for await (const payload of far) heard.push(text(payload));
    assertEquals([heard, await far.receive(), far.state], [["last"], undefined, "open"]);
    await far.close();
  });

  test(`Session ends a loop that begins after the peer's end on ${name}`, async () => {
    let isEnded = false;
    await using pair = await startPair(make(), { allowHalfOpen: true, onEnd: () => isEnded = true });
    const { near, far } = await pair.connect();
    void near.close();
    await until(() => isEnded, "the peer's end");
    for await (const payload of far) throw new Error(`a message: ${payload}`);
    assertEquals(far.state, "open");
    await far.close();
  });

  test(`Session without allowHalfOpen closes at the peer's end on ${name}`, async () => {
    let ends = 0;
    await using pair = await startPair(make(), { onEnd: () => ends++ });
    const { near, far } = await pair.connect();
    void near.close();
    assertEquals([(await within(far.closed, "the close")).reason, ends], ["remote-closing", 0]);
  });
}

test("A half-open session whose peer ended inside a frame is truncated", async () => {
  const transport = memoryTransport();
  let ends = 0;
  const log = new CloseLog();
  await using pair = await startPair(transport, { allowHalfOpen: true, onEnd: () => ends++, onClose: log.onClose }, {
    codec: raw(),
  });
  const near = await pair.client.connect({ port: pair.port });
  near.send(new Uint8Array([9, 0]));
  void near.close();
  assertEquals([(await within(log.first, "the close")).reason, ends], ["truncated", 0]);
});

test("A half-open session is idle once its peer takes nothing, and not before", async () => {
  const clock = new FakeClock();
  const log = new CloseLog();
  await using pair = await startPair(memoryTransport(), {
    allowHalfOpen: true,
    clock,
    idleTimeoutMs: 10_000,
    onClose: log.onClose,
  });
  const { near, far } = await pair.connect();
  const closed = near.close();
  for await (const _payload of far);
  for (let round = 0; round < 6; round++) {
    far.send(bytes("still here"), { flush: "now" });
    await clock.advance(6_000);
  }
  assertEquals([log.events, far.state], [[], "open"]);
  await clock.advance(30_000);
  assertEquals((await within(log.first, "the close")).reason, "idle-timeout");
  await closed;
});

test("onEnd that throws ends its session with handler-error", async () => {
  const log = new CloseLog();
  await using pair = await startPair(memoryTransport(), {
    allowHalfOpen: true,
    onEnd: () => {
      throw new Error("by purpose");
    },
    onClose: log.onClose,
  });
  const { near } = await pair.connect();
  void near.close();
  assertEquals((await within(log.first, "the close")).reason, "handler-error");
});

test("onClose waits for the promise of onEnd", async () => {
  const log: string[] = [];
  const gate = Promise.withResolvers<void>();
  await using pair = await startPair(memoryTransport(), {
    allowHalfOpen: true,
    onMessage: () => {},
    async onEnd() {
      log.push("onEnd");
      await gate.promise;
      log.push("onEnd is over");
    },
    onClose: () => void log.push("onClose"),
  });
  const { near, far } = await pair.connect();
  void near.close();
  await until(() => log.length === 1, "onEnd");
  near.abort();
  await until(() => far.state === "closed", "the reset");
  gate.resolve();
  await until(() => log.length === 3, "both");
  assertEquals(log, ["onEnd", "onEnd is over", "onClose"]);
});

test("session.finished that is asked for first while onClose is under way resolves behind it", async () => {
  const gate = Promise.withResolvers<void>();
  await using pair = await startPair(memoryTransport(), { onMessage: () => {}, onClose: () => gate.promise });
  // Not by `connect()`, which asks for signals of its own.
  const near = await pair.client.connect({ port: pair.port });
  await until(() => pair.server.sessionCount === 1, "the session");
  const [far] = pair.server.sessions();
  near.abort();
  await until(() => far.state === "closed" && pair.server.sessionCount === 0, "its end");
  let isFinished = false;
  const finished = far.finished.then(({ reason }) => {
    isFinished = true;
    return reason;
  });
  await turn();
  assertEquals(isFinished, false);
  gate.resolve();
  assertEquals(await within(finished, "finished"), "reset");
});

test("Session waits for both of two handlers that run at a time, under allowHalfOpen", async () => {
  const log: string[] = [];
  const gate = Promise.withResolvers<void>();
  await using pair = await startPair(memoryTransport(), {
    allowHalfOpen: true,
    async onOpen(session) {
      for await (const _payload of session) continue;
      await gate.promise;
      log.push("saved");
    },
    async onEnd() {
      await turn();
      log.push("end");
    },
    onClose: () => log.push("closed"),
  });
  const { near, far } = await pair.connect();
  void near.close();
  await until(() => log.length > 0, "the end of the peer");
  void far.close();
  await until(() => near.state === "closed", "the end of the connection");
  for (let count = 0; count < 3; count++) await turn();
  assertEquals(log, ["end"]);
  gate.resolve();
  await until(() => log.length === 3, "the close");
  assertEquals(log, ["end", "saved", "closed"]);
});

for (
  const { what, firstMs, secondMs, closedMs } of [
    { what: "hangs beside one that ends", firstMs: Infinity, secondMs: 850, closedMs: 1_000 },
    { what: "hangs beside one that hangs", firstMs: Infinity, secondMs: Infinity, closedMs: 1_000 },
    { what: "ends beside one that hangs", firstMs: 900, secondMs: Infinity, closedMs: 1_800 },
    { what: "ends beside one that ends", firstMs: 900, secondMs: 1_700, closedMs: Infinity },
  ]
) {
  test(`handlerTimeoutMs counts from the begin of each handler, where the first ${what}`, async () => {
    const clock = new FakeClock();
    const settleAt = (ms: number) => new Promise<void>((resolve) => ms < Infinity && clock.setTimer(resolve, ms));
    const log: (string | number)[] = [];
    let isEnded = false;
    await using pair = await startPair(memoryTransport(), {
      allowHalfOpen: true,
      handlerTimeoutMs: 1_000,
      closeTimeoutMs: 100,
      clock,
      async onOpen(session) {
        session.signal.addEventListener("abort", () => log.push(session.state, clock.now()));
        const settled = settleAt(firstMs);
        for await (const _payload of session) continue;
        await settled;
      },
      onEnd() {
        isEnded = true;
        return settleAt(secondMs - clock.now());
      },
    });
    const { near, far } = await pair.connect();
    await clock.advance(800);
    void near.close();
    await until(() => isEnded, "the end of the peer");
    for (let ms = 0; ms < 2_000; ms += 50) await clock.advance(50);
    assertEquals(log, closedMs === Infinity ? [] : ["closing", closedMs]);
    far.abort();
    await clock.advance(1_000);
  });
}

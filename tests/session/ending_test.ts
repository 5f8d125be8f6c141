// Ends: what a session still does, and does not, once somebody ends it.

import test from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { type CloseEvent, raw, type Session } from "@laster/net";
import { FakeClock, memoryTransport } from "@laster/net/testing";
import { RawPeer } from "../raw_peer.ts";
import {
  bytes,
  CloseLog,
  type Pair,
  pattern,
  startPair,
  text,
  transportsHere,
  turn,
  until,
  within,
} from "../support.ts";

const CLOSE_TIMEOUT_MS = 5_000;

for (const { name, make } of transportsHere()) {
  test(`Session.abort() lets no message and no send through on ${name}`, async () => {
    const heard: string[] = [];
    const answers: unknown[] = [];
    const log = new CloseLog();
    await using pair = await startPair(make(), {
      onMessage(session, payload) {
        heard.push(text(payload));
        session.abort();
        answers.push(session.send(bytes("late")), session.send(bytes("late"), { flush: "now" }), session.state);
      },
      onClose: log.onClose,
    }, { onMessage: () => {} });
    const { near } = await pair.connect();
    for (const word of ["one", "two", "three"]) near.send(bytes(word));
    const { reason, unsentBytes } = await within(log.first, "the close");
    assertEquals([heard, answers], [["one"], ["closed", "closed", "closing"]]);
    assertEquals([reason, unsentBytes], ["local-abort", 0]);
  });

  test(`Session.abort() in onOpen ends the session before a message on ${name}`, async () => {
    const calls: string[] = [];
    await using pair = await startPair(make(), {
      onOpen(session) {
        calls.push("open");
        session.abort();
      },
      onMessage: () => calls.push("message"),
      onChunk: () => calls.push("receive"),
      onClose: (_session, { reason }) => calls.push(reason),
    }, { onMessage: () => {} });
    // The reset may overtake the dial.
    await pair.client.connect({ port: pair.port }).then((near) => near.send(bytes("hi")), () => {});
    await until(() => calls.length === 2, "the close");
    assertEquals(calls, ["open", "local-abort"]);
  });

  test(`Session sends what onOpen sent before it closed on ${name}`, async () => {
    await using pair = await startPair(make(), {
      onOpen(session) {
        session.send(bytes("go away"));
        session.close();
      },
    });
    const near = await pair.client.connect({ port: pair.port });
    const heard: string[] = [];
    for await (const payload of near) heard.push(text(payload));
    assertEquals(heard, ["go away"]);
  });

  test(`Session may be closed and aborted from onSend, and sent to from onClose, on ${name}`, async () => {
    for (const end of [(session: Session) => session.close(), (session: Session) => session.abort()]) {
      const log: string[] = [];
      await using pair = await startPair(make(), {
        onOpen: (session) => session.send(bytes("hi")),
        onSend(session) {
          log.push("sent");
          end(session);
        },
        onClose(session, { reason }) {
          log.push(reason, session.send(bytes("late")), session.sendRange(bytes("late"), 0, 2), session.state);
          session.close();
          session.abort();
          session.flush();
          const { refused } = pair.server.broadcast(bytes("gone"));
          log.push(`refused ${refused}`);
        },
      }, { onMessage: () => {} });
      await pair.client.connect({ port: pair.port }).catch(() => {}); // A reset may overtake the dial.
      await until(() => log.length >= 6, "the close");
      assertEquals([log[0], log.slice(2)], ["sent", ["closed", "closed", "closed", "refused 1"]]);
      assert(log[1] === "local-closing" || log[1] === "local-abort");
    }
  });

  test(`TcpService.stop() called in a handler ends the session by shutdown on ${name}`, async () => {
    const log = new CloseLog();
    const stopped = Promise.withResolvers<unknown>();
    const pair = await startPair(make(), {
      onMessage(session) {
        pair.server.stop().then(stopped.resolve);
        assertEquals(session.state, "open", "a handler is not overtaken by what it calls");
        session.send(bytes("bye"));
      },
      onClose: log.onClose,
    });
    const { near } = await pair.connect();
    near.send(bytes("stop"));
    for await (const payload of near) assertEquals(text(payload), "bye");
    assertEquals((await within(log.first, "the close")).reason, "shutdown");
    await within(stopped.promise, "stop()");
    await pair[Symbol.asyncDispose]();
  });

  test(`TcpService.stop() in onClose and broadcast in onClose are survived on ${name}`, async () => {
    let closed = 0;
    const pair: Pair = await startPair(make(), {
      onClose(): Promise<unknown> {
        closed++;
        pair.server.broadcast(bytes("somebody left"));
        return pair.server.stop({ timeoutMs: 500 }); // Each waits for the other, until then.
      },
      closeTimeoutMs: 50,
    }, { onMessage: () => {} });
    const { near } = await pair.connect();
    await pair.connect();
    near.close();
    await until(() => pair.server.state === "stopped", "stop()");
    assertEquals(closed, 2);
    await pair[Symbol.asyncDispose]();
  });

  test(`Session tells the unsent of a peer that never reads, after closeTimeoutMs, on ${name}`, async () => {
    const log = new CloseLog();
    await using pair = await startPair(make(), {
      codec: raw({ maxPayloadBytes: 32_000_000 }),
      closeTimeoutMs: 100,
      onClose: log.onClose,
    }, { closeTimeoutMs: 40, codec: raw(), onMessage: () => new Promise<void>(() => {}) });
    const { far } = await pair.connect();
    far.send(pattern(32), { flush: "now" });
    await until(() => pair.client.stats().receivedFrames === 1, "the client to hang");
    far.send(new Uint8Array(32_000_000), { flush: "now" });
    far.send(bytes("more"));
    const event = await within(far.close(), "the close");
    assertEquals([event.reason, event.unsentFrames, event.isConfirmed], ["local-closing", 2, false]);
    assert(event.unsentBytes > 4 && event.unsentBytes <= 32_000_004);
    assertEquals(await log.first, event);
    assertEquals(await far.close(), event);
    assertEquals(await far.closed, event);
  });

  test(`Session.close() is confirmed when the peer ends after all was sent on ${name}`, async () => {
    await using pair = await startPair(make(), {}, { onMessage: () => {} });
    const { near, far } = await pair.connect();
    far.send(pattern(60_000));
    const event = await within(far.close(), "the close");
    assertEquals(event, {
      reason: "local-closing",
      detail: undefined,
      error: undefined,
      unsentFrames: 0,
      unsentBytes: 0,
      isConfirmed: true,
    });
    assertEquals((await near.closed).isConfirmed, false, "the one that ends second cannot know");
  });
}

test("Session.close() gives back what it kept of an unfinished frame at once", async () => {
  await using pair = await startPair(memoryTransport(), { onMessage: () => {} }, { codec: raw(), onMessage: () => {} });
  const { near, far } = await pair.connect();
  near.send(new Uint8Array([60, 0, 0, 0, 1, 2, 3]));
  await until(() => pair.server.stats().pool.outstanding === 1, "the unfinished frame");
  far.close();
  assertEquals([far.state, pair.server.stats().pool.outstanding], ["closing", 0]);
});

test("TcpService.stop() awaited in a handler ends within closeTimeoutMs", async () => {
  const clock = new FakeClock();
  const log: string[] = [];
  const pair = await startPair(memoryTransport(), {
    clock,
    closeTimeoutMs: CLOSE_TIMEOUT_MS,
    async onMessage() {
      await pair.server.stop();
      log.push(`stopped ${clock.now()}`);
    },
    onClose: (_session, { reason }) => log.push(`${reason} ${clock.now()}`),
  }, { onMessage: () => {} });
  const { near } = await pair.connect();
  near.send(bytes("stop"));
  await clock.advance(CLOSE_TIMEOUT_MS - 1);
  assertEquals(log, []);
  await clock.advance(1);
  assertEquals(log, ["shutdown 5000", "stopped 5000"]);
  await pair[Symbol.asyncDispose]();
  assertEquals(clock.timerCount, 0);
});

test("TcpService.stop() and onClose wait for a handler that never settles no longer than closeTimeoutMs", async () => {
  const clock = new FakeClock();
  const log: string[] = [];
  const gate = Promise.withResolvers<void>();
  const pair = await startPair(memoryTransport(), {
    clock,
    closeTimeoutMs: CLOSE_TIMEOUT_MS,
    onMessage: () => gate.promise,
    onClose: (_session, { reason }) => log.push(`${reason} ${clock.now()}`),
  }, { onMessage: () => {} });
  const { near } = await pair.connect();
  near.send(bytes("hang"));
  await until(() => pair.server.stats().receivedFrames === 1, "the message");
  const stopped = pair.server.stop().then(() => log.push(`stopped ${clock.now()}`));
  await clock.advance(CLOSE_TIMEOUT_MS - 1);
  assertEquals(log, []);
  await clock.advance(1);
  await within(stopped, "stop()");
  assertEquals(log, ["shutdown 5000", "stopped 5000"]);
  // The handler may end later, and well or badly: nobody listens any more.
  gate.reject(new Error("late"));
  await turn();
  await pair[Symbol.asyncDispose]();
  assertEquals([log.length, clock.timerCount], [2, 0]);
});

test("Session waits for a handler that runs when the peer resets, and then calls onClose at once", async () => {
  const clock = new FakeClock();
  const gate = Promise.withResolvers<void>();
  const log: string[] = [];
  await using pair = await startPair(memoryTransport(), {
    clock,
    async onMessage(session) {
      await gate.promise;
      log.push(`handler ${session.state} ${session.send(bytes("late"))}`);
    },
    onClose: (_session, { reason }) => log.push(reason),
  }, { onMessage: () => {} });
  const { near, far } = await pair.connect();
  near.send(bytes("hi"));
  await until(() => pair.server.stats().receivedFrames === 1, "the message");
  near.abort();
  const event: CloseEvent = await within(far.closed, "the reset");
  assertEquals([event.reason, event.error?.name, log], ["reset", "ConnectionError", []]);
  assertEquals(pair.server.sessionCount, 1, "the session is not over before onClose");
  gate.resolve();
  await until(() => log.length === 2, "onClose");
  assertEquals(log, ["handler closed closed", "reset"]);
  assertEquals([pair.server.sessionCount, clock.timerCount], [0, 0]);
});

for (const [what, payloads] of [["many messages", 40], ["one large message", 1]] as const) {
  test(`Session.close() puts its timeout off while the peer takes ${what}, and cuts the peer once it stops`, async () => {
    const clock = new FakeClock();
    const log = new CloseLog();
    let isReading = true;
    const payload = pattern(2_400_000 / payloads);
    await using pair = await startPair(memoryTransport({ dialScript: { capacityBytes: 65_536 } }), {
      clock,
      codec: raw({ maxPayloadBytes: payload.length }),
      closeTimeoutMs: CLOSE_TIMEOUT_MS,
      maxQueuedBytes: 10_000_000,
      onClose: log.onClose,
    }, {
      closeTimeoutMs: 50,
      codec: raw(),
      onMessage: () => new Promise<void>((resolve) => isReading && clock.setTimer(resolve, 600)),
    });
    const { far } = await pair.connect();
    for (let count = 0; count < payloads; count++) far.send(payload);
    far.close();
    await clock.advance(3 * CLOSE_TIMEOUT_MS);
    assertEquals(log.events, [], "the peer reads on");
    isReading = false;
    await clock.advance(CLOSE_TIMEOUT_MS + 1_200); // The last read, and one look more.
    assertEquals(log.events.map(({ reason, isConfirmed }) => [reason, isConfirmed]), [["local-closing", false]]);
    const { unsentBytes, unsentFrames } = log.events[0];
    assert(unsentBytes > 0 && unsentBytes < 1_500_000, `${unsentBytes} bytes are unsent`);
    assert(unsentFrames > 0 && unsentFrames <= payloads);
  });
}

test("Session.send() refuses what is no Uint8Array, and goes on", async () => {
  await using pair = await startPair(memoryTransport());
  const { near, far } = await pair.connect();
  const wrong: readonly unknown[] = ["hello", new ArrayBuffer(3), [1, 2], null, undefined, new Uint16Array([300]), {}];
  for (const value of wrong) {
    const payload = value as Uint8Array;
    assertThrows(() => far.send(payload), TypeError);
    assertThrows(() => far.sendRange(payload, 0, 1), TypeError);
    assertThrows(() => pair.server.sendTo(far.id, payload), TypeError);
    assertThrows(() => pair.server.broadcast(payload), TypeError);
  }
  assertThrows(() => far.send("hello" as unknown as Uint8Array), TypeError, 'current value is "hello"');
  for (const [offset, length] of [[0.5, 1], [0, 1.5], [0, Infinity], [NaN, 0]]) {
    assertThrows(() => far.sendRange(new Uint8Array(10), offset, length), RangeError, `${offset} + ${length}`);
  }
  assertEquals(far.queuedBytes, 0);
  far.send(bytes("fine"));
  for await (const payload of near) {
    assertEquals(text(payload), "fine");
    break;
  }
});

test("Session.close() in order after a payload of no bytes on a raw codec that is behind another", async () => {
  const clock = new FakeClock();
  await using pair = await startPair(memoryTransport({ acceptScript: { writeBytes: () => 100 } }), {
    clock,
    codec: raw(),
  }, { codec: raw(), onMessage: () => {} });
  const { far } = await pair.connect();
  far.send(pattern(256), { flush: "now" });
  far.send(new Uint8Array(0));
  const { isConfirmed, unsentFrames } = await within(far.close(), "the close", 2_000);
  assertEquals([isConfirmed, unsentFrames], [true, 0]);
});

test("Session that is reset while it closes says why it closes", async () => {
  const transport = memoryTransport();
  await using pair = await startPair(transport, { onMessage: () => {} });
  const peer = await RawPeer.dial(transport, pair.port);
  await until(() => pair.server.sessionCount === 1, "the session");
  const [far] = pair.server.sessions();
  const closed = far.close({ detail: "kicked" });
  await until(() => peer.hasEnded, "its end");
  peer.connection.abort();
  const { reason, detail, isConfirmed, error } = await within(closed, "the close");
  assertEquals([reason, detail, isConfirmed, error?.name], ["local-closing", "kicked", false, "ConnectionError"]);
});

test("Session.finished resolves once the promise of onClose has settled, whenever it is asked for", async () => {
  const log: string[] = [];
  const ask = (session: Session, when: string) => void session.finished.then(() => log.push(when));
  const saving: PromiseWithResolvers<void>[] = [];
  await using pair = await startPair(memoryTransport(), {
    onOpen: (session) => ask(session, "in onOpen"),
    onClose(session) {
      ask(session, "in onClose");
      const saved = Promise.withResolvers<void>();
      saving.push(saved);
      return saved.promise.finally(() => log.push("settled"));
    },
  });
  for (const end of ["abort", "close"] as const) {
    const { far } = await pair.connect();
    void far[end]();
    await until(() => saving.length === 1, "onClose");
    ask(far, "behind onClose");
    for (let count = 0; count < 5; count++) await turn();
    assertEquals(log, [], "onClose is running");
    saving.pop()?.reject(new Error("by purpose"));
    await within(far.finished, "its end");
    ask(far, "late");
    await until(() => log.length === 5, "all answers");
    assertEquals(log.splice(0), ["settled", "in onOpen", "in onClose", "behind onClose", "late"]);
  }
});

test("Session.finished resolves after an onClose that throws or gives nothing, but not while it runs", async () => {
  const log: string[] = [];
  await using pair = await startPair(memoryTransport(), {
    onClose(session) {
      void session.finished.then(() => log.push("finished"));
      log.push("onClose");
      if (session.id === 1) throw new Error("by purpose");
    },
  });
  for (let count = 1; count <= 2; count++) {
    const { far } = await pair.connect();
    far.abort();
    await within(far.finished, "its end");
    await until(() => log.length === 2, "the promise asked for in onClose");
    assertEquals(log.splice(0), ["onClose", "finished"]);
  }
});

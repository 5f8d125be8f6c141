// Session.receive(), and loops that are left while a message was asked for: who gets which message, and that none is lost.

import test from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { fixedLength, raw, ReceiveTimeoutError, type Session, SessionClosedError, simpleBinary } from "@laster/net";
import { FakeClock, memoryTransport } from "@laster/net/testing";
import { frameOf, RawPeer } from "../raw_peer.ts";
import { bytes, CloseLog, startPair, text, transportsHere, turn, until, within } from "../support.ts";

const SETTLE_TURNS = 10;

async function settle(): Promise<void> {
  for (let count = 0; count < SETTLE_TURNS; count++) await turn();
}

function sendAll(session: Session, words: string): void {
  for (const word of words.split(" ")) session.send(bytes(word));
}

async function take(session: Session): Promise<string | undefined> {
  const payload = await within(session.receive(), "a message");
  return payload === undefined ? undefined : text(payload);
}

for (const { name, make } of transportsHere()) {
  test(`Session.receive() takes one message after the other, and undefined at the end, on ${name}`, async () => {
    await using pair = await startPair(make());
    const { near, far } = await pair.connect();
    sendAll(far, "one two three");
    assertEquals([await take(near), await take(near), await take(near)], ["one", "two", "three"]);
    const last = take(near);
    far.close();
    assertEquals([await last, await take(near)], [undefined, undefined]);
    assertEquals((await near.closed).reason, "remote-closing");
  });

  test(`Session.receive() gets all that came before the end, however late it asks, on ${name}`, async () => {
    await using pair = await startPair(make());
    const { near, far } = await pair.connect();
    sendAll(far, "one two three four");
    far.close();
    const heard: (string | undefined)[] = [];
    for (let count = 0; count < 5; count++) {
      heard.push(await take(near));
      await settle();
    }
    assertEquals(heard, ["one", "two", "three", "four", undefined]);
  });

  test(`Session.receive() in onOpen takes the login, and onMessage the rest, on ${name}`, async () => {
    const log: string[] = [];
    const gate = Promise.withResolvers<void>();
    await using pair = await startPair(make(), {
      async onOpen(session) {
        log.push(`login ${await take(session)}`, `password ${await take(session)}`);
        await gate.promise;
        log.push("opened");
      },
      onMessage: (_session, payload) => log.push(text(payload)),
    });
    const { near } = await pair.connect();
    sendAll(near, "ann secret hello world");
    await until(() => log.length === 2, "the login");
    await settle();
    assertEquals(log.length, 2, "the rest waits for the handler's end");
    gate.resolve();
    sendAll(near, "again");
    await until(() => log.length === 6, "all messages");
    assertEquals(log, ["login ann", "password secret", "opened", "hello", "world", "again"]);
  });

  test(`Session.receive() rejects after timeoutMs, and the message that comes later goes to the next, on ${name}`, async () => {
    await using pair = await startPair(make());
    const { near, far } = await pair.connect();
    const error = await assertRejects(() => near.receive({ timeoutMs: 20 }), ReceiveTimeoutError);
    assertEquals([error.sessionId, error.timeoutMs, near.state], [near.id, 20, "open"]);
    const controller = new AbortController();
    const waiting = near.receive({ signal: controller.signal });
    controller.abort(new RangeError("enough"));
    await assertRejects(() => waiting, RangeError, "enough");
    await assertRejects(() => near.receive({ signal: controller.signal }), RangeError, "enough");
    sendAll(far, "one two");
    assertEquals([await take(near), await take(near)], ["one", "two"]);
  });

  test(`Session that has received all messages sees its peer's end at once, though nobody asks for the next, on ${name}`, async () => {
    await using pair = await startPair(make());
    const { near, far } = await pair.connect();
    sendAll(far, "one two"); // In one chunk.
    assertEquals([await take(near), await take(near)], ["one", "two"]);
    far.close();
    assertEquals((await within(near.closed, "the end", 1_000)).reason, "remote-closing");
    assertEquals(await take(near), undefined);
  });

  test(`Session.switchCodec() between two receives has the next message cut by the other codec on ${name}`, async () => {
    await using pair = await startPair(make(), { codec: raw() });
    const { near, far } = await pair.connect();
    // A frame of `simpleBinary()`, two of four bytes, and one of `simpleBinary()` again.
    far.send(new Uint8Array([2, 0, 0, 0, 104, 105, ...bytes("abcdefgh"), 1, 0, 0, 0, 33]));
    assertEquals(await take(near), "hi");
    near.switchCodec(fixedLength({ frameBytes: 4 }));
    assertEquals([await take(near), await take(near)], ["abcd", "efgh"]);
    near.switchCodec(simpleBinary());
    assertEquals(await take(near), "!");
  });

  test(`Session.receive() throws what ended the session by a fault, each time, on ${name}`, async () => {
    await using pair = await startPair(make(), { codec: raw() });
    const { near, far } = await pair.connect();
    far.send(new Uint8Array([1, 0, 0, 0, 33, 255, 255, 255, 255]));
    assertEquals(await take(near), "!");
    for (let count = 0; count < 2; count++) {
      const error = await within(assertRejects(() => near.receive(), SessionClosedError), "the fault");
      assertEquals(error.reason, "decode-error");
    }
  });

  test(`Session loop left by return() while it waits loses nothing, and settles at once, on ${name}`, async () => {
    await using pair = await startPair(make());
    const { near, far } = await pair.connect();
    const loop = near[Symbol.asyncIterator]();
    const pending = [loop.next(), loop.next()];
    assertEquals(await within(loop.return(), "return()", 1_000), { done: true, value: undefined });
    for (const next of pending) assertEquals(await within(next, "next()", 1_000), { done: true, value: undefined });
    assertEquals(await loop.next(), { done: true, value: undefined });
    sendAll(far, "one two three");
    const heard: string[] = [];
    for await (const payload of near) if (heard.push(text(payload)) === 2) break;
    assertEquals([heard, await take(near)], [["one", "two"], "three"]);
  });
}

test("Session loop asked for several messages before they come gives them in their order", async () => {
  await using pair = await startPair(memoryTransport());
  const { near, far } = await pair.connect();
  const loop = near[Symbol.asyncIterator]();
  const pending = [loop.next(), loop.next(), loop.next()];
  sendAll(far, "one two three four");
  const heard = (await within(Promise.all(pending), "the messages")).map(({ value }) => value && text(value));
  assertEquals(heard, ["one", "two", "three"]);
  await loop.return();
  assertEquals(await take(near), "four");
});

test("Session loop left by return(), throw() or dispose in the middle of waiting gives the handler its turn", async () => {
  type Loop = AsyncGenerator<Uint8Array, void, undefined>;
  const ways: ((loop: Loop) => unknown)[] = [
    (loop) => loop.return(),
    (loop) => loop.throw(new Error("mine")).catch(() => {}),
    (loop) => loop[Symbol.asyncDispose](),
  ];
  for (const leave of ways) {
    const log: string[] = [];
    await using pair = await startPair(memoryTransport(), {
      onMessage: (_session, payload) => log.push(text(payload)),
    });
    const { near, far } = await pair.connect();
    const loop = far[Symbol.asyncIterator]();
    const next = loop.next();
    await leave(loop);
    assertEquals((await next).done, true);
    sendAll(near, "one two");
    await until(() => log.length === 2, "the handler has both");
    assertEquals(log, ["one", "two"]);
  }
});

test("Session has one reader at a time, be it a loop or receive()", async () => {
  await using pair = await startPair(memoryTransport());
  const { near, far } = await pair.connect();
  const waiting = take(near);
  await assertRejects(() => near.receive(), TypeError, "one reader at a time");
  await assertRejects(() => near[Symbol.asyncIterator]().next(), TypeError, "one reader at a time");
  sendAll(far, "one");
  assertEquals(await waiting, "one", "those that were refused took nothing");
  const loop = near[Symbol.asyncIterator]();
  const next = loop.next();
  await assertRejects(() => near.receive({ timeoutMs: 5 }), TypeError, "one reader at a time");
  sendAll(far, "two three");
  assertEquals(text((await next).value ?? bytes("none")), "two");
  await assertRejects(() => near.receive(), TypeError, "one reader at a time");
  await loop.return();
  assertEquals(await take(near), "three");
});

test("Session.receive() times out by the service's clock, and leaves no timer", async () => {
  const clock = new FakeClock();
  await using pair = await startPair(memoryTransport(), {}, { clock, idleTimeoutMs: 0 });
  const { near, far } = await pair.connect();
  await clock.advance(0);
  const before = clock.timerCount;
  const late = assertRejects(() => near.receive({ timeoutMs: 5_000 }), ReceiveTimeoutError, "5000");
  await clock.advance(4_999);
  assertEquals(clock.timerCount, before + 1);
  await clock.advance(1);
  await late;
  const taken = near.receive({ timeoutMs: 5_000 });
  sendAll(far, "prompt");
  assertEquals(text((await within(taken, "the message")) ?? bytes("none")), "prompt");
  await clock.advance(0); // What was deferred is no timer.
  assertEquals(clock.timerCount, before);
  await clock.advance(10_000);
  assertEquals(near.state, "open");
});

test("Session.receive() whose limit passes in the moment its message comes loses none of the two", async () => {
  const clock = new FakeClock();
  await using pair = await startPair(memoryTransport(), {}, { clock, idleTimeoutMs: 0 });
  const { near, far } = await pair.connect();
  const heard: string[] = [];
  for (let number = 0; number < 50; number++) {
    const wait = near.receive({ timeoutMs: 10 }).then(
      (payload) => heard.push(text(payload ?? bytes("none"))),
      () => {},
    );
    far.send(bytes(`${number}`), { flush: "now" });
    for (let rounds = 0; rounds < number % 12; rounds++) await undefined;
    await clock.advance(10);
    await wait;
    await settle();
    if (heard.length <= number) heard.push(await take(near) ?? "none");
  }
  assertEquals(heard, Array.from({ length: 50 }, (_, number) => `${number}`));
});

test("Session.receive() refuses wrong options, and takes no message for it", async () => {
  await using pair = await startPair(memoryTransport());
  const { near, far } = await pair.connect();
  sendAll(far, "one");
  const wrong: [unknown, typeof RangeError | typeof TypeError][] = [
    [{ timeoutMs: -1 }, RangeError],
    [{ timeoutMs: 1.5 }, RangeError],
    [{ timeoutMs: 2 ** 31 }, RangeError],
    [{ timeoutMS: 5 }, TypeError],
    [{ signal: "abort" }, TypeError],
  ];
  for (const [options, kind] of wrong) await assertRejects(() => near.receive(options as { timeoutMs: number }), kind);
  assertEquals(await take(near), "one");
});

test("Session.receive() in a handler takes the message behind the one at hand", async () => {
  const log: string[] = [];
  await using pair = await startPair(memoryTransport(), {
    async onMessage(session, payload) {
      const word = text(payload);
      if (word !== "pair") return void log.push(word);
      log.push(`pair of ${await take(session)} and ${await take(session)}`);
    },
  });
  const { near } = await pair.connect();
  sendAll(near, "a pair b c d pair e f g");
  await until(() => log.length === 5, "all messages");
  assertEquals(log, ["a", "pair of b and c", "d", "pair of e and f", "g"]);
});

test("Session.receive() in a handler ends with its session, whoever ends it", async () => {
  const ends: ((session: Session, peer: Session) => unknown)[] = [
    (session) => session.close(),
    (session) => session.abort(),
    (_session, peer) => peer.close(),
    (_session, peer) => peer.abort(),
  ];
  const log: unknown[] = [];
  for (const end of ends) {
    await using pair = await startPair(memoryTransport(), {
      async onOpen(session) {
        log.push(await session.receive().catch((error: Error) => error.name));
      },
    });
    const { near, far } = await pair.connect();
    end(far, near);
    await within(far.closed, "the end");
    await settle();
  }
  assertEquals(log, [undefined, "SessionClosedError", undefined, "SessionClosedError"]);
});

test("Session that nobody receives from holds one message, and its peer back", async () => {
  await using pair = await startPair(memoryTransport({ acceptScript: { capacityBytes: 1_024 } }), {}, {
    maxQueuedBytes: 10_000_000,
  });
  const { near, far } = await pair.connect();
  for (let count = 0; count < 100; count++) near.send(new Uint8Array(1_000));
  assertEquals((await far.receive())?.length, 1_000);
  await settle();
  assert(near.queuedBytes > 90_000, `${near.queuedBytes} bytes wait at the peer`);
  for (let count = 1; count < 100; count++) assertEquals((await far.receive())?.length, 1_000);
});

test("a message that was cut while a handler waited for something else is no orderly end", async () => {
  const clock = new FakeClock();
  const transport = memoryTransport();
  const log = new CloseLog();
  await using pair = await startPair(transport, {
    clock,
    onMessage: () => {},
    async onOpen(session) {
      await session.receive({ timeoutMs: 1_000 }).catch(() => {});
      await new Promise<void>((resolve) => void clock.setTimer(resolve, 60_000));
    },
    onClose: log.onClose,
  });
  const peer = await RawPeer.dial(transport, pair.port);
  await peer.write(frameOf(bytes("a message")).subarray(0, 6));
  await clock.advance(2_000);
  peer.connection.shutdown();
  await clock.advance(30_000);
  assertEquals((await log.first).reason, "truncated");
  peer.connection.abort();
});

test("Session.receive() in onSend is served while a handler's promise is open", async () => {
  const received: string[] = [];
  const gate = Promise.withResolvers<void>();
  let isAsked = false;
  await using pair = await startPair(memoryTransport(), {
    onMessage(session) {
      session.send(bytes("answer"));
      return gate.promise;
    },
    onSend(session) {
      if (isAsked) return;
      isAsked = true;
      void session.receive().then((payload) => received.push(text(payload ?? bytes("end"))));
    },
  }, { onMessage: () => {} });
  const { near } = await pair.connect();
  near.send(bytes("first"));
  near.send(bytes("second"));
  await until(() => received.length === 1, "the second message");
  assertEquals(received, ["second"]);
  gate.resolve();
});

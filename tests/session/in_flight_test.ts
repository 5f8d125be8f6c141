// maxInFlightBytes and maxInFlightMs: how far a session sends ahead of what its peer has read, over every transport.

import test from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { lengthPrefixed, type SendResult, type Session, TcpService, type TcpServiceOptions } from "@laster/net";
import { checksum, staged } from "@laster/net/stages";
import { FakeClock, memoryTransport } from "@laster/net/testing";
import type { Transport } from "@laster/net/transport";
import { bytes, pattern, startPair, text, transportsHere, turn, until } from "../support.ts";
import { makeQueue } from "../outbound/queue_fixture.ts";
import { InFlight } from "../../src/outbound/in_flight.ts";

const CODEC = lengthPrefixed({ controlFrames: true });

/** A client whose handler waits until it is woken: nothing is read meanwhile. */
function makeSleeper() {
  const heard: string[] = [];
  const gate = Promise.withResolvers<void>();
  return {
    heard,
    wake: () => gate.resolve(),
    onMessage(_session: unknown, payload: Uint8Array): Promise<void> {
      heard.push(text(payload));
      return gate.promise;
    },
  };
}

/** Sends positions of three players, and a line of chat now and then, as a game does. */
async function play(session: Session, ticks: number): Promise<Set<SendResult>> {
  const answers = new Set<SendResult>();
  for (let tick = 0; tick < ticks; tick++) {
    for (const player of ["a", "b", "c"]) {
      answers.add(session.send(bytes(`${player}${tick}`.padEnd(96)), { key: player, whenFull: "latest-per-key" }));
    }
    if (tick % 100 === 0) answers.add(session.send(bytes(`chat ${tick}`)));
    if (tick % 10 === 0) await turn();
  }
  return answers;
}

/** A pair that counts what each side has read. */
async function startCounting(transport: Transport, limits: TcpServiceOptions) {
  const heard = { far: 0, near: 0 };
  const far = { ...limits, onMessage: () => heard.far++ };
  const near = { ...limits, onMessage: () => heard.near++ };
  return { heard, pair: await startPair(transport, far, near) };
}

for (const { name, make } of transportsHere()) {
  test(`two sides that wait for each other's answers to pings, and whose queues are full, go on over ${name}`, async () => {
    const pool = { maxBytes: 200_000 }; // Less than the largest block, which a ping does not take.
    const limits = { codec: CODEC, maxInFlightBytes: 400, highWaterMarkBytes: 800, maxQueuedFrames: 64, pool };
    const { heard, pair: both } = await startCounting(make(), limits);
    await using pair = both;
    const { far, near } = await pair.connect();
    let count = 0;
    for (const session of [far, near]) {
      for (count = 0; count < 60; count++) assert(session.send(pattern(90)) !== "full");
    }
    await until(() => heard.far === count && heard.near === count, "all is read");
  });

  test(`two sides whose queues are full of messages that wait for answers to pings go on over ${name}`, async () => {
    const limits = { codec: CODEC, maxInFlightBytes: 400, maxQueuedFrames: 16 };
    const { heard, pair: both } = await startCounting(make(), limits);
    await using pair = both;
    const { far, near } = await pair.connect();
    const [sentByFar, sentByNear] = [far, near].map((session) => {
      let count = 0;
      while (session.send(pattern(90), { flush: "now" }) !== "full") count++;
      return count;
    });
    await until(() => heard.far === sentByNear && heard.near === sentByFar, "all is read");
  });

  test(`a peer that does not read gets what was in flight, and then the latest, over ${name}`, async () => {
    const sleeper = makeSleeper();
    await using pair = await startPair(make(), { codec: CODEC, maxInFlightBytes: 4_000 }, {
      codec: CODEC,
      onMessage: sleeper.onMessage,
    });
    const { far } = await pair.connect();
    far.send(bytes("first"));
    await until(() => sleeper.heard.length === 1, "the client is asleep");
    assertEquals(await play(far, 1_000), new Set(["queued"] as const));
    assert(far.stats.sentBytes <= 4_100, `${far.stats.sentBytes} bytes were sent to who does not read`);
    sleeper.wake();
    await until(() => far.queuedBytes === 0 && sleeper.heard.at(-1)?.startsWith("c999") === true, "all is read");
    const heard = sleeper.heard.map((line) => line.trim());
    assertEquals(
      heard.filter((line) => line.startsWith("chat")),
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => `chat ${n * 100}`),
    );
    assertEquals(heard.slice(-3), ["a999", "b999", "c999"]);
    const stale = heard.length - 1 - 10 - 3;
    assert(stale <= 40, `${stale} positions were stale`);
    assertEquals(far.stats.dropped.superseded, 3_000 - 3 - stale);
  });

  test(`a bound in flight slows nobody down who reads, and loses nothing, over ${name}`, async () => {
    const heard: number[] = [];
    await using pair = await startPair(make(), { codec: CODEC, maxInFlightBytes: 2_000 }, {
      codec: CODEC,
      onMessage: (_session, payload) => void heard.push(payload.length),
    });
    const { far } = await pair.connect();
    const sizes = Array.from({ length: 3_000 }, (_, index) => index % 700 === 0 ? 9_000 : index % 50);
    for (const size of sizes) {
      if (far.send(pattern(size)) === "congested") await far.drained();
    }
    await until(() => heard.length === sizes.length, "all are there");
    assertEquals(heard, sizes);
    assert((far.stats.roundTripMs ?? -1) >= 0);
    assertEquals([far.stats.dropped, far.stats.refused.full], [{ oldest: 0, superseded: 0 }, 0]);
  });

  test(`an application's own answer opens the way too, over ${name}`, async () => {
    const gate = Promise.withResolvers<void>();
    let asked = 0;
    const heard: string[] = [];
    const heartbeat = { intervalMs: 0, message: bytes("how far?") };
    await using pair = await startPair(make(), {
      maxInFlightBytes: 1_000,
      heartbeat,
      onMessage: (session, payload) => text(payload) === "so far" && session.acknowledge(),
    }, {
      async onMessage(session, payload) {
        await gate.promise;
        if (text(payload) !== "how far?") return void heard.push(text(payload));
        asked++;
        session.send(bytes("so far"));
      },
    });
    const { far } = await pair.connect();
    for (let index = 0; index < 200; index++) far.send(bytes(`${index}`.padEnd(50)));
    await until(() => far.stats.sentBytes > 0, "some are on their way");
    await turn();
    assert(far.stats.sentBytes <= 1_000, `${far.stats.sentBytes} bytes were sent`);
    gate.resolve();
    await until(() => heard.length === 200, "all are there");
    assertEquals(heard.map(Number), Array.from({ length: 200 }, (_, index) => index));
    assert(asked >= 10, `asked ${asked} times`);
    far.acknowledge(); // Nobody was asked, or nobody needs it: nothing happens.
  });

  test(`a peer that has ended its side is sent the rest, though it answers no more, over ${name}`, async () => {
    await using pair = await startPair(make(), { codec: CODEC, maxInFlightBytes: 200, allowHalfOpen: true }, {
      codec: CODEC,
      onMessage: () => {},
    });
    const { near, far } = await pair.connect();
    void near.close();
    await until(() => far.signal.aborted || near.state === "closing", "the client has ended its side");
    await turn();
    for (let index = 0; index < 100; index++) far.send(bytes(`${index}`.padEnd(50)));
    await until(() => far.queuedBytes === 0, "all is sent");
    assertEquals([far.state, far.stats.sentBytes >= 5_000], ["open", true]);
    await far.close();
  });

  test(`a session that closes sends all that was held back, over ${name}`, async () => {
    const sleeper = makeSleeper();
    await using pair = await startPair(make(), { codec: CODEC, maxInFlightBytes: 200 }, {
      codec: CODEC,
      onMessage: sleeper.onMessage,
    });
    const { far } = await pair.connect();
    for (let index = 0; index < 100; index++) far.send(bytes(`${index}`));
    await until(() => sleeper.heard.length === 1, "the client is asleep");
    const closed = far.close({ message: bytes("bye") });
    sleeper.wake();
    const { unsentFrames } = await closed;
    await until(() => sleeper.heard.length === 101, "all are there");
    assertEquals([sleeper.heard.at(-1), unsentFrames], ["bye", 0]);
  });
}

test("broadcasts to peers that do not read are bounded as well, each by its own policy", async () => {
  const [{ make }] = transportsHere();
  const sleeper = makeSleeper();
  await using pair = await startPair(make(), { codec: CODEC, maxInFlightBytes: 1_000 }, {
    codec: CODEC,
    onMessage: sleeper.onMessage,
  });
  const { far } = await pair.connect();
  for (let index = 0; index < 500; index++) {
    pair.server.broadcast(bytes(`p${index}`.padEnd(40)), { key: 1, whenFull: "latest-per-key" });
    if (index % 100 === 0) pair.server.broadcast(bytes(`chat ${index}`));
    if (index % 10 === 0) await turn();
  }
  assert(far.stats.sentBytes <= 1_000, `${far.stats.sentBytes} bytes were sent`);
  sleeper.wake();
  await until(() => sleeper.heard.at(-1)?.startsWith("p499") === true, "the last is there");
  const chat = sleeper.heard.filter((line) => line.startsWith("chat"));
  assertEquals(chat, ["chat 0", "chat 100", "chat 200", "chat 300", "chat 400"]);
});

test("SendQueue sends for maxInFlightMs to a peer that does not answer, and goes on when it does", async () => {
  const ping = { bytes: new Uint8Array([9]), isEncoded: true };
  const { queue, connection, clock, push } = makeQueue(
    { maxInFlightMs: 400, whenFull: "latest-per-key" },
    undefined,
    ping,
  );
  const place = () => connection.received.length;
  for (let ms = 0; ms < 2_000; ms += 10) {
    push(pattern(10));
    queue.flush();
    await clock.advance(10);
  }
  assertEquals(place(), 30 * 10 + 1, "300 ms of messages, and the ping");
  assertEquals(queue.queuedFrames, 170);
  assert(queue.holdback?.handleAnswer() === true);
  assertEquals(queue.holdback?.inFlight?.roundTripMs, 2_000);
  queue.flush();
  assertEquals([place(), queue.queuedFrames], [200 * 10 + 2, 0], "all that has waited, and a ping behind it");
});

test("SendQueue asks for more room in a turn that sends nothing else", async () => {
  const ping = { bytes: new Uint8Array([9]), isEncoded: true };
  const { queue, connection, push } = makeQueue({ maxInFlightBytes: 100 }, undefined, ping);
  push(pattern(20)); // Less than a quarter: nothing is asked.
  await undefined;
  assertEquals(connection.received.length, 20);
  assertEquals(push(pattern(90)), "queued");
  await undefined;
  assertEquals([connection.received.length, queue.queuedFrames], [21, 1], "the ping");
  assert(queue.holdback?.handleAnswer() === true);
  queue.flush();
  assertEquals([connection.received.length, queue.queuedFrames], [112, 0], "the message, and a ping behind it");
});

test("SendQueue tries a ping again that found no memory, as long as messages wait for its answer", async () => {
  const ping = { bytes: new Uint8Array([9]), isEncoded: true };
  for (const isOver of [false, true]) {
    const { queue, connection, clock, context, pool, push } = makeQueue({ maxInFlightBytes: 1_000 }, undefined, ping);
    for (const length of [600, 300, 800]) {
      push(pattern(length));
      context.scheduler.flush();
    }
    assertEquals([connection.received.length, queue.queuedFrames], [901, 1], "one waits, longer than the room");
    pool.setMaxBytes(1);
    assert(queue.holdback?.handleAnswer() === true);
    queue.flush();
    assertEquals([connection.received.length, clock.timerCount], [901, 1], "no memory for the next ping");
    await clock.advance(1_000);
    assertEquals([connection.received.length, clock.timerCount], [901, 1], "nor later");
    pool.setMaxBytes(Infinity);
    if (isOver) queue.seal();
    assertEquals(clock.timerCount, isOver ? 0 : 1);
    await clock.advance(100);
    assertEquals([connection.received.length, clock.timerCount], [isOver ? 901 : 902, 0], "the ping");
    queue.holdback.handleAnswer();
    queue.flush();
    assertEquals(queue.queuedFrames, 0, "the message");
  }
});

test("what waited for an answer goes out behind a switch to another codec with pings", async () => {
  const heard: number[] = [];
  await using pair = await startPair(memoryTransport(), { codec: CODEC, maxInFlightBytes: 1_000 }, { codec: CODEC });
  const { far, near } = await pair.connect();
  for (let index = 0; index < 10; index++) far.send(new Uint8Array(300).fill(index));
  await until(() => far.stats.sentFrames > 0, "the first");
  far.switchCodec(lengthPrefixed({ controlFrames: true }));
  void (async () => {
    for await (const payload of near) heard.push(payload[0]);
  })();
  await until(() => heard.length === 10, "all of them");
  assertEquals(heard, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test("InFlight counts what was sent behind the last answered ping", () => {
  const clock = new FakeClock();
  const inFlight = new InFlight(clock, { maxInFlightBytes: 100, maxInFlightMs: 0 });
  assertEquals([inFlight.isBounded, inFlight.admits(0, 1_000), inFlight.isPingDue(0)], [true, true, false]);
  assertEquals([inFlight.isPingDue(24), inFlight.isPingDue(25)], [false, true], "a quarter is used up");
  inFlight.ping(30);
  assertEquals([inFlight.isPingDue(90), inFlight.roomAt(90), inFlight.admits(90, 10), inFlight.admits(90, 11)], [
    false,
    10,
    true,
    false,
  ]);
  assert(inFlight.handleAnswer());
  assert(!inFlight.handleAnswer(), "nothing was asked");
  assertEquals([inFlight.roomAt(90), inFlight.admits(30, 1_000), inFlight.isPingDue(90)], [40, true, true]);
  inFlight.release();
  assertEquals([inFlight.isBounded, inFlight.admits(90, 1_000_000), inFlight.isPingDue(1_000)], [false, true, false]);
  assertEquals(new InFlight(clock, { maxInFlightBytes: 0, maxInFlightMs: 0 }).isBounded, false);
});

test("TcpService refuses bounds that nobody could keep", () => {
  for (const options of [{ maxInFlightBytes: 1 }, { maxInFlightMs: 1 }, { heartbeat: {} }]) {
    const error = assertThrows(() => new TcpService(options), TypeError);
    assert(error.message.includes(`${Object.keys(options)[0]} needs a peer that answers`), error.message);
    new TcpService({ ...options, codec: CODEC });
    new TcpService({ ...options, codec: staged(CODEC, [checksum()]) });
    new TcpService({ ...options, heartbeat: { message: bytes("?") } });
  }
  assertThrows(() => new TcpService({ heartbeat: { message: new Uint8Array(70_000) } }), RangeError, "65536 bytes");
});

test("InFlight asks for a single byte too, once a quarter of the time is over", async () => {
  const clock = new FakeClock();
  const inFlight = new InFlight(clock, { maxInFlightBytes: 0, maxInFlightMs: 400 });
  inFlight.ping(10);
  inFlight.handleAnswer();
  await clock.advance(99);
  assertEquals([inFlight.isPingDue(10), inFlight.isPingDue(11)], [false, false]);
  await clock.advance(1);
  assertEquals([inFlight.isPingDue(10), inFlight.isPingDue(11)], [false, true]);
});

// Heartbeat: quiet peers stay, silent ones go, over every transport; by a clock that the test moves.

import test from "node:test";
import { assert, assertEquals } from "@std/assert";
import { lengthPrefixed, raw, type Session } from "@laster/net";
import { FakeClock, memoryTransport } from "@laster/net/testing";
import { bytes, CloseLog, startPair, text, transportsHere, turn, until } from "../support.ts";

const CODEC = lengthPrefixed({ controlFrames: true });
const HEARTBEAT = { intervalMs: 1_000, timeoutMs: 2_000 };

/** A clock that can go on while no timer runs, as when the process is suspended. */
class SkippingClock extends FakeClock {
  skippedMs = 0;

  override now(): number {
    return super.now() + this.skippedMs;
  }
}

/** Moves the clock, and gives the sockets time to carry what was sent. */
async function pass(clock: FakeClock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 250) {
    await clock.advance(250);
    await turn();
    await turn();
  }
}

for (const { name, make } of transportsHere()) {
  test(`a quiet peer that answers is not cut, and its round trip is known, over ${name}`, async () => {
    const clock = new FakeClock();
    await using pair = await startPair(
      make(),
      { codec: CODEC, clock, heartbeat: HEARTBEAT, idleTimeoutMs: 3_000 },
      { codec: CODEC, onMessage: () => {} },
    );
    const { near, far } = await pair.connect();
    assertEquals(far.stats.roundTripMs, undefined);
    for (let count = 0; count < 40; count++) {
      const before = far.stats.receivedFrames;
      await clock.advance(250);
      if (count % 4 === 3) await until(() => far.stats.receivedFrames > before, "the answer is there");
    }
    assertEquals([near.state, far.state], ["open", "open"]);
    assert((far.stats.roundTripMs ?? -1) >= 0);
    assert(far.stats.receivedFrames >= 9, `${far.stats.receivedFrames} answers in ten intervals`);
  });

  test(`a peer that gives no sign of life is cut after a ping and the timeout, over ${name}`, async () => {
    const clock = new FakeClock();
    const ends = new CloseLog();
    const options = { codec: CODEC, clock, heartbeat: HEARTBEAT, onClose: ends.onClose };
    await using pair = await startPair(make(), options, { codec: raw(), onMessage: () => {} });
    const { near, far } = await pair.connect();
    await pass(clock, 2_500);
    assertEquals(far.state, "open");
    await pass(clock, 1_000);
    assertEquals((await ends.first).reason, "heartbeat-timeout");
    assertEquals((await near.closed).reason, "remote-closing");
  });

  test(`a peer that talks and never answers is not cut, nor one that is not listened to, over ${name}`, async () => {
    const clock = new FakeClock();
    const gate = Promise.withResolvers<void>();
    const server = {
      codec: CODEC,
      clock,
      heartbeat: HEARTBEAT,
      onMessage: (_session: Session, payload: Uint8Array) => text(payload) === "wait" ? gate.promise : undefined,
    };
    await using pair = await startPair(make(), server, { codec: raw(), onMessage: () => {} });
    const { near, far } = await pair.connect();
    for (let count = 0; count < 16; count++) {
      const before = far.stats.receivedFrames;
      near.send(new Uint8Array([1, 0, 0, 0, 65]), { flush: "now" });
      await until(() => far.stats.receivedFrames > before, "the server hears it");
      await clock.advance(500);
    }
    assertEquals(far.state, "open");
    near.send(new Uint8Array([4, 0, 0, 0, ...bytes("wait"), 1, 0, 0, 0, 65]), { flush: "now" });
    await until(() => far.stats.receivedFrames === 17, "the handler waits");
    await pass(clock, 6_000);
    assertEquals(far.state, "open");
    gate.resolve();
    near.abort();
  });

  test(`an end behind a silence says so, over ${name}`, async () => {
    const clock = new SkippingClock();
    const options = { codec: CODEC, clock, heartbeat: HEARTBEAT, onMessage: () => {} };
    for (const silenceMs of [3_000, 500]) {
      await using pair = await startPair(make(), { codec: CODEC }, options);
      const { near, far } = await pair.connect();
      clock.skippedMs += silenceMs;
      await far.close();
      const { reason, detail } = await near.closed;
      assertEquals([reason, detail], ["remote-closing", silenceMs === 3_000 ? "after-silence" : undefined]);
    }
  });

  test(`an end long after the last message says nothing of a silence if the peer answers pings, over ${name}`, async () => {
    const clock = new FakeClock();
    await using pair = await startPair(make(), { codec: CODEC }, {
      codec: CODEC,
      clock,
      heartbeat: HEARTBEAT,
      onMessage: () => {},
    });
    const { near, far } = await pair.connect();
    for (let count = 1; count <= 5; count++) {
      await clock.advance(1_000);
      await until(() => near.stats.receivedFrames === count, "an answer");
    }
    await far.close();
    const { reason, detail } = await near.closed;
    assertEquals([reason, detail], ["remote-closing", undefined]);
  });

  test(`a heartbeat by messages of the application's, over ${name}`, async () => {
    const clock = new FakeClock();
    let isAlive = true;
    const ends = new CloseLog();
    await using pair = await startPair(make(), {
      clock,
      heartbeat: { ...HEARTBEAT, message: bytes("?") },
      onMessage: (session, payload) => text(payload) === "!" && session.acknowledge(),
      onClose: ends.onClose,
    }, { onMessage: (session, payload) => isAlive && text(payload) === "?" && session.send(bytes("!")) });
    const { far } = await pair.connect();
    await pass(clock, 10_000);
    await until(() => far.stats.roundTripMs !== undefined, "it is answered");
    assertEquals(far.state, "open");
    isAlive = false;
    await pass(clock, 5_000);
    assertEquals((await ends.first).reason, "heartbeat-timeout");
  });
}

test("a peer that switches to a codec without pings is asked no more", async () => {
  const clock = new FakeClock();
  const [{ make }] = transportsHere();
  const heard: number[] = [];
  await using pair = await startPair(make(), { codec: CODEC, clock, heartbeat: HEARTBEAT, maxInFlightBytes: 100 }, {
    codec: lengthPrefixed({ controlFrames: true }),
    onMessage: (session, payload) => {
      heard.push(payload.length);
      if (heard.length === 1) session.switchCodec(raw());
    },
  });
  const { far } = await pair.connect();
  await clock.advance(1_000); // A ping is out, and will not be answered in time.
  far.send(new Uint8Array(1));
  far.switchCodec(raw());
  for (let count = 0; count < 10; count++) far.send(new Uint8Array(50));
  await pass(clock, 5_000);
  await until(() => heard.reduce((sum, length) => sum + length, 0) === 501, "all is there, and no ping");
  assertEquals(far.state, "open");
});

test("a timer runs only while there are sessions", async () => {
  const clock = new FakeClock();
  const [{ make }] = transportsHere();
  const options = { codec: CODEC, clock, heartbeat: HEARTBEAT, idleTimeoutMs: 0 };
  await using pair = await startPair(make(), options, { codec: CODEC });
  const before = clock.timerCount;
  const { near } = await pair.connect();
  assert(clock.timerCount > before);
  await near.close();
  await until(() => pair.server.sessionCount === 0, "it is over");
  await clock.advance(2_000);
  assertEquals(clock.timerCount, before);
});

test("a peer is pinged an interval after its session has opened, however long the clock has run by then", async () => {
  for (const startMs of [0, 100_000]) {
    const clock = new FakeClock();
    await clock.advance(startMs);
    await using pair = await startPair(
      memoryTransport(),
      { codec: CODEC, clock, heartbeat: HEARTBEAT },
      { codec: CODEC, onMessage: () => {} },
    );
    const { far } = await pair.connect();
    await pass(clock, 750);
    assertEquals([far.stats.sentBytes, far.stats.receivedFrames], [0, 0], `at ${startMs} ms`);
    await pass(clock, 500);
    assertEquals(far.stats.receivedFrames, 1, `an answer at ${startMs} ms`);
  }
});

test("a peer has the whole timeout to answer a ping, whoever sent it, and whenever", async () => {
  for (const startMs of [0, 1, 240, 249, 250, 400]) {
    const clock = new FakeClock();
    const ends = new CloseLog();
    const heartbeat = { intervalMs: 100_000, timeoutMs: 1_000 };
    const limits = { codec: CODEC, clock, heartbeat, maxInFlightBytes: 100 };
    await using pair = await startPair(memoryTransport(), { ...limits, onClose: ends.onClose }, {
      codec: raw(),
      onMessage: () => {},
    });
    const { far } = await pair.connect();
    await clock.advance(startMs);
    far.send(new Uint8Array(50)); // A ping goes with it.
    far.flush();
    await clock.advance(999);
    assertEquals(far.state, "open", `sent at ${startMs} ms`);
    await clock.advance(501);
    assertEquals((await ends.first).reason, "heartbeat-timeout");
  }
});

test("a heartbeat has no timer once its sessions have closed", async () => {
  const clock = new FakeClock();
  await using pair = await startPair(memoryTransport(), {
    codec: CODEC,
    clock,
    heartbeat: { intervalMs: 3_600_000, timeoutMs: 3_600_000 },
  }, { codec: CODEC, onMessage: () => {} });
  await pair.connect();
  await pair.server.stop();
  assertEquals(clock.timerCount, 0);
});

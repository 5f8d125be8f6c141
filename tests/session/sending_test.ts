// Sending: when bytes leave, in how many writes, and what is told about it.

import test from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { type Codec, type Session, SessionClosedError, simpleBinary, type Transport } from "@laster/net";
import { FakeClock, memoryTransport } from "@laster/net/testing";
import type { Connection } from "@laster/net/transport";
import { bytes, CloseLog, pattern, startPair, text, transportsHere, turn, until, within } from "../support.ts";

/** simpleBinary(), doing something before it encodes a payload of a length. */
function codecThat(beforeEncode: (length: number) => void): Codec {
  const simple = simpleBinary();
  const encoder = simple.createEncoder();
  return {
    ...simple,
    createEncoder: () => ({
      maxPayloadBytes: encoder.maxPayloadBytes,
      frameBytes: (length) => encoder.frameBytes(length),
      encode(...frame) {
        beforeEncode(frame[2]);
        return encoder.encode(...frame);
      },
    }),
  };
}

/** Counts the writes of every connection that the transport accepts. */
function countWrites(transport: Transport, writes: number[]): Transport {
  const count = (connection: Connection): Connection => {
    const write = connection.write.bind(connection);
    connection.write = (buffer, offset, length) => {
      writes.push(length);
      return write(buffer, offset, length);
    };
    return connection;
  };
  return {
    name: transport.name,
    connect: (address, options) => transport.connect(address, options),
    listen: (address, handler, options) =>
      transport.listen(
        address,
        { ...handler, onConnection: (connection) => handler.onConnection(count(connection)) },
        options,
      ),
  };
}

for (const { name, make } of transportsHere()) {
  test(`Session sends all of a turn in one write on ${name}`, async () => {
    const writes: number[] = [];
    let received = 0;
    await using pair = await startPair(countWrites(make(), writes), {
      onMessage(session, payload) {
        for (let count = 0; count < 50; count++) session.send(payload);
      },
    }, { onMessage: () => received++ });
    const { near } = await pair.connect();
    near.send(pattern(60));
    await until(() => received === 50, "50 messages");
    assertEquals(writes, [50 * 64]);
  });

  test(`Session sends what is sent outside a turn in one write on ${name}`, async () => {
    const writes: number[] = [];
    let received = 0;
    await using pair = await startPair(countWrites(make(), writes), {}, { onMessage: () => received++ });
    const { far } = await pair.connect();
    for (let count = 0; count < 50; count++) far.send(pattern(60));
    await until(() => received === 50, "50 messages");
    assertEquals(writes, [50 * 64]);
  });

  test(`Session sends at once with flush "now" on ${name}`, async () => {
    const writes: number[] = [];
    let received = 0;
    await using pair = await startPair(countWrites(make(), writes), {}, { onMessage: () => received++ });
    const { far } = await pair.connect();
    assertThrows(() => far.send(pattern(60), { flush: "soon" as never }), TypeError, "flush");
    assertEquals(far.stats.queuedFrames, 0, "what is refused is not queued");
    far.send(pattern(60), { flush: "now" });
    assertEquals(writes, [64]);
    far.send(pattern(60), { flush: "now" });
    await until(() => received === 2, "2 messages");
    assertEquals(writes, [64, 64]);
  });

  test(`TcpService.broadcast() reaches all but the excepted, in one write each a turn, on ${name}`, async () => {
    const writes: number[] = [];
    const received = new Map<number, number[]>();
    await using pair = await startPair(countWrites(make(), writes), {}, {
      onMessage: (session, payload) => received.set(session.id, [...(received.get(session.id) ?? []), payload[0]]),
    });
    const ends: Awaited<ReturnType<typeof pair.connect>>[] = [];
    for (let count = 0; count < 4; count++) ends.push(await pair.connect());
    for (let value = 0; value < 10; value++) {
      const result = pair.server.broadcast(new Uint8Array([value]), value === 5 ? { except: ends[0].far } : {});
      assertEquals(result, { accepted: value === 5 ? 3 : 4, congested: 0, refused: 0 });
    }
    ends[1].far.send(new Uint8Array([10]));
    pair.server.broadcast(new Uint8Array([11]));
    await until(() => ends.every(({ near }) => received.get(near.id)?.at(-1) === 11), "the last message");
    const all = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
    assertEquals(ends.map(({ near }) => received.get(near.id)), [
      [...all.filter((value) => value !== 5), 11],
      [...all, 10, 11],
      [...all, 11],
      [...all, 11],
    ]);
    assertEquals(writes.length, 4);
  });

  test(`Session tells onSend of all that went out on ${name}`, async () => {
    let frames = 0;
    let sentBytes = 0;
    await using pair = await startPair(make(), {
      onSend(_session, sent) {
        frames += sent.frames;
        sentBytes += sent.bytes;
      },
    }, { onMessage: () => {} });
    const { near, far } = await pair.connect();
    for (let count = 0; count < 100; count++) {
      far.send(pattern(count * 100));
      if (count % 10 === 0) await turn();
    }
    await until(() => near.stats.receivedFrames === 100, "100 messages");
    await until(() => frames === 100, "100 frames told");
    assertEquals(sentBytes, near.stats.receivedBytes);
  });

  test(`Session.drained() resolves below the mark, rejects when the session closes, and takes a signal on ${name}`, async () => {
    const gate = Promise.withResolvers<void>();
    await using pair = await startPair(make(), { closeTimeoutMs: 100, maxQueuedBytes: 64 * 1_024 * 1_024 }, {
      closeTimeoutMs: 100,
      onMessage: () => gate.promise,
    });
    const { far } = await pair.connect();
    await far.drained();
    const payload = pattern(65_536);
    while (far.send(payload) !== "congested" || far.queuedBytes < 16 * 1_024 * 1_024) {
      if (far.queuedBytes > 1e6) await turn();
    }
    const abort = new AbortController();
    const aborted = assertRejects(() => far.drained({ signal: abort.signal }), DOMException);
    const waiting = assertRejects(() => far.drained(), SessionClosedError);
    abort.abort();
    await aborted;
    far.abort();
    assertEquals((await within(waiting, "drained()")).reason, "local-abort");
    await assertRejects(() => far.drained(), SessionClosedError);
    const { unsentBytes, unsentFrames, isConfirmed } = await far.closed;
    assert(unsentBytes > 0 && unsentFrames > 0 && !isConfirmed);
    gate.resolve();
  });
}

test("Session sends at the flush interval, all of it in one write", async () => {
  const clock = new FakeClock();
  const writes: number[] = [];
  await using pair = await startPair(countWrites(memoryTransport(), writes), { clock, flushIntervalMs: 50 }, {
    onMessage: () => {},
  });
  const { far } = await pair.connect();
  for (let count = 0; count < 4; count++) {
    far.send(pattern(60));
    await clock.advance(10);
  }
  assertEquals(writes, []);
  await clock.advance(10);
  assertEquals(writes, [4 * 64]);
  await clock.advance(200);
  assertEquals(writes.length, 1);
});

test("Reading the figures of a session and of its service between messages writes nothing, and all go out in one write", async () => {
  const writes: number[] = [];
  await using pair = await startPair(countWrites(memoryTransport(), writes), {}, { onMessage: () => {} });
  const { near, far } = await pair.connect();
  await pair.connect();
  const read = () => [far.queuedBytes, far.stats.queuedFrames, far.stats.sentFrames, pair.server.stats().writes];
  far.send(pattern(60));
  assertEquals(read(), [64, 1, 0, 0]);
  pair.server.broadcast(pattern(60));
  assertEquals(read(), [128, 2, 0, 0]);
  far.send(pattern(60));
  assertEquals([read(), read()], [[192, 3, 0, 0], [192, 3, 0, 0]]);
  await until(() => near.stats.receivedFrames === 3, "the messages");
  assertEquals([writes.toSorted((one, other) => one - other), far.stats.sentFrames], [[64, 192], 3]);
});

test("Session.sendRange() sends a range and refuses one outside the array", async () => {
  await using pair = await startPair(memoryTransport(), {});
  const { near, far } = await pair.connect();
  const buffer = pattern(10);
  assertThrows(() => far.sendRange(buffer, 5, 6), RangeError, "5 + 6");
  assertThrows(() => far.sendRange(buffer, -1, 5), RangeError);
  assertThrows(() => far.sendRange(buffer, 0, NaN), RangeError);
  far.sendRange(buffer, 2, 5);
  far.sendRange(buffer, 10, 0);
  const heard: Uint8Array[] = [];
  for await (const payload of near) {
    heard.push(payload);
    if (heard.length === 2) break;
  }
  assertEquals(heard, [buffer.slice(2, 7), new Uint8Array(0)]);
});

test("Session.send() copies the payload, which may be overwritten at once", async () => {
  await using pair = await startPair(memoryTransport(), {});
  const { near, far } = await pair.connect();
  const payload = bytes("before");
  far.send(payload);
  payload.fill(0);
  for await (const heard of near) {
    assertEquals(heard, bytes("before"));
    break;
  }
});

test("Session.send() ends a session whose encoder sends to another one meanwhile, and that one gets it all", async () => {
  let inner = () => {};
  const codec = codecThat(() => inner());
  const heard: string[] = [];
  await using pair = await startPair(memoryTransport(), { codec }, {
    onMessage: (session, payload) => heard.push(`${session.id} ${text(payload)}`),
  });
  const [one, other] = [await pair.connect(), await pair.connect()];
  one.far.send(bytes("first"));
  inner = () => {
    inner = () => {};
    other.far.send(bytes("another"));
    other.far.send(bytes("and more"));
  };
  assertEquals(one.far.send(bytes("second")), "closed");
  await until(() => heard.length === 3, "all three are heard");
  assertEquals((await one.far.closed).reason, "encode-error");
  assertEquals(heard.toSorted(), [
    `${one.near.id} first`,
    `${other.near.id} and more`,
    `${other.near.id} another`,
  ]);
});

test("Session.send() ends a session whose encoder flushes it meanwhile, and what was sent before is heard", async () => {
  let inner = () => {};
  const heard: string[] = [];
  await using pair = await startPair(memoryTransport(), { codec: codecThat(() => inner()) }, {
    onMessage: (_session, payload) => heard.push(text(payload)),
  });
  const { far } = await pair.connect();
  far.send(bytes("first"));
  inner = () => far.flush();
  assertEquals(far.send(bytes("second")), "closed");
  assertEquals((await within(far.closed, "the close")).reason, "encode-error");
  assertEquals(heard, ["first"]);
});

test("Session.send() answers closed, and its peer hears nothing more, when a handler has sent and then ended the session", async () => {
  for (const end of [(session: Session) => session.close(), (session: Session) => session.abort()]) {
    const answers: string[] = [];
    const heard: string[] = [];
    await using pair = await startPair(memoryTransport(), {
      codec: simpleBinary(),
      onMessage(session, payload) {
        answers.push(session.send(payload), session.sendRange(payload, 0, 1));
        end(session);
        answers.push(session.send(payload), session.sendRange(payload, 0, 1));
      },
    }, { codec: simpleBinary(), onMessage: (_session, payload) => heard.push(text(payload)) });
    const { near } = await pair.connect();
    near.send(bytes("last"));
    await within(near.closed, "the close");
    assertEquals(answers, ["queued", "queued", "closed", "closed"]);
    assert(heard.length === 0 || heard.join() === "last,l");
  }
});

test("Session.send() ends the session by encode-error when its encoder throws at a later message of a turn", async () => {
  const codec = codecThat((length) => {
    if (length === 3) throw new RangeError("no threes");
  });
  for (const call of ["send", "sendRange"] as const) {
    const answers: string[] = [];
    const log = new CloseLog();
    await using pair = await startPair(memoryTransport(), {
      codec,
      onMessage(session) {
        for (const length of [2, 5, 3, 4]) {
          const payload = pattern(length);
          answers.push(call === "send" ? session.send(payload) : session.sendRange(payload, 0, length));
        }
      },
      onClose: log.onClose,
    }, { codec: simpleBinary(), onMessage: () => {} });
    const { near } = await pair.connect();
    near.send(bytes("go"));
    const { reason } = await within(log.first, "the close");
    assertEquals([answers, reason], [["queued", "queued", "closed", "closed"], "encode-error"]);
  }
});

test("TcpService reports a broadcast by onSend, one that went out at once too", async () => {
  const sent = Promise.withResolvers<[number, number]>();
  await using pair = await startPair(memoryTransport(), {
    codec: simpleBinary(),
    onSend: (_session, { frames, bytes }) => sent.resolve([frames, bytes]),
  }, { codec: simpleBinary(), onMessage: () => {} });
  await pair.connect();
  pair.server.broadcast(bytes("to all"));
  assertEquals(await within(sent.promise, "the report"), [1, 10]);
});

test("Session.drained() resolves once a broadcast of the same turn is written", async () => {
  await using pair = await startPair(memoryTransport(), { lowWaterMarkBytes: 0 }, { onMessage: () => {} });
  const { far } = await pair.connect();
  for (let count = 0; count < 2; count++) {
    pair.server.broadcast(bytes("news"));
    await within(far.drained(), "the queue to drain");
    assertEquals(far.queuedBytes, 0);
  }
});

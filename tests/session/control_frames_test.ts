// Frames that a codec exchanges besides messages: answered in order, over every transport, and never more than a peer reads.

import { test } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import type { TcpServiceOptions } from "@laster/net";
import { lengthPrefixed, raw } from "@laster/net/codec";
import { checksum, staged } from "@laster/net/stages";
import { memoryTransport } from "@laster/net/testing";
import { heartbeat, PING_FRAME } from "../../examples/heartbeat_codec.ts";
import { sendEncoded } from "../../src/session/send_encoded.ts";
import { makeQueue } from "../outbound/queue_fixture.ts";
import { RawPeer } from "../raw_peer.ts";
import { bytes, startPair, text, transportsHere, turn, until } from "../support.ts";

const PING = new Uint8Array([255, 255, 255, 255, 1]);
const PONG = [255, 255, 255, 255, 2];

for (const { name, make } of transportsHere()) {
  test(`a session answers pings between its messages, over ${name}`, async () => {
    const heard: string[] = [];
    const codec = heartbeat();
    const asking = heartbeat({ onPong: () => heard.push("pong") });
    await using pair = await startPair(make(), { codec, onMessage: (session, payload) => session.send(payload) }, {
      codec: asking,
      onMessage: (_session, payload) => heard.push(text(payload)),
    });
    const { near, far } = await pair.connect();
    near.send(bytes("one"));
    assertEquals(near.sendEncoded(PING_FRAME), "queued");
    near.send(bytes("two"));
    near.sendEncoded(PING_FRAME);
    await until(() => heard.length === 4, "all are answered");
    assertEquals(heard, ["one", "pong", "two", "pong"]);
    assertEquals([far.stats.receivedFrames, far.stats.sentFrames], [4, 4]);
    assertThrows(() => near.sendEncoded("x" as unknown as Uint8Array), TypeError, "Uint8Array");
    await near.close();
    assertEquals(near.sendEncoded(PING_FRAME), "closed");
  });

  test(`a session does not read on from a peer that pings and never reads, over ${name}`, async () => {
    let pings = 0;
    const codec = heartbeat();
    // Answers of 64 KiB, so that the system is soon full.
    const reply = new Uint8Array(65_536).fill(2);
    const server = {
      ...codec,
      createDecoder: () => ({
        maxFrameBytes: 1,
        decode(_input: Uint8Array, _start: number, _end: number, frame: { consume(reply?: Uint8Array): void }) {
          pings++;
          frame.consume(reply);
          return 1;
        },
      }),
    };
    const gate = Promise.withResolvers<void>();
    await using pair = await startPair(make(), { codec: server, onMessage: () => {} }, {
      codec: raw(),
      onMessage: () => gate.promise,
    });
    const { near, far } = await pair.connect();
    near.send(new Uint8Array(20_000).fill(1));
    let last = -1;
    await until(() => {
      const isStill = pings === last;
      last = pings;
      return isStill && far.queuedBytes > 0;
    }, "the server reads no more");
    assert(pings < 20_000, `${pings} pings were answered`);
    assertEquals([far.stats.refused, far.state], [
      { "closed": 0, "too-large": 0, "unencodable": 0, "full": 0 },
      "open",
    ]);
    gate.resolve();
    near.abort();
  });
}

test("what a codec answers goes through no stage, and messages do", async () => {
  const heard: string[] = [];
  const [{ make }] = transportsHere();
  const codec = staged(heartbeat(), [checksum()]);
  await using pair = await startPair(make(), { codec, onMessage: (session, payload) => session.send(payload) }, {
    codec: staged(heartbeat({ onPong: () => heard.push("pong") }), [checksum()]),
    onMessage: (_session, payload) => heard.push(text(payload)),
  });
  const { near } = await pair.connect();
  near.send(bytes("one"));
  near.sendEncoded(PING_FRAME);
  await until(() => heard.length === 2, "both are answered");
  assertEquals(heard, ["one", "pong"]);
});

/** A session whose queue was full when its peer, which does not read yet, pinged. */
async function pingWhileFull(options: TcpServiceOptions) {
  const transport = memoryTransport({ acceptScript: { capacityBytes: 1_024 } });
  const codec = lengthPrefixed({ controlFrames: true });
  const pair = await startPair(transport, { codec, maxQueuedFrames: 4, onMessage: () => {}, ...options });
  const peer = await RawPeer.dial(transport, pair.port);
  await until(() => pair.server.sessionCount === 1, "the session");
  const [far] = pair.server.sessions();
  peer.connection.pause();
  let sentBytes = 0;
  for (; far.send(new Uint8Array(500)) !== "full"; sentBytes += 504) await turn();
  await peer.write(PING);
  await until(() => far.stats.receivedControlFrames === 1, "the ping, and no room for the answer");
  assertEquals(far.stats.refused.full, 1, "the answer waits, and is not refused");
  return { pair, peer, far, sentBytes };
}

for (const pauseWhenFull of [true, false]) {
  test(`a session answers a ping that came while its queue was full, with pauseWhenFull ${pauseWhenFull}`, async () => {
    const { pair, peer, far, sentBytes } = await pingWhileFull({ pauseWhenFull });
    await using _pair = pair;
    peer.connection.resume();
    await until(() => peer.receivedBytes === sentBytes + 5, "all messages, and the answer behind them");
    assertEquals(peer.received.slice(-5), PONG);
    assertEquals(far.queuedBytes, 0);
    assertEquals(far.send(new Uint8Array(1)), "queued");
    await until(() => peer.receivedBytes === sentBytes + 10, "what comes behind it");
    peer.connection.abort();
  });
}

test("a session sends the answer to a ping that had no room before it switches to another codec", async () => {
  const { pair, peer, far, sentBytes } = await pingWhileFull({});
  await using _pair = pair;
  far.switchCodec(raw());
  peer.connection.resume();
  await until(() => far.queuedBytes === 0, "room");
  far.send(bytes("raw"));
  await until(() => peer.receivedBytes === sentBytes + 8, "all of it");
  assertEquals(peer.received.slice(-8), [...PONG, ...bytes("raw")]);
  peer.connection.abort();
});

for (const [name, most] of [["maxQueuedBytes", 100_000], ["maxQueuedFrames", 15]] as const) {
  test(`sendEncoded() counts what waits towards ${name}, and sends a reply later, in front of that`, () => {
    const limits = { highWaterMarkBytes: 10_000, maxQueuedBytes: 1_000_000, highWaterMarkFrames: 9, [name]: most };
    const { queue, connection, context, drain } = makeQueue(limits, lengthPrefixed({ maxPayloadBytes: 9_000 }));
    const message = new Uint8Array(8_996); // Frames of 9,000 bytes.
    connection.isTaking = false;
    assertEquals(sendEncoded(context, queue, new Uint8Array(9_000), false), "queued");
    queue.flush();
    for (let count = 0; count < 9; count++) queue.push(message, 0, message.length, undefined, "drop-oldest");
    const frame = new Uint8Array(1_000).fill(7);
    for (let count = 0; count < 50; count++) sendEncoded(context, queue, frame, false);
    const { queuedBytes, queuedFrames } = queue;
    assertEquals(name === "maxQueuedBytes" ? queuedBytes : queuedFrames, most);
    assertEquals(sendEncoded(context, queue, new Uint8Array(1_000).fill(8), true), "full");
    assertEquals([queue.queuedBytes, queue.queuedFrames], [queuedBytes, queuedFrames]);
    connection.isTaking = true;
    drain();
    const { received } = connection;
    const [reply, waited] = [received.indexOf(8), received.indexOf(8_996 & 255)];
    assertEquals([queue.queuedBytes, received.length], [0, queuedBytes + 1_000], "all, and the reply");
    assert(reply > 0 && reply < waited, `the reply is at ${reply}, what waited at ${waited}`);
  });
}

test("sendEncoded() does not close a session under whenFull close for a reply, which is sent later", () => {
  const limits = { whenFull: "close", maxQueuedFrames: 1 } as const;
  const fixture = makeQueue(limits, lengthPrefixed({ maxPayloadBytes: 9_000 }));
  const { queue, connection, context, drain } = fixture;
  connection.isTaking = false;
  sendEncoded(context, queue, PING, false);
  queue.flush();
  assertEquals([sendEncoded(context, queue, PING, true), fixture.overflows], ["full", 0]);
  assertEquals([sendEncoded(context, queue, PING, false), fixture.overflows], ["full", 1]);
  connection.isTaking = true;
  drain();
  assertEquals(connection.received, [...PING, ...PING]);
});

test("sendEncoded() sends a reply later for which there is no memory, though nothing else is sent", async () => {
  for (const isOver of [false, true]) {
    const { queue, connection, clock, context, pool } = makeQueue();
    pool.setMaxBytes(1);
    assertEquals(sendEncoded(context, queue, PING, true), "full");
    await clock.advance(1_000);
    assertEquals([connection.received, clock.timerCount], [[], 1]);
    pool.setMaxBytes(Infinity);
    if (isOver) queue.dispose();
    await clock.advance(100);
    assertEquals([connection.received, clock.timerCount], [isOver ? [] : [...PING], 0]);
    assertEquals(pool.outstanding, 0);
  }
});

test("Session.sendEncoded() answers full where the service's budget has no room, and the session goes on", async () => {
  const options = { codec: heartbeat(), onMessage: () => {} };
  await using pair = await startPair(memoryTransport(), { ...options, pool: { maxBytes: 40_000 } }, options);
  const { near, far } = await pair.connect();
  assertEquals(far.sendEncoded(new Uint8Array(40_001)), "full");
  assertEquals([far.stats.refused.full, far.state], [1, "open"]);
  far.send(bytes("fine"));
  await until(() => near.stats.receivedFrames === 1, "the message");
});

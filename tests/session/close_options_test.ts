// Session.close({ detail, message }): why an application closed, and what the peer is told last.

import test from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { type CloseEvent, type CloseOptions, type Codec, silentLogger, simpleBinary, TcpService } from "@laster/net";
import { FakeClock, memoryTransport } from "@laster/net/testing";
import { bytes, CloseLog, pattern, startPair, text, transportsHere, until, within } from "../support.ts";
import { RawPeer } from "../raw_peer.ts";

async function setUp() {
  const events: CloseEvent[] = [];
  const received: Uint8Array[] = [];
  const pair = await startPair(memoryTransport(), {
    codec: simpleBinary(),
    onClose: (_session, event) => events.push(event),
  }, { codec: simpleBinary(), onMessage: (_session, payload) => received.push(payload.slice()) });
  return { pair, events, received, ...await pair.connect() };
}

test("Session.close() sends the last message behind all that is queued, and tells why", async () => {
  const { pair, far, events, received } = await setUp();
  await using _pair = pair;
  far.send(bytes("before"));
  const event = await within(far.close({ detail: "banned", message: bytes("you are banned") }), "the close");
  await until(() => events.length === 1 && received.length === 2, "all to come");
  assertEquals(received, [bytes("before"), bytes("you are banned")]);
  assertEquals([event.reason, event.detail, event.unsentFrames], ["local-closing", "banned", 0]);
  assertEquals(events[0].detail, "banned");
});

test("Session.close() keeps the detail of the first call, and sends nothing once it closes", async () => {
  const { pair, far, received } = await setUp();
  await using _pair = pair;
  const first = far.close({ detail: "first" });
  void far.close({ detail: "second", message: bytes("too late") });
  assertEquals([(await within(first, "the close")).detail, received], ["first", []]);
});

test("Session.close() has no detail if none was given, nor has an end by the peer", async () => {
  const { pair, near, far } = await setUp();
  await using _pair = pair;
  void near.close();
  assertEquals((await within(far.closed, "the close")).detail, undefined);
  assertEquals((await within(near.closed, "the other")).detail, undefined);
});

test("TcpService.closeSession() passes on what Session.close() takes", async () => {
  const { pair, far, received } = await setUp();
  await using _pair = pair;
  const event = await pair.server.closeSession(far.id, { detail: "kicked", message: bytes("bye") });
  await until(() => received.length === 1, "the last message");
  assertEquals([event?.detail, received], ["kicked", [bytes("bye")]]);
});

test("Session has what was wrong with a frame as the detail of a decode-error", async () => {
  const { pair, far, events } = await setUp();
  await using _pair = pair;
  far.switchCodec(simpleBinary({ maxPayloadBytes: 4 }));
  const [near] = pair.client.sessions();
  near.send(bytes("longer than four"));
  await until(() => events.length === 1, "the close");
  assertEquals([events[0].reason, events[0].detail], ["decode-error", "too-large"]);
});

test("Session.close() refuses options that are none, and goes on", async () => {
  const { pair, far } = await setUp();
  await using _pair = pair;
  for (
    const options of [
      { detail: 7 },
      { detial: "x" },
      { message: "text" },
      null,
      7,
    ]
  ) {
    assertThrows(() => far.close(options as unknown as CloseOptions), TypeError);
  }
  for (const timeoutMs of [-1, 2 ** 31, "5"]) {
    assertThrows(() => far.close({ timeoutMs } as CloseOptions), RangeError, "timeoutMs");
  }
  assertEquals(far.state, "open");
});

for (const { name, make } of transportsHere()) {
  test(`Session.close({ timeoutMs }) is rid of a peer that goes on talking, and it has the message, on ${name}`, async () => {
    const transport = make();
    await using pair = await startPair(transport, { onMessage: () => {} });
    const connection = await transport.connect({ kind: "tcp", hostname: "127.0.0.1", port: pair.port });
    const received: number[] = [];
    const gone = Promise.withResolvers<void>();
    let isGone = false;
    connection.start({
      onData: (buffer, length) => received.push(...buffer.subarray(0, length)),
      onEnd: () => {},
      onDrain: () => talk(),
      onClose() {
        isGone = true;
        gone.resolve();
      },
    });
    const frame = new Uint8Array([4, 0, 0, 0, 116, 97, 108, 107]);
    const talk = () => void setTimeout(() => !isGone && connection.write(frame, 0, frame.length) && talk(), 5);
    talk();
    await until(() => pair.server.stats().receivedFrames > 0, "it talks");
    const [far] = pair.server.sessions();
    const startMs = performance.now();
    const event = await within(far.close({ detail: "kicked", message: bytes("bye"), timeoutMs: 300 }), "the close");
    const tookMs = performance.now() - startMs;
    assertEquals([event.reason, event.detail, event.unsentFrames], ["local-closing", "kicked", 0]);
    assert(tookMs >= 290 && tookMs < 3_000, `${tookMs} ms`);
    await within(gone.promise, "its own end");
    assertEquals(text(new Uint8Array(received)).slice(-3), "bye");
  });
}

test("Session.close({ timeoutMs }) shortens a close that is under way, and leaves no timer", async () => {
  const clock = new FakeClock();
  const transport = memoryTransport();
  const log = new CloseLog();
  await using pair = await startPair(transport, { clock, onClose: log.onClose });
  const connection = await transport.connect({ kind: "tcp", hostname: "127.0.0.1", port: pair.port });
  connection.start({ onData: () => {}, onEnd: () => {}, onDrain: () => {}, onClose: () => {} });
  await until(() => pair.server.sessionCount === 1, "the session");
  const [far] = pair.server.sessions();
  void far.close();
  void far.close({ timeoutMs: 50 });
  void far.close({ timeoutMs: 20 });
  await clock.advance(19);
  assertEquals(log.events.length, 0);
  await clock.advance(2);
  assertEquals([log.events.length, clock.timerCount], [1, 0]);
});

test("Session.close() leaves a last message out that finds no room, and cuts nobody, under whenFull close", async () => {
  const transport = memoryTransport();
  const log = new CloseLog();
  await using service = new TcpService({
    transport,
    codec: simpleBinary({ maxPayloadBytes: 4_000 }),
    listeners: [{ port: 1 }],
    whenFull: "close",
    highWaterMarkBytes: 50_000,
    maxQueuedBytes: 100_000,
    closeTimeoutMs: 500, // The peer never ends its side.
    onClose: log.onClose,
  });
  await service.start();
  const peer = await RawPeer.dial(transport, 1);
  await until(() => service.sessionCount === 1, "the session");
  const [session] = service.sessions();
  peer.connection.pause();
  let sentBytes = 0;
  while (session.stats.queuedBytes < 98_000) {
    session.send(pattern(1_000), { flush: "now" });
    sentBytes += 1_004;
  }
  void session.close({ detail: "cheats", message: pattern(4_000) });
  peer.connection.resume();
  const { reason, detail, unsentFrames } = await within(log.first, "the close");
  assertEquals([reason, detail, unsentFrames, peer.receivedBytes], ["local-closing", "cheats", 0, sentBytes]);
});

test("Session.close() gives the end that its last message caused", async () => {
  const codec: Codec = {
    ...simpleBinary(),
    createEncoder: () => ({
      ...simpleBinary().createEncoder(),
      maxPayloadBytes: 100,
      frameBytes: (length) => length,
      encode() {
        throw new Error("on purpose");
      },
    }),
  };
  await using pair = await startPair(memoryTransport(), { codec, logger: silentLogger() }, { onMessage: () => {} });
  const { far } = await pair.connect();
  const event = await within(far.close({ detail: "kicked", message: bytes("x"), timeoutMs: 50 }), "the close");
  assertEquals(event.reason, "encode-error");
});

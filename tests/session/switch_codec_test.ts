// Session.switchCodec(): frames before it are the old codec's, frames behind it the new one's, both ways, wherever it is
// called and however the bytes are cut.

import test from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { BufferPool } from "@laster/net/buffer";
import { type Codec, type FrameEncoder, FrameReader, lengthPrefixed, raw, simpleBinary } from "@laster/net/codec";
import { encryption, staged } from "@laster/net/stages";
import { memoryTransport } from "@laster/net/testing";
import type { Connection, Transport } from "@laster/net/transport";
import { type Session, SessionClosedError, type TcpServiceOptions } from "@laster/net";
import { bytes, pattern, startPair, text, transportsHere, turn, until, within } from "../support.ts";

const HELLO = "hello";
/** What is sent behind the hello, in the same write. */
const LINES = ["one", "two", "", "four"];

/** Framed in another way than the hello, so that a frame cut by the wrong codec shows; and with state. */
function makeSecret(end: "near" | "far"): Codec {
  const [toFar, toNear] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  const keys = end === "near" ? { sendKey: toFar, receiveKey: toNear } : { sendKey: toNear, receiveKey: toFar };
  return staged(lengthPrefixed({ width: 2, byteOrder: "big", maxPayloadBytes: 60_000 }), [encryption(keys)]);
}

function frame(encoder: FrameEncoder, payload: Uint8Array): Uint8Array {
  const output = new Uint8Array(encoder.frameBytes(payload.length));
  return output.subarray(0, encoder.encode(payload, 0, payload.length, output, 0));
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** The hello in the old codec, and the lines in the new one. */
function makeOpening(lines: readonly string[] = LINES): Uint8Array {
  const encoder = makeSecret("near").createEncoder();
  return join([
    frame(simpleBinary().createEncoder(), bytes(HELLO)),
    ...lines.map((line) => frame(encoder, bytes(line))),
  ]);
}

/** One end of a connection, by hand: reads `oldFrames` frames of the old codec, and then the new one's. */
class RawPeer {
  readonly received: string[] = [];
  hasEnded = false;
  readonly connection: Connection;
  readonly #pool = new BufferPool();
  readonly #reader = new FrameReader(simpleBinary().createDecoder(), this.#pool);

  constructor(connection: Connection, oldFrames: number) {
    this.connection = connection;
    if (oldFrames === 0) this.#switch();
    connection.start({
      onData: (bytes, count) => {
        this.#reader.feed(bytes.subarray(0, count));
        while (this.#reader.next()) {
          const { buffer, offset, length } = this.#reader.frame;
          this.received.push(text(buffer.subarray(offset, offset + length)));
          if (this.received.length === oldFrames) this.#switch();
        }
      },
      onEnd: () => this.hasEnded = true,
      onDrain: () => {},
      onClose: () => this.#reader.close(),
    });
  }

  write(piece: Uint8Array): void {
    this.connection.write(piece, 0, piece.length);
  }

  #switch(): void {
    this.#reader.switchDecoder(makeSecret("near").createDecoder());
  }
}

/** A server, and a peer by hand that reads `oldFrames` frames of the old codec. */
async function setUp(transport: Transport, oldFrames: number, options: TcpServiceOptions) {
  const pair = await startPair(transport, { closeTimeoutMs: 100, ...options });
  const connection = await within(
    transport.connect({ kind: "tcp", hostname: "127.0.0.1", port: pair.port }),
    "the peer's dial",
  );
  const peer = new RawPeer(connection, oldFrames);
  await until(() => pair.server.stats().sessions === 1, "the peer's session");
  const [far] = pair.server.sessions();
  return {
    pair,
    peer,
    far,
    async [Symbol.asyncDispose]() {
      peer.connection.close();
      await pair[Symbol.asyncDispose]();
    },
  };
}

/** Answers the hello in the old codec, switches, and greets in the new one. */
function answerHello(session: Session): void {
  session.send(bytes("welcome"));
  session.switchCodec(makeSecret("far"));
  session.send(bytes("ready"));
}

const ANSWERS = ["welcome", "ready", ...LINES.map((line) => `echo ${line}`)];

function echo(session: Session, payload: Uint8Array): void {
  session.send(bytes(`echo ${text(payload)}`));
}

/** Where a switch may be called. */
const PLACES: Readonly<Record<string, () => TcpServiceOptions>> = {
  "onMessage": () => ({
    onMessage: (session, payload) => text(payload) === HELLO ? answerHello(session) : echo(session, payload),
  }),
  "an async handler": () => ({
    async onMessage(session, payload) {
      const isHello = text(payload) === HELLO;
      await turn();
      await null;
      if (isHello) answerHello(session);
      else echo(session, payload);
      await turn();
    },
  }),
  "a loop": () => ({
    async onOpen(session) {
      for await (const payload of session) {
        if (text(payload) === HELLO) answerHello(session);
        else echo(session, payload);
      }
    },
  }),
  "a loop that waits first": () => ({
    async onOpen(session) {
      for await (const payload of session) {
        await turn();
        if (text(payload) === HELLO) answerHello(session);
        else echo(session, payload);
      }
    },
  }),
  "a loop that a handler takes over from": () => ({
    async onOpen(session) {
      for await (const payload of session) {
        assertEquals(text(payload), HELLO);
        await turn();
        answerHello(session);
        break;
      }
    },
    onMessage: echo,
  }),
};

for (const { name, make } of transportsHere()) {
  for (const [place, makeOptions] of Object.entries(PLACES)) {
    test(`Session.switchCodec() in ${place} cuts what came in the same write by the new codec on ${name}`, async () => {
      await using fixture = await setUp(make(), 1, makeOptions());
      const { peer, far } = fixture;
      peer.write(makeOpening());
      await until(() => peer.received.length === ANSWERS.length, "all answers");
      assertEquals([peer.received, far.state], [ANSWERS, "open"]);
    });

    test(`Session.switchCodec() in ${place} cuts what comes byte by byte by the new codec on ${name}`, async () => {
      await using fixture = await setUp(make(), 1, makeOptions());
      const { peer, far, pair } = fixture;
      const opening = makeOpening();
      for (let index = 0; index < opening.length; index++) {
        peer.write(opening.subarray(index, index + 1));
        // What a session does not read yet is not counted: then the next byte comes behind this one.
        for (let turns = 0; turns < 3 && pair.server.stats().receivedBytes <= index; turns++) await turn();
      }
      await until(() => peer.received.length === ANSWERS.length, "all answers");
      assertEquals([peer.received, far.state], [ANSWERS, "open"]);
    });

    test(`Session.switchCodec() in ${place} takes a frame of which a part came with the hello on ${name}`, async () => {
      const opening = makeOpening();
      const helloBytes = 4 + HELLO.length;
      for (const partBytes of [1, 2, 3, 12, 28]) {
        await using fixture = await setUp(make(), 1, makeOptions());
        const { peer, far } = fixture;
        peer.write(opening.subarray(0, helloBytes + partBytes));
        await until(() => peer.received.length === 2, "the answers to the hello");
        peer.write(opening.subarray(helloBytes + partBytes));
        await until(() => peer.received.length === ANSWERS.length, "all answers");
        assertEquals([peer.received, far.state], [ANSWERS, "open"]);
      }
    });
  }

  test(`Session.switchCodec() outside of handlers begins the frame again of which a part came on ${name}`, async () => {
    const opening = makeOpening();
    const helloBytes = 4 + HELLO.length;
    // Of what the old codec takes for a frame of several thousand bytes.
    for (const partBytes of [0, 1, 4, 20, 30]) {
      await using fixture = await setUp(make(), 1, {
        onMessage: (session, payload) => text(payload) === HELLO ? undefined : echo(session, payload),
      });
      const { peer, far, pair } = fixture;
      peer.write(opening.subarray(0, helloBytes + partBytes));
      await until(() => pair.server.stats().receivedBytes === helloBytes + partBytes, "the first part");
      await turn();
      answerHello(far);
      peer.write(opening.subarray(helloBytes + partBytes));
      await until(() => peer.received.length === ANSWERS.length, "all answers");
      assertEquals([peer.received, far.state], [ANSWERS, "open"]);
    }
  });

  test(`Session.switchCodec() outside of handlers handles a whole frame that waits at once on ${name}`, async () => {
    const opening = makeOpening(["all of it"]);
    await using fixture = await setUp(make(), 1, {
      onMessage: (session, payload) => text(payload) === HELLO ? undefined : echo(session, payload),
    });
    const { peer, far, pair } = fixture;
    peer.write(opening);
    await until(() => pair.server.stats().receivedBytes === opening.length, "everything");
    await turn();
    answerHello(far);
    await until(() => peer.received.length === 3, "the answers");
    assertEquals(peer.received, ["welcome", "ready", "echo all of it"]);
  });

  test(`Session.switchCodec() keeps the order of what is sent before and after on ${name}`, async () => {
    await using fixture = await setUp(make(), 60, { onMessage: () => {} });
    const { peer, far } = fixture;
    const before = Array.from({ length: 60 }, (_, index) => `${index} ${"x".repeat(index * 300)}`);
    const after = Array.from({ length: 40 }, (_, index) => `secret ${index} ${"y".repeat(index * 300)}`);
    for (const line of before) far.send(bytes(line), { flush: line.length % 2 === 0 ? "now" : "batch" });
    far.switchCodec(makeSecret("far"));
    for (const line of after) far.send(bytes(line), { flush: line.length % 2 === 0 ? "now" : "batch" });
    await until(() => peer.received.length === 100, "everything");
    assertEquals(peer.received, [...before, ...after]);
  });

  test(`Session.switchCodec() keeps what waits for a peer that does not read as it was encoded on ${name}`, async () => {
    const count = 200;
    await using fixture = await setUp(make(), count, { maxQueuedBytes: 20_000_000, onMessage: () => {} });
    const { peer, far } = fixture;
    peer.connection.pause();
    const lines = Array.from({ length: count }, (_, index) => `${index} ${"x".repeat(50_000)}`);
    for (const line of lines) far.send(bytes(line));
    far.switchCodec(makeSecret("far"));
    far.send(bytes("secret"));
    await turn();
    peer.connection.resume();
    await until(() => peer.received.length === count + 1, "everything");
    assertEquals(peer.received.map((line) => line.slice(0, 20)), [...lines, "secret"].map((line) => line.slice(0, 20)));
  });

  test(`TcpService.broadcast() in the turn of a switch is the old codec's before it and the new one's after on ${name}`, async () => {
    const heard: string[] = [];
    await using pair = await startPair(make(), {}, {
      onMessage(session, payload) {
        heard.push(`${session.id} ${text(payload)}`);
        if (session.id === 2 && text(payload) === "before") session.switchCodec(makeSecret("near"));
      },
    });
    const fars: Session[] = [];
    for (let count = 0; count < 3; count++) fars.push((await pair.connect()).far);
    pair.server.broadcast(bytes("first"));
    pair.server.broadcast(bytes("before"));
    fars[1].switchCodec(makeSecret("far"));
    assertEquals(pair.server.broadcast(bytes("after")).accepted, 3);
    fars[1].send(bytes("alone"));
    pair.server.broadcast(bytes("last"), { except: fars[0] });
    await until(() => heard.length === 12, "all messages");
    const of = (id: number) => heard.filter((line) => line.startsWith(`${id} `)).map((line) => line.slice(2));
    assertEquals(of(1), ["first", "before", "after"]);
    assertEquals(of(2), ["first", "before", "after", "alone", "last"]);
    assertEquals(of(3), ["first", "before", "after", "last"]);
  });

  test(`Session.switchCodec() throws a SessionClosedError when the session is closing or closed on ${name}`, async () => {
    await using pair = await startPair(make(), { onMessage: () => {} }, { onMessage: () => {} });
    const { near } = await pair.connect();
    const closing = near.close();
    assertThrows(() => near.switchCodec(makeSecret("near")), SessionClosedError);
    await within(closing, "the close");
    const error = assertThrows(() => near.switchCodec(makeSecret("near")), SessionClosedError);
    assertEquals([error.sessionId, error.reason], [near.id, "local-closing"]);
  });

  test(`Session.switchCodec() throws a RangeError and changes nothing when the longest frame does not fit on ${name}`, async () => {
    const heard: string[] = [];
    await using pair = await startPair(make(), {
      maxQueuedBytes: 700_000,
      onMessage: (session, payload) => echo(session, payload),
    }, { onMessage: (_session, payload) => heard.push(text(payload)) });
    const { near, far } = await pair.connect();
    const limit = 700_000 - 532_480 - 4;
    assertThrows(
      () => far.switchCodec(simpleBinary({ maxPayloadBytes: limit + 1 })),
      RangeError,
      `its longest frame must fit in ${limit + 4} bytes`,
    );
    near.send(bytes("still the old one"));
    await until(() => heard.length === 1, "the echo");
    assertEquals(far.send(new Uint8Array(65_537)), "too-large");
    far.switchCodec(simpleBinary({ maxPayloadBytes: limit }));
    near.switchCodec(simpleBinary({ maxPayloadBytes: limit }));
    near.send(bytes("x".repeat(100_000)));
    await until(() => heard.length === 2, "the longer echo");
    assertEquals(heard.map(({ length }) => length), [22, 100_005]);
  });

  test(`Session.switchCodec() may be called again and again on ${name}`, async () => {
    const codecs = [
      simpleBinary(),
      lengthPrefixed({ width: "varint" }),
      lengthPrefixed({ width: 2, byteOrder: "big" }),
    ];
    const heard: string[] = [];
    await using pair = await startPair(make(), {
      onMessage(session, payload) {
        echo(session, payload);
        session.switchCodec(codecs[Number(text(payload)) % 3]);
      },
    }, {
      onMessage(session, payload) {
        const line = text(payload);
        heard.push(line);
        session.switchCodec(codecs[Number(line.slice(5)) % 3]);
        if (heard.length < 50) session.send(bytes(String(heard.length)));
      },
    });
    const { near } = await pair.connect();
    near.send(bytes("0"));
    await until(() => heard.length === 50, "fifty echoes");
    assertEquals(heard, Array.from({ length: 50 }, (_, index) => `echo ${index}`));
  });
}

test("Session.switchCodec() changes nothing when the codec fails to make its parts", async () => {
  const heard: string[] = [];
  await using pair = await startPair(memoryTransport(), { onMessage: echo }, {
    onMessage: (_session, payload) => heard.push(text(payload)),
  });
  const { near, far } = await pair.connect();
  const secret = makeSecret("far");
  secret.createDecoder();
  assertThrows(() => far.switchCodec(secret), TypeError, "Cannot create another decoder");
  near.send(bytes("as before"));
  await until(() => heard.length === 1, "the echo");
  assertEquals(heard, ["echo as before"]);
});

test("Session.switchCodec() gives the memory of the frame back that had begun", async () => {
  await using fixture = await setUp(memoryTransport(), 0, { onMessage: echo });
  const { peer, far, pair } = fixture;
  peer.write(Uint8Array.of(0, 100, 0, 0, 1, 2, 3));
  await until(() => far.stats.receivedBytes === 7, "the bytes");
  assertEquals(pair.server.stats().pool.outstanding, 1);
  far.switchCodec(raw());
  await until(() => far.stats.receivedFrames === 1, "the bytes as a message");
  await until(() => pair.server.stats().pool.outstanding === 0, "the memory");
});

test("Session.switchCodec() lets a peer that was cut in many ways be understood, at random sizes", async () => {
  for (const size of [1, 2, 3, 5, 7, 11, 16, 64]) {
    const transport = memoryTransport({ acceptScript: { chunkBytes: () => size } });
    for (const makeOptions of Object.values(PLACES)) {
      await using fixture = await setUp(transport, 1, makeOptions());
      const lines = [...LINES, text(pattern(300).map((byte) => 32 + byte % 90))];
      fixture.peer.write(makeOpening(lines));
      const answers = ["welcome", "ready", ...lines.map((line) => `echo ${line}`)];
      await until(() => fixture.peer.received.length === answers.length, `all answers in pieces of ${size}`);
      assertEquals(fixture.peer.received, answers);
    }
  }
});

const BIG = lengthPrefixed({ width: 2, byteOrder: "big" });
/** In the old codec a frame of 16 MB that has only begun. */
const LINE = "\0\0a line of some length";

/** Sends a frame of the new codec in two pieces; `act` runs between them and may switch. Gives what was heard. */
async function hearInPieces(
  transport: Transport,
  options: TcpServiceOptions,
  act: (session: Session) => void,
): Promise<string[]> {
  const heard: string[] = [];
  const codec = simpleBinary({ maxPayloadBytes: 2 ** 30 });
  await using pair = await startPair(transport, {
    codec,
    maxQueuedBytes: 2 ** 31,
    ...options,
    onMessage: (_session, payload) => heard.push(text(payload)),
  }, { codec: raw() });
  const { near, far } = await pair.connect();
  const whole = frame(BIG.createEncoder(), bytes(LINE));
  near.send(whole.subarray(0, 10), { flush: "now" });
  await until(() => far.stats.receivedBytes === 10, "the first piece");
  act(far);
  await turn();
  near.send(whole.subarray(10), { flush: "now" });
  await until(() => far.stats.receivedBytes === whole.length, "the second piece");
  await until(() => heard.length > 0, "the frame", 2_000).catch(() => {}); // What is missing is shown by the caller.
  return heard;
}

for (const { name, make } of transportsHere()) {
  test(`Session.switchCodec() in onChunk keeps the frame that has begun on ${name}`, async () => {
    let chunks = 0;
    const onChunk = (session: Session) => {
      if (++chunks === 2) session.switchCodec(BIG);
    };
    assertEquals(await hearInPieces(make(), { onChunk }, () => {}), [LINE]);
  });

  test(`Session.switchCodec() in onSend keeps the frame that has begun on ${name}`, async () => {
    const onSend = (session: Session) => session.switchCodec(BIG);
    assertEquals(await hearInPieces(make(), { onSend }, (session) => session.send(bytes("x"))), [LINE]);
  });
}

test("Session.switchCodec() in onSend cuts a frame that is whole in the new codec, though nothing more comes", async () => {
  const heard: string[] = [];
  await using pair = await startPair(memoryTransport(), {
    codec: simpleBinary({ maxPayloadBytes: 2 ** 30 }),
    maxQueuedBytes: 2 ** 31,
    onSend: (session) => session.switchCodec(BIG),
    onMessage: (_session, payload) => heard.push(text(payload)),
  }, { codec: raw() });
  const { near, far } = await pair.connect();
  near.send(frame(BIG.createEncoder(), bytes(LINE)));
  await until(() => far.stats.receivedBytes > 0, "the frame");
  far.send(bytes("x"));
  await until(() => heard.length === 1, "the message");
  assertEquals(heard, [LINE]);
});

for (const whenFull of ["drop-oldest", "latest-per-key"] as const) {
  test(`Session.switchCodec() sends what waits under ${whenFull} in the old codec`, async () => {
    const transport = memoryTransport({ dialScript: { capacityBytes: 4_096 } });
    let heard = new Uint8Array(0);
    const gate = Promise.withResolvers<void>();
    await using pair = await startPair(transport, { whenFull, maxQueuedBytes: 20_000_000, onMessage: () => {} }, {
      codec: raw(),
      onMessage(_session, payload) {
        heard = join([heard, payload]) as Uint8Array<ArrayBuffer>;
        return gate.promise;
      },
    });
    const { far } = await pair.connect();
    const payloads = Array.from({ length: 10 }, (_, index) => pattern(5_000, index));
    payloads.forEach((payload, key) => far.send(payload, { key, flush: "now" }));
    far.switchCodec(BIG);
    far.send(bytes("new"));
    gate.resolve();
    const encoder = simpleBinary().createEncoder();
    const expected = join([
      ...payloads.map((payload) => frame(encoder, payload)),
      frame(BIG.createEncoder(), bytes("new")),
    ]);
    await until(() => heard.length >= expected.length, "all bytes");
    assertEquals(heard, expected);
  });
}

test("Session.switchCodec() refuses a codec that does not take the message of the heartbeat", async () => {
  const heartbeat = { message: bytes("are you there?") };
  await using pair = await startPair(memoryTransport(), { codec: simpleBinary(), heartbeat, onMessage: () => {} }, {
    codec: simpleBinary(),
    onMessage: () => {},
  });
  const { near, far } = await pair.connect();
  assertThrows(() => far.switchCodec(lengthPrefixed({ maxPayloadBytes: 8 })), RangeError, "at most 8 bytes");
  far.send(bytes("as before"));
  await until(() => near.stats.receivedFrames === 1, "a message of the old codec");
});

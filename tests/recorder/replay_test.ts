// replay(): what was recorded on real sockets happens again in memory, on each runtime.

import { Buffer } from "node:buffer";
import test from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  type CloseEvent,
  connect,
  raw,
  serve,
  type Session,
  silentLogger,
  simpleBinary,
  type TcpServiceOptions,
} from "@laster/net";
import { FlightRecorder, Recording, replay } from "@laster/net/recorder";
import { FakeClock, memoryTransport } from "@laster/net/testing";
import { nodeTransport } from "@laster/net/transport";
import { RawPeer } from "../raw_peer.ts";
import { bytes, pattern, transportsHere, turn, until, within } from "../support.ts";
import { TemporaryFolder } from "../temporary_folder.ts";
import { FAULTY, RecordingLog } from "./support.ts";

/** What a peer does to the server, over bytes as they are. */
type Peer = (session: Session) => Promise<void> | void;

const message = (...payload: number[]) => new Uint8Array([payload.length, 0, 0, 0, ...payload]);

/** A fault, what leads to it, and how it ends. */
const FAULTS: Readonly<Record<string, { peer: Peer; reason: string; options?: TcpServiceOptions }>> = {
  "a handler that throws": {
    async peer(session) {
      session.send(message(1, 2));
      await session.receive();
      session.send(message(3).subarray(0, 2), { flush: "now" });
      await turn();
      session.send(message(3).subarray(2));
      await session.receive();
      session.send(message(0));
    },
    reason: "handler-error",
  },
  "a frame that is too long": {
    async peer(session) {
      session.send(message(7));
      await session.receive();
      session.send(new Uint8Array([255, 255, 255, 127, 1, 2, 3]));
    },
    reason: "decode-error",
  },
  "an end inside a frame": {
    async peer(session) {
      session.send(message(7, 8, 9));
      await session.receive();
      session.send(message(1, 2, 3).subarray(0, 6));
      await session.close();
    },
    reason: "truncated",
  },
  "a peer that falls silent": {
    async peer(session) {
      session.send(message(4));
      await session.receive();
      await session.closed;
    },
    reason: "idle-timeout",
    options: { idleTimeoutMs: 60 },
  },
  "a handler whose promise is rejected": {
    async peer(session) {
      session.send(message(4));
      await session.closed;
    },
    reason: "handler-error",
    options: {
      async onMessage(session, payload) {
        session.send(payload);
        await session.drained();
        throw new Error("later");
      },
    },
  },
};

/** Puts down what a service is given, and how its session ends. */
function watch(options: TcpServiceOptions) {
  const messages: Uint8Array[] = [];
  const closes: CloseEvent[] = [];
  const watched: TcpServiceOptions = {
    ...options,
    onMessage(session, payload) {
      messages.push(payload.slice());
      return options.onMessage?.(session, payload);
    },
    onClose: (_session, event) => void closes.push(event),
  };
  return { messages, closes, watched };
}

for (const { name, make } of transportsHere()) {
  for (const [fault, { peer, reason, options }] of Object.entries(FAULTS)) {
    test(`replay() has ${fault}, recorded on ${name}, happen again in memory`, async () => {
      const log = new RecordingLog();
      const recorder = new FlightRecorder({ onRecording: log.take });
      const transport = make();
      const live = watch({ ...FAULTY, ...options });
      await using service = await serve({
        hostname: "127.0.0.1",
        port: 0,
        ...live.watched,
        transport: recorder.wrap(transport),
        observers: [recorder],
      });
      const session = await connect({ port: service.port, transport, codec: raw() });
      await within(Promise.resolve(peer(session)), "the peer");
      const text = (await log.first()).toJsonLines();
      await session.closed;
      await until(() => live.closes.length === 1, "the end");
      assertEquals(live.closes[0].reason, reason);

      const again = watch({ ...FAULTY, ...options });
      const replayed = await replay(text, { ...again.watched, clock: new FakeClock() });
      assertEquals([again.messages, replayed.messages], [live.messages, live.messages]);
      const { error, ...rest } = live.closes[0];
      assertEquals(replayed.close && { ...replayed.close, error: undefined }, { ...rest, error: undefined });
      assertEquals([replayed.close?.error?.name, replayed.close?.error?.message], [error?.name, error?.message]);
      assertEquals(again.closes.length, 1);
      assertEquals(replayed.sent, Recording.parse(text).sent);
      const kinds = replayed.events.map(({ kind }) => kind);
      assertEquals([kinds[0], kinds.at(-1)], ["opened", "closed"]);
      // And the same once more, to the millisecond.
      const clock = new FakeClock();
      assertEquals(
        (await replay(Recording.parse(text), { ...again.watched, clock })).events.map(({ timeMs }) => timeMs),
        [
          ...replayed.events.map(({ timeMs }) => timeMs),
        ],
      );
    });
  }

  test(`replay() has a reset of the peer, recorded on ${name} at the dialling end, happen again`, async () => {
    const log = new RecordingLog();
    const recorder = new FlightRecorder({ onRecording: log.take });
    const inner = name === "memory" ? make() : nodeTransport();
    await using service = await serve({
      hostname: "127.0.0.1",
      port: 0,
      transport: inner,
      onOpen: (session) => void session.send(bytes("welcome")),
      onMessage: (session) => session.abort(),
    });
    const transport = recorder.wrap(name === "memory" ? inner : make());
    const game: TcpServiceOptions = { logger: silentLogger(), onMessage: (session, payload) => session.send(payload) };
    const { createData: _createData, ...options } = game;
    await connect({ port: service.port, transport, observers: [recorder], ...options });
    const recording = await log.first();
    assertEquals([recording.end?.reason, recording.origin], ["reset", "connected"]);
    const { messages, sent, close } = await replay(recording, { ...game, clock: new FakeClock() });
    assertEquals([messages, sent, close?.reason], [[new Uint8Array(bytes("welcome"))], recording.sent, "reset"]);
  });
}

/** A recording of a server in memory, taken while the session is open. */
async function recordOpen(say: (session: Session) => Promise<void>, maxBytesPerSession = 65_536): Promise<Recording> {
  const recorder = new FlightRecorder({ maxBytesPerSession });
  const inner = memoryTransport();
  await using service = await serve({ port: 1, ...FAULTY, transport: recorder.wrap(inner) });
  await using session = await connect({ port: 1, transport: inner });
  await say(session);
  const recording = recorder.take([...service.sessions()][0]);
  assert(recording !== undefined);
  return recording;
}

test("replay() keeps times and chunks, and ends without a close where the recording does", async () => {
  const clock = new FakeClock();
  const recorder = new FlightRecorder({ clock });
  const inner = memoryTransport();
  const chunks: number[] = [];
  const game: TcpServiceOptions = { ...FAULTY, onChunk: (_session, chunk) => void chunks.push(chunk.length) };
  const service = await serve({ port: 1, ...game, clock, transport: recorder.wrap(inner) });
  const peer = await RawPeer.dial(inner, 1);
  for (const part of [message(1).subarray(0, 3), message(1).subarray(3), message(2, 3)]) {
    await clock.advance(250);
    await peer.write(part);
  }
  await clock.advance(0);
  const recording = recorder.take([...service.sessions()][0]);
  assert(recording !== undefined);
  const live = chunks.splice(0);
  const { events, close } = await replay(recording, { ...game, clock: new FakeClock() });
  assertEquals([live, chunks, close], [[3, 2, 6], [3, 2, 6], undefined]);
  assertEquals(events.map(({ kind, timeMs }) => `${kind} ${timeMs}`), [
    "opened 0",
    "message 500",
    "sent 500",
    "message 750",
    "sent 750",
  ]);
  peer.connection.abort();
  await service.stop();
});

test("replay() wants to know where to begin in a recording without its beginning", async () => {
  const recording = await recordOpen(async (session) => {
    for (let count = 1; count <= 20; count++) {
      session.send(pattern(60).fill(count));
      await session.receive();
    }
  }, 420);
  assert(recording.received.length % 64 !== 0, "it begins inside a message");
  const options = { ...FAULTY, clock: new FakeClock() };
  await assertRejects(() => replay(recording, options), RangeError, "skipBytes must be given");
  const skipBytes = recording.received.length % 64;
  const { messages } = await replay(recording, { ...options, skipBytes });
  assertEquals(messages.map(([first]) => first), [18, 19, 20].slice(-messages.length));
  assert(messages.length > 0);
  await assertRejects(
    () => replay(recording, { ...options, skipBytes: -1 }),
    RangeError,
    "skipBytes must be an integer",
  );
});

test("replay() tells of a refusal, of another codec's fault, and of a service that does not end", async () => {
  const recording = await recordOpen(async (session) => {
    session.send(bytes("hello"));
    await session.receive();
  });
  const clock = new FakeClock();
  const refused = await replay(recording, { ...FAULTY, clock, admission: [{ admit: () => "full" }] });
  const [refusal] = refused.events.filter((event) => event.kind === "refused");
  assertEquals([refusal.reason, refused.messages, refused.close], ["full", [], undefined]);
  const other = await replay(recording, { ...FAULTY, clock, codec: simpleBinary({ maxPayloadBytes: 4 }) });
  // It waits for the peer's end, of which the recording knows nothing.
  assertEquals([other.messages, other.events.map(({ kind }) => kind)], [[], ["opened", "sent-end"]]);
  const stuck = await replay(recording, { ...FAULTY, clock, onMessage: () => new Promise(() => {}) });
  assertEquals([stuck.messages.length, stuck.close], [1, undefined]);
  const ranges = await replay(recording, {
    logger: silentLogger(),
    clock,
    onMessageRange: (session, buffer, offset, length) => void session.sendRange(buffer, offset, length),
  });
  assertEquals([ranges.messages, ranges.sent], [[new Uint8Array(bytes("hello"))], recording.sent]);
});

test("replay() has the listener's options, and the addresses of the recording", async () => {
  const seen: unknown[] = [];
  const text = (await recordOpen((session) => Promise.resolve(void session.id))).toJsonLines();
  const head = { ...JSON.parse(text.split("\n")[0]) };
  head.remoteAddress = { kind: "tcp", hostname: "203.0.113.9", port: 4_000 };
  const entry = {
    timeMs: 0,
    kind: "received",
    bytes: "50524f58592054435034203139322e302e322e37203139322e302e322e3120343030302038300d0a",
  };
  const edited = `${JSON.stringify(head)}\n${JSON.stringify(entry)}\n`;
  const options = { ...FAULTY, onOpen: (session: Session) => void seen.push(session.remoteAddress) };
  await replay(edited, { ...options, clock: new FakeClock() });
  const listener = { name: "behind", proxyProtocol: { trusted: ["203.0.113.9"] } };
  await replay(edited, { ...options, clock: new FakeClock(), listener });
  assertEquals(seen, [head.remoteAddress, { kind: "tcp", hostname: "192.0.2.7", port: 4_000 }]);
});

test("replay() of a Unix socket's recording touches no file", async () => {
  using folder = new TemporaryFolder();
  const path = folder.file("none/game.sock");
  const recording = await recordOpen((session) => Promise.resolve(void session.send(message(1))));
  const lines = recording.toJsonLines().split("\n");
  const head = {
    ...JSON.parse(lines[0]),
    localAddress: { kind: "unix", path },
    remoteAddress: { kind: "unix", path: "" },
  };
  const { events } = await replay([JSON.stringify(head), ...lines.slice(1)].join("\n"), {
    ...FAULTY,
    clock: new FakeClock(),
  });
  assertEquals(events[0].kind, "opened");
});

test("replay() leaves a recording as it was, if that is of Buffers and a handler writes into its payload too", async () => {
  const { entries, ...parts } = await recordOpen(async (session) => {
    session.send(message(1, 2, 3));
    await session.receive();
  });
  const buffers = entries.map((entry) => ({ ...entry, bytes: Buffer.from(entry.bytes) }));
  const played = new Recording({ ...parts, entries: buffers });
  const onMessage = (_session: Session, payload: Uint8Array) => void payload.fill(0);
  await replay(played, { ...FAULTY, onMessage, clock: new FakeClock() });
  assertEquals(buffers.map(({ bytes }) => [...bytes]), entries.map(({ bytes }) => [...bytes]));
});

test("replay() refuses options that are not its own", async () => {
  const recording = await recordOpen(() => Promise.resolve());
  const options = { ...FAULTY, clock: new FakeClock(), transport: memoryTransport() };
  await assertRejects(() => replay(recording, options), TypeError, "transport");
  await assertRejects(() => replay("nothing", { ...FAULTY, clock: new FakeClock() }), TypeError, "line 1");
});

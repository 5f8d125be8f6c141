// FlightRecorder: an end that was not in order gives a recording, one in order none; limits hold, and what is private is blanked.

import test from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { connect, raw, serve, silentLogger } from "@laster/net";
import { FlightRecorder, type FlightRecorderOptions, type Recording } from "@laster/net/recorder";
import { FakeClock, memoryTransport } from "@laster/net/testing";
import { nodeTransport } from "@laster/net/transport";
import { RawPeer } from "../raw_peer.ts";
import { bytes, pattern, transportsHere, until, within } from "../support.ts";
import { TemporaryFolder } from "../temporary_folder.ts";
import { Authority, skipWithoutOpenssl } from "../tls/certificates.ts";
import { FAULTY, kindsOf, RecordingLog } from "./support.ts";

const hostname = "127.0.0.1";

/** A recorded server with a fault, in memory, and a way to dial it. */
async function setUp(options: FlightRecorderOptions = {}, observed = true) {
  const log = new RecordingLog();
  const recorder = new FlightRecorder({ onRecording: log.take, logger: silentLogger(), ...options });
  const inner = memoryTransport();
  const transport = recorder.wrap(inner);
  const service = await serve({ port: 1, ...FAULTY, transport, ...(observed ? { observers: [recorder] } : {}) });
  return { log, recorder, inner, service, dial: () => connect({ port: 1, transport: inner, codec: raw() }) };
}

const message = (...payload: number[]) => new Uint8Array([payload.length, 0, 0, 0, ...payload]);

for (const { name, make } of transportsHere()) {
  test(`FlightRecorder records a fault both ways, with its reason, on ${name}`, async () => {
    const log = new RecordingLog();
    const recorder = new FlightRecorder({ onRecording: log.take });
    const transport = make();
    const options = { ...FAULTY, hostname, port: 0, transport: recorder.wrap(transport), observers: [recorder] };
    await using service = await serve(options);
    const before = Date.now();
    await using session = await connect({ port: service.port, transport });
    for (const first of [5, 6]) {
      session.send(new Uint8Array([first]));
      assertEquals(await within(session.receive(), "an echo"), new Uint8Array([first]));
    }
    session.send(new Uint8Array([0]));
    const recording = await log.first();
    assertEquals([...recording.received], [...message(5), ...message(6), ...message(0)]);
    assertEquals([...recording.sent], [...message(5), ...message(6)]);
    assertEquals([recording.end?.reason, recording.end?.error], ["handler-error", "a fault of the game"]);
    assertEquals([recording.origin, recording.isTls, recording.isWhole], ["accepted", false, true]);
    assertEquals([recording.localAddress, recording.remoteAddress], [session.remoteAddress, session.localAddress]);
    assert(recording.startedAtMs > before - 100 && recording.startedAtMs <= Date.now() + 100);
    const kinds = kindsOf(recording);
    assertEquals(kinds.slice(0, 5), ["received", "sent", "received", "sent", "received"]);
    assert(kinds.includes("sent-end") && kinds.at(-1) === "gone", kinds.join());
    const times = recording.entries.map(({ timeMs }) => timeMs);
    assertEquals(times, times.toSorted((one, other) => one - other));
    assert(times[0] >= 0 && times[0] < 60_000);
  });

  test(`FlightRecorder writes nothing of ends in order, on ${name}`, async () => {
    const log = new RecordingLog();
    const recorder = new FlightRecorder({ onRecording: log.take });
    const transport = make();
    const options = { ...FAULTY, hostname, port: 0, transport: recorder.wrap(transport), observers: [recorder] };
    const service = await serve(options);
    const sessions = await Promise.all(Array.from({ length: 3 }, () => connect({ port: service.port, transport })));
    await sessions[0].close();
    sessions[1].send(new Uint8Array([255]));
    await within(sessions[1].finished, "the server's close");
    await until(() => service.sessionCount === 1, "two ends");
    await within(service.stop(), "the stop");
    assertEquals([log.all, recorder.recordings, recorder.skipped], [[], 0, 0]);
    const { closedSessions } = service.stats();
    assertEquals(closedSessions, { "remote-closing": 1, "local-closing": 1, "shutdown": 1 });
  });

  test(`FlightRecorder records a reset without an observer, and a dialled end, on ${name}`, async () => {
    const log = new RecordingLog();
    const recorder = new FlightRecorder({ onRecording: log.take });
    const accepting = name === "memory" ? make() : nodeTransport();
    const service = await serve({ hostname, port: 0, transport: accepting, onMessage: (session) => session.abort() });
    const dialling = recorder.wrap(name === "memory" ? accepting : make());
    const session = await connect({ hostname, port: service.port, transport: dialling });
    session.send(new Uint8Array([1, 2]));
    const recording = await log.first();
    assertEquals([recording.origin, recording.end?.reason, recording.end?.connectionError], [
      "connected",
      undefined,
      "reset",
    ]);
    assertEquals([...recording.sent], [...message(1, 2)]);
    assertEquals(kindsOf(recording), ["sent", "gone"]);
    await service.stop();
  });
}

test("FlightRecorder.wrap() passes on traits and capabilities whole, and leaves out what is not there", () => {
  const inner = { ...memoryTransport(), traits: { batchedReads: true, afterPoll: () => {} } };
  const wrapped = new FlightRecorder().wrap(inner);
  assert(wrapped.traits === inner.traits && wrapped.capabilities === inner.capabilities && wrapped.name === "memory");
  const { traits: _traits, capabilities: _capabilities, ...plain } = inner;
  const without = new FlightRecorder().wrap(plain);
  assertEquals([Object.hasOwn(without, "traits"), Object.hasOwn(without, "capabilities")], [false, false]);
});

test("FlightRecorder.take() makes a recording of one session, open or over, and of no other", async () => {
  const { recorder, service, inner, log } = await setUp();
  const transport = recorder.wrap(inner);
  const [one, other] = [await connect({ port: 1, transport }), await connect({ port: 1, transport })];
  one.send(new Uint8Array([1]));
  other.send(new Uint8Array([2]));
  await Promise.all([one.receive(), other.receive()]);
  assertEquals([...recorder.take(one)?.sent ?? []], [...message(1)]);
  assertEquals([...recorder.take(other)?.received ?? []], [...message(2)]);
  assertEquals(recorder.take(one)?.end, undefined);
  const [far] = [...service.sessions()];
  await one.close();
  assertEquals(kindsOf(recorder.take(one) as Recording), [
    "sent",
    "received",
    "sent-end",
    "received-end",
    "closed",
    "gone",
  ]);
  await until(() => far.state === "closed", "the other end");
  assertEquals([...recorder.take(far)?.received ?? []], [...message(1)]);
  await using stranger = await connect({ port: 1, transport: inner });
  assertEquals(recorder.take(stranger), undefined);
  assertEquals(new FlightRecorder().take(other), undefined);
  assertEquals(log.all, []);
  await Promise.all([other.close(), service.stop()]);
});

test("FlightRecorder holds its bounds while a peer floods, and keeps the last bytes of it", async () => {
  const { log, service, dial } = await setUp({ maxBytes: 8_192, maxBytesPerSession: 2_048 });
  const session = await dial();
  const frame = message(...pattern(196).fill(1, 0, 1));
  const sent: number[] = [];
  const say = (bytes: Uint8Array) => {
    session.send(bytes);
    sent.push(...bytes);
  };
  for (let count = 0; count < 200; count++) {
    say(frame);
    assertEquals(await within(session.receive(), "an echo"), frame);
  }
  say(message(0));
  const recording = await log.first();
  assertEquals(recording.received, new Uint8Array(sent).subarray(recording.missingReceivedBytes));
  assertEquals([...recording.received.subarray(-5)], [...message(0)]);
  assertEquals(recording.missingSentBytes, sent.length - 5 - recording.sent.length);
  assertEquals(recording.isWhole, false);
  const size = 16 * recording.entries.length + recording.received.length + recording.sent.length;
  assert(size <= 2_048 && size > 2_048 - 32, `${size} bytes`);
  await service.stop();
});

test("FlightRecorder keeps the last part of a chunk that is longer than a recording", async () => {
  const { log, service, dial } = await setUp({ maxBytes: 65_536, maxBytesPerSession: 1_024 });
  const session = await dial();
  const payload = pattern(20_000).fill(1, 0, 1);
  const frame = new Uint8Array([32, 78, 0, 0, ...payload]);
  session.send(frame);
  assertEquals(await within(session.receive(), "an echo"), frame);
  const [far] = [...service.sessions()];
  far.abort();
  const { entries, sent, missingSentBytes, missingReceivedBytes } = await log.first();
  assertEquals(entries.map(({ kind, length }) => [kind, length]), [["sent", 20_004], ["aborted", 0], ["gone", 0]]);
  assertEquals(sent, frame.subarray(20_004 - (1_024 - 3 * 16)));
  assertEquals([missingReceivedBytes, missingSentBytes], [20_004, 20_004 - sent.length]);
  await service.stop();
});

test("FlightRecorder blanks by redact what it hands out, and all of it if redact fails", async () => {
  const faults: unknown[] = [];
  const logger = { ...silentLogger(), error: (_text: string, properties?: object) => void faults.push(properties) };
  const redacts: NonNullable<FlightRecorderOptions["redact"]>[] = [
    ({ received, sent }) => [received, sent].forEach((bytes) => bytes.fill(42, 4, 6)),
    () => {
      throw new Error("no");
    },
    (() => Promise.reject(new Error("later"))) as unknown as () => void,
    ({ received }) => received.fill(42, 4, 6), // Returns a value, of no meaning.
  ];
  const texts: Recording[] = [];
  for (const redact of redacts) {
    const { log, recorder, service, dial } = await setUp({ redact, logger });
    const session = await dial();
    session.send(message(1, 2));
    session.send(message(0));
    texts.push(await log.first());
    const [far] = [...service.sessions()];
    if (far !== undefined) assertEquals(recorder.take(far)?.received, texts.at(-1)?.received);
    await service.stop();
  }
  assertEquals([...texts[0].received], [2, 0, 0, 0, 42, 42, 1, 0, 0, 0, 0]);
  assertEquals(texts[0].entries[0].bytes[4], 42, "the entries show the same bytes");
  assert(texts[0].toJsonLines().includes("020000002a2a") && !texts[0].toJsonLines().includes("020000000102"));
  assertEquals([texts[0].end?.error, texts[3].received[4]], ["a fault of the game", 42]);
  for (const { received, sent, end } of texts.slice(1, 3)) {
    assertEquals(new Set([...received, ...sent]), new Set([0]));
    assertEquals([end?.reason, end?.error], ["handler-error", undefined]);
  }
  assertEquals(faults.map((fault) => String((fault as { error: unknown }).error)), [
    "Error: no",
    "TypeError: redact() must not return a promise: current value is [object Promise]",
  ]);
});

test("FlightRecorder makes no more recordings a minute than it may, and counts the others", async () => {
  const clock = new FakeClock();
  const { log, recorder, service, dial } = await setUp({ maxRecordingsPerMinute: 2, clock });
  const fail = async (times: number) => {
    for (let count = 0; count < times; count++) {
      const ended = service.stats().closedSessions["handler-error"] ?? 0;
      (await dial()).send(message(0));
      await until(() => service.stats().closedSessions["handler-error"] === ended + 1, "an end");
    }
  };
  await fail(5);
  await until(() => recorder.skipped === 3, "three are skipped");
  assertEquals(log.all.length, 2);
  await clock.advance(59_999);
  await fail(1);
  assertEquals([recorder.recordings, recorder.skipped], [2, 4]);
  await clock.advance(1);
  await fail(1);
  assertEquals([recorder.recordings, recorder.skipped, log.all.length], [3, 4, 3]);
  await service.stop();
});

test("FlightRecorder asks filter about each end; one that throws keeps the recording", async () => {
  const asked: (string | undefined)[] = [];
  const { log, service, dial } = await setUp({
    filter({ reason }) {
      asked.push(reason);
      if (reason === "remote-closing") throw new Error("undecided");
      return reason === "local-closing";
    },
  });
  (await dial()).send(message(0));
  await until(() => asked.length === 1, "the first is asked about");
  (await dial()).send(message(255));
  await until(() => asked.length === 2, "the second is asked about");
  await (await dial()).close();
  await until(() => asked.length === 3, "the third is asked about");
  assertEquals(asked, ["handler-error", "local-closing", "remote-closing"]);
  assertEquals(log.all.map(({ end }) => end?.reason), ["local-closing", "remote-closing"]);
  await service.stop();
});

test("FlightRecorder survives an onRecording that throws, or rejects, and says so", async () => {
  for (const isAsync of [false, true]) {
    const faults: unknown[] = [];
    const logger = { ...silentLogger(), error: (_text: string, properties?: object) => void faults.push(properties) };
    const onRecording = () => {
      if (isAsync) return Promise.reject(new Error("the disk is full"));
      throw new Error("the disk is full");
    };
    const { service, dial } = await setUp({ onRecording, logger });
    const bystander = await dial();
    (await dial()).send(message(0));
    await until(() => faults.length === 1, "the fault is reported");
    assertEquals((faults[0] as { name: string }).name, "onRecording");
    bystander.send(message(9));
    assertEquals(await within(bystander.receive(), "an echo"), message(9));
    await service.stop();
  }
});

test("FlightRecorder makes one recording of a session whose connection broke, and with its reason", async () => {
  const { log, recorder, inner, service } = await setUp();
  const peer = await RawPeer.dial(inner, 1);
  await peer.write(message(1));
  await until(() => peer.receivedBytes === 5, "an echo");
  peer.connection.abort();
  const recording = await log.first();
  await service.stop();
  assertEquals([recording.end?.reason, recording.end?.connectionError], ["reset", "reset"]);
  assertEquals(recorder.recordings, 1);
});

test("FlightRecorder records a connection that breaks while its session closes in order", async () => {
  const { log, recorder, inner, service } = await setUp();
  const peer = await RawPeer.dial(inner, 1);
  await peer.write(message(255));
  await until(() => peer.hasEnded, "the server's end");
  peer.connection.abort();
  const recording = await log.first();
  await service.stop();
  assertEquals([recording.end?.reason, recording.end?.connectionError], ["local-closing", "reset"]);
  assertEquals(recorder.recordings, 1);
});

test("FlightRecorder records a Unix socket, and above TLS what is plain", { skip: skipWithoutOpenssl }, async () => {
  using folder = new TemporaryFolder();
  const authority = new Authority(folder);
  const log = new RecordingLog();
  const recorder = new FlightRecorder({ onRecording: log.take });
  const path = folder.file("game.sock");
  const transport = recorder.wrap(nodeTransport());
  const common = { ...FAULTY, transport, observers: [recorder] };
  for (const kind of ["unix", "tls"] as const) {
    const own = kind === "unix" ? { path } : { hostname, port: 0, tls: authority.sign() };
    await using service = await serve({ ...common, ...own });
    await using session = kind === "unix"
      ? await connect({ path })
      : await connect({ hostname, port: service.port, tls: { ca: authority.cert } });
    session.send(bytes("secret"));
    await within(session.receive(), "an echo");
    session.send(new Uint8Array([0]));
    await until(() => log.all.length === 1, "there is a recording");
    const [recording] = log.all.splice(0);
    assertEquals([...recording.received], [...message(...bytes("secret")), ...message(0)]);
    assertEquals([...recording.sent], [...message(...bytes("secret"))]);
    assertEquals([recording.isTls, recording.localAddress.kind], kind === "unix" ? [false, "unix"] : [true, "tcp"]);
  }
});

test("FlightRecorder follows a session behind a proxy, whose header is recorded", async () => {
  const log = new RecordingLog();
  const recorder = new FlightRecorder({ onRecording: log.take });
  const inner = memoryTransport();
  const listener = { hostname, port: 1, proxyProtocol: { trusted: [hostname] } };
  const service = await serve({ ...FAULTY, ...listener, transport: recorder.wrap(inner), observers: [recorder] });
  const peer = await RawPeer.dial(inner, 1);
  const header = bytes("PROXY TCP4 192.0.2.7 192.0.2.1 4000 80\r\n");
  await peer.write(header);
  await peer.write(message(0));
  peer.connection.shutdown();
  const recording = await log.first();
  assertEquals([...recording.received], [...header, ...message(0)]);
  assertEquals(recording.end?.reason, "handler-error");
  peer.connection.abort();
  await service.stop();
});

test("FlightRecorder refuses options that are none", () => {
  const refuses = (options: object, type: typeof TypeError | typeof RangeError, text: string) =>
    assertThrows(() => new FlightRecorder(options), type, text);
  refuses(
    { maxBytes: 4_095 },
    RangeError,
    "maxBytes must be an integer from 4096 to 1073741824: current value is 4095",
  );
  refuses({ maxBytesPerSession: 255 }, RangeError, "maxBytesPerSession");
  refuses({ maxRecordingsPerMinute: 0 }, RangeError, "maxRecordingsPerMinute");
  refuses({ redact: "all" }, TypeError, 'redact must be a function: current value is "all"');
  refuses({ maxByte: 5_000 }, TypeError, "did you mean maxBytes?");
});

// Options of the wrong type: every option of the service, a listener and a dial. Each is refused before any effect, by a
// TypeError or a RangeError that names the option and shows the value.

import test from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  type ConnectOptions,
  delimited,
  fixedLength,
  lengthPrefixed,
  type ListenerOptions,
  raw,
  silentLogger,
  simpleBinary,
  TcpService,
  type TcpServiceOptions,
  tick,
} from "@laster/net";
import { keepConnected } from "@laster/net/client";
import { BufferPool, ByteWriter, RingBuffer, SlabAllocator } from "@laster/net/buffer";
import { guard } from "@laster/net/guard";
import { FlightRecorder } from "@laster/net/recorder";
import { compression, encryption } from "@laster/net/stages";
import { resolveAddress } from "@laster/net/transport";
import { memoryTransport } from "@laster/net/testing";
import { assertNothingLeft } from "../support.ts";

/** For each option, values that it is not, and what the message shows of the last one. */
const SERVICE: Readonly<Record<keyof TcpServiceOptions, readonly unknown[]>> = {
  onOpen: [1, {}, null, "f"],
  onMessage: [1, {}, null, "f"],
  onMessageRange: [1, {}, null, "f"],
  onChunk: [1, {}, null, "f"],
  onSend: [1, {}, null, "f"],
  onEnd: [1, {}, null, "f"],
  onRefused: [1, {}, null, "f"],
  onClose: [1, {}, null, "f"],
  onConnectFailed: [1, {}, null, "f"],
  createData: [1, {}, null, "f"],
  random: [1, {}, null, 0.5],
  codec: [{}, null, { createDecoder: () => {} }, "simple"],
  transport: [{}, null, { listen: () => {} }, "node"],
  clock: [{}, null, { now: () => 0 }, 5],
  logger: [{}, null, { error: () => {} }, "console"],
  listeners: [{}, null, { port: 1 }, "127.0.0.1:80"],
  dials: [{}, null, { port: 1 }, "127.0.0.1:80"],
  pool: [5, null, { classez: [1] }, { recycleHandles: "no" }, "large"],
  maxConnections: ["x", {}, "5"],
  maxDials: ["x", {}, "5"],
  highWaterMarkBytes: ["x", {}, "5"],
  lowWaterMarkBytes: ["x", {}, "5"],
  maxQueuedBytes: ["x", {}, "5"],
  maxQueuedFrames: ["x", {}, "5"],
  whenFull: [5, {}, "drop"],
  maxGroups: ["x", {}, "5"],
  onConnectAttemptFailed: [1, {}, null, "f"],
  admission: [1, {}, null, [1], [null], [{}]],
  observers: [1, {}, null, [5], [null], "metrics"],
  onConnectionRefused: [1, {}, null, "f"],
  refusalMessage: ["full", {}, null, 5],
  highWaterMarkFrames: ["x", {}, "5"],
  lowWaterMarkFrames: ["x", {}, "5"],
  pauseWhenFull: ["x", {}, 1],
  allowHalfOpen: ["x", {}, 1],
  turnMs: ["x", {}, "5"],
  handlerTimeoutMs: ["x", {}, "5"],
  maxInFlightBytes: ["x", {}, "5"],
  maxInFlightMs: ["x", {}, "5"],
  heartbeat: [{ intervalMs: "x" }, { timeoutMs: 0 }, { message: "ping" }, 5, null, { interval: 5 }, "often"],
  idleTimeoutMs: ["x", {}, "5"],
  closeTimeoutMs: ["x", {}, "5"],
  framesPerTurn: ["x", {}, "5"],
  flush: [5, {}, "batch"],
  flushIntervalMs: ["x", {}, "5"],
};

/** What no option is, and what makes a message of it: a template throws for the first two. */
const ODD: readonly (readonly [value: unknown, text: string])[] = [
  [Symbol("odd"), "current value is Symbol(odd)"],
  [Object.create(null), ""],
  [null, "current value is null"],
];

function refusal(run: () => unknown): Error {
  const error = assertThrows(run);
  assert(error instanceof TypeError || error instanceof RangeError, `${error}`);
  return error;
}

for (const [name, values] of Object.entries(SERVICE)) {
  test(`TcpService refuses ${name} of the wrong type`, () => {
    for (const value of values) {
      const { message } = refusal(() => new TcpService({ [name]: value }));
      assert(message.startsWith("Cannot "), message);
      if (name !== "pool") {
        assert(message.includes(name) || message.includes("listener") || message.includes("dial"), message);
      }
    }
    const last = values.at(-1);
    const shown = typeof last === "string" ? JSON.stringify(last) : last;
    assert(refusal(() => new TcpService({ [name]: last })).message.includes(`current value is ${shown}`));
  });
}

test("TcpService refuses a symbol, an object without a prototype and null for each option by the error of any other", () => {
  for (const name of Object.keys(SERVICE)) {
    for (const [value, text] of ODD) {
      if (name === "pool" && text === "") continue; // No pool option is an option, too.
      const { message } = refusal(() => new TcpService({ [name]: value }));
      assert(message.startsWith("Cannot "), `${name}: ${message}`);
      if (name !== "pool") assert(message.includes(text) && message.includes(name), `${name}: ${message}`);
    }
  }
});

test("codecs and stages refuse them likewise", () => {
  const made: Readonly<Record<string, (value: never) => unknown>> = {
    "raw maxPayloadBytes": (maxPayloadBytes) => raw({ maxPayloadBytes }),
    "simpleBinary maxPayloadBytes": (maxPayloadBytes) => simpleBinary({ maxPayloadBytes }),
    "lengthPrefixed width": (width) => lengthPrefixed({ width }),
    "lengthPrefixed byteOrder": (byteOrder) => lengthPrefixed({ byteOrder }),
    "lengthPrefixed lengthOffset": (lengthOffset) => lengthPrefixed({ lengthOffset }),
    "lengthPrefixed lengthAdjustment": (lengthAdjustment) => lengthPrefixed({ lengthAdjustment }),
    "lengthPrefixed keepHeader": (keepHeader) => lengthPrefixed({ keepHeader }),
    "delimited delimiter": (delimiter) => delimited({ delimiter }),
    "delimited keepDelimiter": (keepDelimiter) => delimited({ keepDelimiter }),
    "fixedLength frameBytes": (frameBytes) => fixedLength({ frameBytes }),
    "fixedLength fill": (fill) => fixedLength({ frameBytes: 4, fill }),
    "compression maxInflatedBytes": (maxInflatedBytes) => compression({ maxInflatedBytes }),
    "compression leastBytes": (leastBytes) => compression({ leastBytes }),
    "encryption sendKey": (sendKey) => encryption({ sendKey, receiveKey: new Uint8Array(32) }),
    "BufferPool maxBytes": (maxBytes) => new BufferPool({ maxBytes }),
    "RingBuffer initialBytes": (initialBytes) => new RingBuffer({ initialBytes }),
    "SlabAllocator slotBytes": (slotBytes) => new SlabAllocator({ slotBytes }),
    "ByteWriter maxBytes": (maxBytes) => new ByteWriter({ maxBytes }),
    "resolveAddress hostname": (hostname) => resolveAddress({ port: 1, hostname }, "127.0.0.1"),
    "resolveAddress port": (port) => resolveAddress({ port }, "127.0.0.1"),
    "resolveAddress path": (path) => resolveAddress({ path }, "127.0.0.1"),
  };
  for (const [what, make] of Object.entries(made)) {
    for (const [value] of ODD) {
      const { message } = refusal(() => make(value as never));
      assert(message.startsWith("Cannot "), `${what}: ${message}`);
    }
  }
});

test("TcpService refuses listeners and dials that are no options, wherever they stand", () => {
  for (const value of [null, undefined, 5, "127.0.0.1:80"]) {
    assertThrows(() => new TcpService({ listeners: [{ port: 1 }, value] as ListenerOptions[] }), TypeError, `${value}`);
    assertThrows(() => new TcpService({ dials: [{ port: 1 }, value] as ConnectOptions[] }), TypeError, `${value}`);
  }
});

test("TcpService takes undefined for every option as if it were not there", async () => {
  const options = Object.fromEntries(Object.keys(SERVICE).map((name) => [name, undefined]));
  await using service = new TcpService({ ...options, transport: memoryTransport() });
  await service.start();
  await service.listen({ hostname: undefined, port: 1, path: undefined, backlog: undefined });
  const dial: Record<keyof ConnectOptions, undefined> = {
    hostname: undefined,
    port: undefined,
    path: undefined,
    timeoutMs: undefined,
    retries: undefined,
    minRetryDelayMs: undefined,
    maxRetryDelayMs: undefined,
    signal: undefined,
    token: undefined,
    codec: undefined,
    transport: undefined,
    highWaterMarkBytes: undefined,
    lowWaterMarkBytes: undefined,
    highWaterMarkFrames: undefined,
    lowWaterMarkFrames: undefined,
    maxQueuedBytes: undefined,
    maxQueuedFrames: undefined,
    whenFull: undefined,
    pauseWhenFull: undefined,
    allowHalfOpen: undefined,
    maxInFlightBytes: undefined,
    maxInFlightMs: undefined,
    heartbeat: undefined,
    keepAlive: undefined,
    noDelay: undefined,
    localAddress: undefined,
    tls: undefined,
    idleTimeoutMs: undefined,
    closeTimeoutMs: undefined,
    framesPerTurn: undefined,
    handlerTimeoutMs: undefined,
  };
  const session = await service.connect({ ...dial, hostname: "0.0.0.0", port: 1 });
  session.abort();
});

test("TcpService.connect() and listen() refuse options of the wrong type, and nothing is left", async () => {
  const service = new TcpService({ transport: memoryTransport() });
  await service.start();
  const dials: readonly (readonly [unknown, string])[] = [
    [undefined, "current value is undefined"],
    [null, "current value is null"],
    ["127.0.0.1:80", 'current value is "127.0.0.1:80"'],
    [{ port: "80" }, 'current value is "80"'],
    [{ port: 1, hostname: null }, "current value is null"],
    [{ port: 1, timeoutMs: "5" }, 'current value is "5"'],
    [{ port: 1, retries: "5" }, 'current value is "5"'],
    [{ port: 1, minRetryDelayMs: "5" }, 'current value is "5"'],
    [{ port: 1, maxRetryDelayMs: "500" }, 'current value is "500"'],
    [{ port: 1, signal: {} }, "signal"],
    [{ port: 1, signal: null }, "signal"],
    [{ port: 1, signal: 5 }, "current value is 5"],
    [{ port: 1, Signal: undefined }, '"Signal"'],
    [{ path: 5 }, "current value is 5"],
    [{ port: 1, keepAlive: 60 }, "current value is 60"],
    [{ port: 1, keepAlive: { delayMs: 999 } }, "current value is 999"],
    [{ port: 1, keepAlive: { delayMs: "60" } }, "keepAlive"],
    [{ port: 1, keepAlive: null }, "current value is null"],
    [{ port: 1, noDelay: 1 }, "current value is 1"],
    [{ port: 1, localAddress: 5 }, "current value is 5"],
    [{ port: 1, localAddress: "" }, "an IP address"],
    [{ port: 1, localAddress: "localhost" }, 'an IP address: current value is "localhost"'],
    [{ port: 1, localAddress: "127.0.0.01" }, "an IP address"],
    [{ port: 1, localAddress: "01.0.0.1", tls: {} }, "an IP address"],
    [{ port: 1, localAddress: "::ffff:01.0.0.1" }, "an IP address"],
  ];
  for (const [options, message] of dials) {
    const error = await assertRejects(() => service.connect(options as ConnectOptions));
    assert(error instanceof TypeError || error instanceof RangeError, `${error}`);
    assert(error.message.startsWith("Cannot ") && error.message.includes(message), error.message);
  }
  const keepAlive = { delayMs: "60000" as never };
  await assertRejects(() => service.connect({ port: 1, keepAlive }), RangeError, "delayMs must be an integer");
  const listeners: readonly unknown[] = [
    undefined,
    null,
    80,
    { port: 1, backlog: "5" },
    { port: 1, reuse: true },
    { port: 1, reusePort: 1 },
    { port: 1, ipv6Only: "yes" },
    { port: 1, localAddress: "127.0.0.1" },
  ];
  for (const options of listeners) {
    const error = await assertRejects(() => service.listen(options as ListenerOptions));
    assert(error instanceof TypeError || error instanceof RangeError, `${error}`);
    assert(error.message.startsWith("Cannot "), error.message);
  }
  assertEquals([service.stats().failedDials, service.stats().dials], [0, 0]);
  await service.stop();
  assertNothingLeft(service);
});

test("TcpService.connect() refuses a mistake before it looks at its own state", async () => {
  const service = new TcpService({ transport: memoryTransport() });
  await assertRejects(() => service.connect({ port: -1 }), RangeError);
  await assertRejects(() => service.listen({ port: -1 }), RangeError);
});

test("functions, clocks and sessions of the wrong type are refused where they are given, and not once they are called", async () => {
  await using service = new TcpService({ transport: memoryTransport(), logger: silentLogger() });
  await service.start();
  const group = service.group("room");
  const payload = new Uint8Array(1);
  const wrong = (value: unknown) => value as never;
  const calls: Readonly<Record<string, () => unknown>> = {
    "handler": () => tick(service, { hz: 5 }, wrong(undefined)),
    "onError": () => tick(service, { hz: 5, onError: wrong("log") }, () => {}),
    "onConnected": () => keepConnected({ port: 1, onConnected: wrong("x") }),
    "onState": () => keepConnected({ port: 1, onState: wrong(5) }),
    "as session must be an object: current value is 5": () => service.broadcast(payload, { except: wrong(5) }),
    "as session must be an object: current value is null": () => group.join(wrong(null)),
    "options": () => service.broadcast(payload, wrong(null)),
    "connection limits as clock": () => guard({ clock: wrong(5) }),
    "flight recorder as clock": () => new FlightRecorder({ clock: wrong(5) }),
  };
  for (const [name, call] of Object.entries(calls)) assertThrows(call, TypeError, name);
});

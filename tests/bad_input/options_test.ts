// Options out of range, of the wrong type, or mistyped: refused at once, with the value in the message.

import test from "node:test";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  type ConnectOptions,
  lengthPrefixed,
  type ListenerOptions,
  silentLogger,
  simpleBinary,
  TcpService,
  type TcpServiceOptions,
} from "@laster/net";
import { keepConnected } from "@laster/net/client";
import { memoryTransport } from "@laster/net/testing";
import { startPair } from "../support.ts";

const INTEGERS: Readonly<Record<string, readonly number[]>> = {
  maxConnections: [0, -1, 1.5, NaN, 2 ** 31],
  maxDials: [0, -1, 1.5, NaN, 2 ** 31],
  highWaterMarkBytes: [-1, 0.5, NaN, 2 ** 31],
  lowWaterMarkBytes: [-1, 0.5, NaN, 532_481],
  maxQueuedBytes: [-1, 0, 532_480 + 65_535, NaN],
  maxQueuedFrames: [0, -1, NaN, 2 ** 31],
  idleTimeoutMs: [-1, 0.5, NaN, 2 ** 31],
  closeTimeoutMs: [-1, 0.5, NaN, 2 ** 31],
  framesPerTurn: [0, -1, NaN, 2 ** 31],
  flushIntervalMs: [-1, 0.5, NaN, 2 ** 31],
};

for (const [name, values] of Object.entries(INTEGERS)) {
  for (const value of values) {
    test(`TcpService refuses ${name} of ${value}`, () => {
      const error = assertThrows(() => new TcpService({ [name]: value }), RangeError, name);
      if (!error.message.includes(`${value}`)) throw error;
    });
  }
}

const WRONG: readonly (readonly [string, unknown, string])[] = [
  ["an unknown name", { onMesage: () => {} }, '"onMesage"'],
  [
    "a codec that was not called",
    { codec: simpleBinary },
    "current value is the function simpleBinary(), which is to be called",
  ],
  ["a name that is nearly right", { onMesage: () => {} }, 'current value is "onMesage", did you mean onMessage?'],
  ["a name in another case", { Onmessage: () => {} }, "did you mean onMessage?"],
  ["a name that is nothing like any", { whatever: 1 }, "known are"],
  ["a handler that is no function", { onMessage: "hello" }, 'onMessage must be a function: current value is "hello"'],
  ["both message handlers", { onMessage: () => {}, onMessageRange: () => {} }, "onMessage and onMessageRange"],
  ["no object", null, "null"],
  ["a listener with an unknown name", { listeners: [{ prot: 1 }] }, '"prot"'],
  ["a listener without a port", { listeners: [{ hostname: "127.0.0.1" }] }, "port"],
  ["a listener with port and path", { listeners: [{ port: 1, path: "/tmp/x" }] }, "either a path or a port"],
  ["a dial with an unknown name", { dials: [{ port: 1, retry: 3 }] }, '"retry"'],
];

for (const [name, options, message] of WRONG) {
  test(`TcpService refuses ${name}`, () => {
    assertThrows(() => new TcpService(options as TcpServiceOptions), TypeError, message);
  });
}

const LISTENERS: readonly ListenerOptions[] = [{ port: -1 }, { port: 65_536 }, { port: 1.5 }, { port: 1, backlog: 0 }];
const DIALS: readonly ConnectOptions[] = [
  { port: -1 },
  { port: 65_536 },
  { port: 1, timeoutMs: -1 },
  { port: 1, retries: -1 },
  { port: 1, retries: 0.5 },
  { port: 1, minRetryDelayMs: -1 },
  { port: 1, minRetryDelayMs: 10, maxRetryDelayMs: 9 },
];

test("TcpService.listen() and connect() refuse numbers out of range", async () => {
  await using service = new TcpService({ transport: memoryTransport() });
  await service.start();
  for (const options of LISTENERS) await assertRejects(() => service.listen(options), RangeError);
  for (const options of DIALS) await assertRejects(() => service.connect(options), RangeError);
});

test("misspelt options of send() and broadcast() are refused, wherever they are given", async () => {
  const transport = memoryTransport();
  const pair = await startPair(transport);
  const { near, far } = await pair.connect();
  const group = pair.server.group("all");
  group.join(far);
  const payload = new Uint8Array(1);
  const link = keepConnected({ transport, port: 1, logger: silentLogger() });
  const calls: [call: (options: never) => unknown, options: Record<string, unknown>, hint: string][] = [
    [(options) => near.send(payload, options), { whenFul: "refuse" }, "whenFull"],
    [(options) => pair.server.sendTo(far.id, payload, options), { kei: 1 }, "key"],
    [(options) => link.send(payload, options), { fluhs: "now" }, "flush"],
    [(options) => pair.server.broadcast(payload, options), { excpet: far }, "except"],
    [(options) => group.broadcast(payload, options), { listrefused: true }, "listRefused"],
  ];
  for (const [call, options, hint] of calls) {
    assertThrows(() => call(options as never), TypeError, `did you mean ${hint}?`);
  }
  assertEquals([near.stats.sentFrames, far.stats.sentFrames], [0, 0]);
  await link.stop();
  await pair[Symbol.asyncDispose]();
});

test("a refusal message that is too long for a listener's own codec is refused when the listener is given", async () => {
  const listeners = [{ port: 1, codec: lengthPrefixed({ maxPayloadBytes: 3 }) }];
  const options = { transport: memoryTransport(), refusalMessage: new Uint8Array(4) };
  assertThrows(() => new TcpService({ ...options, listeners }), RangeError, "refusalMessage must be at most 3 bytes");
  await using service = new TcpService({ ...options, listeners: [{ port: 1 }] });
  await assertRejects(() => service.reconfigure({ listeners }), RangeError, "refusalMessage must be at most 3 bytes");
  await service.start();
  await assertRejects(() => service.listen(listeners[0]), RangeError, "refusalMessage must be at most 3 bytes");
});

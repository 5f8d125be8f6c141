// Promise 6, for everything that is not the package's own code: whatever a handler, a codec, a stage, createData, a logger, a
// clock or a source of random numbers throws, rejects with or returns, no other session notices, and the books agree.
//
// Each place where such code is called is listed below, and does each odd thing once, for one session (or for all, where it
// serves all) while the others are quiet. Then every other session must still get its bytes. What keepConnected() calls besides
// is in 06_foreign_code_of_links_test.ts.

import test from "node:test";
import { setImmediate } from "node:timers";
import { assertEquals, assertInstanceOf } from "@std/assert";
import {
  type Codec,
  ConnectError,
  type FrameDecoder,
  type FrameEncoder,
  type Session,
  simpleBinary,
  systemClock,
  TcpService,
  type TcpServiceOptions,
} from "@laster/net";
import { LoadShedding, MessageValidator } from "@laster/net/guard";
import { type Stage, staged } from "@laster/net/stages";
import { memoryTransport } from "@laster/net/testing";
import { assertNothingLeft, bytes, text, turn, until, within } from "../support.ts";
import { partOf } from "../share.ts";
import { ODD_FAULTS, ODD_PROMISES, ODD_RESULTS } from "./odd_values.ts";

/** Does what is odd if it is time for that, else gives what `usual` does. */
type Odd = <Result>(usual: () => Result) => Result;

/** A place where code is called that is not the package's. */
interface Place {
  /** The service's options with the odd thing in them. */
  options(odd: Odd): TcpServiceOptions;
  /** What the log says if it throws, and nothing else: the reason of a close, or a message; nothing if there is nobody to tell. */
  readonly says?: string;
  /** Whether what it returns means anything, and if that is a promise, is waited for. */
  readonly returns: "nothing" | "value" | "promise";
}

const echo = (session: Session, payload: Uint8Array): void => void session.send(payload);

/** A codec whose decoders, or encoders, are odd in one of their members. */
function oddDecoder(odd: Odd, member: "decode" | "maxFrameBytes"): TcpServiceOptions {
  const inner = simpleBinary();
  return {
    codec: {
      name: "odd",
      createEncoder: () => inner.createEncoder(),
      createDecoder() {
        const decoder = inner.createDecoder();
        return {
          get maxFrameBytes() {
            return member === "maxFrameBytes" ? odd(() => decoder.maxFrameBytes) : decoder.maxFrameBytes;
          },
          decode(input, start, end, frame) {
            const decode = () => decoder.decode(input, start, end, frame);
            return member === "decode" ? odd(decode) : decode();
          },
        } satisfies FrameDecoder;
      },
    },
  };
}

function oddEncoder(odd: Odd, member: keyof FrameEncoder): TcpServiceOptions {
  const inner = simpleBinary();
  return {
    codec: {
      name: "odd",
      createDecoder: () => inner.createDecoder(),
      createEncoder() {
        const encoder = inner.createEncoder();
        return {
          get maxPayloadBytes() {
            return member === "maxPayloadBytes" ? odd(() => encoder.maxPayloadBytes) : encoder.maxPayloadBytes;
          },
          frameBytes: (length) =>
            member === "frameBytes" ? odd(() => encoder.frameBytes(length)) : encoder.frameBytes(length),
          encode(...args) {
            const encode = () => encoder.encode(...args);
            return member === "encode" ? odd(encode) : encode();
          },
        } satisfies FrameEncoder;
      },
    },
  };
}

function oddCodec(odd: Odd, member: "createDecoder" | "createEncoder"): TcpServiceOptions {
  const inner = simpleBinary();
  const codec: Codec = {
    name: "odd",
    createDecoder: () => member === "createDecoder" ? odd(() => inner.createDecoder()) : inner.createDecoder(),
    createEncoder: () => member === "createEncoder" ? odd(() => inner.createEncoder()) : inner.createEncoder(),
  };
  return { codec };
}

/** Options with a handler that switches to a codec of the same frames. */
function switchingTo({ codec = simpleBinary() }: TcpServiceOptions): TcpServiceOptions {
  return {
    onMessage(session, payload) {
      session.switchCodec(codec);
      echo(session, payload);
    },
  };
}

function oddStage(odd: Odd, member: "encode" | "decode"): TcpServiceOptions {
  const encoder = {
    encode(payload: Uint8Array, offset: number, length: number, output: Uint8Array, outputOffset: number): number {
      output.set(payload.subarray(offset, offset + length), outputOffset);
      return member === "encode" ? odd(() => length) : length;
    },
  };
  const decoder = { decode: () => member === "decode" ? odd(() => {}) : undefined };
  const stage: Stage = { name: "odd", overheadBytes: 0, createEncoder: () => encoder, createDecoder: () => decoder };
  return { codec: staged(simpleBinary(), [stage]) };
}

function oddLogger(odd: Odd): TcpServiceOptions {
  const log = () => odd(() => {});
  return {
    logger: { debug: log, info: log, warn: log, error: log },
    onMessage(session, payload) {
      if (payload.length > 12) throw new Error("something to log");
      echo(session, payload);
    },
  };
}

function oddClock(odd: Odd, member: "now" | "setTimer" | "clearTimer" | "defer"): TcpServiceOptions {
  const of = <Result>(name: string, usual: () => Result): Result => name === member ? odd(usual) : usual();
  return {
    framesPerTurn: 1,
    handlerTimeoutMs: 1_000, // A timer that is not cleared keeps the process so long.
    clock: {
      now: () => of("now", () => performance.now()),
      setTimer: (callback, delayMs) => of("setTimer", () => setTimeout(callback, delayMs)),
      clearTimer: (handle) => of("clearTimer", () => clearTimeout(handle as number)),
      defer: (callback) => of("defer", () => void setTimeout(callback, 0)),
    },
    // Holds the input, and so uses the timers.
    onMessage: async (session, payload) => {
      const copy = payload.slice();
      await undefined;
      echo(session, copy);
    },
  };
}

/** Looks at the memory in each turn of the event loop. */
function oddMeasure(odd: Odd): TcpServiceOptions {
  const shedding = new LoadShedding({
    maxMemoryBytes: 2 ** 40,
    measureMemory: () => odd(() => 0),
    clock: { ...systemClock(), setTimer: (callback) => setTimeout(callback, 0) },
  });
  return { admission: [shedding], observers: [shedding] };
}

const OPENING = "Opening a session failed: {error}";
const CLOCK = "The clock failed {count} times: {error}";

/** What an observer hears of while the test is armed. */
const OBSERVED = [
  "onConnectionRefused",
  "onAccepted",
  "onOpened",
  "onClosed",
  "onConnecting",
  "onConnectFailed",
  "onMessageStart",
  "onMessageEnd",
  "onSent",
] as const;

const PLACES: Readonly<Record<string, Place>> = {
  onOpen: { says: "handler-error", returns: "promise", options: (odd) => ({ onOpen: () => odd(() => {}) }) },
  onMessage: {
    says: "handler-error",
    returns: "promise",
    options: (odd) => ({ onMessage: (session, payload) => odd(() => echo(session, payload)) }),
  },
  onMessageRange: {
    says: "handler-error",
    returns: "promise",
    options: (odd) => ({
      onMessage: undefined,
      onMessageRange: (session, buffer, offset, length) => odd(() => void session.sendRange(buffer, offset, length)),
    }),
  },
  onChunk: { says: "handler-error", returns: "promise", options: (odd) => ({ onChunk: () => odd(() => {}) }) },
  onSend: { says: "handler-error", returns: "promise", options: (odd) => ({ onSend: () => odd(() => {}) }) },
  onClose: {
    says: "The onClose handler of session {id} failed: {error}",
    returns: "promise",
    options: (odd) => ({ onClose: () => odd(() => {}) }),
  },
  onConnectionRefused: {
    says: "The onConnectionRefused handler failed: {error}",
    returns: "promise",
    options: (odd) => ({ maxConnections: 3, onConnectionRefused: () => odd(() => {}) }),
  },
  "admission admit": {
    says: "An admission failed: {error}",
    returns: "promise",
    options: (odd) => ({ admission: [{ admit: () => odd(() => {}) }] }),
  },
  "admission release": {
    says: "An admission failed: {error}",
    returns: "promise",
    options: (odd) => ({ admission: [{ admit: () => {}, release: () => odd(() => {}) }] }),
  },
  ...Object.fromEntries(OBSERVED.map((name) => [
    `observer ${name}`,
    {
      says: `The ${name} method of an observer failed: {error}`,
      returns: "promise",
      options: (odd) => ({
        ...(name === "onConnectionRefused" ? { maxConnections: 3 } : {}),
        observers: [{ [name]: () => odd(() => {}) }, {}],
      }),
    } satisfies Place,
  ])),
  "guard measureMemory": {
    says: "The onOpened method of an observer failed: {error}",
    returns: "promise",
    options: oddMeasure,
  },
  "guard validate": {
    says: "handler-error",
    returns: "promise",
    options: (odd) => ({ onMessage: new MessageValidator().wrap(() => odd(() => undefined), echo) }),
  },
  createData: {
    says: OPENING,
    returns: "value",
    options: (odd) => ({ createData: () => odd(() => undefined) as undefined }),
  },
  onConnectAttemptFailed: {
    says: "The onConnectAttemptFailed handler failed: {error}",
    returns: "promise",
    options: (odd) => ({ onConnectAttemptFailed: () => odd(() => {}) }),
  },
  onConnectFailed: {
    says: "The onConnectFailed handler failed: {error}",
    returns: "promise",
    options: (odd) => ({ onConnectFailed: () => odd(() => {}) }),
  },
  random: { returns: "value", options: (odd) => ({ random: () => odd(Math.random) }) },
  createDecoder: { says: OPENING, returns: "value", options: (odd) => oddCodec(odd, "createDecoder") },
  createEncoder: { says: OPENING, returns: "value", options: (odd) => oddCodec(odd, "createEncoder") },
  decode: { says: "decode-error", returns: "value", options: (odd) => oddDecoder(odd, "decode") },
  maxFrameBytes: { says: "decode-error", returns: "value", options: (odd) => oddDecoder(odd, "maxFrameBytes") },
  encode: { says: "encode-error", returns: "value", options: (odd) => oddEncoder(odd, "encode") },
  frameBytes: { says: "encode-error", returns: "value", options: (odd) => oddEncoder(odd, "frameBytes") },
  maxPayloadBytes: { says: "encode-error", returns: "value", options: (odd) => oddEncoder(odd, "maxPayloadBytes") },
  "switchCodec createDecoder": {
    says: "handler-error",
    returns: "value",
    options: (odd) => switchingTo(oddCodec(odd, "createDecoder")),
  },
  "switchCodec createEncoder": {
    says: "handler-error",
    returns: "value",
    options: (odd) => switchingTo(oddCodec(odd, "createEncoder")),
  },
  "stage encode": { says: "encode-error", returns: "value", options: (odd) => oddStage(odd, "encode") },
  "stage decode": { says: "decode-error", returns: "value", options: (odd) => oddStage(odd, "decode") },
  logger: { returns: "promise", options: oddLogger },
  "clock now": { says: CLOCK, returns: "value", options: (odd) => oddClock(odd, "now") },
  "clock setTimer": { says: CLOCK, returns: "nothing", options: (odd) => oddClock(odd, "setTimer") },
  "clock clearTimer": { says: CLOCK, returns: "value", options: (odd) => oddClock(odd, "clearTimer") },
  "clock defer": { says: CLOCK, returns: "nothing", options: (odd) => oddClock(odd, "defer") },
};

/**
 * Has one place do one odd thing to a service with two sessions that are none of its business.
 *
 * @returns What the service said of it.
 */
async function provoke(place: Place, act: () => unknown): Promise<readonly string[]> {
  let isArmed = false;
  let acts = 0;
  const odd = <Result>(usual: () => Result): Result => {
    if (!isArmed) return usual();
    acts++;
    return act() as Result;
  };
  // In pieces, so that unfinished frames are looked at, too.
  const transport = memoryTransport({ acceptScript: { chunkBytes: () => isArmed ? 3 : 65_536 } });
  const said = new Set<string>();
  const note = (message: string, properties?: Record<string, unknown>) => {
    said.add(String(properties?.reason ?? message).replace(" ({count} times within a second)", ""));
  };
  const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
  const server = new TcpService({
    transport,
    codec: simpleBinary(),
    logger: { debug: note, info: note, warn: note, error: note },
    onMessage: echo,
    ...place.options(odd),
  });
  const client = new TcpService({ transport, codec: simpleBinary(), logger: quiet });
  await server.start();
  await server.listen({ port: 1 });
  await client.start();
  const first = await client.connect({ port: 1 });
  const second = await client.connect({ port: 1 });
  const before = await client.connect({ port: 1 });
  for (const session of [first, second, before]) await assertEcho(session, "before");

  isArmed = true;
  const callOff = new AbortController();
  const dial = server.connect({ port: 2, retries: 1_000, signal: callOff.signal }).catch((error) => error); // Nobody listens.
  before.send(bytes("a message, and a reason to answer"));
  before.send(bytes("another")); // Its turn is over after the first, with framesPerTurn of 1.
  await settle();
  const during = await client.connect({ port: 1 });
  during.send(bytes("first words"));
  await settle();
  [...server.sessions()].find(({ id }) => id === 3)?.send(bytes("from aside"));
  before.abort();
  during.abort();
  await settle();
  callOff.abort();
  assertInstanceOf(await within(dial, "the dial to fail"), ConnectError);
  isArmed = false;

  assertEquals(acts > 0, true, "the place was asked");
  for (const session of [first, second]) await assertEcho(session, "after");
  assertEquals(server.broadcast(bytes("to all")).accepted, 2);
  for (const session of [first, second]) assertEquals(await hear(session), "to all");
  const late = await client.connect({ port: 1 });
  await assertEcho(late, "late");
  await until(() => server.sessionCount === 3, "the others are gone");
  const { acceptErrors, openedSessions, closedSessions, sessions } = server.stats();
  assertEquals(acceptErrors, 0, "the transport had to catch something");
  const closed = Object.values(closedSessions).reduce((sum, count) => sum + count, 0);
  assertEquals(openedSessions - closed, sessions);
  await within(Promise.all([client.stop(), server.stop()]), "both to stop");
  assertNothingLeft(server);
  return [...said];
}

async function assertEcho(session: Session, word: string): Promise<void> {
  session.send(bytes(word));
  assertEquals(await hear(session), word);
}

async function hear(session: Session): Promise<string> {
  const payload = await within(session.receive(), "an answer");
  return payload === undefined ? "the end" : text(payload);
}

/** A few turns of the event loop, and one of its timers: the clock of the test defers by one. */
async function settle(): Promise<void> {
  for (let count = 0; count < 4; count++) await new Promise<void>((resolve) => setImmediate(resolve));
  await turn();
}

/** This runtime's part of the pairs of a place and a value: another part of the values at each place. */
function valuesAt(place: number, values: Readonly<Record<string, () => unknown>>): [string, () => unknown][] {
  const list = Object.entries(values);
  const shift = place % list.length;
  return partOf([...list.slice(shift), ...list.slice(0, shift)]);
}

for (const [number, [name, place]] of Object.entries(PLACES).entries()) {
  const says = place.says === undefined ? [] : [place.says];
  test(`TcpService survives whatever ${name} throws`, async (context) => {
    for (const [what, make] of valuesAt(number, ODD_FAULTS)) {
      await context.test(what, async () => {
        const said = await provoke(place, () => {
          throw make();
        });
        assertEquals(said, says);
      });
    }
  });
  if (place.returns === "nothing") continue;
  test(`TcpService survives whatever ${name} returns`, async (context) => {
    for (const [what, make] of valuesAt(number, ODD_RESULTS)) {
      await context.test(what, async () => void await provoke(place, make));
    }
    if (place.returns !== "promise") return;
    for (const [what, make] of valuesAt(number, ODD_PROMISES)) {
      await context.test(what, async () => assertEquals(await provoke(place, make), says));
    }
  });
}

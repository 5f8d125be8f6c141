// Inbox: frames one after the other, held back by handlers and loops, within a turn's budget.

import test from "node:test";
import { assert, assertEquals } from "@std/assert";
import { BufferPool } from "@laster/net/buffer";
import { type Codec, Frame, simpleBinary } from "@laster/net/codec";
import type { CloseReason, SendResult } from "@laster/net";
import { FlushScheduler } from "../../src/outbound/flush_scheduler.ts";
import { OutboundBlocks } from "../../src/outbound/outbound_blocks.ts";
import { SendCursor } from "../../src/outbound/send_cursor.ts";
import { isThenable } from "../../src/session/handler_result.ts";
import { Inbox } from "../../src/session/inbox.ts";
import { TimeoutQueue } from "../../src/session/timeout_queue.ts";
import { TurnQueue } from "../../src/session/turn_queue.ts";
import { FakeClock } from "@laster/net/testing";
import { bytes, text, turn } from "../support.ts";

const BUDGET = 4;

/** A clock whose deferred calls are made by hand. */
class SteppedClock extends FakeClock {
  readonly deferred: (() => void)[] = [];

  override defer(callback: () => void): void {
    this.deferred.push(callback);
  }
}

function framesOf(...words: readonly string[]): Uint8Array {
  const out: number[] = [];
  for (const word of words) out.push(word.length, 0, 0, 0, ...bytes(word));
  return new Uint8Array(out);
}

function setUp(handle: (word: string) => unknown = () => {}, codec: Codec = simpleBinary(), framesPerTurn = BUDGET) {
  const clock = new SteppedClock();
  const pool = new BufferPool();
  const log: string[] = [];
  const traffic = { lightChunks: 0 };
  const turns = new TurnQueue(clock, 0);
  const owner = {
    session: undefined,
    isOpen: true,
    isPaused: false,
    consume(buffer: Uint8Array, offset: number, length: number): unknown {
      const word = text(buffer.subarray(offset, offset + length));
      log.push(word);
      return handle(word);
    },
    directHandler: () => undefined,
    handleAnswer: () => log.push("answer"),
    sendEncoded(frame: Uint8Array): SendResult {
      log.push(`reply ${text(frame)}`);
      return owner.sendResult;
    },
    sendResult: "queued" as SendResult,
    waitForReader: () => log.push("wait"),
    isReceiving: () => owner.isOpen,
    close: () => {},
    handleFault(reason: CloseReason, error: unknown) {
      log.push(`${reason}: ${error instanceof Error ? error.message : error}`);
      owner.isOpen = false;
    },
    keepChunk: () => {},
    pauseInput: () => owner.isPaused = true,
    resumeInput: () => owner.isPaused = false,
    handleIdle: () => log.push("idle"),
  };
  const inbox = new Inbox(
    {
      pool,
      scheduler: new FlushScheduler(clock, { cursor: new SendCursor(), blocks: new OutboundBlocks(pool) }, {
        limits: { flush: "turn", flushIntervalMs: 0 },
      }),
      frame: new Frame(),
      limits: { framesPerTurn, handlerTimeoutMs: 0 },
      turns,
      handlerTimeouts: new TimeoutQueue(clock, 0),
      traffic,
    },
    owner,
    codec.createDecoder(),
  );
  return { clock, pool, log, traffic, turns, owner, inbox };
}

function give(inbox: ReturnType<typeof setUp>["inbox"], chunk: Uint8Array): void {
  inbox.receive(chunk, chunk.length);
}

test("Inbox.receive() hands over the whole frames of a chunk, and keeps the rest", () => {
  const { inbox, log, pool, owner } = setUp();
  const stream = framesOf("one", "", "three");
  give(inbox, stream.subarray(0, 13));
  assertEquals([log, inbox.frames, inbox.isInsideFrame, pool.outstanding], [["one", ""], 2, true, 1]);
  give(inbox, stream.subarray(13));
  assertEquals([log, inbox.isInsideFrame, owner.isPaused, inbox.isBusy], [["one", "", "three"], false, false, false]);
  inbox.close();
  assertEquals(pool.outstanding, 0);
});

test("Inbox holds the next frame back, and the input, until the promise of a handler settles", async () => {
  const gate = Promise.withResolvers<void>();
  const { inbox, log, owner } = setUp((word) => word === "two" ? gate.promise : undefined);
  give(inbox, framesOf("one", "two", "three"));
  assertEquals([log, owner.isPaused, inbox.isBusy], [["one", "two"], true, true]);
  gate.resolve();
  await turn();
  assertEquals([log, owner.isPaused, inbox.isBusy], [["one", "two", "idle", "three"], false, false]);
});

test("Inbox yields once framesPerTurn frames are handled, and goes on when it is its turn", () => {
  const { inbox, log, owner, clock } = setUp();
  give(inbox, framesOf(..."abcd"));
  assertEquals([log.length, clock.deferred.length, owner.isPaused], [4, 0, false], "exactly the budget");
  give(inbox, framesOf(..."efghi"));
  assertEquals([log.length, clock.deferred.length, owner.isPaused], [8, 1, true], "one past it");
  clock.deferred.shift()?.();
  assertEquals([log.join(""), clock.deferred.length, owner.isPaused], ["abcdefghi", 0, false]);
});

test("Inbox says at each look at the turn's time how many frames it has handled since the last", () => {
  const { inbox, turns, clock } = setUp(() => {}, simpleBinary(), 12);
  const looks: (readonly [isFirst: boolean, frames: number])[] = [];
  turns.look = (_taker, isFirst, frames) => {
    looks.push([isFirst, frames]);
    return 3;
  };
  give(inbox, framesOf(..."abcdefghijklmnopqr"));
  assertEquals([inbox.frames, looks], [12, [[true, 2], [false, 3], [false, 3], [false, 3]]]);
  clock.deferred.shift()?.();
  assertEquals([inbox.frames, looks.slice(4)], [18, [[true, 2], [false, 3]]]);
});

test("Inbox counts frames of async handlers into the same budget", async () => {
  const { inbox, log, clock } = setUp(() => Promise.resolve());
  give(inbox, framesOf(..."abcdef"));
  await turn();
  assertEquals(log.filter((line) => line !== "idle").join(""), "abcd");
  clock.deferred.shift()?.();
  await turn();
  assertEquals(log.filter((line) => line !== "idle").join(""), "abcdef");
});

test("Inbox survives thenables that call back at once, twice, or throw", async () => {
  const thenables: Record<string, unknown> = {
    a: { then: (resolve: () => void) => resolve() },
    b: {
      then(resolve: () => void) {
        resolve();
        resolve();
      },
    },
    c: { then: 5 },
    d: {
      then() {
        throw new Error("on purpose");
      },
    },
  };
  const { inbox, log } = setUp((word) => thenables[word]);
  give(inbox, framesOf(..."abcde"));
  await turn();
  assertEquals(log, ["a", "idle", "b", "idle", "c", "d", "handler-error: on purpose", "idle"]);
  assertEquals(inbox.isBusy, false);
});

test("Inbox does not go deeper for every frame whose handler is done at once", async () => {
  let depth = 0;
  let deepest = 0;
  const { inbox, log, clock } = setUp(() => ({
    then(resolve: () => void) {
      deepest = Math.max(deepest, ++depth);
      resolve();
      depth--;
    },
  }));
  give(inbox, framesOf(..."abcdefgh"));
  await turn();
  clock.deferred.shift()?.();
  await turn();
  assertEquals([log.filter((line) => line !== "idle").join(""), deepest, clock.deferred.length], ["abcdefgh", 1, 0]);
});

test("Inbox reports what a handler throws, what it rejects with, and what the decoder throws", async () => {
  const fail = () => {
    throw new Error("on purpose");
  };
  const thrower = setUp(fail);
  give(thrower.inbox, framesOf("one", "two"));
  assertEquals(thrower.log, ["one", "handler-error: on purpose", "idle"]);
  const rejecter = setUp(() => Promise.reject("a text"));
  give(rejecter.inbox, framesOf("one", "two"));
  await turn();
  assertEquals(rejecter.log, ["one", "handler-error: a text", "idle"]);
  const decoder = { maxFrameBytes: 10, decode: fail };
  const broken = setUp(() => {}, { ...simpleBinary(), createDecoder: () => decoder });
  give(broken.inbox, framesOf("one"));
  assertEquals(broken.log[0], "decode-error: Cannot decode frame as the decoder failed: on purpose");
  const { inbox, log } = setUp();
  give(inbox, new Uint8Array([255, 255, 255, 255]));
  assert(log[0].startsWith("decode-error: "), log[0]);
});

test("Inbox hands nothing over once the session stopped receiving in a handler", () => {
  const fixture = setUp((word) => {
    if (word !== "two") return;
    fixture.owner.isOpen = false;
    fixture.inbox.stop();
  });
  give(fixture.inbox, framesOf("one", "two", "three"));
  assertEquals(fixture.log, ["one", "two", "idle"]);
});

test("Inbox.close() gives the memory back, and ends what was held", async () => {
  const gate = Promise.withResolvers<void>();
  const { inbox, log, pool } = setUp((word) => word === "b" ? gate.promise : undefined);
  give(inbox, framesOf("a", "b").subarray(0, 7));
  give(inbox, framesOf("a", "b", "c").subarray(7));
  assertEquals([log, pool.outstanding], [["a", "b"], 1], "the tail is on loan to the handler");
  inbox.close();
  inbox.close();
  assertEquals(pool.outstanding, 0);
  gate.resolve();
  await turn();
  assertEquals([log, pool.outstanding], [["a", "b", "idle"], 0]);
});

test("Inbox.close() ends what was put off", () => {
  const { inbox, log, clock } = setUp();
  give(inbox, framesOf(..."abcdefg"));
  inbox.close();
  for (const callback of clock.deferred) callback();
  assertEquals(log.join(""), "abcd");
});

test("Inbox lets a loop set the pace while one runs, and the handler again when it ends", async () => {
  const handler = Promise.withResolvers<void>();
  const taken = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let holds = 0;
  const fixture = setUp((word) => {
    if (word === "a") return handler.promise;
    if (fixture.isLooping) fixture.inbox.holdForStream(taken[holds++].promise);
  }) as ReturnType<typeof setUp> & { isLooping: boolean };
  const { inbox, log, owner } = fixture;
  fixture.isLooping = true;
  give(inbox, framesOf("a", "b", "c", "d"));
  assertEquals([log, owner.isPaused], [["a"], true]);
  inbox.setStreaming(true);
  assertEquals([log, owner.isPaused], [["a", "b"], true], "the handler that runs the loop does not hold it up");
  taken[0].resolve();
  await turn();
  assertEquals(log, ["a", "b", "c"]);
  fixture.isLooping = false;
  taken[1].resolve();
  inbox.setStreaming(false);
  await turn();
  assertEquals([log, owner.isPaused], [["a", "b", "c"], true], "the handler runs still");
  handler.resolve();
  await turn();
  assertEquals([log, owner.isPaused], [["a", "b", "c", "idle", "d"], false]);
});

test("Inbox keeps the hold of the last message when the one before is taken late", async () => {
  const first = Promise.withResolvers<void>();
  const fixture = setUp((word) => {
    if (word === "a") fixture.inbox.holdForStream(first.promise);
  }) as ReturnType<typeof setUp>;
  const { inbox, log } = fixture;
  inbox.setStreaming(true);
  give(inbox, framesOf("a", "b"));
  first.resolve();
  inbox.holdForStream(new Promise<void>(() => {}));
  await turn();
  assertEquals(log, ["a"]);
});

test("isThenable() takes promises and whatever has a then(), and nothing else", () => {
  for (const value of [Promise.resolve(), { then: () => {} }]) assert(isThenable(value));
  for (const value of [undefined, null, 0, "then", {}, { then: 1 }, () => {}]) assertEquals(isThenable(value), false);
});

test("Inbox makes way after 128 KiB of messages as long as light talkers come, and gives up when none do", () => {
  const payload = new Uint8Array(60_000);
  const codec = simpleBinary();
  const frame = new Uint8Array(60_004);
  codec.createEncoder().encode(payload, 0, payload.length, frame, 0);
  const chunk = new Uint8Array(30 * frame.length);
  for (let count = 0; count < 30; count++) chunk.set(frame, count * frame.length);
  for (const [lights, expected] of [[0, 3], [4, 8], [100, 10]]) {
    const { inbox, log, traffic, clock } = setUp(() => {}, codec, 1_000);
    let turns = 0;
    give(inbox, chunk);
    for (let next = clock.deferred.shift(); next !== undefined; next = clock.deferred.shift()) {
      if (turns++ < lights) traffic.lightChunks++;
      next();
    }
    assertEquals([log.length, turns], [30, expected]);
  }
});

test("Inbox makes way as soon as it has cut 128 KiB, to the byte", () => {
  for (const [frameBytes, frames] of [[65_536, 2], [65_535, 3]]) {
    const { inbox, log, traffic } = setUp(() => {}, simpleBinary(), 1_000);
    const chunk = new Uint8Array(4 * frameBytes);
    for (let count = 0; count < 4; count++) {
      new DataView(chunk.buffer).setUint32(count * frameBytes, frameBytes - 4, true);
    }
    traffic.lightChunks++;
    give(inbox, chunk);
    assertEquals(log.length, frames);
    inbox.close();
  }
});

test("Inbox.receive() lets a heavy talker wait behind a single one who waits for a turn, and a light one not", () => {
  const frame = framesOf("light");
  for (const [bytesOfChunk, expected] of [[16_384, ["other", "light"]], [16_383, ["light", "other"]]] as const) {
    const { inbox, log, turns, clock } = setUp(() => {}, simpleBinary());
    turns.add({ handleTurn: () => log.push("other") });
    const chunk = new Uint8Array(bytesOfChunk);
    chunk.set(frame);
    // Behind the frame a larger one begins.
    new DataView(chunk.buffer).setUint32(frame.length, 60_000, true);
    give(inbox, chunk);
    for (let next = clock.deferred.shift(); next !== undefined; next = clock.deferred.shift()) next();
    assertEquals(log, [...expected]);
    inbox.close();
  }
});

test("Inbox counts what heavy talkers send over many chunks, and nothing of light ones", () => {
  const { inbox, log, traffic, clock } = setUp(() => {}, simpleBinary(), 1_000);
  const frame = (bytes: number) => {
    const bytesOfFrame = new Uint8Array(4 + bytes);
    simpleBinary().createEncoder().encode(new Uint8Array(bytes), 0, bytes, bytesOfFrame, 0);
    return bytesOfFrame;
  };
  /** Takes a chunk, lets the inbox go on if it makes way, and says whether it did. */
  const makesWay = (chunk: Uint8Array) => {
    traffic.lightChunks++;
    give(inbox, chunk);
    const next = clock.deferred.shift();
    next?.();
    return next !== undefined;
  };
  const heavy = frame(60_000);
  const ways = Array.from({ length: 9 }, () => makesWay(heavy));
  assertEquals(ways, [false, false, true, false, false, true, false, false, true]);
  assertEquals([makesWay(heavy), makesWay(heavy)], [false, false]); // 11,064 bytes are left.
  const large = frame(25_000);
  const lights = Array.from({ length: 3 }, () => makesWay(frame(12_000)));
  assertEquals([...lights, makesWay(large.subarray(0, 16_400))], [false, false, false, false]);
  const rest = new Uint8Array(16_000);
  rest.set(large.subarray(16_400));
  rest.set(frame(7_000), large.length - 16_400);
  assertEquals([makesWay(rest.subarray(0, large.length - 16_400 + 7_004)), makesWay(heavy)], [false, true]);
  assertEquals(log.length, 9 + 2 + 3 + 2 + 1);
});

test("Inbox keeps a payload for the promise of its handler, whatever other handlers run beside it", async () => {
  const gate = Promise.withResolvers<void>();
  const { inbox, pool } = setUp(() => {
    inbox.setStreaming(true);
    return gate.promise;
  });
  const stream = framesOf("word");
  give(inbox, stream.subarray(0, 6));
  give(inbox, stream.subarray(6));
  inbox.guard(() => {});
  assertEquals([pool.outstanding, inbox.isBusy], [1, true]);
  gate.resolve();
  await turn();
  assertEquals([pool.outstanding, inbox.isBusy], [0, false]);
});

test("Inbox tells its owner nothing more once a handler has closed it", () => {
  const { inbox, log, owner } = setUp((word) => {
    if (word !== "two") return;
    owner.isOpen = false;
    owner.isPaused = true;
    inbox.close();
  });
  give(inbox, framesOf("one", "two", "three"));
  assertEquals([log, owner.isPaused], [["one", "two"], true]);
});

// InputPause and InputWatch: what is held while a peer is not listened to, and how its end is found.

import test from "node:test";
import { assertEquals } from "@std/assert";
import { BufferPool } from "@laster/net/buffer";
import type { CloseReason, SessionState } from "@laster/net";
import { FakeClock } from "@laster/net/testing";
import { InputPause } from "../../src/session/input_pause.ts";
import { InputWatch } from "../../src/session/input_watch.ts";
import { FakeConnection } from "../outbound/queue_fixture.ts";

const CLOSE_TIMEOUT_MS = 5_000;
const PERIOD_MS = 2_000;

/** A connection whose peer ends, and whose held bytes and pending ones are set by hand. */
class Peer extends FakeConnection {
  override pendingBytes = 0;
  override heldBytes = 0;
  hasEnded = false;
  isPaused = false;
  readonly probes: boolean[] = [];

  override pause(): void {
    this.isPaused = true;
  }

  override resume(): void {
    this.isPaused = false;
  }

  override probe(mayRead = false): boolean {
    this.probes.push(mayRead);
    return this.hasEnded;
  }
}

function setUp({ allowHalfOpen } = { allowHalfOpen: false }) {
  const clock = new FakeClock();
  const pool = new BufferPool();
  const connection = new Peer();
  const closes: [CloseReason, number][] = [];
  const session = {
    state: "open" as SessionState,
    connection,
    inbox: { chunk: undefined as Uint8Array | undefined, hasInput: false, isInsideFrame: false as boolean },
    queue: { writingBytes: 0 },
    ending: undefined as { hasPeerEnded: boolean } | undefined,
    sentBytes: 0,
    get takenBytes(): number {
      return this.sentBytes - connection.pendingBytes;
    },
    close: (reason: CloseReason) => closes.push([reason, clock.now()]),
  };
  const inputWatch = new InputWatch(clock, () => [{ pause }]);
  const limits = { closeTimeoutMs: CLOSE_TIMEOUT_MS, allowHalfOpen };
  const pause: InputPause = new InputPause(session, { clock, pool, limits, inputWatch });
  return { clock, pool, connection, closes, session, pause, inputWatch };
}

test("InputPause has the pool count the chunk, and what the connection holds, until the peer is listened to again", async () => {
  const { clock, pool, connection, session, pause } = setUp();
  session.inbox.chunk = new Uint8Array(524_288);
  pause.begin();
  assertEquals([pool.outstandingBytes, pause.heldBytes, connection.isPaused], [524_288, 524_288, true]);
  connection.heldBytes = 65_536;
  await clock.advance(PERIOD_MS);
  assertEquals([pool.outstandingBytes, pause.heldBytes], [589_824, 589_824]);
  session.inbox.chunk = undefined;
  await clock.advance(PERIOD_MS);
  assertEquals(pool.outstandingBytes, 65_536);
  pause.end();
  assertEquals([pool.outstandingBytes, pause.isPaused, connection.isPaused], [0, false, false]);
  session.inbox.chunk = new Uint8Array(10);
  pause.begin();
  pause.release();
  assertEquals([pool.outstandingBytes, pause.isPaused, connection.isPaused], [0, false, true]);
});

test("InputWatch looks every two seconds as long as anybody is paused, and not at all else", async () => {
  const { clock, connection, pause } = setUp();
  await clock.advance(10 * PERIOD_MS);
  assertEquals([connection.probes.length, clock.timerCount], [0, 0]);
  pause.begin();
  await clock.advance(3 * PERIOD_MS);
  assertEquals(connection.probes, [true, true, true]);
  pause.end();
  await clock.advance(10 * PERIOD_MS);
  assertEquals([connection.probes.length, clock.timerCount], [3, 0]);
  pause.begin();
  await clock.advance(PERIOD_MS);
  assertEquals(connection.probes.length, 4, "it wakes up again");
});

test("InputWatch.stop() leaves no timer", () => {
  const { clock, pause, inputWatch } = setUp();
  pause.begin();
  assertEquals(clock.timerCount, 1);
  inputWatch.stop();
  inputWatch.stop();
  assertEquals(clock.timerCount, 0);
});

test("InputPause reads nothing ahead behind a write that is under way", async () => {
  const { clock, connection, session, pause } = setUp();
  session.queue.writingBytes = 1;
  pause.begin();
  await clock.advance(PERIOD_MS);
  assertEquals(connection.probes, [false]);
});

test("InputPause lets a handler answer a peer that has ended for closeTimeoutMs, then closes", async () => {
  const { clock, connection, closes, pause } = setUp();
  pause.begin();
  await clock.advance(PERIOD_MS);
  connection.hasEnded = true;
  await clock.advance(PERIOD_MS + CLOSE_TIMEOUT_MS);
  assertEquals(closes, [], "the end was seen 4 s after the start");
  await clock.advance(PERIOD_MS);
  assertEquals(closes, [["remote-closing", 10_000]]);
});

test("InputPause knows of an end that came before the pause", async () => {
  const { clock, closes, session, pause } = setUp();
  session.ending = { hasPeerEnded: true };
  pause.begin();
  await clock.advance(2 * PERIOD_MS + CLOSE_TIMEOUT_MS);
  assertEquals(closes, [["remote-closing", 8_000]]);
});

test("InputPause says that the last message was cut, if the peer ended inside of it", async () => {
  const { clock, connection, closes, session, pause } = setUp();
  session.inbox.isInsideFrame = true;
  connection.hasEnded = true;
  pause.begin();
  await clock.advance(2 * PERIOD_MS + CLOSE_TIMEOUT_MS);
  assertEquals(closes.map(([reason]) => reason), ["truncated"]);
});

test("InputPause leaves a peer that has ended alone if sessions may be half-open", async () => {
  const { clock, connection, closes, pause } = setUp({ allowHalfOpen: true });
  pause.begin();
  connection.hasEnded = true;
  await clock.advance(10 * (PERIOD_MS + CLOSE_TIMEOUT_MS));
  assertEquals(closes, []);
});

test("InputPause does not close for the end of a peer whose messages still wait for the handler", async () => {
  const { clock, connection, closes, session, pause } = setUp();
  session.inbox.chunk = new Uint8Array(10);
  session.inbox.hasInput = true;
  connection.hasEnded = true;
  pause.begin();
  await clock.advance(100_000);
  assertEquals(closes, []);
  session.inbox.hasInput = false;
  await clock.advance(PERIOD_MS + CLOSE_TIMEOUT_MS);
  assertEquals(closes, [], "the time counts from when all of them are handled");
  await clock.advance(PERIOD_MS);
  assertEquals(closes.length, 1);
});

test("InputPause counts the wait for a handler anew with each pause", async () => {
  const { clock, connection, closes, pause } = setUp();
  connection.hasEnded = true;
  for (let count = 0; count < 5; count++) {
    pause.begin();
    await clock.advance(2 * PERIOD_MS);
    pause.end();
  }
  assertEquals(closes, []);
});

test("InputPause.hasMoved() says whether the peer took or sent anything since the last call", () => {
  const { connection, session, pause } = setUp();
  session.sentBytes = 1_000;
  connection.pendingBytes = 400;
  pause.begin();
  assertEquals([pause.hasMoved(), pause.hasMoved()], [false, false], "nothing since the pause began");
  connection.pendingBytes = 300;
  assertEquals([pause.hasMoved(), pause.hasMoved()], [true, false], "a part of a write");
  session.sentBytes = 1_300;
  assertEquals([pause.hasMoved(), pause.hasMoved()], [true, false]);
  connection.heldBytes = 1;
  assertEquals([pause.hasMoved(), pause.hasMoved()], [true, false], "a chunk that was read ahead");
});

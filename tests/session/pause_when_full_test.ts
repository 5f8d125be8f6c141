// pauseWhenFull: a peer that asks and does not read is not read from while its queue is full.

import test from "node:test";
import { memoryTransport } from "@laster/net/testing";
import { assert, assertEquals } from "@std/assert";
import type { Session, TcpServiceOptions } from "@laster/net";
import type { Transport } from "@laster/net/transport";
import { framesOf, RawPeer } from "../raw_peer.ts";
import { bytes, pattern, startPair, text, transportsHere, turn, until, within } from "../support.ts";

const MAX_QUEUED_FRAMES = 8;
/** Far more than systems buffer for a peer that does not read. */
const ANSWER_BYTES = 60_000;
const SETTLE_TURNS = 50;

async function settle(): Promise<void> {
  for (let count = 0; count < SETTLE_TURNS; count++) await turn();
}

/** Waits until a session handles nothing any more: a system takes more a little later, at times. */
async function standStill(session: Session): Promise<number> {
  for (let before = -1;;) {
    const { receivedFrames } = session.stats;
    if (receivedFrames === before) return before;
    before = receivedFrames;
    await settle();
  }
}

/** A server that answers each small message by a large one and cares for nothing, and a peer that asks and does not read. */
async function setUp(transport: Transport, options: TcpServiceOptions) {
  const answers = new Map<string, number>();
  const pair = await startPair(transport, {
    maxQueuedFrames: MAX_QUEUED_FRAMES,
    onMessage(session) {
      const result = session.send(pattern(ANSWER_BYTES));
      answers.set(result, (answers.get(result) ?? 0) + 1);
    },
    closeTimeoutMs: 100,
    ...options,
  });
  const peer = await RawPeer.dial(transport, pair.port);
  await until(() => pair.server.sessionCount === 1, "the session");
  const [far] = pair.server.sessions();
  return {
    pair,
    peer,
    far,
    answers,
    async [Symbol.asyncDispose]() {
      peer.connection.abort();
      await pair[Symbol.asyncDispose]();
    },
  };
}

for (const { name, make } of transportsHere()) {
  for (const isAsync of [false, true]) {
    const kind = isAsync ? "async" : "plain";
    test(`Session with a ${kind} handler that ignores full reads nothing from a peer that does not read, on ${name}`, async () => {
      const answers: string[] = [];
      await using fixture = await setUp(make(), {
        onMessage(session) {
          answers.push(session.send(pattern(ANSWER_BYTES)));
          return isAsync ? Promise.resolve() : undefined;
        },
      });
      const { peer, far, pair } = fixture;
      peer.connection.pause();
      const ask = framesOf(Array.from({ length: 1_000 }, () => bytes("ask")));
      let isOver = false;
      const flooding = peer.flood(ask, () => isOver);
      await until(() => answers.includes("full"), "a full queue");
      const receivedFrames = await standStill(far);
      assert(receivedFrames < 1_000, `${receivedFrames} messages were handled`);
      const full = answers.filter((answer) => answer === "full").length;
      assert(full <= receivedFrames / 4, `${full} of ${receivedFrames} answers were lost`);
      isOver = true;
      peer.connection.resume();
      await until(() => far.stats.receivedFrames > receivedFrames + 100, "it goes on once the peer reads");
      await flooding;
      assertEquals(pair.server.sessionCount, 1);
    });
  }

  test(`Session without pauseWhenFull goes on reading, and says full each time, on ${name}`, async () => {
    await using fixture = await setUp(make(), { pauseWhenFull: false });
    const { peer, answers } = fixture;
    peer.connection.pause();
    const ask = framesOf(Array.from({ length: 1_000 }, () => bytes("ask")));
    const flooding = peer.flood(ask, () => (answers.get("full") ?? 0) > 3_000);
    await within(flooding, "the answers");
    assert((answers.get("full") ?? 0) > 3_000);
  });

  test(`Session loop that ignores full is given nothing until the peer has read, on ${name}`, async () => {
    const answers: string[] = [];
    await using fixture = await setUp(make(), {
      onMessage: undefined,
      onOpen(session): void {
        (async () => {
          for await (const _payload of session) answers.push(session.send(pattern(ANSWER_BYTES)));
        })().catch(() => {});
      },
    });
    const { peer } = fixture;
    peer.connection.pause();
    await peer.write(framesOf(Array.from({ length: 1_000 }, () => bytes("ask"))));
    await until(() => answers.includes("full"), "a full queue");
    const [far] = fixture.pair.server.sessions();
    const count = await standStill(far);
    assert(count < 1_000, `${count} messages were taken`);
    peer.connection.resume();
    await until(() => answers.length > count + 10, "it goes on once the peer reads");
  });
}

test("Session that is told full from outside of its handlers goes on handling messages", async () => {
  const make = () => memoryTransport();
  const heard: string[] = [];
  await using fixture = await setUp(make(), { onMessage: (_session, payload) => heard.push(text(payload)) });
  const { peer, far } = fixture;
  peer.connection.pause();
  while (far.send(pattern(ANSWER_BYTES)) !== "full");
  await peer.write(framesOf(["a", "b", "c"].map(bytes)));
  await until(() => heard.length === 3, "the messages");
});

test("Session whose queue is full ends by its peer's reset, and by the service's stop", async () => {
  for (const { make } of transportsHere()) {
    for (const isReset of [true, false]) {
      await using fixture = await setUp(make(), {});
      const { peer, answers, pair } = fixture;
      peer.connection.pause();
      await peer.write(framesOf(Array.from({ length: 1_000 }, () => bytes("ask"))));
      await until(() => (answers.get("full") ?? 0) > 0, "a full queue");
      if (isReset) peer.connection.abort();
      else await within(pair.server.stop({ timeoutMs: 500 }), "stop()");
      await until(() => pair.server.sessionCount === 0, "the session is over");
    }
  }
});

test("Session that is told full twice, and then cut, leaves no promise behind that is rejected unheard", async () => {
  const make = () => memoryTransport();
  const answers: string[] = [];
  await using fixture = await setUp(make(), {
    onMessage(session) {
      for (let count = 0; count < 2 * MAX_QUEUED_FRAMES; count++) answers.push(session.send(pattern(ANSWER_BYTES)));
    },
  });
  const { peer, far, pair } = fixture;
  peer.connection.pause();
  await peer.write(framesOf([bytes("ask")]));
  await until(() => answers.filter((answer) => answer === "full").length > 1, "two refusals");
  far.abort();
  await until(() => pair.server.sessionCount === 0, "the session is over");
  await settle(); // A rejection that nobody hears of fails the test, here.
});

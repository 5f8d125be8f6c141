// Watch: what a simulation finds by itself at its end, in sessions that no byte moves on any more.

import test from "node:test";
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { type AnySession, lengthPrefixed } from "@laster/net";
import { simulate, type SimulatedWorld, SimulationError } from "@laster/net/testing";

const conditions = {
  sendBufferBytes: 256,
  receiveBufferBytes: 256,
  latencyMs: 1,
  jitterMs: 0,
  bytesPerMs: 1_000,
  segmentBytes: 200,
};
const limits = {
  codec: lengthPrefixed({ maxPayloadBytes: 100 }),
  highWaterMarkBytes: 300,
  maxQueuedBytes: 1_000,
  idleTimeoutMs: 0,
};
const message = (first: number) => new Uint8Array(90).fill(first);

type Handler = (session: AnySession, payload: Uint8Array) => Promise<void> | void;

/** A server and a client, which begins; each handles what the other sends. */
function scenarioOf(atServer: Handler, atClient: Handler) {
  return {
    async start(world: SimulatedWorld) {
      const server = world.service({ ...limits, listeners: [{ port: 1 }], onMessage: atServer });
      await server.start();
      const client = await world.connect({ port: 1 }, { ...limits, onMessage: atClient });
      client.send(message(9));
      return client;
    },
    actions: { nothing: () => {} },
  };
}

/** Answers each message with two, and waits for room; a message's first byte says how often that goes on. */
async function answerTwice(session: AnySession, [count]: Uint8Array): Promise<void> {
  for (let sent = 0; sent < 2 && count > 0; sent++) {
    if (session.send(message(count - 1)) === "congested") await session.drained();
  }
}

test("simulate() fails by two sessions that wait for each other, each with unread bytes", async () => {
  const run = simulate({ seed: 1, steps: 3, faults: [], conditions, scenario: scenarioOf(answerTwice, answerTwice) });
  const { message } = await assertRejects(() => run, SimulationError);
  assertStringIncludes(message, "and its peer wait for each other, both with bytes unread");
});

test("simulate() passes with a session that does not read, whose peer waits for it", async () => {
  const silent: Handler = (session) => session.closed.then(() => {});
  let isCongested = false;
  const flood: Handler = async (session) => {
    while (session.send(message(1)) !== "congested");
    isCongested = true;
    await session.drained().catch(() => {});
  };
  // The server takes one message and never reads again; the client floods it, and reads what comes.
  const scenario = scenarioOf((session, payload) => {
    session.send(payload);
    return silent(session, payload);
  }, flood);
  await simulate({ seed: 1, steps: 3, faults: [], conditions, scenario });
  assertEquals(isCongested, true);
});

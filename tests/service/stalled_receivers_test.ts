// 500 receivers of which 5 stop reading: the others get every frame in order, and the service keeps within its budget, under
// each policy. On real sockets.
// One at a time: its thousand connections keep the processors busy.

import test from "node:test";
import { assert, assertEquals } from "@std/assert";
import type { FullPolicy, Session } from "@laster/net";
import { defaultTransport } from "@laster/net/transport";
import { socketTransportsHere, startPair, turn, until } from "../support.ts";

const RECEIVERS = 500;
const STALLED = 5;
/** Half as many again as a queue holds. */
const MESSAGES = 48;
const PAYLOAD_BYTES = 16_000;
const QUEUE_BYTES = 524_288;
/** What a message has for its number that only fills the system's buffers. */
const FILLER = 2 ** 32 - 1;
/** So much a system may take for a peer that does not read. */
const MOST_FILLERS = 4_096;
/** It takes more a little later, at times. */
const FULL_TURNS = 20;
/** All sessions together: what the stalled may hold and what is on its way to the others. */
const BUDGET_BYTES = 16_777_216;

/** What a stalled receiver made of it. */
interface Stalled {
  readonly session: Session;
  readonly numbers: readonly number[];
  /** Messages that came before the broadcasts. */
  readonly fillers: number;
}

for (const { name, make } of socketTransportsHere()) {
  // What a policy does is no matter of the sockets: all of them on the runtime's own, and one on the others.
  const policies = name === defaultTransport().name
    ? ["refuse", "drop-oldest", "latest-per-key", "close"] as const
    : ["refuse"] as const;
  for (const whenFull of policies) {
    test(`Group.broadcast() to 500 of whom 5 read nothing delays nobody, under ${whenFull} on ${name}`, async () => {
      await broadcastToMany(make, whenFull);
    });
  }
}

async function broadcastToMany(make: ReturnType<typeof socketTransportsHere>[number]["make"], whenFull: FullPolicy) {
  const heard = new Map<number, number[]>();
  const gate = Promise.withResolvers<void>();
  await using pair = await startPair(make(), {
    whenFull,
    highWaterMarkBytes: 131_072,
    maxQueuedBytes: QUEUE_BYTES,
    pool: { maxBytes: BUDGET_BYTES },
    closeTimeoutMs: 10_000,
  }, {
    onOpen: (session) => heard.set(session.id, []),
    onMessage(session, payload) {
      const number = new DataView(payload.buffer, payload.byteOffset).getUint32(0);
      if (number !== FILLER) heard.get(session.id)?.push(number);
      return session.id <= STALLED ? gate.promise : undefined;
    },
  });
  for (let count = 0; count < RECEIVERS; count++) await pair.client.connect({ port: pair.port });
  await until(() => pair.server.sessionCount === RECEIVERS, "all sessions");
  const group = pair.server.group("world");
  const far = [...pair.server.sessions()];
  for (const session of far) group.join(session);
  const fillers = await Promise.all(far.slice(0, STALLED).map(fillSystem));
  const all = Array.from({ length: MESSAGES }, (_, number) => number);
  const isDone = (count: number) => [...heard].every(([id, numbers]) => id <= STALLED || numbers.length >= count);
  let mostBytes = 0;
  for (const number of all) {
    const payload = new Uint8Array(PAYLOAD_BYTES).fill(number);
    new DataView(payload.buffer).setUint32(0, number);
    group.broadcast(payload, { key: number % 4 });
    const { outstandingBytes, freeBytes } = pair.server.stats().pool;
    mostBytes = Math.max(mostBytes, outstandingBytes + freeBytes);
    // As a game does: the next tick comes when the last is through, for all that read.
    if (number % 4 === 3) await until(() => isDone(number + 1), `tick ${number}`);
  }
  assert(mostBytes <= BUDGET_BYTES, `${mostBytes} bytes`);
  for (const [id, numbers] of heard) if (id > STALLED) assertEquals(numbers, all);
  const stalled = far.slice(0, STALLED)
    .map((session, index) => ({ session, numbers: heard.get(session.id) ?? [], fillers: fillers[index] }));
  for (const { session } of stalled) assert(session.queuedBytes <= QUEUE_BYTES, `${session.queuedBytes} bytes queued`);
  gate.resolve();
  const hasAll = ({ session, numbers, fillers }: Stalled) => (
    session.queuedBytes === 0 && fillers + numbers.length === session.stats.sentFrames
  );
  if (whenFull !== "close") await until(() => stalled.every(hasAll), "the stalled have caught up");
  for (const one of stalled) assertPolicy(whenFull, one);
}

/** Sends to a session until the system takes no more of it: how much that is differs from machine to machine. */
async function fillSystem(session: Session): Promise<number> {
  const payload = new Uint8Array(PAYLOAD_BYTES).fill(255);
  let count = 0;
  for (let fullTurns = 0; fullTurns < FULL_TURNS && count < MOST_FILLERS; await turn()) {
    fullTurns = session.queuedBytes > 0 ? fullTurns + 1 : 0;
    if (fullTurns === 0 && session.send(payload) === "queued") count++;
  }
  assert(session.queuedBytes > 0, `the system takes ${count} messages`);
  return count;
}

function assertPolicy(whenFull: FullPolicy, { session, numbers }: Stalled): void {
  const { dropped, refused } = session.stats;
  if (whenFull !== "close") assertEquals(numbers, [...numbers].sort((left, right) => left - right));
  if (whenFull === "refuse") {
    assert(refused.full > 0);
    assertEquals(numbers, Array.from({ length: MESSAGES - refused.full }, (_, number) => number));
  } else if (whenFull === "close") {
    assertEquals(session.state, "closed");
  } else {
    assertEquals(numbers.length + dropped.oldest + dropped.superseded, MESSAGES);
    assert(dropped.oldest + dropped.superseded > 0);
    assertEquals(dropped[whenFull === "drop-oldest" ? "superseded" : "oldest"], 0);
    assertEquals(numbers.slice(-4), [MESSAGES - 4, MESSAGES - 3, MESSAGES - 2, MESSAGES - 1]);
  }
}

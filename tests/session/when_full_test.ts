// What happens at a full queue, policy by policy: on the queue itself, and with peers that stop reading on real sockets.

import test from "node:test";
import { FakeClock, memoryTransport } from "@laster/net/testing";
import { assert, assertEquals } from "@std/assert";
import {
  type CloseEvent,
  type Codec,
  delimited,
  type FullPolicy,
  lengthPrefixed,
  raw,
  type Session,
} from "@laster/net";
import {
  bytes,
  pattern,
  socketTransportsHere,
  startPair,
  text,
  transportsHere,
  turn,
  until,
  within,
} from "../support.ts";
import { makeQueue, makeShared } from "../outbound/queue_fixture.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);
/** What `utf8("last")` reads as. */
const LAST = 0x6c617374;
const received = ({ connection }: ReturnType<typeof makeQueue>) => text(Uint8Array.from(connection.received));

/** A queue whose connection has not taken its first write. */
function stalled(whenFull: FullPolicy, maxQueuedFrames: number): ReturnType<typeof makeQueue> {
  const fixture = makeQueue({ whenFull, maxQueuedFrames, highWaterMarkFrames: maxQueuedFrames - 1 });
  fixture.connection.isTaking = false;
  fixture.push(utf8("first "));
  fixture.queue.flush();
  return fixture;
}

function pushKeyed({ queue }: ReturnType<typeof makeQueue>, payload: string, key?: unknown) {
  const encoded = utf8(payload);
  return queue.push(encoded, 0, encoded.length, key);
}

test("SendQueue drops the oldest that are not on their way under drop-oldest, and counts them", () => {
  const fixture = stalled("drop-oldest", 4);
  for (let index = 0; index < 10; index++) {
    assertEquals(fixture.push(utf8(`${index} `)), index < 2 ? "queued" : "congested");
  }
  assertEquals([fixture.queue.queuedFrames, fixture.queue.holdback?.drops], [4, { oldest: 7, superseded: 0 }]);
  fixture.connection.isTaking = true;
  fixture.drain();
  assertEquals(received(fixture), "first 7 8 9 ");
  assertEquals([fixture.queue.queuedFrames, fixture.queue.queuedBytes, fixture.pool.outstanding], [0, 0, 0]);
});

test("SendQueue refuses under drop-oldest only when what is on its way fills it alone", () => {
  const fixture = stalled("drop-oldest", 1);
  assertEquals([fixture.push(utf8("second")), fixture.queue.holdback?.drops], ["full", { oldest: 0, superseded: 0 }]);
});

test("SendQueue drops nothing under drop-oldest for a message that there is no room for even then", () => {
  const fixture = makeQueue({ maxQueuedBytes: 1_100_000, highWaterMarkBytes: 99_000, lowWaterMarkBytes: 9_000 });
  const { queue } = fixture;
  const push = (part: number, whenFull: FullPolicy) =>
    queue.push(new Uint8Array(11_000 * part), 0, 11_000 * part, "key", whenFull);
  fixture.connection.isTaking = false;
  push(10, "refuse");
  queue.flush();
  for (const whenFull of ["drop-oldest", "latest-per-key", "refuse", "drop-oldest"] as const) {
    assertEquals(push(20, whenFull), "congested");
  }
  assertEquals([push(51, "drop-oldest"), queue.holdback?.drops], ["full", { oldest: 0, superseded: 0 }]);
  assertEquals([push(50, "drop-oldest"), queue.holdback?.drops], ["congested", { oldest: 2, superseded: 0 }]);
  assertEquals([push(51, "drop-oldest"), queue.holdback?.drops], ["full", { oldest: 2, superseded: 0 }]);
});

test("SendQueue keeps the latest of each key under latest-per-key, in the order of the last", () => {
  const fixture = stalled("latest-per-key", 4);
  for (const [payload, key] of [["a1 ", "a"], ["b1 ", "b"], ["a2 ", "a"], ["x ", undefined], ["a3 ", "a"]] as const) {
    assertEquals(pushKeyed(fixture, payload, key), fixture.queue.queuedFrames < 4 ? "queued" : "congested");
  }
  assertEquals(fixture.queue.holdback?.drops, { oldest: 0, superseded: 2 });
  assertEquals(pushKeyed(fixture, "y "), "full");
  assertEquals(pushKeyed(fixture, "c1 ", "c"), "full");
  assertEquals(pushKeyed(fixture, "b2 ", "b"), "congested");
  fixture.connection.isTaking = true;
  fixture.drain();
  assertEquals(received(fixture), "first x a3 b2 ");
  assertEquals(fixture.pool.outstanding, 0);
});

test("SendQueue tells its owner to close under close, and refuses under refuse", () => {
  const closing = stalled("close", 2);
  assertEquals([closing.push(utf8("a")), closing.overflows], ["congested", 0]);
  assertEquals([closing.push(utf8("b")), closing.overflows], ["full", 1]);
  const refusing = stalled("refuse", 2);
  assertEquals([refusing.push(utf8("a")), refusing.push(utf8("b")), refusing.overflows], ["congested", "full", 0]);
});

test("SendQueue holds what a stalled peer has to get within its limit, and a quarter, whatever was dropped", () => {
  const limit = 400_000;
  for (const whenFull of ["drop-oldest", "latest-per-key"] as const) {
    const fixture = makeQueue({ whenFull, maxQueuedBytes: 532_480 + 1_000_000 + limit });
    fixture.connection.isTaking = false;
    fixture.push(utf8("first"));
    fixture.queue.flush();
    const payload = new Uint8Array(12);
    let most = 0;
    for (let index = 0; index < 300_000; index++) {
      fixture.queue.push(payload, 0, 12, index % 100);
      most = Math.max(most, fixture.pool.stats().outstandingBytes);
    }
    assert(most <= 1.25 * (532_480 + 1_000_000 + limit) + 532_480, `${whenFull}: ${most} bytes`);
    fixture.queue.dispose();
    assertEquals(fixture.pool.outstanding, 0);
  }
});

test("SendQueue drops shared frames like its own, and takes what waited before what comes later", () => {
  const fixture = stalled("drop-oldest", 3);
  const payloads = ["s1 ", "s2 ", "s3 "].map(utf8);
  const { block, ranges } = makeShared(fixture.context.blocks, payloads);
  ranges.forEach(([start, end], index) => fixture.queue.pushShared(block, start, end, payloads[index]));
  fixture.connection.isTaking = true;
  fixture.drain();
  fixture.push(utf8("later"));
  fixture.queue.flush();
  assertEquals(received(fixture), "first s2 s3 later");
});

/** Sends numbered messages to a peer that reads nothing until `isReading`, then says what it got. */
async function overfill(
  make: () => ReturnType<ReturnType<typeof transportsHere>[number]["make"]>,
  whenFull: FullPolicy,
) {
  const heard: number[] = [];
  const closes: CloseEvent[] = [];
  const gate = Promise.withResolvers<void>();
  const sent: string[] = [];
  await using pair = await startPair(make(), {
    whenFull,
    highWaterMarkBytes: 65_536,
    maxQueuedBytes: 262_144,
    onClose: (_session, event) => closes.push(event),
  }, {
    onMessage(_session, payload) {
      heard.push(new DataView(payload.buffer, payload.byteOffset).getUint32(0));
      return heard.length === 1 ? gate.promise : undefined;
    },
  });
  const { far } = await pair.connect();
  const payload = pattern(10_000);
  for (let number = 0; number < 3_000 && far.state === "open"; number++) {
    new DataView(payload.buffer).setUint32(0, number);
    sent.push(far.send(payload, { key: number % 10 }));
    if (number % 20 === 19) await turn();
  }
  const { stats } = far;
  gate.resolve();
  if (far.state === "open") {
    await until(() => far.queuedBytes === 0, "the queue is empty");
    far.send(utf8("last"));
    await until(() => heard.at(-1) === LAST, "the last message");
  }
  return { heard: heard.slice(0, -1), sent, stats, closes, session: far as Session };
}

for (const { name, make } of socketTransportsHere()) {
  test(`Session under drop-oldest goes on with the newest once its peer reads again, on ${name}`, async () => {
    const { heard, sent, stats } = await overfill(make, "drop-oldest");
    assert(stats.dropped.oldest > 100, `${stats.dropped.oldest} dropped`);
    assertEquals(sent.filter((answer) => answer === "full").length, 0);
    assertEquals(heard.length + stats.dropped.oldest, 3_000);
    assertEquals(heard, [...heard].sort((left, right) => left - right));
    assertEquals(heard.slice(-10), Array.from({ length: 10 }, (_, index) => 2_990 + index));
  });

  test(`Session under latest-per-key has the last of each key for a peer that reads again, on ${name}`, async () => {
    const { heard, stats } = await overfill(make, "latest-per-key");
    assert(stats.dropped.superseded > 100, `${stats.dropped.superseded} superseded`);
    assertEquals(heard.length + stats.dropped.superseded, 3_000);
    assertEquals(heard, [...heard].sort((left, right) => left - right));
    assertEquals(heard.slice(-10), Array.from({ length: 10 }, (_, index) => 2_990 + index));
  });

  test(`Session under close is cut with slow-consumer, on ${name}`, async () => {
    const { sent, closes, session } = await overfill(make, "close");
    assertEquals([sent.at(-1), session.state], ["full", "closed"]);
    assertEquals(closes.map(({ reason }) => reason), ["slow-consumer"]);
    assert(closes[0].unsentFrames > 0);
  });

  test(`Session under refuse says full, and loses nothing it took, on ${name}`, async () => {
    const { heard, sent, stats } = await overfill(make, "refuse");
    assert(stats.refused.full > 100);
    assertEquals(heard, [...sent.keys()].filter((number) => sent[number] !== "full"));
  });
}

test("Session refuses when the service's budget is used up, and another's peer is not the worse for it", async () => {
  const [{ make }] = transportsHere();
  const gate = Promise.withResolvers<void>();
  await using pair = await startPair(make(), { pool: { maxBytes: 600_000 }, maxQueuedBytes: 10_000_000 }, {
    onMessage: (session) => session.id === 1 ? gate.promise : undefined,
  });
  const slow = await pair.connect();
  const fast = await pair.connect();
  let full = 0;
  for (let count = 0; count < 2_000 && full < 10; count++) {
    if (slow.far.send(pattern(60_000)) === "full") full++;
    if (count % 10 === 9) await turn();
  }
  assertEquals(full, 10);
  assert(pair.server.stats().pool.outstandingBytes <= 600_000);
  assertEquals(slow.far.state, "open");
  slow.far.abort();
  gate.resolve();
  await within(slow.far.closed, "the end of the slow one");
  assert(["queued", "sent"].includes(fast.far.send(bytes("fine"))));
  await until(() => fast.near.stats.receivedFrames === 1, "the message");
});

function pushUnder(fixture: ReturnType<typeof makeQueue>, whenFull: FullPolicy, payload: string, key?: unknown) {
  const encoded = utf8(payload);
  return fixture.queue.push(encoded, 0, encoded.length, key, whenFull);
}

test("SendQueue keeps each message's own policy: what is not to be dropped is not, and all stay in order", () => {
  const fixture = stalled("refuse", 5);
  pushUnder(fixture, "latest-per-key", "p1 ", "p");
  assertEquals(fixture.push(utf8("chat ")), "queued");
  pushUnder(fixture, "latest-per-key", "p2 ", "p");
  pushUnder(fixture, "drop-oldest", "old1 ");
  assertEquals(fixture.queue.queuedFrames, 4);
  assertEquals(pushUnder(fixture, "drop-oldest", "old2 "), "congested");
  assertEquals(pushUnder(fixture, "drop-oldest", "old3 "), "congested", "the oldest that may be dropped makes way");
  assertEquals(fixture.push(utf8("chat2 ")), "full");
  assertEquals(fixture.queue.holdback?.drops, { oldest: 1, superseded: 1 });
  fixture.connection.isTaking = true;
  fixture.drain();
  assertEquals(received(fixture), "first chat p2 old2 old3 ");
  assertEquals([fixture.queue.queuedFrames, fixture.queue.queuedBytes, fixture.pool.outstanding], [0, 0, 0]);
});

test("SendQueue drops nothing of others for a message that is to be dropped itself", () => {
  const fixture = stalled("drop-oldest", 3);
  pushUnder(fixture, "refuse", "chat1 ");
  pushUnder(fixture, "refuse", "chat2 ");
  assertEquals(fixture.push(utf8("position ")), "full");
  assertEquals(pushUnder(fixture, "latest-per-key", "keyed ", 1), "full");
  fixture.connection.isTaking = true;
  fixture.drain();
  assertEquals(received(fixture), "first chat1 chat2 ");
});

test("SendQueue does not take a key of another policy for the same", () => {
  const fixture = stalled("latest-per-key", 9);
  pushUnder(fixture, "latest-per-key", "a ", "k");
  pushUnder(fixture, "drop-oldest", "b ", "k");
  pushUnder(fixture, "latest-per-key", "c ", "k");
  assertEquals(fixture.queue.holdback?.drops, { oldest: 0, superseded: 1 });
  fixture.connection.isTaking = true;
  fixture.drain();
  assertEquals(received(fixture), "first b c ");
});

test("SendQueue ends the session for a message under close, whatever the policy of the others", () => {
  const fixture = stalled("refuse", 1);
  assertEquals([fixture.push(utf8("x")), fixture.overflows], ["full", 0]);
  assertEquals([pushUnder(fixture, "close", "x"), fixture.overflows], ["full", 1]);
});

for (const { name, make } of socketTransportsHere()) {
  test(`broadcast() under latest-per-key reaches a sleeper once a key, and all that is said, on ${name}`, async () => {
    const heard: string[] = [];
    let gate = Promise.withResolvers<void>();
    await using pair = await startPair(make(), { maxQueuedBytes: 64_000_000 }, {
      async onMessage(_session, payload) {
        await gate.promise;
        heard.push(text(payload.subarray(0, 6)).trim());
      },
    });
    const { far } = await pair.connect();
    // What the system takes for a peer that sleeps.
    const filler = new Uint8Array(60_000).fill(0x2e);
    for (let round = 0; round < 2_000 && far.queuedBytes < 1_000_000; round++) {
      far.send(filler, { flush: "now" });
      if (round % 16 === 0) await turn();
    }
    const position = new Uint8Array(1_000);
    for (let round = 0; round < 50; round++) {
      for (const key of ["p1", "p2"]) {
        position.set(utf8(`${key}-${round} `.padEnd(6)));
        pair.server.broadcast(position, { whenFull: "latest-per-key", key });
      }
      if (round % 10 === 0) pair.server.broadcast(utf8(`say${round}  `), { whenFull: "refuse" });
    }
    assertEquals(far.stats.dropped.superseded, 98);
    gate.resolve();
    gate = Promise.withResolvers();
    gate.resolve();
    await until(() => heard.includes("p2-49"), "the latest");
    const told = heard.filter((word) => !word.startsWith("."));
    assertEquals(told, ["say0", "say10", "say20", "say30", "say40", "p1-49", "p2-49"]);
  });
}

test("SendQueue writes once when what waited cannot be encoded, and the session flushes as it ends", () => {
  const codec: Codec = {
    ...raw(),
    createEncoder: () => ({
      maxPayloadBytes: 100,
      frameBytes: (length) => length,
      encode(payload, offset, length, output, outputOffset) {
        if (payload[offset] === 9) throw new Error("as planned");
        output.set(payload.subarray(offset, offset + length), outputOffset);
        return length;
      },
    }),
  };
  const fixture = makeQueue({ whenFull: "drop-oldest" }, codec);
  const { connection, queue, push } = fixture;
  fixture.onEncodeFault = () => queue.flush();
  connection.isTaking = false;
  push(new Uint8Array([1]));
  queue.flush();
  push(new Uint8Array([2]));
  push(new Uint8Array([9]));
  fixture.drain(); // The connection refuses a write while another is under way.
  fixture.drain();
  assertEquals([connection.received, connection.writes], [[1, 2], [1, 1]]);
  queue.dispose();
});

for (const whenFull of ["drop-oldest", "latest-per-key"] as const) {
  test(`Session ends in order, and at once, when a message that waited cannot be encoded, under ${whenFull}`, async () => {
    const clock = new FakeClock(); // Stands still: no timeout ends the session.
    const heard: number[] = [];
    const codec = delimited();
    await using pair = await startPair(memoryTransport(), { clock, codec, whenFull }, {
      codec,
      onMessage: (_session, payload) => void heard.push(payload.length),
    });
    const { near, far } = await pair.connect();
    for (let count = 0; count < 3; count++) far.send(pattern(60_000).fill(65)); // More than the connection takes at once.
    far.flush();
    for (const line of ["one", "a\nb", "three"]) assertEquals(far.send(utf8(line), { key: line }), "queued");
    const { reason, unsentFrames, unsentBytes, isConfirmed } = await within(far.closed, "the close", 5_000);
    assertEquals([reason, unsentFrames, unsentBytes, isConfirmed], ["encode-error", 2, 10, false]);
    assertEquals((await near.closed).reason, "remote-closing");
    assertEquals(heard, [60_000, 60_000, 60_000, 3]);
  });
}

test("SendQueue keeps the last of a key for which a longer one finds no room", () => {
  const fixture = makeQueue({ whenFull: "latest-per-key", highWaterMarkBytes: 0, maxQueuedBytes: 1_000_000 });
  const { connection, queue } = fixture;
  connection.isTaking = false;
  const send = (payload: Uint8Array, key?: string) => queue.push(payload, 0, payload.length, key);
  send(utf8("first"));
  queue.flush();
  assertEquals(send(utf8("here"), "ann"), "congested");
  assertEquals(send(new Uint8Array(999_999), "ann"), "full");
  assertEquals(queue.holdback?.drops.superseded, 0);
  connection.isTaking = true;
  fixture.drain();
  assertEquals(received(fixture), "firsthere");
});

test("broadcast() answers full where the budget is used up, and what waited is not lost for it", async () => {
  const heard: string[] = [];
  const gate = Promise.withResolvers<void>();
  const codec = lengthPrefixed({ controlFrames: true });
  const make = () => memoryTransport();
  await using pair = await startPair(
    make(),
    { codec, whenFull: "latest-per-key", maxInFlightBytes: 300, pool: { maxBytes: 40_000 } },
    { codec, onMessage: (_session, payload) => gate.promise.then(() => void heard.push(text(payload))) },
  );
  await pair.connect();
  const answers = new Set<number>();
  for (let count = 0; count < 1_000; count++) {
    answers.add(pair.server.broadcast(bytes(`${count}`.padEnd(90)), { whenFull: "refuse" }).refused);
  }
  assertEquals(answers, new Set([0, 1]), "some were taken, some refused, and none was thrown");
  const taken = 1_000 - pair.server.stats().refusedSends;
  gate.resolve();
  await until(() => heard.length === taken, "all that was taken is read");
});

// MessageLimits by itself: how seldom it looks at the time, and what the sessions of an address share.

import test from "node:test";
import { assert, assertEquals } from "@std/assert";
import type { Session } from "@laster/net";
import { MessageLimits, type MessageLimitsOptions } from "@laster/net/guard";
import { FakeClock, memoryTransport } from "@laster/net/testing";
import { CloseLog, startPair, turn, within } from "../support.ts";

/** Counts how often it is looked at. */
class SeenClock extends FakeClock {
  looks = 0;

  override now(): number {
    this.looks++;
    return super.now();
  }
}

interface Peer {
  readonly session: Session;
  readonly close: () => void;
}

function peerFrom(hostname: string, id = 1): Peer {
  const closed = Promise.withResolvers<void>();
  const leaving = new AbortController();
  const remoteAddress = { kind: "tcp", hostname, port: 5 };
  const session = { id, remoteAddress, closed: closed.promise, state: "open", signal: leaving.signal };
  const close = () => {
    session.state = "closed";
    leaving.abort();
    closed.resolve();
  };
  return { session: session as unknown as Session, close };
}

function limit(options: MessageLimitsOptions): { limits: MessageLimits; send: (peer: Peer, count: number) => number } {
  const limits = new MessageLimits({ whenExceeded: "drop", ...options });
  let handled = 0;
  const handle = limits.wrap<undefined>(() => void handled++);
  const payload = new Uint8Array(10);
  const send = ({ session }: Peer, count: number) => {
    handled = 0;
    for (let sent = 0; sent < count; sent++) void handle(session, payload);
    return handled;
  };
  return { limits, send };
}

test("MessageLimits looks at the time once in a sixteenth of a burst, whoever talks in between", () => {
  const clock = new SeenClock();
  const { send } = limit({ messagesPerSecond: 1_000, bytesPerSecond: 10_000, addressMessagesPerSecond: 4_000, clock });
  const peers = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(peerFrom);
  clock.looks = 0;
  for (let count = 0; count < 2_000; count++) for (const peer of peers) assertEquals(send(peer, 1), 1);
  assert(clock.looks > 3 * 15 && clock.looks <= 3 * (2 + 17), `${clock.looks} looks for 6,000 messages`);
  assertEquals(send(peers[0], 1), 0, "the burst is used up");
});

test("MessageLimits tells apart sessions of two services with the same number, and numbers that end in the same bits", () => {
  const clock = new FakeClock();
  const { send } = limit({ messagesPerSecond: 100, clock });
  const peers = [1, 1, 1 + 4_096, 1 + 65_536].map((id) => peerFrom("192.0.2.1", id));
  const sent = peers.map(() => 0);
  for (let count = 0; count < 300; count++) for (const [index, peer] of peers.entries()) sent[index] += send(peer, 1);
  assertEquals(sent, [200, 200, 200, 200], "two seconds' worth each");
});

test("MessageLimits lets a burst and a sixteenth through at once, however long nothing came", async () => {
  const clock = new FakeClock();
  for (const addressMessagesPerSecond of [0, 1_000]) {
    const { send } = limit({ messagesPerSecond: 1_000, addressMessagesPerSecond, clock });
    const peer = peerFrom("192.0.2.1");
    assertEquals(send(peer, 1), 1);
    await clock.advance(3_600_000);
    assertEquals(send(peer, 10_000), 2_000 + 125 - 1);
    await clock.advance(1);
    assertEquals(send(peer, 10_000), 1);
  }
});

test("MessageLimits charges an address for all its sessions, and does not forget one that has some", async () => {
  const clock = new FakeClock();
  const { send } = limit({ messagesPerSecond: 100, addressMessagesPerSecond: 20, maxAddresses: 1, clock });
  const [one, other] = [peerFrom("192.0.2.1"), peerFrom("192.0.2.1")];
  const crowd = async () => {
    for (let index = 0; index < 100; index++) {
      const passing = peerFrom(`198.51.100.${index}`);
      assertEquals(send(passing, 1), 1);
      passing.close();
      await turn();
    }
  };
  assertEquals([send(one, 30), send(other, 30), send(one, 1)], [30, 10, 0], "two seconds' worth of the address");
  await crowd();
  assertEquals(send(peerFrom("192.0.2.1"), 1), 0, "it is remembered");
  await clock.advance(500);
  assertEquals([send(other, 5), send(one, 30)], [5, 5], "what has come back");
  const local = peerFrom("127.0.0.1");
  assertEquals(send(local, 100), 100, "this machine's own are not counted");
});

test("MessageLimits forgets an address whose sessions have gone", async () => {
  const clock = new FakeClock();
  const { limits, send } = limit({ addressMessagesPerSecond: 20, maxAddresses: 1, clock });
  const first = peerFrom("192.0.2.1");
  assertEquals(send(first, 50), 40);
  first.close();
  await turn();
  assertEquals([send(peerFrom("192.0.2.1"), 1)], [0], "not at once");
  limits.change({ addressMessagesPerSecond: 5, whenExceeded: "drop" });
  assertEquals([send(peerFrom("192.0.2.1"), 50), send(first, 1)], [10, 0], "a change has it begin anew");
  const last = peerFrom("203.0.113.1");
  assertEquals(send(last, 50), 10);
  last.close();
  await turn();
  assertEquals(send(peerFrom("203.0.113.2"), 50), 10);
  assertEquals(send(peerFrom("203.0.113.1"), 50), 10, "it was forgotten for another");
});

test("MessageLimits has messages wait for the slowest of their limits", async () => {
  const clock = new FakeClock();
  const times: number[] = [];
  const limits = new MessageLimits({
    messagesPerSecond: 10,
    bytesPerSecond: 1_000,
    addressMessagesPerSecond: 4,
    clock,
  });
  const handle = limits.wrap<undefined>(() => void times.push(clock.now()));
  const startMs = clock.now();
  const { session } = peerFrom("192.0.2.1");
  const waits: unknown[] = [];
  for (let count = 0; count < 10; count++) waits.push(handle(session, new Uint8Array(10)));
  waits.push(handle(session, new Uint8Array(3_000)));
  for (let step = 0; step < 50; step++) await clock.advance(50);
  await Promise.all(waits);
  const passed = times.map((time) => time - startMs);
  assertEquals(passed.slice(0, 10), [0, 0, 0, 0, 0, 0, 0, 0, 250, 500], "four a second of the address");
  // 100 of 2,000 bytes are used up, and 1,100 are missing: longer than the 750 ms of the address.
  assertEquals(passed[10], 1_100);
  assertEquals(limits.stats.waited, 3);
});

test("MessageLimits charges an address nothing for messages that wait until their session is over", async () => {
  const clock = new FakeClock();
  let handled = 0;
  const limits = new MessageLimits({ addressMessagesPerSecond: 10, clock });
  const handle = limits.wrap<undefined>(() => void handled++);
  for (let count = 0; count < 150; count++) {
    const passing = peerFrom("192.0.2.1");
    const done = handle(passing.session, new Uint8Array(1));
    passing.close();
    await done;
  }
  assertEquals([handled, limits.stats.waited], [20, 130], "the burst; the others have left");
  void handle(peerFrom("192.0.2.1").session, new Uint8Array(1));
  await clock.advance(99);
  assertEquals(handled, 20);
  await clock.advance(1);
  await turn();
  assertEquals(handled, 21, "it waits for its own message only");
});

for (const isLoop of [false, true]) {
  test(`A session is not idle while its messages wait for their limits, in a ${isLoop ? "loop" : "handler"}`, async () => {
    const clock = new FakeClock();
    const limits = new MessageLimits({ messagesPerSecond: 5, bytesPerSecond: 1_000, clock });
    const log = new CloseLog();
    let handled = 0;
    await using pair = await startPair(memoryTransport(), {
      clock,
      idleTimeoutMs: 1_000,
      onClose: log.onClose,
      onMessage: isLoop ? undefined : limits.wrap<undefined>(() => void handled++),
      async onOpen(session) {
        if (!isLoop) return;
        for await (const payload of session) if (await limits.take(session, payload)) handled++;
      },
    });
    const { near } = await pair.connect();
    for (let count = 0; count < 20; count++) near.send(new Uint8Array(1));
    near.send(new Uint8Array(6_000));
    for (let step = 0; step < 65; step++) await clock.advance(100);
    assertEquals([handled, log.events.length], [21, 0], "two seconds for the messages, four for the long one");
    await clock.advance(1_000);
    assertEquals((await within(log.first, "the close")).reason, "idle-timeout", "and then the peer is silent");
  });
}

test("MessageLimits saves nothing up for messages that it drops, however long they are", async () => {
  const clock = new FakeClock();
  const limits = new MessageLimits({ bytesPerSecond: 1_000, messagesPerSecond: 0, whenExceeded: "drop", clock });
  let handled = 0;
  const handle = limits.wrap<undefined>((_session, payload) => void (handled += payload.length));
  const send = (session: Session, length: number, count = 1) => {
    handled = 0;
    for (let sent = 0; sent < count; sent++) void handle(session, new Uint8Array(length));
    return handled;
  };
  for (const length of [60_000, 2_126, 2_001, 2_000, 1_999, 200]) {
    const { session } = peerFrom("192.0.2.1");
    assertEquals(send(session, 1_900), 1_900, "nearly all of the burst");
    for (let count = 0; count < 25; count++) {
      if (length > 2_125) assertEquals(send(session, length), 0, "longer than all that may come at once");
      else send(session, length);
      await clock.advance(length > 2_000 ? 2_000 : 90);
    }
    await clock.advance(3_600_000);
    const most = send(session, 100, 600);
    assert(most >= 2_000 && most <= 2_125, `${most} bytes in one instant, after messages of ${length}`);
  }
});

test("MessageLimits saves nothing up for messages that another limit drops", async () => {
  const clock = new FakeClock();
  const limits = new MessageLimits({ bytesPerSecond: 1_000, messagesPerSecond: 1, whenExceeded: "drop", clock });
  let handled = 0;
  const handle = limits.wrap<undefined>((_session, payload) => void (handled += payload.length));
  const { session } = peerFrom("192.0.2.1");
  for (let count = 0; count < 3; count++) void handle(session, new Uint8Array(0)); // No messages are left.
  void handle(session, new Uint8Array(1_900));
  assertEquals(handled, 0);
  await clock.advance(3_600_000);
  for (const length of [1_063, 1_062]) void handle(session, new Uint8Array(length));
  assertEquals(handled, 1_063 + 1_062, "two seconds' worth, and a sixteenth");
  const last = peerFrom("192.0.2.1").session;
  for (let count = 0; count < 2; count++) void handle(last, new Uint8Array(0));
  void handle(last, new Uint8Array(1_900));
  await clock.advance(3_600_000);
  handled = 0;
  for (const length of [1_500, 1_500]) void handle(last, new Uint8Array(length));
  assertEquals(handled, 1_500, "and no more");
});

test("MessageLimits waits no longer than a timer can", async () => {
  const delays: number[] = [];
  class Timers extends FakeClock {
    override setTimer(callback: () => void, delayMs: number): unknown {
      delays.push(delayMs);
      return super.setTimer(callback, delayMs);
    }
  }
  const clock = new Timers();
  const limits = new MessageLimits({ bytesPerSecond: 1, messagesPerSecond: 0, clock });
  let handled = 0;
  const done = limits.wrap<undefined>(() => void handled++)(peerFrom("192.0.2.1").session, new Uint8Array(3_000_000));
  await turn();
  assertEquals([handled, delays], [0, [2 ** 31 - 1]]);
  await clock.advance(2 ** 31 - 1);
  await done;
  assertEquals(handled, 1);
});

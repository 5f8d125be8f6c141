// KeptMessages: what waits for a session, when that has no room, when the caller goes on writing, and what it refuses.

import { Buffer } from "node:buffer";
import test from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { type FullPolicy, type SendOptions, serve, type Session, silentLogger } from "@laster/net";
import { keepConnected } from "@laster/net/client";
import { FakeClock, memoryTransport } from "@laster/net/testing";
import { KeptMessages } from "../../src/client/kept_messages.ts";
import { bytes, startPair, text, until, within } from "../support.ts";

/** A session that answers each send as told, and is never congested. */
function standIn(answers: string[]) {
  const ended = new AbortController();
  const sent: Uint8Array[] = [];
  const session = {
    state: "open",
    signal: ended.signal,
    send(payload: Uint8Array) {
      sent.push(payload);
      return answers.shift() ?? "full";
    },
    drained: () => Promise.resolve(),
  };
  const end = () => {
    session.state = "closing";
    ended.abort();
  };
  return { session: session as unknown as Session, sent, end };
}

test("KeptMessages.sendTo() waits by the clock while a session without a queue is full, and keeps the order", async () => {
  const clock = new FakeClock();
  const kept = new KeptMessages({ messages: 10 });
  for (const word of ["1", "2"]) kept.add(bytes(word), undefined);
  const { session, sent } = standIn(["full", "full", "queued", "sent"]);
  const sending = kept.sendTo(session, clock, () => {});
  await until(() => clock.timerCount === 1, "that it waits");
  assertEquals([sent.length, kept.count], [1, 2]);
  await clock.advance(50);
  assertEquals([sent.length, kept.count], [2, 2]);
  await clock.advance(50);
  await within(sending, "the end");
  assertEquals([sent.map(text), kept.count, clock.timerCount], [["1", "1", "1", "2"], 0, 0]);
});

test("KeptMessages.sendTo() ends with a session that stays full, and keeps what is left", async () => {
  const clock = new FakeClock();
  const kept = new KeptMessages({ messages: 10 });
  kept.add(bytes("1"), undefined);
  const { session, end } = standIn([]);
  const sending = kept.sendTo(session, clock, () => {});
  await until(() => clock.timerCount === 1, "that it waits");
  end();
  await within(sending, "the end");
  assertEquals([kept.count, clock.timerCount], [1, 0]);
});

test("KeptMessages.sendTo() leaves the event loop alone while the budget of the pool is used up", async () => {
  const clock = new FakeClock();
  await using pair = await startPair(memoryTransport(), {}, { clock, pool: { maxBytes: 16_384 } });
  const { near } = await pair.connect();
  const kept = new KeptMessages({ messages: 10 });
  kept.add(new Uint8Array(60_000), undefined);
  const timers = clock.timerCount;
  const sending = kept.sendTo(near, clock, () => {});
  await until(() => clock.timerCount > timers, "that it waits");
  near.abort();
  await within(sending, "the end");
  assertEquals(kept.count, 1);
});

test("KeptMessages.add() copies a Buffer too, and its options", async () => {
  const kept = new KeptMessages({ messages: 10 });
  const payload = Buffer.from("first!");
  const options = { whenFull: "refuse" as FullPolicy };
  kept.add(payload, options);
  payload.write("second");
  options.whenFull = "close";
  const given: unknown[] = [];
  const session = {
    state: "open",
    send: (payload: Uint8Array, options: SendOptions) => given.push(text(payload), options.whenFull) && "sent",
  };
  await kept.sendTo(session as unknown as Session, new FakeClock(), () => {});
  assertEquals(given, ["first!", "refuse"]);
});

test("Link.send() refuses options that are none without a session too, and holds up nothing behind them", async () => {
  const transport = memoryTransport();
  const heard: string[] = [];
  const dial = { transport, logger: silentLogger(), hostname: "127.0.0.1", port: 1 };
  const link = keepConnected({ ...dial, minDelayMs: 1, maxDelayMs: 1, keep: { messages: 10 } });
  const wrong = [{ whenFull: "drop_oldest" }, { flush: "later" }, { whenFull: null }] as unknown as SendOptions[];
  for (const options of wrong) {
    assertThrows(() => link.send(bytes("lost"), options), TypeError, "must be one of");
  }
  assertEquals(link.send(bytes("1"), { flush: "now", whenFull: "drop-oldest", key: "ann" }), "kept");
  const service = await serve({ ...dial, onMessage: (_session, payload) => void heard.push(text(payload)) });
  await until(() => heard.length === 1, "what was kept");
  await link.stop();
  for (const options of wrong) {
    assertThrows(() => link.send(bytes("lost"), options), TypeError, "must be one of");
  }
  await service.stop();
  assertEquals(heard, ["1"]);
});

test("KeptMessages keeps its order and its bounds while messages come and go", async () => {
  const kept = new KeptMessages({ messages: 7, bytes: 21 });
  const [given, taken]: [string[], string[]] = [[], []];
  for (let round = 0; round < 50; round++) {
    for (let count = 0; count < 9; count++) {
      const word = String(given.length);
      const hasRoom = given.length - taken.length < 7;
      assertEquals(kept.add(bytes(word), undefined), hasRoom, `message ${word}`);
      if (hasRoom) given.push(word);
    }
    let left = 1 + round % 7;
    const session = {
      state: "open",
      send: (payload: Uint8Array) => left-- > 0 ? (taken.push(text(payload)), "sent") : "closed",
    };
    await kept.sendTo(session as unknown as Session, new FakeClock(), () => {});
    assertEquals(kept.count, given.length - taken.length);
  }
  assertEquals(taken, given.slice(0, taken.length));
  const { session } = standIn(given.map(() => "sent"));
  await kept.sendTo(session, new FakeClock(), () => {});
  assertEquals([kept.count, kept.add(new Uint8Array(22), undefined), kept.add(new Uint8Array(21), undefined)], [
    0,
    false,
    true,
  ]);
});

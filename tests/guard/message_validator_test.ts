// MessageValidator: what becomes of bad messages, and of the sessions of an address that is banned for them.

import test from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import type { Address, Session } from "@laster/net";
import { MessageValidator, onePattern, tooLong, tooShort } from "@laster/net/guard";
import { FakeClock, memoryTransport } from "@laster/net/testing";
import { bytes, CloseLog, startPair, text, transportsHere, turn, until, within } from "../support.ts";

const from = (hostname: string) => ({ remoteAddress: { kind: "tcp", hostname, port: 5 } as Address });

test("MessageValidator leaves out, closes, scores and bans", async () => {
  const [{ make }] = transportsHere();
  const clock = new FakeClock();
  const validator = new MessageValidator({ clock, countLoopback: true, banScore: 40, halfLifeMs: 1_000, banMs: 5_000 });
  const ends = new CloseLog();
  const judge = (session: Session, payload: Uint8Array) =>
    tooShort(2)(session, payload) ?? tooLong(1_000)(session, payload) ?? onePattern()(session, payload);
  await using pair = await startPair(make(), {
    admission: [validator],
    onMessage: validator.wrap(judge, (session, payload) => session.send(payload)),
    onClose: ends.onClose,
  });
  const { near, far } = await pair.connect();
  near.send(bytes("x"));
  near.send(new Uint8Array(64));
  near.send(bytes("fine"));
  assertEquals(text(await near.receive() ?? new Uint8Array()), "fine");
  assertEquals([validator.counts, validator.scoreOf(far.remoteAddress)], [{ "too-short": 1, "one-pattern": 1 }, 10]);
  await clock.advance(1_000);
  assertEquals(validator.scoreOf(far.remoteAddress), 5, "half is forgotten");
  near.send(new Uint8Array(1_001));
  assertEquals((await ends.first).detail, "too-long");
  const again = await pair.connect();
  again.near.send(new Uint8Array(1_001));
  await until(() => ends.events.length === 2, "it is closed again");
  const banned = await pair.client.connect({ port: pair.port });
  await banned.closed;
  assertEquals(pair.server.stats().refusals, { banned: 1 });
  await clock.advance(5_000);
  assertEquals(validator.admit({ remoteAddress: far.remoteAddress }), undefined, "the ban is over");
});

for (const level of ["low", "medium", "high"] as const) {
  test(`MessageValidator's ban by a ${level} threat closes all sessions of the address, silent ones too`, async () => {
    const clock = new FakeClock();
    const validator = new MessageValidator({
      clock,
      countLoopback: true,
      banScore: 60,
      scores: { low: 30, medium: 30 },
    });
    const ends = new CloseLog();
    const handled: string[] = [];
    const judge = (_session: Session, payload: Uint8Array) => {
      const word = text(payload);
      return word.startsWith("bad") ? { level, reason: word } : undefined;
    };
    await using pair = await startPair(memoryTransport(), {
      admission: [validator],
      observers: [validator],
      onMessage: validator.wrap(judge, (_session, payload) => void handled.push(text(payload))),
      onClose: ends.onClose,
    });
    const [left, silent, talker, bad] = [
      await pair.connect(),
      await pair.connect(),
      await pair.connect(),
      await pair.connect(),
    ];
    talker.near.send(bytes("hello"));
    await until(() => handled.length === 1, "a sound message");
    await left.near.close();
    await until(() => ends.events.length === 1, "one has left before");
    const bans = level === "high" ? 3 : 2; // A session of a worse threat is closed at once: others of the address go on.
    for (let count = 1; count <= bans; count++) {
      const { near } = level === "high" && count < bans ? await pair.connect() : bad;
      near.send(bytes(`bad ${count}`));
      await until(() => validator.counts[`bad ${count}`] === 1, "it is judged");
    }
    bad.near.send(bytes("too late"));
    talker.near.send(bytes("too late"));
    await until(() => pair.server.sessionCount === 0, "all have gone");
    const details = ends.events.slice(1).map(({ detail }) => detail);
    assertEquals(
      details.toSorted(),
      level === "high" ? ["bad 1", "bad 2", "bad 3", "banned", "banned"] : [
        "banned",
        "banned",
        "banned",
      ],
    );
    assertEquals([handled, (await silent.near.closed).reason], [["hello"], "remote-closing"]);
    await within((await pair.client.connect({ port: pair.port })).closed, "the end of the other");
    assertEquals(pair.server.stats().refusals, { banned: 1 });
  });
}

test("MessageValidator closes a session of a banned address that comes in past its admission", async () => {
  const validator = new MessageValidator({ clock: new FakeClock(), countLoopback: true, banScore: 1 });
  const ends = new CloseLog();
  const faults: string[] = [];
  await using pair = await startPair(memoryTransport(), {
    observers: [validator, { onFault: ({ message }) => void faults.push(message) }],
    onMessage: validator.wrap(() => ({ level: "low", reason: "bad" }), () => {}),
    onClose: ends.onClose,
  });
  const { near } = await pair.connect();
  near.send(bytes("x"));
  await within(near.closed, "its end");
  await within((await pair.client.connect({ port: pair.port })).closed, "the end of the other");
  await until(() => ends.events.length === 2, "both have gone");
  assertEquals([ends.events.map(({ detail }) => detail), faults], [["banned", "banned"], []]);
});

test("MessageValidator closes nobody of another address, and who was let in before a ban once it opens", async () => {
  const validator = new MessageValidator({ clock: new FakeClock(), banScore: 100 });
  const closed: string[] = [];
  const open = (hostname: string, id: string, kind = "accepted") => {
    const session = {
      ...from(hostname),
      origin: { kind },
      close: ({ detail }: { detail: string }) => void closed.push(`${id} ${detail}`),
    } as unknown as Session<unknown>;
    validator.onOpened(session);
    return session;
  };
  const gone = open("192.0.2.1", "gone");
  const one = open("192.0.2.1", "one");
  open("192.0.2.1", "two");
  open("192.0.2.1", "dialled", "connected");
  open("192.0.2.2", "other");
  validator.onClosed(gone);
  const handle = validator.wrap<unknown>(() => ({ level: "critical", reason: "cheat" }), () => {});
  assertEquals(validator.admit(from("192.0.2.1")), undefined);
  handle(one, new Uint8Array(1));
  assertEquals(closed, ["one cheat", "two banned"]);
  open("192.0.2.1", "late"); // A handshake was under way, say.
  await turn();
  assertEquals([closed.at(-1), validator.admit(from("192.0.2.1"))], ["late banned", "banned"]);
});

test("MessageValidator closes whoever sends a bad message from a banned address, even if it is no observer", () => {
  const validator = new MessageValidator({ clock: new FakeClock(), banScore: 2 });
  const closed: string[] = [];
  const make = (id: string) =>
    ({
      ...from("192.0.2.1"),
      close: ({ detail }: { detail: string }) => void closed.push(`${id} ${detail}`),
    }) as unknown as Session<unknown>;
  const handle = validator.wrap<unknown>(() => ({ level: "low", reason: "bad" }), () => {});
  const [one, other] = [make("one"), make("other")];
  handle(one, new Uint8Array(1));
  assertEquals(closed, []);
  handle(one, new Uint8Array(1));
  handle(other, new Uint8Array(1));
  assertEquals(closed, ["one banned", "other banned"]);
});

test("MessageValidator counts 64 reasons by themselves, and any further ones as other", () => {
  const validator = new MessageValidator({ clock: new FakeClock() });
  const session = from("192.0.2.1") as unknown as Session<unknown>;
  let reason = 0;
  const handle = validator.wrap<unknown>(() => ({ level: "low", reason: `bad ${reason}` }), () => {});
  validator.change({ scores: { low: 0 } });
  for (reason = 0; reason < 1_000; reason++) handle(session, new Uint8Array(1));
  reason = 63;
  handle(session, new Uint8Array(1));
  const { counts } = validator;
  assertEquals(Object.keys(counts).length, 65);
  assertEquals([counts["bad 0"], counts["bad 63"], counts["bad 64"], counts.other], [1, 2, undefined, 936]);
});

test("MessageValidator refuses what is no threat in a sentence of its own, and scores nobody for it", async () => {
  const validator = new MessageValidator({ clock: new FakeClock() });
  const session = from("192.0.2.1") as unknown as Session<unknown>;
  const wrong: [value: unknown, said: string][] = [
    [null, "null"],
    [false, "undefined"],
    ["high", "undefined"],
    [{ level: "nope", reason: "x" }, '"nope"'],
    [{ level: "toString", reason: "x" }, '"toString"'],
    [{ level: "constructor", reason: "x" }, '"constructor"'],
    [{ level: ["low"], reason: "x" }, "low"],
    [{ level: "low" }, '"low"'],
    [Promise.reject(new Error("too late")), "undefined"],
  ];
  for (const [value, said] of wrong) {
    assertThrows(
      () => validator.take(session, new Uint8Array(1), () => value as undefined),
      TypeError,
      `Cannot judge message as a threat must have a level and a reason: current value is ${said}`,
    );
  }
  await turn(); // The rejection is nobody's to handle.
  assertEquals([validator.counts, validator.scoreOf(session.remoteAddress)], [{}, 0]);
});

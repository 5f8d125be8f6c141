// The guard's parts change while they are used: what counts from then on, what stays, and that a wrong option changes nothing.

import test from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { type Address, lengthPrefixed, raw, type Session } from "@laster/net";
import { ConnectionLimits, guard, LoadShedding, SlowPeers, tooShort } from "@laster/net/guard";
import { FakeClock } from "@laster/net/testing";
import { bytes, CloseLog, startPair, transportsHere, turn, until, within } from "../support.ts";

const from = (hostname: string) => ({ remoteAddress: { kind: "tcp", hostname, port: 5 } as Address });

test("MessageValidator's scores and bans change while it is used, and a wrong one changes nothing", async () => {
  const clock = new FakeClock();
  const guarded = guard({ clock, messages: false, validator: { banScore: 50 } });
  const { remoteAddress } = from("192.0.2.1");
  const session = { remoteAddress, close: () => {} } as unknown as Session;
  const handle = guarded.protect<undefined>(() => {}, tooShort(2));
  const sendBad = () => {
    handle(session, new Uint8Array(1));
    return guarded.validator.scoreOf(remoteAddress);
  };
  const isBanned = () => guarded.validator.admit({ remoteAddress }) === "banned";
  assertEquals([sendBad(), sendBad()], [5, 10]);
  guarded.change({ validator: { scores: { medium: 20, low: undefined }, banScore: 60, banMs: 1_000 } });
  assertEquals([sendBad(), sendBad(), isBanned()], [30, 50, false], "the score stays, what is added is new");
  assertThrows(() => guarded.change({ validator: { banScore: 0 } }), RangeError, "banScore");
  assertThrows(() => guarded.change({ validator: { scores: { medium: -1 }, banMs: 5 } }), RangeError, "scores.medium");
  assertThrows(
    () => guarded.change({ validator: { scores: { medum: 1 } as never } }),
    TypeError,
    "did you mean medium",
  );
  assertEquals([sendBad(), isBanned()], [0, true], "70 of 60");
  guarded.change({ validator: { banMs: 600_000 } });
  await clock.advance(1_000);
  assertEquals(isBanned(), false, "a ban ends when it would have");
  guarded.change({ messages: { messagesPerSecond: 1 }, connections: {} });
  assertEquals(sendBad(), 5, "the defaults, as the last change had it");
  guarded.change({ validator: { halfLifeMs: 1_000 } });
  await clock.advance(1_000);
  assertEquals(guarded.validator.scoreOf(remoteAddress), 2.5);
});

test("lists and rates change while they are used, and a wrong one changes nothing", () => {
  const clock = new FakeClock();
  const guarded = guard({
    clock,
    connections: { maxPerAddress: 2 },
    messages: { messagesPerSecond: 5, whenExceeded: "drop" },
  });
  const closed = new Promise(() => {});
  const session = { id: 1, closed, state: "open", ...from("192.0.2.1") } as unknown as Session;
  let handled = 0;
  const handle = guarded.protect<undefined>(() => void handled++);
  const sendAll = () => {
    handled = 0;
    for (let count = 0; count < 100; count++) handle(session, new Uint8Array(1));
    return handled;
  };
  const admit = () => guarded.admission.map((part) => part.admit(from("192.0.2.1") as never)).find((reason) => reason);
  assertEquals([admit(), admit(), admit(), sendAll(), sendAll()], [
    undefined,
    undefined,
    "too-many-from-address",
    10,
    0,
  ]);
  guarded.change({ connections: { maxPerAddress: 3 }, messages: { messagesPerSecond: 20, whenExceeded: "drop" } });
  assertEquals([admit(), admit(), sendAll()], [undefined, "too-many-from-address", 40]);
  assertThrows(() => guarded.change({ messages: { messagesPerSecond: -1 } }), RangeError, "messagesPerSecond");
  assertThrows(() => guarded.change({ connections: { maxPerAddress: 0 } }), RangeError, "maxPerAddress");
  assertThrows(() => guarded.change({ addresses: { deny: ["here"] } }), TypeError, "must be an address");
  assertEquals([admit(), sendAll()], ["too-many-from-address", 0]);
  guarded.change({ messages: { messagesPerSecond: 20, whenExceeded: "drop" } });
  assertEquals(sendAll(), 0, "the same limits again are no other ones: who has used a burst up has");
  guarded.change({ addresses: { deny: ["192.0.2.0/24"] } });
  assertEquals(admit(), "address-denied");
  guarded.change({ addresses: { allow: ["192.0.2.0/24"] } });
  assertEquals([admit(), guarded.addresses.isAllowed("198.51.100.1")], ["too-many-from-address", false]);
});

test("ConnectionLimits' count of this machine's own is right, whenever countLoopback changed", () => {
  const limits = new ConnectionLimits({ clock: new FakeClock() });
  const own = from("127.0.0.1");
  const admit = () => limits.admit(own);
  assertEquals([admit(), limits.countOf(own.remoteAddress)], [undefined, 1]);
  limits.change({ countLoopback: true, maxPerAddress: 2 });
  assertEquals([admit(), admit()], [undefined, "too-many-from-address"]);
  limits.release(own); // The first, which came while they were not bounded.
  assertEquals([admit(), admit()], [undefined, "too-many-from-address"]);
  limits.change({ maxPerAddress: 1 });
  assertEquals([admit(), limits.countOf(own.remoteAddress)], [undefined, 3]);
});

test("LoadShedding's bounds change while it is used, and a wrong one changes nothing", async () => {
  const [{ make }] = transportsHere();
  const clock = new FakeClock();
  let memory = 500;
  const shedding = new LoadShedding({ maxMemoryBytes: 1_000, maxSessions: 1, clock, measureMemory: () => memory });
  const ends = new CloseLog();
  await using pair = await startPair(make(), {
    observers: [shedding],
    onMessage: () => {},
    onClose: ends.onClose,
  }, { onMessage: () => {} });
  const { near, far } = await pair.connect();
  const look = async () => {
    await clock.advance(250);
    return shedding.stats.overload;
  };
  assertEquals([shedding.admit({ sessions: 0 }), shedding.admit({ sessions: 1 })], [undefined, "overloaded"]);
  assertEquals([await look(), shedding.admit({ sessions: 0 })], ["sessions", "overloaded"], "one of one is there");
  shedding.change({ maxSessions: 3 });
  assertEquals([await look(), shedding.admit({ sessions: 2 })], [undefined, undefined]);
  assertEquals(shedding.admit({ sessions: 3 }), "overloaded");
  shedding.change({});
  assertEquals([await look(), shedding.admit({ sessions: 10_000 })], [undefined, undefined], "no bound by default");

  memory = 1_500;
  assertEquals(await look(), undefined, "nor one of the memory");
  shedding.change({ maxMemoryBytes: 2_000 });
  assertEquals(await look(), undefined);
  shedding.change({ maxMemoryBytes: 1_000 });
  assertEquals(await look(), "memory", "it is measured as before");
  for (const wrong of [{ maxMemoryBytes: -1 }, { maxDelayMs: 0.5 }, { maxSessions: 2 ** 31 }]) {
    assertThrows(() => shedding.change({ maxMemoryBytes: 0, ...wrong }), RangeError, Object.keys(wrong)[0]);
  }
  assertThrows(() => shedding.change({ maxSesions: 5 } as object), TypeError, "did you mean maxSessions?");
  assertEquals(await look(), "memory", "a wrong one has changed nothing");
  assertEquals([far.state, ends.events], ["open", []], "nobody has gone by a change");
  // A load above a new bound is one like any: after two seconds of it the heaviest is let go.
  for (let looks = 0; looks < 12 && shedding.stats.shed === 0; looks++) {
    const before = far.stats.receivedFrames;
    near.send(new Uint8Array(50));
    await until(() => far.stats.receivedFrames > before || far.state !== "open", "it talks");
    await look();
  }
  await until(() => ends.events.length === 1, "it is let go");
  assertEquals(ends.events[0].detail, "load-shed");
});

for (const { name, make } of transportsHere()) {
  test(`SlowPeers' deadlines change, and close nobody who was in time, over ${name}`, async () => {
    const clock = new FakeClock();
    const ends = new CloseLog();
    const slowPeers = new SlowPeers({ firstMessageMs: 60_000, messageMs: 60_000, clock });
    await using pair = await startPair(make(), {
      codec: lengthPrefixed(),
      observers: [slowPeers],
      onMessage: () => {},
      onClose: ends.onClose,
    }, { codec: raw(), onMessage: () => {} });
    await pair.connect();
    const { near: slow, far: slowFar } = await pair.connect();
    slow.send(new Uint8Array([1, 0, 0, 0, 7, 100, 0, 0, 0]));
    await until(() => slowFar.unfinishedBytes > 0, "a message has begun");
    const pass = async (ms: number) => {
      for (let passedMs = 0; passedMs < ms; passedMs += 500) await clock.advance(500);
      await turn();
      return ends.events.map(({ detail }) => detail);
    };
    assertEquals(await pass(30_000), []);
    const rules = { firstMessageMs: 2_000, messageMs: 4_000 };
    slowPeers.change(rules);
    assertEquals(await pass(1_500), [], "they have their time from the change on");
    slowPeers.change({ ...rules, maxSilentPerAddress: 5 });
    assertThrows(() => slowPeers.change({ firstMessageMs: 60_000, messageMs: -1 }), RangeError, "messageMs");
    assertThrows(() => slowPeers.change({ firstMesageMs: 1 } as object), TypeError, "did you mean firstMessageMs?");
    // The same deadlines once more prolong nothing, nor does a wrong one.
    await pass(1_000);
    await until(() => ends.events.length === 1, "the silent one is closed");
    assertEquals(await pass(1_000), ["first-message-timeout"]);
    await pass(1_500);
    await until(() => ends.events.length === 2, "the slow one is closed");
    assertEquals(ends.events[1].detail, "slow-message");
    await pair.connect();
    slowPeers.change({ firstMessageMs: 0, messageMs: 0 });
    assertEquals((await pass(20_000)).length, 2, "for ever");
  });
}

test("SlowPeers counts the silent ones of an address whatever its bounds were when they came", async () => {
  const [{ make }] = transportsHere();
  const clock = new FakeClock();
  const slowPeers = new SlowPeers({ maxSilentPerAddress: 1, firstMessageMs: 0, clock });
  await using pair = await startPair(make(), {
    codec: lengthPrefixed(),
    admission: [slowPeers],
    observers: [slowPeers],
    onMessage: (session, payload) => session.send(payload),
  }, { codec: lengthPrefixed() });
  const refuse = async () => {
    const before = pair.server.stats().refusedConnections;
    const session = await pair.client.connect({ port: pair.port });
    assertEquals(await within(session.receive(), "its end"), undefined);
    await until(() => pair.server.stats().refusedConnections > before, "it is refused");
  };
  const sessions = [await pair.connect(), await pair.connect(), await pair.connect()];
  slowPeers.change({ maxSilentPerAddress: 4, countLoopback: true });
  sessions.push(await pair.connect());
  await refuse();
  slowPeers.change({ maxSilentPerAddress: 2, countLoopback: true });
  await refuse();
  assertEquals(pair.server.sessionCount, 4, "those that are there stay");
  sessions[0].near.send(bytes("hello"));
  await sessions[0].near.receive();
  for (const { near } of sessions.slice(0, 3)) await near.close();
  await until(() => pair.server.sessionCount === 1, "three have gone, one of them had spoken");
  sessions.push(await pair.connect());
  await refuse();
  slowPeers.change({ maxSilentPerAddress: 1 });
  sessions.push(await pair.connect());
  slowPeers.change({ maxSilentPerAddress: 3, countLoopback: true });
  await refuse();
  for (const { near } of sessions) await near.close();
  await until(() => pair.server.sessionCount === 0, "all have gone");
  for (let count = 0; count < 3; count++) await pair.connect();
  await refuse();
  assertEquals(pair.server.stats().refusals, { "too-many-silent": 5 });
});

test("guard.change() changes every part that is named, and none if one option is wrong", () => {
  const guarded = guard({ clock: new FakeClock(), messages: false });
  const request = { ...from("192.0.2.1"), sessions: 5 };
  const admit = () =>
    guarded.admission.map((part) => {
      const answer = part.admit(request as never);
      if (answer === undefined) part.release?.(request as never);
      return answer;
    }).filter((answer) => answer !== undefined);
  const wrong = [
    { addresses: { deny: ["192.0.2.0/24"] }, load: { maxSessions: -1 } },
    { connections: { maxPerAddress: 0 }, load: { maxSessions: 5 } },
    { load: { maxSessions: 5 }, slowPeers: { maxSilentPerAddress: 0 } },
    { load: { maxSessions: 5 }, slowPeers: {}, validator: { banScore: 0 } },
    { load: { maxSessions: 5 }, slowPeers: {}, messages: { messagesPerSecond: -1 } },
    { load: { maxSessions: 5 }, slowPears: {} },
  ];
  for (const options of wrong) {
    assertThrows(() => guarded.change(options), Error, "Cannot create");
    assertEquals(admit(), [], JSON.stringify(options));
  }
  guarded.change({ load: { maxSessions: 5 } });
  assertEquals(admit(), ["overloaded"]);
  guarded.change({ addresses: { deny: ["192.0.2.0/24"] }, slowPeers: { maxSilentPerAddress: 1 } });
  assertEquals(admit(), ["address-denied", "overloaded"]);
  guarded.slowPeers?.admit(from("192.0.2.1"));
  assertEquals(admit(), ["address-denied", "overloaded", "too-many-silent"]);
  const bare = guard({ load: false, slowPeers: false });
  bare.change({ load: { maxSessions: 1 }, slowPeers: {} });
  assertEquals([bare.load, bare.slowPeers, bare.messages?.stats.waited], [undefined, undefined, 0]);
});

test("guard.change() takes lists that can be gone through only once", () => {
  const guarded = guard({ addresses: { deny: ["192.0.2.1"] } });
  const once = (...addresses: string[]) => new Set(addresses).values();
  guarded.change({ addresses: { allow: once("192.0.2.0/24"), deny: once("192.0.2.1", "192.0.2.2") } });
  const isAllowed = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "198.51.100.1"].map((address) =>
    guarded.addresses.isAllowed(address)
  );
  assertEquals(isAllowed, [false, false, true, false]);
  assertThrows(
    () => guarded.change({ addresses: { deny: once("192.0.2.3", "here") } }),
    TypeError,
    "must be an address",
  );
  assertEquals(guarded.addresses.isAllowed("192.0.2.3"), true, "a wrong one has changed nothing");
});

test("guard.change() with the lists that it has keeps what addresses.deny() added, and other lists replace it", () => {
  const once = (...addresses: string[]) => new Set(addresses).values();
  const guarded = guard({ addresses: { deny: once("192.0.2.1") } });
  const isAllowed = () =>
    ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map((address) => guarded.addresses.isAllowed(address));
  guarded.addresses.deny("192.0.2.2");
  guarded.addresses.undeny("192.0.2.1");
  guarded.change({ addresses: { deny: once("192.0.2.1") }, load: { maxSessions: 5 } });
  assertEquals(isAllowed(), [true, false, true], "the lists that it was made with");
  guarded.change({ addresses: { deny: ["192.0.2.3"] } });
  assertEquals(isAllowed(), [true, true, false]);
  guarded.addresses.deny("192.0.2.2");
  guarded.change({ addresses: { allow: undefined, deny: ["192.0.2.3"] } });
  assertEquals(isAllowed(), [true, false, false], "those of the last change");
  guarded.change({ addresses: { allow: [], deny: ["192.0.2.3"] } });
  assertEquals(isAllowed(), [false, false, false], "an empty list lets nobody in");
  guarded.change({ addresses: {} });
  assertEquals(isAllowed(), [true, true, true]);
  guarded.addresses.deny("192.0.2.2");
  guarded.change({ addresses: { deny: [] } });
  assertEquals(isAllowed(), [true, false, true], "an empty list denies as little as none");
});

// The guard's parts on services: connections, slow peers, messages, validation; by a clock that the test moves where time counts.

import test from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { type Address, lengthPrefixed, raw, type Session, type TcpServiceOptions } from "@laster/net";
import { ConnectionLimits, guard, MessageLimits, MessageValidator, SlowPeers, tooShort } from "@laster/net/guard";
import { FakeClock, memoryTransport } from "@laster/net/testing";
import { bytes, CloseLog, startPair, text, transportsHere, turn, until } from "../support.ts";

const from = (hostname: string) => ({ remoteAddress: { kind: "tcp", hostname, port: 5 } as Address });

test("ConnectionLimits bounds an address, a prefix, and how fast they come", async () => {
  const clock = new FakeClock();
  const limits = new ConnectionLimits({
    maxPerAddress: 3,
    maxPerPrefix: 5,
    perAddressPerSecond: 1_000,
    perSecond: 1_000,
    clock,
  });
  const admit = (hostname: string) => limits.admit(from(hostname));
  assertEquals([1, 2, 3, 4].map(() => admit("192.0.2.1")), [undefined, undefined, undefined, "too-many-from-address"]);
  assertEquals([admit("192.0.2.2"), admit("192.0.2.2"), admit("192.0.2.3")], [
    undefined,
    undefined,
    "too-many-from-prefix",
  ]);
  assertEquals(admit("::ffff:192.0.2.1"), "too-many-from-address", "the same address by IPv6");
  limits.release(from("192.0.2.1"));
  assertEquals([limits.countOf(from("192.0.2.1").remoteAddress), admit("192.0.2.1")], [2, undefined]);
  assertEquals([1, 2, 3, 4].map((host) => admit(`2001:db8::${host}`)), [
    undefined,
    undefined,
    undefined,
    "too-many-from-address",
  ]);
  assertEquals(
    [admit("127.0.0.1"), limits.countOf(from("127.0.0.1").remoteAddress)],
    [undefined, 1],
    "loopback is not bounded",
  );

  const fast = new ConnectionLimits({ perAddressPerSecond: 2, cooldownMs: 500, perSecond: 20, clock });
  const answers = Array.from({ length: 9 }, () => fast.admit(from("198.51.100.1")));
  assertEquals(answers.map((answer) => answer ?? "in"), [...Array(8).fill("in"), "too-fast-from-address"]);
  assertEquals(fast.admit(from("198.51.100.1")), "too-fast-from-address", "cooling down");
  await clock.advance(500);
  assertEquals(fast.admit(from("198.51.100.1")), undefined, "a token is back");
  const others = Array.from({ length: 40 }, (_, index) => fast.admit(from(`203.0.113.${index}`)));
  assert(others.includes("too-fast"), "all together are too fast");
});

test("ConnectionLimits remembers no more addresses than it may, and never forgets who is there", () => {
  const limits = new ConnectionLimits({
    maxAddresses: 100,
    maxPerAddress: 1,
    perSecond: 1_000_000,
    maxPerPrefix: 1_000_000,
  });
  assertEquals(limits.admit(from("10.0.0.1")), undefined);
  for (let count = 0; count < 20_000; count++) {
    const peer = from(`10.${1 + (count >> 16)}.${(count >> 8) & 255}.${count & 255}`);
    assertEquals(limits.admit(peer), undefined);
    limits.release(peer);
  }
  assert(limits.addresses <= 101, `${limits.addresses} are remembered`);
  assertEquals(limits.admit(from("10.0.0.1")), "too-many-from-address", "it is still there");
});

for (const { name, make } of transportsHere()) {
  test(`SlowPeers closes who says nothing, and whose message does not end, over ${name}`, async () => {
    const clock = new FakeClock();
    const ends = new CloseLog();
    const slowPeers = new SlowPeers({ firstMessageMs: 2_000, messageMs: 4_000, minBytesPerSecond: 100, clock });
    await using pair = await startPair(make(), {
      codec: lengthPrefixed(),
      observers: [slowPeers],
      onMessage: (session, payload) => session.send(payload),
      onClose: ends.onClose,
    }, { codec: raw(), onMessage: () => {} });
    const silent = (await pair.connect()).near;
    const { near: slow, far: slowFar } = await pair.connect();
    const { near: steady, far: steadyFar } = await pair.connect();
    for (const session of [slow, steady]) session.send(new Uint8Array([1, 0, 0, 0, 7]));
    await until(() => slowFar.stats.receivedFrames + steadyFar.stats.receivedFrames === 2, "both have spoken");
    slow.send(new Uint8Array([100, 0, 0, 0]), { flush: "now" });
    steady.send(new Uint8Array([232, 3, 0, 0]), { flush: "now" });
    let sent = 0;
    for (let step = 0; step < 16; step++) {
      if (slow.state === "open") slow.send(new Uint8Array(1), { flush: "now" });
      steady.send(new Uint8Array(60), { flush: "now" });
      sent += 60;
      await until(() => steadyFar.stats.receivedBytes === 9 + sent, "the steady one's bytes are there");
      await clock.advance(500);
      await turn();
    }
    await until(() => ends.events.length === 2, "two are closed");
    assertEquals(ends.events.map(({ reason, detail }) => [reason, detail]), [
      ["local-closing", "first-message-timeout"],
      ["local-closing", "slow-message"],
    ]);
    assertEquals([(await silent.closed).reason, steady.state], ["remote-closing", "open"]);
  });

  test(`SlowPeers refuses an address that has many silent connections, over ${name}`, async () => {
    const clock = new FakeClock();
    const slowPeers = new SlowPeers({ maxSilentPerAddress: 3, countLoopback: true, firstMessageMs: 5_000, clock });
    await using pair = await startPair(make(), {
      codec: lengthPrefixed(),
      admission: [slowPeers],
      observers: [slowPeers],
      onMessage: (session, payload) => session.send(payload),
    }, { codec: lengthPrefixed() });
    const three = [await pair.connect(), await pair.connect(), await pair.connect()];
    const refuse = async () => {
      const before = pair.server.stats().refusedConnections;
      const session = await pair.client.connect({ port: pair.port });
      assertEquals(await session.receive(), undefined);
      await until(() => pair.server.stats().refusedConnections > before, "it is refused");
    };
    await refuse();
    // Who has spoken is not silent any more, at once.
    for (const { near } of three) {
      near.send(bytes("hello"));
      await near.receive();
    }
    const more = [await pair.connect(), await pair.connect(), await pair.connect()];
    await refuse();
    assertEquals(pair.server.stats().refusals, { "too-many-silent": 2 });
    // Nor is who has gone, whether it had spoken or not.
    await three[0].near.close();
    await more[0].near.close();
    await until(() => pair.server.sessionCount === 4, "two have gone");
    more.push(await pair.connect());
    await refuse();
    // Nor are those that were closed for their silence.
    await clock.advance(6_000);
    await until(() => pair.server.sessionCount === 2, "the silent ones are closed");
    for (let count = 0; count < 3; count++) await pair.connect();
    await refuse();
  });

  test(`SlowPeers counts nobody who came in by a listener without it, over ${name}`, async () => {
    const clock = new FakeClock();
    const slowPeers = new SlowPeers({ maxSilentPerAddress: 2, countLoopback: true, clock });
    await using pair = await startPair(make(), {
      codec: lengthPrefixed(),
      observers: [slowPeers],
      onMessage: (session, payload) => session.send(payload),
    }, { codec: lengthPrefixed() });
    const guarded = await pair.server.listen({ hostname: "127.0.0.1", port: 0, admission: [slowPeers] });
    const dial = async () => {
      const { openedSessions, refusedConnections } = pair.server.stats();
      const session = await pair.client.connect({ port: guarded.port ?? 0 });
      await until(() => {
        const now = pair.server.stats();
        return now.openedSessions > openedSessions || now.refusedConnections > refusedConnections;
      }, "it is let in, or refused");
      return session;
    };
    const one = await dial();
    for (let count = 0; count < 5; count++) {
      const { near } = await pair.connect();
      near.send(bytes("hello"));
      await near.receive();
    }
    await clock.advance(1_000);
    await dial();
    await dial();
    assertEquals(pair.server.stats().refusals, { "too-many-silent": 1 });
    one.send(bytes("hello"));
    await one.receive();
    await dial();
    assertEquals(pair.server.stats().refusals, { "too-many-silent": 1 }, "one of them has spoken");
  });

  test(`MessageLimits has a flood wait, and loses nothing, over ${name}`, async () => {
    const clock = new FakeClock();
    const limits = new MessageLimits({ messagesPerSecond: 10, clock });
    const heard: number[] = [];
    await using pair = await startPair(make(), {
      onMessage: limits.wrap((session: Session, payload: Uint8Array) => {
        heard.push(payload[0]);
        session.send(payload);
      }),
    }, { onMessage: () => {} });
    const { near } = await pair.connect();
    for (let count = 0; count < 50; count++) near.send(new Uint8Array([count]));
    await until(() => heard.length === 20, "the burst");
    await turn();
    assertEquals(heard.length, 20, "no more than the burst");
    for (let step = 0; step < 100 && heard.length < 50; step++) {
      await clock.advance(100);
      await turn();
    }
    assertEquals(heard, Array.from({ length: 50 }, (_, index) => index));
    assertEquals(limits.stats, { waited: 30, dropped: 0, closed: 0 });
  });
}

test("MessageLimits drops or closes, counts bytes, and waits no longer than its session", async () => {
  const [{ make }] = transportsHere();
  const run = async (limits: MessageLimits, sizes: readonly number[], own: TcpServiceOptions = {}) => {
    let handled = 0;
    const ends = new CloseLog();
    const onMessage = limits.wrap<undefined>(() => void handled++);
    const pair = await startPair(make(), { onMessage, onClose: ends.onClose, ...own }, { onMessage: () => {} });
    const { near, far } = await pair.connect();
    for (const size of sizes) near.send(new Uint8Array(size));
    await until(
      () => far.stats.receivedFrames === sizes.length || far.state !== "open" || limits.stats.waited > 0,
      "all came",
    );
    return { pair, handled: () => handled, ends, far };
  };
  const clock = new FakeClock();
  const dropping = new MessageLimits({ messagesPerSecond: 5, whenExceeded: "drop", clock });
  const dropped = await run(dropping, Array(30).fill(1));
  assertEquals([dropped.handled(), dropping.stats], [10, { waited: 0, dropped: 20, closed: 0 }]);
  await dropped.pair[Symbol.asyncDispose]();

  const closing = new MessageLimits({ bytesPerSecond: 1_000, whenExceeded: "close", clock });
  const closed = await run(closing, [1_000, 1_000, 1_000]);
  assertEquals((await closed.ends.first).detail, "too-many-messages");
  assertEquals([closed.handled(), closing.stats.closed], [2, 1]);
  await closed.pair[Symbol.asyncDispose]();

  const waiting = new MessageLimits({ messagesPerSecond: 1, clock });
  const left = await run(waiting, [1, 1, 1, 1]);
  void left.far.close();
  await left.ends.first;
  assertEquals([left.handled(), waiting.stats.waited], [2, 1], "what waited is not handled behind the end");
  await left.pair[Symbol.asyncDispose]();
});

test("guard() gives all parts to a service, and what is left out is not there", async () => {
  const [{ make }] = transportsHere();
  const guarded = guard({
    addresses: { deny: ["192.0.2.0/24"] },
    messages: { messagesPerSecond: 50, whenExceeded: "drop" },
  });
  await using pair = await startPair(make(), {
    admission: guarded.admission,
    observers: guarded.observers,
    onMessage: guarded.protect((session, payload) => session.send(payload), tooShort(2)),
  });
  const { near } = await pair.connect();
  near.send(bytes("x"));
  near.send(bytes("hello"));
  assertEquals(text(await near.receive() ?? new Uint8Array()), "hello");
  assertEquals(guarded.validator.counts, { "too-short": 1 });
  const bare = guard({ connections: false, load: false, messages: false, slowPeers: false });
  assertEquals([bare.connections, bare.messages, bare.observers.length, bare.admission.length], [
    undefined,
    undefined,
    1,
    2,
  ]);
  assertThrows(() => guard({ adresses: {} } as object), TypeError, "did you mean addresses?");
  assertThrows(
    () => guard({ messages: { whenExceeded: "ignore" as "drop" } }),
    TypeError,
    "whenExceeded must be one of",
  );
  assertThrows(() => guard({ connections: { maxPerAddress: 0 } }), RangeError, "maxPerAddress");
});

for (
  const [what, messages, check] of [
    ["the limits", {}, undefined],
    ["limits and check", {}, tooShort(2)],
    ["the check", false, tooShort(2)],
    ["nothing", false, undefined],
  ] as const
) {
  test(`guard.protect() gives a handler for onMessageRange too, with ${what}`, async () => {
    const guarded = guard({ messages });
    const seen: string[] = [];
    const onMessageRange = guarded.protect<undefined>((_session, payload) => void seen.push(text(payload)), check);
    await using pair = await startPair(memoryTransport(), { onMessageRange });
    const { near } = await pair.connect();
    for (const word of ["a secret", "of all", "x"]) near.send(bytes(word));
    await near.close();
    await until(() => pair.server.sessionCount === 0, "all is handled");
    assertEquals(seen, check === undefined ? ["a secret", "of all", "x"] : ["a secret", "of all"]);
  });
}

test("MessageValidator.wrap() gives a handler for onMessageRange too", async () => {
  const lengths: number[] = [];
  const validator = new MessageValidator();
  const onMessageRange = validator.wrap<undefined>(tooShort(2), (_session, { length }) => void lengths.push(length));
  await using pair = await startPair(memoryTransport(), { onMessageRange });
  const { near } = await pair.connect();
  for (const length of [5, 1, 6]) near.send(new Uint8Array(length));
  await near.close();
  await until(() => pair.server.sessionCount === 0, "all is handled");
  assertEquals(lengths, [5, 6]);
});

test("20,000 addresses in turn: what the guard remembers stays within its bound", () => {
  const clock = new FakeClock();
  const bounds = { maxAddresses: 1_000, countLoopback: true, clock };
  const limits = new ConnectionLimits({ ...bounds, perSecond: 1_000_000 });
  const slowPeers = new SlowPeers(bounds);
  const validator = new MessageValidator(bounds);
  for (let index = 0; index < 20_000; index++) {
    const request = from(`127.${index >> 16}.${(index >> 8) & 255}.${index & 255}`);
    for (const part of [validator, limits, slowPeers]) assertEquals(part.admit(request), undefined);
    if (index % 2 === 0) { for (const part of [limits, slowPeers]) part.release(request); }
    else if (index > 1_000) {
      const old = from(`127.${(index - 1_000) >> 16}.${((index - 1_000) >> 8) & 255}.${(index - 1_000) & 255}`);
      for (const part of [limits, slowPeers]) part.release(old);
    }
    // Those that hold a connection, at most 500, are kept besides.
    assert(limits.addresses <= 1_500 && slowPeers.addresses <= 1_500, `${limits.addresses} ${slowPeers.addresses}`);
  }
  assertEquals([limits.addresses >= 1_000, slowPeers.addresses >= 1_000], [true, true]);
});

test("MessageLimits takes no more than a burst and what comes back, whatever the sizes and the times", async () => {
  const clock = new FakeClock();
  let handled = 0;
  let bytesHandled = 0;
  const session = {
    remoteAddress: from("192.0.2.1").remoteAddress,
    closed: new Promise(() => {}),
  } as unknown as Session;
  const check = async (
    options: ConstructorParameters<typeof MessageLimits>[0],
    size: number,
    rate: number,
    bytes: number,
  ) => {
    [handled, bytesHandled] = [0, 0];
    const payload = new Uint8Array(size);
    const limits = new MessageLimits({ ...options, whenExceeded: "drop", clock });
    const handle = limits.wrap<undefined>((_session, payload) => {
      handled++;
      bytesHandled += payload.length;
    });
    for (let step = 0; step < 100; step++) {
      for (let count = 0; count < 200; count++) handle(session, payload);
      await clock.advance(100);
    }
    // Two seconds' worth at once, and ten seconds of what comes back; one lot that is taken out ahead may be left over.
    const least = Math.min(20_000, rate * 11, size === 0 ? Infinity : Math.floor(bytes * 11 / size));
    const most = Math.min(20_000, rate * 12, size === 0 ? Infinity : Math.ceil(bytes * 12 / size));
    assert(
      handled >= least && handled <= most,
      `${handled} of ${least} to ${most}: ${JSON.stringify(options)} ${size}`,
    );
    assertEquals(limits.stats.dropped, 20_000 - handled);
  };
  await check({ messagesPerSecond: 100 }, 10, 100, 1_048_576);
  await check({ messagesPerSecond: 3 }, 0, 3, 1_048_576);
  await check({ messagesPerSecond: 0, bytesPerSecond: 10_000 }, 100, Infinity, 10_000);
  await check({ messagesPerSecond: 50, bytesPerSecond: 0 }, 60_000, 50, Infinity);
  await check({ messagesPerSecond: 0, bytesPerSecond: 0 }, 1, Infinity, Infinity);
  await check({ messagesPerSecond: 1_000, bytesPerSecond: 5_000 }, 7, 1_000, 5_000);
  await check({ messagesPerSecond: 100, addressMessagesPerSecond: 20 }, 1, 20, 1_048_576);
});

test("SlowPeers closes who says nothing, though its codec answers pings", async () => {
  const clock = new FakeClock();
  const ends = new CloseLog();
  const codec = lengthPrefixed({ controlFrames: true });
  await using pair = await startPair(memoryTransport(), {
    codec,
    clock,
    heartbeat: { intervalMs: 500, timeoutMs: 1_000 },
    observers: [new SlowPeers({ firstMessageMs: 2_000, clock })],
    onMessage: () => {},
    onClose: ends.onClose,
  }, { codec, onMessage: () => {} });
  const { far } = await pair.connect();
  for (let step = 0; step < 12 && ends.events.length === 0; step++) {
    await clock.advance(250);
    await turn();
    await turn();
  }
  assert(far.stats.receivedControlFrames > 0, "it has answered");
  assertEquals(ends.events.map(({ reason, detail }) => [reason, detail]), [["local-closing", "first-message-timeout"]]);
});

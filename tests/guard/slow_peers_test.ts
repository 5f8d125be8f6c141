// SlowPeers while onOpen runs: who is not read from keeps its time, and who keeps the handler waiting does not.

import test from "node:test";
import { assertEquals, assertNotEquals } from "@std/assert";
import type { Session } from "@laster/net";
import { SlowPeers } from "@laster/net/guard";
import { FakeClock, memoryTransport } from "@laster/net/testing";
import { RawPeer } from "../raw_peer.ts";
import { bytes, CloseLog, startPair, text, transportsHere, until, within } from "../support.ts";

for (const { name, make } of transportsHere()) {
  test(`SlowPeers leaves alone whose login is not read as its onOpen runs, over ${name}`, async () => {
    const clock = new FakeClock();
    const gate = Promise.withResolvers<void>();
    const heard: string[] = [];
    const slowPeers = new SlowPeers({ firstMessageMs: 2_000, clock });
    await using pair = await startPair(make(), {
      observers: [slowPeers],
      onOpen: () => gate.promise,
      onMessage: (_session, payload) => void heard.push(text(payload)),
    });
    const { near, far } = await pair.connect();
    const { far: silent } = await pair.connect();
    near.send(bytes("login"));
    await clock.advance(3_000);
    assertEquals([far.state, far.stats.receivedFrames, silent.state], ["open", 0, "open"]);
    gate.resolve();
    await until(() => heard.length === 1, "the login is handled");
    await clock.advance(1_500);
    assertEquals(silent.state, "open", "its time begins behind the handler");
    await clock.advance(500);
    assertEquals([heard, far.state, silent.state === "open"], [["login"], "open", false]);
  });
}

const KEEPING_WAITING: Readonly<Record<string, (session: Session) => Promise<unknown>>> = {
  "reads nothing": async (session) => {
    let result = session.send(new Uint8Array(60_000));
    while (result !== "full") result = session.send(new Uint8Array(60_000));
    await session.drained();
  },
  "says nothing": async (session) => {
    await undefined;
    await session.receive();
  },
};

for (const [what, onOpen] of Object.entries(KEEPING_WAITING)) {
  test(`SlowPeers closes a peer that ${what} while onOpen waits for that`, async () => {
    const clock = new FakeClock();
    const ends = new CloseLog();
    const transport = memoryTransport();
    await using pair = await startPair(transport, {
      observers: [new SlowPeers({ firstMessageMs: 2_000, clock })],
      onOpen,
      onMessage: () => {},
      onClose: ends.onClose,
    });
    const peer = await RawPeer.dial(transport, pair.port);
    peer.connection.pause();
    await until(() => pair.server.sessionCount === 1, "the session");
    const [far] = pair.server.sessions();
    await clock.advance(2_500);
    assertNotEquals(far.state, "open");
    peer.connection.abort();
    assertEquals((await within(ends.first, "its end")).detail, "first-message-timeout");
  });
}

test("SlowPeers leaves no timer once the last session is over", async () => {
  const clock = new FakeClock();
  const slowPeers = new SlowPeers({ firstMessageMs: 2_000, clock });
  await using pair = await startPair(memoryTransport(), { observers: [slowPeers], onMessage: () => {} });
  const [one, other] = [await pair.connect(), await pair.connect()];
  await one.near.close();
  await until(() => pair.server.sessionCount === 1, "one has gone");
  assertEquals(clock.timerCount, 1);
  await other.near.close();
  await until(() => pair.server.sessionCount === 0, "both have gone");
  assertEquals(clock.timerCount, 0);
  const { far } = await pair.connect();
  await clock.advance(2_500);
  assertEquals(far.state === "open", false, "the next one has its deadline");
});

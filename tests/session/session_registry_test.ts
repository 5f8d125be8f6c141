// SessionRegistry and RefusalCounters: the sums over sessions, those that are over too.

import test from "node:test";
import { assertEquals } from "@std/assert";
import { memoryTransport } from "@laster/net/testing";
import { isRefusal, RefusalCounters } from "../../src/session/session_stats.ts";
import { bytes, pattern, startPair, until } from "../support.ts";

test("TcpService.stats() sums over the sessions there are and those that are over", async () => {
  await using pair = await startPair(memoryTransport(), { onMessage: (session, payload) => session.send(payload) }, {
    onMessage: () => {},
  });
  const ends = [await pair.connect(), await pair.connect(), await pair.connect()];
  assertEquals(ends.map(({ far }) => far.id), [1, 2, 3]);
  for (const { near } of ends) near.send(pattern(10));
  ends[1].far.send(pattern(70_000));
  await until(() => pair.client.stats().receivedFrames === 3, "the echoes");
  const totals = () => {
    const { receivedFrames, receivedBytes, sentFrames, sentBytes, refusedSends } = pair.server.stats();
    return { receivedFrames, receivedBytes, sentFrames, sentBytes, refusedSends };
  };
  const before = totals();
  assertEquals(before, { receivedFrames: 3, receivedBytes: 42, sentFrames: 3, sentBytes: 42, refusedSends: 1 });
  ends[0].near.close();
  ends[1].far.abort();
  await until(() => pair.server.sessionCount === 1, "two to end");
  assertEquals(totals(), before, "what they counted stays");
  const { openedSessions, closedSessions } = pair.server.stats();
  assertEquals([openedSessions, closedSessions], [3, { "remote-closing": 1, "local-abort": 1 }]);
  assertEquals([...pair.server.sessions()].map(({ id }) => id), [3]);
  assertEquals((await pair.connect()).far.id, 4, "an id is not given twice");
});

test("TcpService.sessions() may be gone through while sessions close", async () => {
  await using pair = await startPair(memoryTransport(), {}, { onMessage: () => {} });
  for (let count = 0; count < 5; count++) await pair.connect();
  let seen = 0;
  for (const session of pair.server.sessions()) {
    seen++;
    if (session.id % 2 === 0) await session.close();
    else session.send(bytes("x"));
  }
  assertEquals(seen, 5);
  await until(() => pair.server.sessionCount === 3, "two to end");
});

test("RefusalCounters.count() counts refusals by kind; isRefusal() tells them from other answers", () => {
  const counters = new RefusalCounters();
  for (const answer of ["closed", "full", "full", "too-large", "sent", "queued", "congested"] as const) {
    if (isRefusal(answer)) counters.count(answer);
  }
  const snapshot = counters.snapshot();
  counters.count("closed");
  assertEquals(snapshot, { "closed": 1, "too-large": 1, "unencodable": 0, "full": 2 });
});

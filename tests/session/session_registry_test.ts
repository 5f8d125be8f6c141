// SessionRegistry and RefusalCounters: the sums over sessions, those that are over too.

import test from "node:test";
import { assertEquals } from "@std/assert";
import { delimited } from "@laster/net";
import { memoryTransport } from "@laster/net/testing";
import { isRefusal, RefusalCounters } from "../../src/session/session_stats.ts";
import { RawPeer } from "../raw_peer.ts";
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

test("TcpService.stats() sums what waits in the queues of the sessions there are, and finds the longest; reading changes nothing", async () => {
  const transport = memoryTransport();
  await using pair = await startPair(transport, { onMessage: () => {}, maxQueuedBytes: 4_000_000 });
  const depths = () => {
    const { queuedFrames, queuedBytes, longestQueueFrames, longestQueueBytes } = pair.server.stats();
    return [queuedFrames, queuedBytes, longestQueueFrames, longestQueueBytes];
  };
  const peers = [];
  for (let count = 1; count <= 3; count++) {
    const peer = await RawPeer.dial(transport, pair.port);
    await until(() => pair.server.sessionCount === count, "the session");
    peer.connection.pause();
    peers.push(peer);
  }
  const sessions = [...pair.server.sessions()];
  assertEquals(depths(), [0, 0, 0, 0]);
  // One has many frames, another many bytes.
  for (let count = 0; count < 5_000; count++) sessions[0].send(bytes("x"));
  for (let count = 0; count < 20; count++) sessions[1].send(pattern(60_000));
  sessions[2].send(bytes("a message"));
  const own = () => sessions.map(({ stats: { queuedFrames, queuedBytes } }) => [queuedFrames, queuedBytes]);
  const seen = own();
  assertEquals([seen[0][0] > 100, seen[1][1] > 100_000, seen[2]], [true, true, [1, 13]], "the last is at the cursor");
  const sums = [seen.reduce((sum, [frames]) => sum + frames, 0), seen.reduce((sum, [, length]) => sum + length, 0)];
  assertEquals([depths(), depths(), own()], [[...sums, seen[0][0], seen[1][1]], depths(), seen]);
  sessions[1].abort();
  await until(() => pair.server.sessionCount === 2, "one is over");
  const [left, , other] = own();
  assertEquals(depths(), [left[0] + other[0], left[1] + other[1], left[0], left[1]], "what it lost waits no more");
  for (const { connection } of peers) connection.resume();
  await until(() => depths()[0] === 0, "all is read");
  assertEquals(depths(), [0, 0, 0, 0]);
  for (const { connection } of peers) connection.abort();
});

test("TcpService.stats() counts writes: one for the messages of a turn, and one for each receiver of broadcasts", async () => {
  const transport = memoryTransport();
  await using pair = await startPair(transport, { flush: "manual" }, { onMessage: () => {} });
  const ends = [await pair.connect(), await pair.connect(), await pair.connect()];
  const written = (act: () => void) => {
    const { writes, sentBytes } = pair.server.stats();
    act();
    pair.server.flush();
    const after = pair.server.stats();
    return [after.writes - writes, after.sentBytes - sentBytes];
  };
  const [one, two] = ends.map(({ far }) => far);
  assertEquals(written(() => {}), [0, 0]);
  assertEquals(
    written(() => {
      for (let count = 0; count < 10; count++) one.send(bytes("x"));
      two.send(bytes("x"));
    }),
    [2, 55],
  );
  for (let round = 0; round < 3; round++) {
    const twice = () => {
      for (let count = 0; count < 2; count++) pair.server.broadcast(bytes("x"));
    };
    assertEquals(written(twice), [3, 30], `broadcasts, round ${round}`);
  }
  assertEquals(written(() => void pair.server.broadcast(bytes("x"), { except: one })), [2, 10]);
  assertEquals(written(() => void one.send(pattern(20_000))), [1, 20_004]);
  await until(() => pair.client.stats().receivedFrames === 11 + 18 + 2 + 1, "all of it");
});

test("TcpService.stats() counts each kind of refusal", async () => {
  await using pair = await startPair(memoryTransport(), { codec: delimited() }, { codec: delimited() });
  const { far } = await pair.connect();
  assertEquals(far.send(bytes("two\nlines")), "unencodable");
  await far.close();
  assertEquals([far.send(bytes("late")), pair.server.stats().refusedSends], ["closed", 2]);
  assertEquals(pair.server.stats().fullSends, 0);
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

// PoolKeeper: when the pool of a service gives memory back.

import test from "node:test";
import { assert, assertEquals } from "@std/assert";
import { FakeClock, memoryTransport } from "@laster/net/testing";
import { pattern, startPair, until } from "../support.ts";

test("TcpService gives back what a burst left behind while sessions go on, and all of it with the last session", async () => {
  const clock = new FakeClock();
  await using pair = await startPair(memoryTransport(), { clock, idleTimeoutMs: 0 }, { onMessage: () => {} });
  const ends = [];
  for (let count = 0; count < 20; count++) ends.push(await pair.connect());
  for (const { far } of ends) for (let count = 0; count < 3; count++) far.send(pattern(60_000));
  await until(() => pair.client.stats().receivedFrames === 60, "the messages");
  const afterBurst = pair.server.stats().pool.freeBytes;
  assert(afterBurst > 1_000_000, `${afterBurst} bytes`);
  await clock.advance(10_000);
  await clock.advance(20_000);
  const later = pair.server.stats().pool.freeBytes;
  assert(later < afterBurst / 2, `${later} of ${afterBurst} bytes`);
  await clock.advance(100_000);
  assertEquals(pair.server.stats().pool.freeBytes, 0);
  ends[0].far.send(pattern(60_000));
  await until(() => pair.client.stats().receivedFrames === 61, "one more");
  assert(pair.server.stats().pool.freeBytes > 0);
  for (const { near } of ends) near.close();
  await until(() => pair.server.sessionCount === 0, "the end of all");
  assertEquals([pair.server.stats().pool.freeBytes, clock.timerCount], [0, 0]);
});

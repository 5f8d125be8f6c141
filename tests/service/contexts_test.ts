// The contexts of sessions with settings of their own: the same for the same settings, as each has timers that look at all sessions.

import test from "node:test";
import { assert } from "@std/assert";
import { silentLogger, TcpService } from "@laster/net";
import { FakeClock, memoryTransport } from "@laster/net/testing";
import { until } from "../support.ts";

test("dials with the same settings share their timers, and those after a change too", async () => {
  const clock = new FakeClock();
  const transport = memoryTransport();
  await using server = new TcpService({ transport, clock, logger: silentLogger(), listeners: [{ port: 1 }] });
  await using service = new TcpService({ transport, clock, logger: silentLogger() });
  await server.start();
  await service.start();
  const dial = async (count: number, settings: object) => {
    for (let dials = 0; dials < count; dials++) await service.connect({ port: 1, ...settings });
    await until(() => server.sessionCount === service.sessionCount, "the other side");
    return clock.timerCount;
  };
  const heartbeat = () => ({ heartbeat: { intervalMs: 1_000, timeoutMs: 5_000, message: new Uint8Array([1]) } });
  const before = await dial(1, { idleTimeoutMs: 5_000, ...heartbeat() });
  const more = await dial(20, { idleTimeoutMs: 5_000, ...heartbeat() }) - before;
  assert(more < 5, `${more} timers for 20 sessions`);
  await service.reconfigure({ idleTimeoutMs: 7_000 });
  const changed = await dial(1, {});
  const moreAfter = await dial(20, {}) - changed;
  assert(moreAfter < 5, `${moreAfter} timers for 20 sessions after a change`);
  assert(await dial(1, { idleTimeoutMs: 9_000 }) > changed, "other settings have timers of their own");
});

// 20,000 connections opened and closed in turn leave no session, timer or rented buffer behind.
// One at a time: it uses up most of the ports that the system gives out.

import test from "node:test";
import { assertEquals } from "@std/assert";
import { type Clock, systemClock } from "@laster/net";
import { defaultTransport } from "@laster/net/transport";
import { pattern, startPair, until, within } from "../support.ts";

const CONNECTIONS = 20_000;
/** Dials at the same time: enough to keep both ends busy, below every backlog. */
const LANES = 16;

/** The machine's clock, with a count of the timers that run. */
class CountingClock implements Clock {
  readonly #clock = systemClock();
  readonly #running = new Set<unknown>();

  get timerCount(): number {
    return this.#running.size;
  }

  now(): number {
    return this.#clock.now();
  }

  setTimer(callback: () => void, delayMs: number): unknown {
    const handle = this.#clock.setTimer(() => {
      this.#running.delete(handle);
      callback();
    }, delayMs);
    this.#running.add(handle);
    return handle;
  }

  clearTimer(handle: unknown): void {
    this.#running.delete(handle);
    this.#clock.clearTimer(handle);
  }

  defer(callback: () => void): void {
    this.#clock.defer(callback);
  }
}

test(`TcpService leaves nothing behind after ${CONNECTIONS} connections`, async () => {
  const clock = new CountingClock();
  const payload = pattern(100);
  let echoed = 0;
  await using pair = await startPair(defaultTransport(), {
    clock,
    onMessage: (session, message) => session.send(message),
  }, {
    clock,
    onMessage(session) {
      echoed++;
      session.close();
    },
  });
  const runLane = async () => {
    for (let count = 0; count < CONNECTIONS / LANES; count++) {
      const session = await pair.client.connect({ port: pair.port });
      session.send(payload);
      const { reason } = await within(session.closed, "a close");
      assertEquals(reason, "local-closing");
    }
  };
  await Promise.all(Array.from({ length: LANES }, runLane));
  await until(() => pair.server.sessionCount === 0 && pair.client.sessionCount === 0, "all sessions over");
  const server = pair.server.stats();
  const client = pair.client.stats();
  assertEquals(echoed, CONNECTIONS);
  assertEquals([server.openedSessions, server.closedSessions], [CONNECTIONS, { "remote-closing": CONNECTIONS }]);
  assertEquals([client.openedSessions, client.closedSessions], [CONNECTIONS, { "local-closing": CONNECTIONS }]);
  assertEquals([server.pool.outstanding, client.pool.outstanding], [0, 0]);
  assertEquals(clock.timerCount, 0);
});

// The accept loop under Deno, without Deno.

import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { systemClock } from "@laster/net";
import { FakeClock } from "@laster/net/testing";
import { AcceptLoop, type Acceptor } from "../../src/transport/deno_accept_loop.ts";
import { turn, until } from "../support.ts";

const socket = { close: () => {} };

/** A listener that always has an answer at once, as the storm that it stands for. */
function storm(answer: () => Promise<typeof socket>): Acceptor<typeof socket> & { accepts: number; closes: number } {
  return {
    accepts: 0,
    closes: 0,
    accept() {
      // So that a loop that keeps the event loop to itself ends after all.
      if (++this.accepts > 100_000) return new Promise(() => {});
      return answer();
    },
    close() {
      this.closes++;
    },
  };
}

function fault(code: string): Error {
  return Object.assign(new Error(code), { code });
}

test("AcceptLoop lets the event loop turn while connections wait", async () => {
  const server = storm(() => Promise.resolve(socket));
  let count = 0;
  const loop = new AcceptLoop(server, systemClock(), () => count++, () => {});
  const run = loop.run();
  await turn();
  assert(server.accepts < 10_000, `${server.accepts} accepts in one turn`);
  await until(() => count > 100, "100 connections");
  loop.stop();
  await run;
  assertEquals(server.closes, 1);
});

test("AcceptLoop lets the event loop turn while connections that wait are reset", async () => {
  const server = storm(() => Promise.reject(fault("ENOTCONN")));
  const errors: unknown[] = [];
  const loop = new AcceptLoop(server, systemClock(), () => {}, (cause) => errors.push(cause));
  const run = loop.run();
  await turn();
  assert(server.accepts < 10_000, `${server.accepts} accepts in one turn`);
  await until(() => server.accepts > 100, "100 resets");
  loop.stop();
  await run;
  assertEquals(errors, []);
});

test("AcceptLoop pauses after an accept that failed, and tells of it", async () => {
  const server = storm(() => Promise.reject(fault("EMFILE")));
  const errors: unknown[] = [];
  const loop = new AcceptLoop(server, systemClock(), () => {}, (cause) => errors.push(cause));
  const run = loop.run();
  await until(() => errors.length === 3, "three errors");
  assertEquals(server.accepts, 3);
  loop.stop();
  loop.stop();
  await run;
  assertEquals([errors.length, server.closes], [3, 1]);
});

test("AcceptLoop takes the time of its pauses from the clock", async () => {
  const server = storm(() => Promise.reject(fault("EMFILE")));
  const clock = new FakeClock();
  const loop = new AcceptLoop(server, clock, () => {}, () => {});
  const run = loop.run();
  for (const [durationMs, accepts] of [[0, 1], [4, 1], [1, 2], [10, 3], [20, 4]]) {
    await clock.advance(durationMs);
    assertEquals(server.accepts, accepts);
  }
  loop.stop();
  await run;
  assertEquals(clock.timerCount, 0);
});

test("AcceptLoop closes a connection that comes while it stops", async () => {
  const accepted = Promise.withResolvers<typeof socket>();
  let closes = 0;
  const server = storm(() => accepted.promise);
  const loop = new AcceptLoop(server, systemClock(), () => closes += 100, () => {});
  const run = loop.run();
  loop.stop();
  accepted.resolve({ close: () => closes++ });
  await run;
  assertEquals(closes, 1);
});

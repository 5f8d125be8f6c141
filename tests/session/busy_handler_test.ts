// A handler that runs for long does not hide the peer's end, and takes nothing from a peer that ends in order.

import test from "node:test";
import { assert, assertEquals } from "@std/assert";
import { type CloseEvent, type Session, SessionClosedError, type TcpServiceOptions } from "@laster/net";
import { FakeClock, memoryTransport } from "@laster/net/testing";
import type { Transport } from "@laster/net/transport";
import { fastClock } from "../fast_clock.ts";
import { frameOf, framesOf, RawPeer } from "../raw_peer.ts";
import { bytes, startPair, text, transportsHere, until, within } from "../support.ts";

/** The looks at paused sessions, and the close timeout, take a twentieth of their time. */
const FACTOR = 20;
const PAUSE_MS = 30;

/** What a handler returns that never ends. */
const HANG = new Promise<void>(() => {});

const pause = (ms = PAUSE_MS) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** A server on a fast clock, and a raw peer of it. */
async function setUp(transport: Transport, options: TcpServiceOptions) {
  const events: CloseEvent[] = [];
  const opened: Session[] = [];
  const pair = await startPair(transport, {
    clock: fastClock(FACTOR),
    idleTimeoutMs: 0,
    ...options,
    onOpen(session) {
      opened.push(session);
      return options.onOpen?.(session);
    },
    onClose: (_session, event) => events.push(event),
  });
  const peer = await RawPeer.dial(transport, pair.port);
  await until(() => opened.length === 1, "the session");
  return {
    events,
    peer,
    session: opened[0],
    server: pair.server,
    async [Symbol.asyncDispose]() {
      peer.connection.abort();
      await pair[Symbol.asyncDispose]();
    },
  };
}

const ENDS: Record<string, (peer: RawPeer) => void> = {
  "ends in silence": ({ connection }) => connection.shutdown(),
  "closes in silence": ({ connection }) => connection.close(),
  "resets": ({ connection }) => connection.abort(),
};

for (const { name, make } of transportsHere()) {
  for (const [what, end] of Object.entries(ENDS)) {
    test(`Session whose onOpen waits for its end sees that the peer ${what} on ${name}`, async () => {
      const log: string[] = [];
      const aborted = Promise.withResolvers<unknown>();
      await using fixture = await setUp(make(), {
        async onOpen(session) {
          session.signal.addEventListener("abort", () => aborted.resolve(session.signal.reason));
          const { reason } = await session.closed;
          log.push(reason, session.send(bytes("late")), session.state);
        },
      });
      const { events, peer, session, server } = fixture;
      await pause();
      assertEquals([session.state, session.signal.aborted], ["open", false]);
      end(peer);
      assert(await within(aborted.promise, "the signal") instanceof SessionClosedError);
      await until(() => server.sessionCount === 0, "the session is over");
      assertEquals(log, [events[0].reason, "closed", "closed"]);
      const { reason } = events[0];
      assert(what === "resets" ? reason === "reset" || reason === "remote-closing" : reason !== "idle-timeout", reason);
      await pause();
      assertEquals([events.length, session.signal.aborted], [1, true]);
    });
  }

  test(`Session whose handler waits for its end sees the peer's behind the message on ${name}`, async () => {
    let handled = 0;
    await using fixture = await setUp(make(), {
      async onMessage(session) {
        handled++;
        await session.closed;
      },
    });
    const { events, peer, server } = fixture;
    await peer.write(frameOf(bytes("one")));
    await until(() => handled === 1, "the message");
    peer.connection.shutdown();
    await until(() => server.sessionCount === 0, "the session is over");
    assertEquals(events.map(({ reason }) => reason), ["remote-closing"]);
  });

  test(`Session sees that a peer resets behind messages that wait for a handler on ${name}`, async () => {
    let handled = 0;
    await using fixture = await setUp(make(), {
      async onMessage(session) {
        handled++;
        await session.closed;
      },
    });
    const { events, peer, server } = fixture;
    await peer.write(framesOf([bytes("one"), bytes("two"), bytes("three")]));
    await until(() => handled === 1, "the message");
    await peer.write(frameOf(bytes("four")));
    peer.connection.abort();
    // A Deno socket sends no reset: what waits in front of an end is handled first.
    await pause(400);
    if (server.sessionCount > 0) await server.stop({ timeoutMs: 100 });
    assertEquals([events.length, handled], [1, 1]);
    assert(name === "deno" || events[0].reason === "reset", events[0].reason);
  });

  test(`Session that never handles what its peer sent before it ended is idle, and ends, on ${name}`, async () => {
    await using fixture = await setUp(make(), {
      idleTimeoutMs: 10_000,
      onOpen: (session) => session.closed,
      onMessage: () => {},
    });
    const { events, peer, server } = fixture;
    await peer.write(framesOf([bytes("one"), bytes("two"), bytes("three")]));
    peer.connection.shutdown();
    await until(() => server.sessionCount === 0, "the session is over");
    assertEquals(events.length, 1);
    assert(["idle-timeout", "remote-closing"].includes(events[0].reason), events[0].reason);
  });

  test(`Session whose handler hangs is idle though it is not listened to, unless bytes move, on ${name}`, async () => {
    await using fixture = await setUp(make(), { idleTimeoutMs: 4_000, onMessage: () => new Promise(() => {}) });
    const { events, peer, server } = fixture;
    await peer.write(frameOf(bytes("one")));
    await until(() => events.length === 1 || server.sessionCount === 0, "the session is over");
    assertEquals(events.map(({ reason }) => reason), ["idle-timeout"]);
  });

  test(`Session answers a peer that half-closed while its handler ran, within closeTimeoutMs, on ${name}`, async () => {
    const gate = Promise.withResolvers<void>();
    let handled = 0;
    await using fixture = await setUp(make(), {
      async onMessage(session, payload) {
        const answer = payload.slice();
        handled++;
        await gate.promise;
        session.send(answer);
      },
    });
    const { events, peer } = fixture;
    await peer.write(frameOf(bytes("hello")));
    await until(() => handled === 1, "the message");
    peer.connection.shutdown();
    await pause(200); // 4 s: two looks that see the end.
    assertEquals(events, []);
    gate.resolve();
    await until(() => peer.hasEnded, "the server's end");
    assertEquals(peer.received, [...frameOf(bytes("hello"))]);
    await until(() => events.length === 1, "onClose");
    assertEquals([events[0].reason, events[0].unsentBytes], ["remote-closing", 0]);
  });

  for (const payloadBytes of [5, 60_000]) {
    test(`Session handles all of ${payloadBytes} bytes each that came before the peer's end, for longer than closeTimeoutMs, on ${name}`, async () => {
      const messages = 12;
      const heard: string[] = [];
      await using fixture = await setUp(make(), {
        async onMessage(_session, payload) {
          const word = text(payload.subarray(0, 5));
          await pause();
          heard.push(word);
        },
        closeTimeoutMs: 5 * FACTOR * PAUSE_MS,
      });
      const { events, peer } = fixture;
      const words = Array.from({ length: messages }, (_, number) => `m ${String(number).padStart(3, "0")}`);
      const payloads = words.map((word) => {
        const payload = new Uint8Array(payloadBytes);
        payload.set(bytes(word));
        return payload;
      });
      await peer.write(framesOf(payloads));
      peer.connection.shutdown();
      await until(() => events.length === 1, "the session is over");
      assertEquals([heard, events[0].reason], [words, "remote-closing"]);
    });
  }

  test(`Session closes with handler-timeout once a promise is open for handlerTimeoutMs, on ${name}`, async () => {
    await using fixture = await setUp(make(), {
      handlerTimeoutMs: 2_000,
      async onMessage(session, payload) {
        const word = text(payload);
        if (word === "quick") return void session.send(bytes("done"));
        await (word === "slow" ? pause() : new Promise(() => {}));
      },
      closeTimeoutMs: 1_000,
    });
    const { events, peer, server, session } = fixture;
    for (const word of ["slow", "quick", "slow", "slow", "slow", "slow"]) await peer.write(frameOf(bytes(word)));
    await until(() => server.stats().receivedFrames === 6, "each of them is in time");
    await pause(150);
    assertEquals([session.state, peer.received.length], ["open", 8], "and nothing is timed while none runs");
    await peer.write(frameOf(bytes("hang")));
    await until(() => events.length === 1, "the session is over");
    assertEquals(events.map(({ reason }) => reason), ["handler-timeout"]);
  });
}

test("Session that is over leaves no timer of a handler that hangs", async () => {
  const clock = new FakeClock();
  await using fixture = await setUp(memoryTransport(), { clock, handlerTimeoutMs: 60_000, onMessage: () => HANG });
  const { events, peer, server } = fixture;
  await peer.write(frameOf(bytes("hang")));
  await until(() => server.stats().receivedFrames === 1, "the message");
  peer.connection.abort();
  for (let looks = 0; looks < 20; looks++) await clock.advance(500);
  assertEquals([events.map(({ reason }) => reason), clock.timerCount], [["reset"], 0]);
});

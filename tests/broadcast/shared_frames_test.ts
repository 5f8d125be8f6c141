// Broadcasts that many sessions share: when they are, and that sharing changes neither limits nor policies. In memory.

import test from "node:test";
import { assert, assertEquals } from "@std/assert";
import {
  type CloseEvent,
  lengthPrefixed,
  type Session,
  silentLogger,
  TcpService,
  type TcpServiceOptions,
} from "@laster/net";
import { memoryTransport } from "@laster/net/testing";
import { bytes, turn, until } from "../support.ts";

const logger = silentLogger();
const codec = lengthPrefixed();

/** A server with peers that read until they are told to stop. */
async function start(options: TcpServiceOptions, peers = 1) {
  const transport = memoryTransport();
  let isReading = true;
  const server = new TcpService({ transport, logger, codec, listeners: [{ port: 1 }], ...options });
  const client = new TcpService({
    transport,
    logger,
    codec,
    onMessage: () => isReading ? undefined : new Promise(() => {}),
  });
  await server.start();
  await client.start();
  for (let count = 0; count < peers; count++) await client.connect({ port: 1 });
  await until(() => server.sessionCount === peers, "the sessions");
  const sessions = [...server.sessions()];
  return {
    server,
    client,
    sessions,
    stopReading() {
      isReading = false;
    },
    /** Has the peers read no more, and a session's write wait for it. */
    async stall(session: Session = sessions[0]) {
      isReading = false;
      while (session.queuedBytes === 0) {
        session.send(new Uint8Array(49_000));
        session.flush();
        for (let turns = 0; turns < 5; turns++) await turn();
      }
    },
    async [Symbol.asyncDispose]() {
      await client.stop({ timeoutMs: 0 });
      await server.stop({ timeoutMs: 0 });
    },
  };
}

test("broadcast() is encoded once, with the codec that a service has by default as with any", async () => {
  for (const options of [{}, { codec: undefined }, { codec: lengthPrefixed() }]) {
    await using world = await start(options, 30);
    assertEquals(world.server.broadcast(new Uint8Array(10_000)), { accepted: 30, congested: 0, refused: 0 });
    const { outstandingBytes } = world.server.stats().pool;
    assert(outstandingBytes < 2 * 65_536, `${outstandingBytes} bytes of memory`);
  }
});

test("broadcast() that may be dropped piles up for nobody whose own policy is another", async () => {
  for (const whenFull of ["drop-oldest", "latest-per-key", "refuse", "close"] as const) {
    await using world = await start({ whenFull: "drop-oldest", listeners: [{ port: 1, whenFull }] });
    const [session] = world.sessions;
    await world.stall();
    const before = session.stats.queuedFrames;
    for (let count = 0; count < 200; count++) {
      world.server.broadcast(bytes(`${count}`), { key: "ann", whenFull: "latest-per-key" });
      if (count % 20 === 0) await turn();
    }
    assertEquals([session.stats.queuedFrames - before, session.stats.dropped.superseded], [1, 199], whenFull);
  }
});

test("broadcast() of small messages behind large ones keeps to the bounds of the queue", async () => {
  const events: CloseEvent[] = [];
  await using world = await start({
    highWaterMarkBytes: 200_000,
    maxQueuedBytes: 300_000,
    onClose: (_session, event) => void events.push(event),
  });
  const [session] = world.sessions;
  assertEquals(world.server.broadcast(new Uint8Array(100)).accepted, 1, "it is subscribed");
  await until(() => session.queuedBytes === 0, "the small one");
  world.stopReading();
  while (session.queuedBytes < 230_000) {
    world.server.broadcast(new Uint8Array(65_536));
    await turn();
  }
  const results = Array.from({ length: 100 }, () => world.server.broadcast(new Uint8Array(1_000)));
  assert(session.queuedBytes <= 300_000, `${session.queuedBytes} bytes`);
  assert(results.every(({ accepted, congested }) => accepted === congested), "those that are taken say so");
  assert(results.at(-1)?.refused === 1);
  assertEquals(events, []);
});

test("broadcast() from the signal of a session that another broadcast cuts gives nobody a message twice", async () => {
  const heard: Record<string, string[]> = { subscriber: [], other: [] };
  await using world = await start({
    whenFull: "close",
    listeners: [{ port: 1 }, { port: 2, whenFull: "drop-oldest" }],
    onOpen(session) {
      session.signal.addEventListener("abort", () => void world.server.broadcast(bytes("left")));
    },
  });
  const [slow] = world.sessions;
  for (const [index, name] of ["subscriber", "other"].entries()) {
    const near = await world.client.connect({ port: 1 + index });
    void (async () => {
      for await (const payload of near) heard[name].push(new TextDecoder().decode(payload).trim());
    })();
  }
  await until(() => world.server.sessionCount === 3, "all of them");
  await world.stall(slow);
  while (slow.send(new Uint8Array(60_000), { whenFull: "refuse" }) !== "full") await turn();
  assertEquals(world.server.broadcast(bytes("step".padEnd(60_000))).refused, 1);
  assertEquals(slow.state, "closing");
  await until(() => heard.subscriber.length === 2 && heard.other.length === 2, "both messages");
  await turn();
  assertEquals([heard.subscriber, heard.other.toSorted()], [["step", "left"], ["left", "step"]]);
});

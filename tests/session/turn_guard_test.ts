// What throws where nothing should does not leave a turn open: all that is sent afterwards goes out as ever.

import test from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { BufferPool } from "@laster/net/buffer";
import { Frame, lengthPrefixed, simpleBinary } from "@laster/net/codec";
import { FakeClock, memoryTransport } from "@laster/net/testing";
import { FlushScheduler } from "../../src/outbound/flush_scheduler.ts";
import { OutboundBlocks } from "../../src/outbound/outbound_blocks.ts";
import { SendCursor } from "../../src/outbound/send_cursor.ts";
import { Inbox } from "../../src/session/inbox.ts";
import { SessionCore } from "../../src/session/session_core.ts";
import { TimeoutQueue } from "../../src/session/timeout_queue.ts";
import { TurnQueue } from "../../src/session/turn_queue.ts";
import { ModelConnection, ORIGIN, OutgoingWorld } from "../broadcast/outgoing_world.ts";
import { bytes, startPair, until } from "../support.ts";

/** Puts something down outside of a turn, and says whether it is flushed by the next microtask but one. */
async function isFlushed(scheduler: FlushScheduler): Promise<boolean> {
  let isDone = false;
  scheduler.add({ nextDue: undefined, isDue: false, queuedBytes: 1, handleFlush: () => isDone = true });
  await undefined;
  await undefined;
  return isDone;
}

test("Inbox leaves its turn when its owner throws", async () => {
  const clock = new FakeClock();
  const pool = new BufferPool();
  const scheduler = new FlushScheduler(clock, { cursor: new SendCursor(), blocks: new OutboundBlocks(pool) }, {
    limits: { flush: "turn", flushIntervalMs: 0 },
  });
  const fail = () => {
    throw new Error("an owner may not");
  };
  const owner = {
    session: undefined,
    consume: fail,
    directHandler: () => undefined,
    sendEncoded: () => "queued" as const,
    handleAnswer: fail,
    waitForReader: fail,
    isReceiving: () => true,
    close: fail,
    handleFault: fail,
    keepChunk: () => {},
    pauseInput: fail,
    resumeInput: fail,
    handleIdle: fail,
  };
  const inbox = new Inbox(
    {
      pool,
      scheduler,
      frame: new Frame(),
      limits: { framesPerTurn: 10, handlerTimeoutMs: 0 },
      turns: new TurnQueue(clock, 0),
      handlerTimeouts: new TimeoutQueue(clock, 0),
      traffic: { lightChunks: 0 },
    },
    owner,
    simpleBinary().createDecoder(),
  );
  assertThrows(() => inbox.receive(new Uint8Array([1, 0, 0, 0, 7]), 5), Error, "may not");
  assertEquals(await isFlushed(scheduler), true);
});

test("SessionCore.open() leaves its turn when the fault of a handler cannot be reported", async () => {
  const world = new OutgoingWorld({
    onOpen: () => {
      throw new Error("in a handler");
    },
  }, {});
  const faults = Object.assign(Object.create(world.context.faults), {
    reportEnd: () => {
      throw new Error("no log");
    },
  });
  const core = new SessionCore({ ...world.context, faults }, new ModelConnection(), 1, ORIGIN);
  assertThrows(() => core.open(), Error, "no log");
  assertEquals(await isFlushed(world.context.scheduler), true);
});

test("a broadcast whose write throws leaves the next one its place", async () => {
  const world = new OutgoingWorld({}, {});
  const [sound, faulty] = [world.open(), world.open()];
  faulty.connection.write = () => {
    throw new Error("a connection may not");
  };
  sound.connection.expect(bytes("one"));
  world.messaging.broadcastToAll(bytes("one"), {});
  assertThrows(() => world.context.scheduler.flush(), Error, "may not");
  faulty.core.abort();
  await world.clock.advance(10);
  sound.connection.expect(bytes("two"));
  world.messaging.broadcastToAll(bytes("two"), {});
  await world.clock.advance(10);
  assertEquals(sound.connection.isAllReceived, true);
});

const WAITS = {
  "for a write": { whenFull: "drop-oldest" },
  "for the peer to read": { maxInFlightBytes: 20_000 },
} as const;

for (const [what, options] of Object.entries(WAITS)) {
  test(`an encoder that throws at what has waited ${what} ends the session, and nothing else`, async () => {
    const codec = lengthPrefixed({ controlFrames: true });
    let isFaulty = false;
    const breaking = {
      ...codec,
      createEncoder: () => {
        const encoder = codec.createEncoder();
        return {
          maxPayloadBytes: encoder.maxPayloadBytes,
          frameBytes: (length: number) => encoder.frameBytes(length),
          encode: (...args: Parameters<typeof encoder.encode>) => {
            if (isFaulty) throw Object.create(null);
            return encoder.encode(...args);
          },
        };
      },
    };
    const gate = Promise.withResolvers<void>();
    await using pair = await startPair(memoryTransport(), { codec: breaking, closeTimeoutMs: 200, ...options }, {
      codec,
      onMessage: () => gate.promise,
    });
    const { near, far } = await pair.connect();
    while (far.queuedBytes < 400_000) {
      far.send(new Uint8Array(4_096));
      await undefined;
    }
    isFaulty = true;
    gate.resolve();
    const { reason } = await far.closed;
    assertEquals(reason, "encode-error");
    isFaulty = false;
    const other = await pair.connect();
    assertEquals(other.far.send(bytes("hello")), "queued");
    await until(() => other.near.stats.receivedFrames === 1, "another session has its message");
    near.abort();
  });
}

// DiscardPacer: how fast what is dropped is read.

import test from "node:test";
import { assert, assertEquals } from "@std/assert";
import { FakeClock } from "@laster/net/testing";
import type { Connection } from "@laster/net/transport";
import { DiscardPacer } from "../../src/session/discard_pacer.ts";
import { FakeConnection } from "../outbound/queue_fixture.ts";

const CHUNK_BYTES = 65_536;
const PERIOD_MS = 10;
const CONNECTION_BYTES = 262_144;
const TOTAL_BYTES = 2_097_152;

/** A connection whose peer floods: it hands over chunks whenever it is not paused. */
class FloodedConnection extends FakeConnection implements Connection {
  isPaused = false;
  droppedBytes = 0;
  pauses = 0;

  override pause(): void {
    this.isPaused = true;
    this.pauses++;
  }

  override resume(): void {
    this.isPaused = false;
  }

  read(pacer: DiscardPacer): void {
    this.droppedBytes += CHUNK_BYTES;
    pacer.count(this, CHUNK_BYTES);
  }
}

/** Reads whatever may be read, period after period. */
async function flood(connections: readonly FloodedConnection[], periods: number) {
  const clock = new FakeClock();
  const pacer = new DiscardPacer(clock);
  for (let period = 0; period < periods; period++) {
    for (let isAnyOpen = true; isAnyOpen;) {
      isAnyOpen = false;
      for (const connection of connections) {
        if (connection.isPaused) continue;
        connection.read(pacer);
        isAnyOpen = true;
        assert(connection.droppedBytes <= 1e9, "nobody is paused");
      }
    }
    await clock.advance(PERIOD_MS);
  }
  return { clock, pacer };
}

test("DiscardPacer reads 256 KiB of a flooding peer in each period of 10 ms", async () => {
  const connection = new FloodedConnection();
  const { clock } = await flood([connection], 20);
  assertEquals([connection.droppedBytes, connection.pauses], [20 * CONNECTION_BYTES, 20]);
  assertEquals([connection.isPaused, clock.timerCount], [false, 0], "nothing runs while nothing is dropped");
});

test("DiscardPacer reads 2 MiB of all together in a period, and one chunk more of each", async () => {
  const connections = Array.from({ length: 40 }, () => new FloodedConnection());
  await flood(connections, 10);
  const sum = connections.reduce((total, { droppedBytes }) => total + droppedBytes, 0);
  assert(sum >= 10 * TOTAL_BYTES, `${sum} bytes`);
  assert(sum <= 10 * (TOTAL_BYTES + connections.length * CHUNK_BYTES), `${sum} bytes`);
  for (const { droppedBytes } of connections) assert(droppedBytes >= 10 * CHUNK_BYTES, "none is left out");
});

test("DiscardPacer leaves those alone that send little, and begins each period anew", async () => {
  const clock = new FakeClock();
  const pacer = new DiscardPacer(clock);
  const connection = new FloodedConnection();
  for (let period = 0; period < 5; period++) {
    pacer.count(connection, CONNECTION_BYTES - 1);
    assertEquals(connection.isPaused, false);
    await clock.advance(PERIOD_MS);
  }
  pacer.count(connection, CONNECTION_BYTES - 1);
  pacer.count(connection, 1);
  assertEquals(connection.isPaused, true);
  await clock.advance(PERIOD_MS - 1);
  assertEquals(connection.isPaused, true);
  await clock.advance(1);
  assertEquals([connection.isPaused, connection.pauses], [false, 1]);
});

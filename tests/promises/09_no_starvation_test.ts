// Promise 9: a session that floods does not hold the others up. Counted in frames, not in time.

import test from "node:test";
import { assert, assertEquals } from "@std/assert";
import { FakeClock, memoryTransport } from "@laster/net/testing";
import { startPair, transportsHere, turn, until } from "../support.ts";

const FRAMES_PER_TURN = 64;

for (const { name, make } of transportsHere()) {
  test(`Session that floods lets a light one have its turn on ${name}`, async () => {
    // The flooder's frames are there before the light one's; without a budget all would be handled first.
    let flooded = 0;
    let floodedAtPing = -1;
    const total = 120_000;
    await using pair = await startPair(make(), {
      framesPerTurn: FRAMES_PER_TURN,
      onMessageRange(session, _buffer, _offset, length) {
        if (length === 0) flooded++;
        else {
          floodedAtPing = flooded;
          session.close();
        }
      },
    }, { maxQueuedFrames: total, maxQueuedBytes: 1_000_000 });
    const flooder = await pair.connect();
    const light = await pair.connect();
    for (let count = 0; count < total; count++) flooder.near.send(new Uint8Array(0));
    await until(() => flooded > 0, "the flood");
    light.near.send(new Uint8Array(1));
    await until(() => floodedAtPing >= 0, "the light session's turn");
    assert(floodedAtPing < total, `the light session had to wait for all ${total} frames`);
    await until(() => flooded === total, "the rest of the flood");
  });
}

/** A fake clock whose deferred calls are made one at a time. */
class SteppedClock extends FakeClock {
  readonly #deferred: (() => void)[] = [];

  override defer(callback: () => void): void {
    this.#deferred.push(callback);
  }

  step(): void {
    this.#deferred.shift()?.();
  }
}

for (const isAsync of [false, true]) {
  test(`Session with ${isAsync ? "async" : "plain"} handlers handles framesPerTurn frames a turn and defers the rest`, async () => {
    const clock = new SteppedClock();
    let handled = 0;
    await using pair = await startPair(memoryTransport(), {
      clock,
      framesPerTurn: 10,
      onMessage() {
        handled++;
        return isAsync ? Promise.resolve() : undefined;
      },
    });
    const { near } = await pair.connect();
    for (let count = 0; count < 35; count++) near.send(new Uint8Array(1));
    for (const expected of [10, 20, 30, 35]) {
      await turn();
      assertEquals(handled, expected);
      clock.step();
    }
  });
}

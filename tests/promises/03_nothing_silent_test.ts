// Promise 3: nothing is dropped in silence. Every send answers, and what was accepted arrives.

import test from "node:test";
import { assert, assertEquals } from "@std/assert";
import type { SendResult } from "@laster/net";
import { memoryPair } from "@laster/net/testing";
import { pattern, startPair, transportsHere, turn, until, within } from "../support.ts";

const FRAME_BYTES = 8_192;
/** Far more than the buffers of a system hold. */
const MOST_FRAMES = 4_096;

for (const { name, make } of transportsHere()) {
  test(`Session.send() delivers all it accepted to a peer that reads late on ${name}`, async () => {
    const gate = Promise.withResolvers<void>();
    const received: number[] = [];
    let isRight = true;
    await using pair = await startPair(make(), {
      highWaterMarkBytes: 65_536,
      maxQueuedBytes: 262_144,
      closeTimeoutMs: 20_000,
    }, {
      onMessage(_session, payload) {
        received.push(payload[0] | (payload[1] << 8));
        const expected = pattern(FRAME_BYTES - payload.length % 2, payload[0]);
        isRight &&= payload.subarray(2).every((byte, index) => byte === expected[index + 2]);
        return gate.promise; // The first message is held: the client reads no more.
      },
    });
    const { near, far } = await pair.connect();
    const answers = new Map<SendResult, number>();
    let accepted = 0;
    for (let index = 0; index < MOST_FRAMES && !answers.has("full"); index++) {
      const payload = pattern(FRAME_BYTES, index & 0xff);
      payload[0] = index & 0xff;
      payload[1] = index >>> 8;
      const answer = far.send(payload, { flush: "now" });
      answers.set(answer, (answers.get(answer) ?? 0) + 1);
      if (answer === "sent" || answer === "queued" || answer === "congested") accepted++;
      // A turn now and then, so that runtimes whose writes are promises get to write.
      if (answer === "congested") await turn();
    }
    assertEquals(answers.get("full"), 1, "the queue has a limit");
    assert((answers.get("congested") ?? 0) > 0, "the high-water mark was told");
    assertEquals(far.stats.refused.full, 1);
    gate.resolve();
    await within(far.drained(), "drained()");
    await until(() => received.length === accepted, `${accepted} frames`);
    assertEquals(received, Array.from({ length: accepted }, (_, index) => index));
    assert(isRight, "every byte is right");
    assertEquals(near.state, "open");
  });

  test(`Session.send() answers closed and too-large, and counts them on ${name}`, async () => {
    await using pair = await startPair(make(), {}, { onMessage: () => {} });
    const { far } = await pair.connect();
    assertEquals(far.send(new Uint8Array(65_536)), "queued");
    assertEquals(far.send(new Uint8Array(65_537)), "too-large");
    const event = far.close();
    assertEquals(far.send(new Uint8Array(1)), "closed");
    await within(event, "close()");
    assertEquals(far.send(new Uint8Array(1)), "closed");
    assertEquals(far.stats.refused, { "closed": 2, "too-large": 1, "unencodable": 0, "full": 0 });
  });
}

test("memoryPair() peers that never read fill the queue and no more", async () => {
  // The transport's own buffer is bounded too: this is what the queue stands on.
  const [near, far] = memoryPair({ capacityBytes: 1_024 }, { capacityBytes: 1_024 });
  const ignore = { onData: () => {}, onEnd: () => {}, onDrain: () => {}, onClose: () => {} };
  near.start(ignore);
  far.start(ignore);
  far.stall();
  assertEquals(near.write(new Uint8Array(1_024), 0, 1_024), true);
  assertEquals(near.write(new Uint8Array(1), 0, 1), false);
  near.abort();
  await turn();
});

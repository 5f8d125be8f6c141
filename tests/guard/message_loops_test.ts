// The guard's limits and checks of messages that a loop or `receive()` takes, which no wrapped handler sees: `take()`.

import test from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { AnySession } from "@laster/net";
import { guard, type GuardOptions, tooShort } from "@laster/net/guard";
import { FakeClock, memoryTransport } from "@laster/net/testing";
import { CloseLog, startPair, until } from "../support.ts";

/** A server that takes all messages but the first in a loop, and what came of `sizes`. */
async function runLoop(options: GuardOptions, sizes: readonly number[]) {
  const clock = new FakeClock();
  const guarded = guard({ clock, slowPeers: false, ...options });
  const sizesHandled: number[] = [];
  const ends = new CloseLog();
  const onMessage = guarded.protect<undefined>(async (session, first) => {
    sizesHandled.push(first.length);
    for await (const payload of session) {
      if (await guarded.take(session, payload, tooShort(2))) sizesHandled.push(payload.length);
    }
  }, tooShort(2));
  const pair = await startPair(memoryTransport(), { onMessage, onClose: ends.onClose }, { onMessage: () => {} });
  const { near, far } = await pair.connect();
  for (const size of sizes) near.send(new Uint8Array(size));
  return { clock, guarded, sizesHandled, ends, far, pair };
}

test("Guard.take() keeps a loop to the rates and the check, and charges no message twice", async () => {
  const messages = { messagesPerSecond: 5, whenExceeded: "drop" } as const;
  const { guarded, sizesHandled, far, pair } = await runLoop({ messages }, [2, 1, ...Array(28).fill(3)]);
  await until(() => guarded.messages?.stats.dropped === 20, "20 are dropped");
  assertEquals(sizesHandled, [2, ...Array(8).fill(3)], "ten pass, the short one of them is left out");
  assertEquals([guarded.validator.counts, far.state], [{ "too-short": 1 }, "open"]);
  await pair[Symbol.asyncDispose]();
});

test("Guard.take() has a loop wait, and closes its session, as whenExceeded says", async () => {
  const waiting = await runLoop({ messages: { messagesPerSecond: 1 } }, Array(5).fill(2));
  await until(() => waiting.guarded.messages?.stats.waited === 1, "the third waits");
  assertEquals(waiting.sizesHandled.length, 2);
  await waiting.clock.advance(1_000);
  await until(() => waiting.guarded.messages?.stats.waited === 2, "the fourth waits");
  assertEquals(waiting.sizesHandled.length, 3);
  void waiting.far.close();
  await waiting.ends.first;
  assertEquals(waiting.sizesHandled.length, 3, "what waited is not handled behind the end");
  await waiting.pair[Symbol.asyncDispose]();

  const closing = await runLoop({ messages: { messagesPerSecond: 1, whenExceeded: "close" } }, Array(5).fill(2));
  assertEquals((await closing.ends.first).detail, "too-many-messages");
  assertEquals([closing.sizesHandled.length, closing.guarded.messages?.stats.closed], [2, 1]);
  await closing.pair[Symbol.asyncDispose]();
});

test("Guard.take() without limits or without a check takes all that is left to take", async () => {
  const guarded = guard({ messages: false });
  const pair = await startPair(memoryTransport(), { onMessage: () => {} }, { onMessage: () => {} });
  const { far } = await pair.connect();
  const session: AnySession = far;
  assertEquals(await guarded.take(session, new Uint8Array(1)), true);
  assertEquals(await guarded.take(session, new Uint8Array(1), tooShort(2)), false);
  await assertRejects(
    () =>
      guarded.take(session, new Uint8Array(1), () => {
        throw new Error("the check failed");
      }),
    Error,
    "the check failed",
  );
  assert(far.state === "open");
  await pair[Symbol.asyncDispose]();
});

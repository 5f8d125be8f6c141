// MessageStream: one message in hand, a loop that takes it, and an end.

import test from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import { FakeClock } from "@laster/net/testing";
import { MessageStream } from "../../src/session/message_stream.ts";
import { turn } from "../support.ts";

const ONE = new Uint8Array([1]);
const TWO = new Uint8Array([2]);

function setUp() {
  const clock = new FakeClock();
  const log: boolean[] = [];
  return { stream: new MessageStream({ handleReading: (isReading) => log.push(isReading) }, 7, clock), log, clock };
}

test("MessageStream.push() gives a loop that waits its message at once, and tells when it asks for the next", async () => {
  const { stream, log } = setUp();
  const loop = stream.loop();
  assertEquals([stream.isReading, log], [false, []], "a loop begins when it is asked for something");
  const next = loop.next();
  assertEquals([stream.isReading, log], [true, [true]]);
  let isAsked = false;
  stream.push(ONE).then(() => isAsked = true);
  assertEquals(await next, { value: ONE, done: false });
  await turn();
  assertEquals(isAsked, false, "the loop's body may run on for long, and switch the codec");
  await loop.return();
  await turn();
  assertEquals(isAsked, true);
  assertEquals([stream.isReading, log], [false, [true, false]]);
});

test("MessageStream.push() keeps a message that nobody waits for, and tells when the next is asked for", async () => {
  const { stream } = setUp();
  let isAsked = false;
  stream.push(ONE).then(() => isAsked = true);
  const loop = stream.loop();
  assertEquals((await loop.next()).value, ONE);
  await turn();
  assertEquals(isAsked, false);
  const next = loop.next();
  await turn();
  assertEquals(isAsked, true);
  stream.push(TWO);
  assertEquals((await next).value, TWO);
});

test("MessageStream.takeWaiting() takes the message from the loop, once", async () => {
  const { stream } = setUp();
  const taken = stream.push(ONE);
  assertEquals([stream.takeWaiting(), stream.takeWaiting()], [ONE, undefined]);
  await taken;
});

test("MessageStream.loop() refuses a second loop, and takes one after the first", async () => {
  const { stream, log } = setUp();
  const first = stream.loop();
  const next = first.next();
  await assertRejects(() => stream.loop().next(), TypeError, "one reader at a time");
  assertEquals(log, [true], "the refused one did not end the other");
  stream.push(ONE);
  await next;
  await first.return();
  const second = stream.loop();
  const again = second.next();
  stream.push(TWO);
  assertEquals((await again).value, TWO);
});

test("MessageStream.end() ends a loop behind the message that waits", async () => {
  const { stream, log } = setUp();
  stream.push(ONE);
  stream.end(undefined);
  const heard: Uint8Array[] = [];
  for await (const payload of stream.loop()) heard.push(payload);
  assertEquals(heard, [ONE]);
  for await (const _payload of stream.loop()) throw new Error("there is no message");
  assertEquals(log, [true, false, true, false]);
});

test("MessageStream.end() with an error fails the loop that waits, and every one after", async () => {
  const { stream, log } = setUp();
  const error = new RangeError("gone");
  const next = assertRejects(() => stream.loop().next(), RangeError, "gone");
  stream.end(error);
  await next;
  await assertRejects(() => stream.loop().next(), RangeError, "gone");
  assertEquals([stream.isReading, log], [false, [true, false, true, false]]);
});

test("MessageStream.loop() is over for good after an error", async () => {
  const { stream } = setUp();
  const loop = stream.loop();
  const next = assertRejects(() => loop.next(), RangeError);
  stream.end(new RangeError("gone"));
  await next;
  assertEquals(await loop.next(), { value: undefined, done: true });
});

test("MessageStream.loop() left by a throw in its body is left all the same", async () => {
  const { stream, log } = setUp();
  stream.push(ONE);
  const run = async () => {
    for await (const _payload of stream.loop()) throw new Error("in the body");
  };
  await assertRejects(run, Error, "in the body");
  assertEquals([stream.isReading, log], [false, [true, false]]);
});

test("MessageStream.receive() that is called off takes no message that comes in the same moment", async () => {
  const { stream } = setUp();
  const controller = new AbortController();
  const late = assertRejects(() => stream.receive({ signal: controller.signal }), RangeError, "enough");
  await turn();
  controller.abort(new RangeError("enough"));
  stream.push(ONE);
  await late;
  assertEquals(await stream.receive({}), ONE);
});

// Session.close({ detail, lastMessage }): why an application closed, and what the peer is told last.

import test from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { type CloseEvent, type CloseOptions, simpleBinary } from "@laster/net";
import { memoryTransport } from "@laster/net/testing";
import { bytes, startPair, until, within } from "../support.ts";

async function setUp() {
  const events: CloseEvent[] = [];
  const received: Uint8Array[] = [];
  const pair = await startPair(memoryTransport(), {
    codec: simpleBinary(),
    onClose: (_session, event) => events.push(event),
  }, { codec: simpleBinary(), onMessage: (_session, payload) => received.push(payload.slice()) });
  return { pair, events, received, ...await pair.connect() };
}

test("Session.close() sends the last message behind all that is queued, and tells why", async () => {
  const { pair, far, events, received } = await setUp();
  await using _pair = pair;
  far.send(bytes("before"));
  const event = await within(far.close({ detail: "banned", lastMessage: bytes("you are banned") }), "the close");
  await until(() => events.length === 1 && received.length === 2, "all to come");
  assertEquals(received, [bytes("before"), bytes("you are banned")]);
  assertEquals([event.reason, event.detail, event.unsentFrames], ["local-closing", "banned", 0]);
  assertEquals(events[0].detail, "banned");
});

test("Session.close() keeps the detail of the first call, and sends nothing once it closes", async () => {
  const { pair, far, received } = await setUp();
  await using _pair = pair;
  const first = far.close({ detail: "first" });
  void far.close({ detail: "second", lastMessage: bytes("too late") });
  assertEquals([(await within(first, "the close")).detail, received], ["first", []]);
});

test("Session.close() has no detail if none was given, nor has an end by the peer", async () => {
  const { pair, near, far } = await setUp();
  await using _pair = pair;
  void near.close();
  assertEquals((await within(far.closed, "the close")).detail, undefined);
  assertEquals((await within(near.closed, "the other")).detail, undefined);
});

test("TcpService.closeSession() passes on what Session.close() takes", async () => {
  const { pair, far, received } = await setUp();
  await using _pair = pair;
  const event = await pair.server.closeSession(far.id, { detail: "kicked", lastMessage: bytes("bye") });
  await until(() => received.length === 1, "the last message");
  assertEquals([event?.detail, received], ["kicked", [bytes("bye")]]);
});

test("Session has what was wrong with a frame as the detail of a decode-error", async () => {
  const { pair, far, events } = await setUp();
  await using _pair = pair;
  far.switchCodec(simpleBinary({ maxPayloadBytes: 4 }));
  const [near] = pair.client.sessions();
  near.send(bytes("longer than four"));
  await until(() => events.length === 1, "the close");
  assertEquals([events[0].reason, events[0].detail], ["decode-error", "too-large"]);
});

test("Session.close() refuses options that are none, and goes on", async () => {
  const { pair, far } = await setUp();
  await using _pair = pair;
  for (const options of [{ detail: 7 }, { detial: "x" }, { lastMessage: "text" }, null, 7]) {
    assertThrows(() => far.close(options as unknown as CloseOptions), TypeError);
  }
  assertEquals(far.state, "open");
});

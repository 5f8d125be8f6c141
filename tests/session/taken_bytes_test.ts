// What the system has taken of a session's bytes shows that its peer reads: a write that has only begun is no sign of that.

import test from "node:test";
import { assertEquals } from "@std/assert";
import { raw } from "@laster/net/codec";
import { memoryTransport } from "@laster/net/transport";
import { coreOf } from "../../src/session/session.ts";
import { pattern } from "../codec/streams.ts";
import { RawPeer } from "../raw_peer.ts";
import { startPair, until } from "../support.ts";

test("a session's taken bytes count the part of a pending write that was taken, and no more", async () => {
  const transport = memoryTransport();
  await using pair = await startPair(transport, { codec: raw() });
  const peer = await RawPeer.dial(transport, pair.port);
  await until(() => pair.server.sessionCount === 1, "the session");
  const [session] = pair.server.sessions();
  const core = coreOf(session);
  peer.connection.pause();
  let sentBytes = 0;
  const expectTaken = () => assertEquals(core.takenBytes, sentBytes - session.queuedBytes + takenOfPending());
  const takenOfPending = () => core.queue.writingBytes - core.connection.pendingBytes;
  for (let count = 0; count < 20; count++) {
    session.send(pattern(9_000), { flush: "now" });
    sentBytes += 9_000;
    expectTaken();
  }
  assertEquals([takenOfPending() > 0, core.connection.pendingBytes > 0], [true, true], "a write is taken in part");
  const before = core.takenBytes;
  session.send(pattern(9_000), { flush: "now" });
  assertEquals(core.takenBytes, before);
  peer.connection.resume();
  await until(() => session.queuedBytes === 0, "all is taken");
  assertEquals(core.takenBytes, sentBytes + 9_000);
  peer.connection.abort();
});

// Who did not get a broadcast: the list of the result, and onRefused.

import test from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import {
  connect,
  delimited,
  lengthPrefixed,
  type SendResult,
  type Session,
  silentLogger,
  TcpService,
} from "@laster/net";
import { memoryTransport } from "@laster/net/testing";
import { bytes, startPair, text, transportsHere, turn, until } from "../support.ts";

test("broadcast() lists who refused it if asked, and tells onRefused", async () => {
  const told: [number, string, SendResult][] = [];
  await using pair = await startPair(memoryTransport(), {
    onRefused: (session, payload, result) => told.push([session.id, text(payload), result]),
  }, { onMessage: () => {} });
  const [one, two] = [(await pair.connect()).far, (await pair.connect()).far];
  pair.server.group("all").join(one);
  void two.close();
  const result = pair.server.broadcast(bytes("hello"), { listRefused: true });
  assertEquals([result.accepted, result.refused], [1, 1]);
  assertEquals(result.refusedBy?.map(({ session, result }) => [session.id, result]), [[two.id, "closed"]]);
  assertEquals(pair.server.broadcast(bytes("again")).refusedBy, undefined);
  assertEquals(told, [[two.id, "hello", "closed"], [two.id, "again", "closed"]]);
  assertEquals(pair.server.group("all").broadcast(bytes("room"), { listRefused: true }).refusedBy, []);
});

test("a broadcast that the codec of the service cannot encode reaches those whose own codec can, however busy they are", async () => {
  const transport = memoryTransport();
  const heard: string[] = [];
  await using service = new TcpService({
    transport,
    codec: delimited(),
    logger: silentLogger(),
    listeners: [{ port: 1 }, { port: 2, codec: lengthPrefixed() }],
  });
  await service.start();
  const lines = await connect({ transport, port: 1, codec: delimited(), logger: silentLogger() });
  const onMessage = (_session: unknown, payload: Uint8Array) => void heard.push(text(payload));
  const frames = await connect({ transport, port: 2, logger: silentLogger(), onMessage });
  await until(() => service.sessionCount === 2, "the sessions");
  assertEquals(service.broadcast(bytes("two\nlines")), { accepted: 1, congested: 0, refused: 1 });
  await until(() => heard.length === 1, "the message");
  assertEquals(heard, ["two\nlines"]);
  await Promise.all([lines.close(), frames.close()]);
});

test("send() and broadcast() answer unencodable for what the codec cannot make a frame of, and close nobody", async () => {
  const heard: string[] = [];
  const told: SendResult[] = [];
  await using pair = await startPair(memoryTransport(), {
    codec: delimited(),
    onRefused: (_session, _payload, result) => told.push(result),
  }, { codec: delimited(), onMessage: (_session, payload) => heard.push(text(payload)) });
  const { far } = await pair.connect();
  for (let round = 0; round < 2; round++) {
    assertEquals(far.send(bytes("two\nlines")), "unencodable");
    assertEquals(far.send(bytes(`fine ${round}`)), "queued");
    assertEquals(far.send(bytes("two\nlines")), "unencodable", "at the cursor");
    assertEquals(pair.server.broadcast(bytes("two\nlines")), { accepted: 0, congested: 0, refused: 1 });
    assertEquals(pair.server.broadcast(bytes(`all ${round}`)).accepted, 1);
  }
  await until(() => heard.length === 4, "what is fine");
  assertEquals(heard, ["fine 0", "all 0", "fine 1", "all 1"]);
  assertEquals([far.state, far.stats.refused.unencodable, told], ["open", 6, ["unencodable", "unencodable"]]);
});

test("onRefused that throws, sends and closes does no harm to the broadcast", async () => {
  let far: Session | undefined = undefined as Session | undefined;
  await using pair = await startPair(memoryTransport(), {
    onRefused(session) {
      pair.server.broadcast(bytes("inner"), { except: session });
      void far?.close();
      throw new Error("by purpose");
    },
  }, { onMessage: () => {} });
  far = (await pair.connect()).far;
  const gone = (await pair.connect()).far;
  void gone.close();
  assertEquals(pair.server.broadcast(bytes("outer")), { accepted: 1, congested: 0, refused: 1 });
  assertEquals(far?.state, "closing");
});

test("broadcast() and send() refuse a policy that is none", async () => {
  await using pair = await startPair(memoryTransport(), {}, { onMessage: () => {} });
  const { far } = await pair.connect();
  const options = { whenFull: "drop" as "refuse" };
  assertThrows(() => far.send(bytes("x"), options), TypeError, "drop-oldest");
  assertThrows(() => pair.server.broadcast(bytes("x"), options), TypeError, "drop-oldest");
});

for (const { name, make } of transportsHere()) {
  test(`what is sent behind a refused message, and nothing else, arrives, over ${name}`, async () => {
    const heard: string[] = [];
    await using pair = await startPair(make(), { codec: delimited() }, {
      codec: delimited(),
      onMessage: (_session, line) => void heard.push(text(line)),
    });
    const { far } = await pair.connect();
    for (const word of ["one", "two", "three"]) {
      assertEquals(far.send(bytes("a\nb")), "unencodable", "the first of its turn");
      assertEquals(far.send(bytes(word)), "queued");
      await until(() => heard.at(-1) === word, `${word} is there`);
      assertEquals(far.send(bytes("a\nb")), "unencodable", "alone in its turn");
      await turn();
      assertEquals([far.queuedBytes, far.stats.queuedFrames], [0, 0]);
    }
  });
}

test("a broadcast names no session that is over", async () => {
  const reports: Promise<number>[] = [];
  const pair = await startPair(memoryTransport(), {
    flush: "interval",
    flushIntervalMs: 50,
    onClose() {
      pair.server.broadcast(bytes("one has left"));
      reports.push(turn().then(() => pair.server.broadcast(bytes("behind it"), { listRefused: true }).refused));
    },
  }, { onMessage: () => {} });
  await using _pair = pair;
  await pair.connect();
  const { near } = await pair.connect();
  void near.close();
  await until(() => reports.length === 1, "the close");
  assertEquals(await reports[0], 0);
});

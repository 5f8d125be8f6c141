// Arguments that are not what a call takes: each is refused by an error that names it, and nothing has changed then.

import test from "node:test";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { lengthPrefixed, silentLogger, simpleBinary, TcpService } from "@laster/net";
import { Players } from "@laster/net/players";
import { replay } from "@laster/net/recorder";
import { memoryTransport } from "@laster/net/testing";
import { bytes, startPair, text, within } from "../support.ts";

test("Session.switchCodec() refuses what is no codec, and the session goes on", async () => {
  const pair = await startPair(memoryTransport(), { onMessage: (session, payload) => session.send(payload) });
  const { near } = await pair.connect();
  const whole = simpleBinary();
  const wrong: [codec: unknown, says: string][] = [
    [undefined, "must be an object with createEncoder()"],
    [{}, "must be an object with createEncoder()"],
    [lengthPrefixed, "which is to be called"],
    [{ ...whole, createDecoder: 5 }, "must be an object with createDecoder()"],
    [{ ...whole, createEncoder: () => undefined }, "createEncoder() must give an object with encode()"],
    [{ ...whole, createDecoder: () => undefined }, "createDecoder() must give an object with decode()"],
  ];
  for (const [codec, says] of wrong) assertThrows(() => near.switchCodec(codec as never), TypeError, says);
  near.send(bytes("on"));
  assertEquals(text(await within(near.receive(), "an answer") ?? new Uint8Array()), "on");
  await pair[Symbol.asyncDispose]();
});

test("a codec that makes no encoder is refused by the service, and by what has a codec of its own", async () => {
  const codec = { ...simpleBinary(), createEncoder: () => undefined as never };
  const says = "createEncoder() must give an object with encode()";
  assertThrows(() => new TcpService({ codec }), TypeError, says);
  assertThrows(() => new TcpService({ codec, refusalMessage: bytes("full") }), TypeError, says);
  const transport = memoryTransport();
  const service = new TcpService({ transport, logger: silentLogger() });
  await service.start();
  await assertRejects(() => service.listen({ port: 0, codec }), TypeError, says);
  await assertRejects(() => service.connect({ port: 1, codec }), TypeError, says);
  await service.stop();
});

test("replay() refuses options without a clock that it can move", async () => {
  for (const clock of [undefined, null, {}, { now: () => 0 }]) {
    await assertRejects(() => replay("{}", { clock } as never), TypeError, "clock must be one that a replay moves on");
  }
});

test("Players.claim() refuses what is no session", async () => {
  const players = new Players<string>();
  for (const nobody of [undefined, null, 7, "session"]) {
    await assertRejects(() => players.claim("ann", nobody as never), TypeError, "session must be an object");
  }
  assertEquals(players.size, 0);
});

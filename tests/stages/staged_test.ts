// Tests of staged(): stacks of stages, drawn at random, around codecs, drawn at random. Runtime neutral.

import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { concat } from "@std/bytes";
import fc from "fast-check";
import test from "node:test";
import { type Codec, type FrameEncoder, simpleBinary } from "@laster/net/codec";
import { checksum, compression, encryption, type Stage, staged } from "@laster/net/stages";
import { memoryTransport } from "@laster/net/testing";
import { assertMessages, pattern } from "../codec/streams.ts";
import { check } from "../property.ts";
import { startPair, until } from "../support.ts";
import { expectedLimit, makeCodec, makeKeys, noise, type StackShape, stackShapes } from "./stacks.ts";

/** Encodes with an encoder that may keep state; the room is as small as it says, with a guard behind it. */
function encode(encoder: FrameEncoder, payload: Uint8Array): Uint8Array {
  const roomBytes = encoder.frameBytes(payload.length);
  const input = concat([Uint8Array.of(7, 7), payload, Uint8Array.of(7)]);
  const output = new Uint8Array(roomBytes + 2).fill(7);
  const written = encoder.encode(input, 2, payload.length, output, 1);
  assert(written <= roomBytes, `frameBytes(${payload.length}) is ${roomBytes}, but encode wrote ${written}`);
  assertEquals([output[0], ...output.subarray(1 + written)].filter((byte) => byte !== 7), []);
  assertEquals(input.subarray(2, 2 + payload.length), payload);
  return output.slice(1, 1 + written);
}

/** A codec of which every decoder is new, so that one stream can be read many times. */
function readerOf(shape: StackShape): Codec {
  return {
    name: "again",
    createDecoder: () => makeCodec(shape, "far").createDecoder(),
    createEncoder: () => makeCodec(shape, "near").createEncoder(),
  };
}

/** A payload by a share of the limit: random, or one that deflates well. */
const draws = fc.record({
  share: fc.oneof(fc.constantFrom(0, 1), fc.double({ min: 0, max: 1, noNaN: true })),
  isNoise: fc.boolean(),
  seed: fc.nat(),
});

function draw(limit: number, { share, isNoise, seed }: { share: number; isNoise: boolean; seed: number }): Uint8Array {
  const length = Math.floor(share * limit);
  return isNoise ? noise(length, seed) : new Uint8Array(length).fill(seed);
}

test("staged() round-trips payloads up to the limit when stacks, codecs and cuts are drawn at random", () => {
  check(
    fc.property(stackShapes, fc.array(draws, { maxLength: 4 }), (shape, list) => {
      const encoder = makeCodec(shape, "near").createEncoder();
      const limit = encoder.maxPayloadBytes;
      const payloads = [new Uint8Array(0), noise(limit), ...list.map((one) => draw(limit, one))];
      const frames = payloads.map((payload) => encode(encoder, payload));
      assertMessages(readerOf(shape), concat(frames), payloads, 2);
    }),
    60,
  );
});

test("staged() takes as much as the codec's limit leaves when stacks are drawn at random", () => {
  check(fc.property(stackShapes, (shape) => {
    assertEquals(makeCodec(shape, "near").createEncoder().maxPayloadBytes, expectedLimit(shape));
  }));
});

test("staged() sends a payload at the limit and refuses one past it as too-large when stacks are drawn at random", async () => {
  const shapes: StackShape[] = [];
  check(fc.property(stackShapes, (shape) => void shapes.push(shape)), 25);
  for (const shape of shapes) {
    const received: Uint8Array[] = [];
    await using pair = await startPair(memoryTransport(), {
      onOpen: (session) => session.switchCodec(makeCodec(shape, "far")),
      onMessage: (_session, payload) => received.push(payload.slice()),
    });
    const { near, far } = await pair.connect();
    near.switchCodec(makeCodec(shape, "near"));
    const limit = expectedLimit(shape);
    assertEquals(near.send(noise(limit + 1)), "too-large");
    assertEquals(near.send(noise(limit)), "queued");
    assertEquals(near.send(new Uint8Array(0)), "queued");
    await until(() => received.length === 2, "both messages");
    assertEquals(received, [noise(limit), new Uint8Array(0)]);
    assertEquals([near.stats.refused["too-large"], near.state, far.state], [1, "open", "open"]);
  }
});

test("staged() round-trips payloads when they are longer than what the stages keep for handing on", () => {
  const limits = { maxPayloadBytes: 300_000 };
  const make = (end: "near" | "far") =>
    staged(simpleBinary(limits), [checksum(), compression({ maxInflatedBytes: 300_000 }), encryption(makeKeys(end))]);
  const encoder = make("near").createEncoder();
  const payloads = [noise(66_532), noise(66_560), noise(200_000), new Uint8Array(250_000), pattern(3)];
  const stream = concat(payloads.map((payload) => encode(encoder, payload)));
  const codec = { ...make("near"), createDecoder: () => make("far").createDecoder() };
  assertMessages({ ...codec, name: "long" }, stream, payloads, 2);
});

test("staged() names its stages when asked, and is the codec itself in all but name without any", () => {
  const inner = simpleBinary({ maxPayloadBytes: 100 });
  const codec = staged(inner, []);
  assertEquals(codec.name, "simple-binary");
  assertEquals(codec.createEncoder().maxPayloadBytes, 100);
  assertEquals(encode(codec.createEncoder(), pattern(5)), encode(inner.createEncoder(), pattern(5)));
  assertEquals(
    staged(inner, [checksum(), encryption(makeKeys("near"))]).name,
    "checksum+encryption+simple-binary",
  );
});

test("staged() takes empty payloads alone when the stages leave nothing, and throws a RangeError one byte below", () => {
  const stages = () => [checksum(), compression(), encryption(makeKeys("near"))];
  assertEquals(staged(simpleBinary({ maxPayloadBytes: 29 }), stages()).createEncoder().maxPayloadBytes, 0);
  assertThrows(
    () => staged(simpleBinary({ maxPayloadBytes: 28 }), stages()).createEncoder(),
    RangeError,
    "the stage checksum adds 4 bytes: current limit is 3",
  );
});

test("staged() gives the same encoder every time when no part keeps state, and another when one does", () => {
  const plain = staged(simpleBinary(), [checksum(), compression()]);
  assertStrictEquals(plain.createEncoder(), plain.createEncoder());
  const stateful: Stage = { ...checksum(), createEncoder: () => ({ ...checksum().createEncoder() }) };
  const codec = staged(simpleBinary(), [stateful]);
  assert(codec.createEncoder() !== codec.createEncoder());
});

/** A stage that counts what it encodes. */
function counting(): { readonly stage: Stage; encoded: number } {
  const count = { stage: checksum(), encoded: 0 };
  const encoder = count.stage.createEncoder();
  const counted: ReturnType<Stage["createEncoder"]> = {
    encode(payload, offset, length, output, outputOffset) {
      count.encoded++;
      return encoder.encode(payload, offset, length, output, outputOffset);
    },
  };
  return Object.assign(count, { stage: { ...count.stage, createEncoder: () => counted } });
}

test("TcpService.broadcast() encodes once for all sessions when the stages keep no state", async () => {
  const count = counting();
  const received: Uint8Array[] = [];
  await using pair = await startPair(memoryTransport(), {
    codec: staged(simpleBinary(), [count.stage, compression()]),
  }, {
    codec: staged(simpleBinary(), [checksum(), compression()]),
    onMessage: (_session, payload) => received.push(payload.slice()),
  });
  for (let index = 0; index < 7; index++) await pair.connect();
  const payload = pattern(5_000);
  assertEquals(pair.server.broadcast(payload).accepted, 7);
  await until(() => received.length === 7, "seven messages");
  assertEquals(received, Array.from({ length: 7 }, () => payload));
  assertEquals(count.encoded, 1);
});

test("TcpService.broadcast() encodes for each session when each has keys of its own", async () => {
  const count = counting();
  const received = new Map<number, Uint8Array[]>();
  const codecOf = (id: number, end: "near" | "far", first: Stage) =>
    staged(simpleBinary(), [first, compression(), encryption(makeKeys(end, id))]);
  await using pair = await startPair(memoryTransport(), {
    onOpen: (session) => session.switchCodec(codecOf(session.id, "far", count.stage)),
  }, {
    onOpen(session) {
      session.switchCodec(codecOf(session.id, "near", checksum()));
      received.set(session.id, []);
    },
    onMessage: (session, payload) => received.get(session.id)?.push(payload.slice()),
  });
  for (let index = 0; index < 5; index++) await pair.connect();
  const payloads = [pattern(5_000), new Uint8Array(0), noise(60_000)];
  for (const payload of payloads) assertEquals(pair.server.broadcast(payload).accepted, 5);
  await until(() => [...received.values()].every((list) => list.length === 3), "three messages each");
  for (const list of received.values()) assertEquals(list, payloads);
  assertEquals(count.encoded, 15);
});

// Codecs that break their contract: the session whose bytes they were ends, with the error in its close event, and no
// other.

import test from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { type CloseEvent, type Codec, type FrameDecoder, type FrameEncoder, simpleBinary } from "@laster/net";
import { memoryTransport } from "@laster/net/testing";
import { bytes, startPair, text, until, within } from "../support.ts";

const BAD = "bad";

/** simpleBinary, but for what `faults` make of the payload `BAD`. */
function faultyCodec(faults: { readonly decode?: () => number; readonly encode?: () => number }): Codec {
  const { createDecoder, createEncoder } = simpleBinary();
  const decoder = createDecoder();
  const encoder = createEncoder();
  const isBad = (buffer: Uint8Array, offset: number, length: number) =>
    text(buffer.subarray(offset, offset + length)) === BAD;
  const faultyDecoder: FrameDecoder = {
    maxFrameBytes: decoder.maxFrameBytes,
    decode(input, start, end, frame) {
      const used = decoder.decode(input, start, end, frame);
      if (used === 0 || faults.decode === undefined || !isBad(frame.buffer, frame.offset, frame.length)) return used;
      return faults.decode();
    },
  };
  const faultyEncoder: FrameEncoder = {
    maxPayloadBytes: encoder.maxPayloadBytes,
    frameBytes: (length) => encoder.frameBytes(length),
    encode(payload, offset, length, output, outputOffset) {
      if (faults.encode !== undefined && isBad(payload, offset, length)) return faults.encode();
      return encoder.encode(payload, offset, length, output, outputOffset);
    },
  };
  return { name: "faulty", createDecoder: () => faultyDecoder, createEncoder: () => faultyEncoder };
}

function fail(): never {
  throw new Error("on purpose");
}

const FAULTS: Readonly<Record<string, () => number>> = {
  "throws": fail,
  "throws what is no Error": () => {
    throw "a text";
  },
  "gives -1": () => -1,
  "gives NaN": () => NaN,
  "gives 1.5": () => 1.5,
  "gives undefined": () => undefined as unknown as number,
  "gives more than there is": () => 1_000_000,
};

for (const [name, fault] of Object.entries(FAULTS)) {
  for (const side of ["decode", "encode"] as const) {
    test(`Session ends with ${side}-error when the codec's ${side}() ${name}`, async () => {
      const events: CloseEvent[] = [];
      const answers: unknown[] = [];
      await using pair = await startPair(memoryTransport(), {
        codec: faultyCodec({ [side]: fault }),
        onMessage(session, payload) {
          session.send(bytes("before"));
          answers.push(session.send(payload), session.send(bytes("after")));
        },
        onClose: (_session, event) => events.push(event),
      }, {
        createData: () => [] as string[],
        onMessage: (session, payload) => session.data.push(text(payload)),
      });
      const bystander = await pair.connect();
      const { near } = await pair.connect();
      near.send(bytes(BAD));
      await until(() => events.length === 1, "the close");
      assertEquals(events[0].reason, `${side}-error`);
      assert(events[0].error instanceof Error);
      await within(near.closed, "the other end");
      assertEquals(near.data, side === "encode" ? ["before"] : [], "what was sent before is delivered");
      if (side === "encode") assertEquals(answers, ["closed", "closed"]);
      bystander.near.send(bytes("hi"));
      await until(() => bystander.near.data.length === 3, "the bystander's echo");
      assertEquals(bystander.near.data, ["before", "hi", "after"]);
    });
  }

  test(`TcpService.broadcast() throws and closes nobody when the codec's encode() ${name}`, async () => {
    const heard: string[] = [];
    await using pair = await startPair(memoryTransport(), { codec: faultyCodec({ encode: fault }) }, {
      onMessage: (_session, payload) => heard.push(text(payload)),
    });
    await pair.connect();
    await pair.connect();
    pair.server.broadcast(bytes("before"));
    let hasThrown = false;
    try {
      pair.server.broadcast(bytes(BAD));
    } catch {
      hasThrown = true;
    }
    pair.server.broadcast(bytes("after"));
    await until(() => heard.length === 4, "the others");
    assertEquals([heard.toSorted().join(" "), hasThrown], ["after after before before", true]);
  });
}

test("TcpService refuses a connection for which the codec makes no decoder, and goes on", async () => {
  const codec = simpleBinary();
  let calls = 0;
  const broken: Codec = { ...codec, createDecoder: () => ++calls === 1 ? fail() : codec.createDecoder() };
  await using pair = await startPair(memoryTransport(), {
    codec: broken,
    onMessage: (session, payload) => session.send(payload),
  });
  const refused = await pair.client.connect({ port: pair.port });
  await within(refused.closed, "the refusal");
  const { near } = await pair.connect();
  near.send(bytes("hi"));
  for await (const payload of near) {
    assertEquals(text(payload), "hi");
    break;
  }
});

test("TcpService.connect() rejects when the codec makes no encoder for it", async () => {
  const codec = simpleBinary();
  let calls = 0;
  // The first is the service's own.
  const broken: Codec = { ...codec, createEncoder: () => ++calls === 2 ? fail() : codec.createEncoder() };
  await using pair = await startPair(memoryTransport(), {}, { codec: broken });
  await assertRejects(() => pair.client.connect({ port: pair.port }), Error, "on purpose");
  await until(() => pair.server.stats().openedSessions === 1 && pair.server.sessionCount === 0, "its end");
  await pair.connect();
});

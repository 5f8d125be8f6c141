// What stages find wrong ends the session with a reason of its own, and no other session. Through whole services, over
// memory. Runtime neutral.

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { concat } from "@std/bytes";
import test from "node:test";
import { deflateRawSync } from "node:zlib";
import { type CloseEvent, type Codec, FrameError, simpleBinary } from "@laster/net";
import { checksum, compression, encryption, type Stage, staged } from "@laster/net/stages";
import { memoryTransport } from "@laster/net/testing";
import { pattern } from "../codec/streams.ts";
import { bytes, startPair, until, within } from "../support.ts";
import { makeBomb } from "./bomb.ts";
import { type End, makeKeys, StageRun } from "./stacks.ts";

/** What a peer that lies sends, and what becomes of it. */
interface Fault {
  readonly name: string;
  /** The stages of both ends. */
  readonly stages: (end: End) => readonly Stage[];
  /** Makes the payloads as they go into frames: with the last, something is wrong. */
  readonly send: () => readonly Uint8Array[];
  readonly detail: string;
}

const sealed = (end: End) => [encryption(makeKeys(end))];
const inflating = () => [compression({ maxInflatedBytes: 1_000 })];

/** Frames of the near end under the right keys. */
function seal(count: number): readonly Uint8Array[] {
  const run = new StageRun(encryption(makeKeys("near")));
  return Array.from({ length: count }, (_, index) => run.encode(pattern(50, index)));
}

function flip(payload: Uint8Array, index: number, mask: number = 1): Uint8Array {
  const changed = payload.slice();
  changed[index] ^= mask;
  return changed;
}

function deflated(length: number): Uint8Array {
  return concat([Uint8Array.of(1), deflateRawSync(new Uint8Array(length))]);
}

const sum = new StageRun(checksum()).encode(pattern(50));

/** Where what lies in an encrypted frame, and what to change there; 50 with bit 1 away is shorter than it is. */
const REGIONS: readonly (readonly [region: string, index: number, mask: number])[] = [
  ["number", 0, 1],
  ["number", 3, 128],
  ["length", 4, 2],
  ["ciphertext", 8, 1],
  ["ciphertext", 57, 128],
  ["tag", 58, 1],
  ["tag", 73, 128],
];

const FAULTS: readonly Fault[] = [
  ...REGIONS.map(([region, index, mask]): Fault => ({
    name: `an encrypted frame with another ${region} (byte ${index})`,
    stages: sealed,
    send: () => [seal(2)[0], flip(seal(2)[1], index, mask)],
    detail: "tampered",
  })),
  {
    name: "an encrypted frame that says to be longer",
    stages: sealed,
    send: () => [flip(seal(1)[0], 4)],
    detail: "incomplete",
  },
  {
    name: "an encrypted frame without its end",
    stages: sealed,
    send: () => [seal(1)[0].subarray(0, 73)],
    detail: "incomplete",
  },
  {
    name: "an encrypted frame without its tag",
    stages: sealed,
    send: () => [seal(1)[0].subarray(0, 58)],
    detail: "incomplete",
  },
  { name: "an encrypted frame of nothing", stages: sealed, send: () => [new Uint8Array(0)], detail: "incomplete" },
  { name: "an encrypted frame twice", stages: sealed, send: () => [seal(1)[0], seal(1)[0]], detail: "replayed" },
  { name: "an old encrypted frame", stages: sealed, send: () => [...seal(3), seal(1)[0]], detail: "replayed" },
  {
    name: "encrypted frames in another order",
    stages: sealed,
    send: () => [seal(1)[0], seal(3)[2]],
    detail: "replayed",
  },
  { name: "encrypted frames without the first", stages: sealed, send: () => [seal(2)[1]], detail: "replayed" },
  {
    name: "a frame under another key",
    stages: sealed,
    send: () => [seal(1)[0], new StageRun(encryption(makeKeys("near", 7))).encode(pattern(50))],
    detail: "tampered",
  },
  { name: "plain text for encrypted", stages: sealed, send: () => [new Uint8Array(100)], detail: "tampered" },
  {
    name: "a payload with another sum",
    stages: () => [checksum()],
    send: () => [sum, flip(sum, 53)],
    detail: "checksum-mismatch",
  },
  {
    name: "a summed payload with another byte",
    stages: () => [checksum()],
    send: () => [flip(sum, 10)],
    detail: "checksum-mismatch",
  },
  {
    name: "a payload too short for a sum",
    stages: () => [checksum()],
    send: () => [sum.subarray(0, 3)],
    detail: "incomplete",
  },
  {
    name: "a payload of one byte past the limit",
    stages: inflating,
    send: () => [deflated(1_000), deflated(1_001)],
    detail: "inflated-too-large",
  },
  {
    name: "a payload that inflates to 100 MiB",
    stages: inflating,
    send: () => [makeBomb(100)],
    detail: "inflated-too-large",
  },
  {
    name: "a stored payload past the limit",
    stages: inflating,
    send: () => [new Uint8Array(1_001), new Uint8Array(1_002)],
    detail: "inflated-too-large",
  },
  {
    name: "a deflated payload without its end",
    stages: inflating,
    send: () => [deflated(900).subarray(0, -1)],
    detail: "incomplete",
  },
  { name: "a compressed payload of nothing", stages: inflating, send: () => [new Uint8Array(0)], detail: "incomplete" },
  {
    name: "a payload that is no deflate",
    stages: inflating,
    send: () => [Uint8Array.of(1, 255, 255)],
    detail: "malformed",
  },
  {
    name: "a payload with an unknown mark",
    stages: inflating,
    send: () => [deflated(9), Uint8Array.of(2, 0)],
    detail: "malformed",
  },
];

/** Room for the bomb. */
const inner = () => simpleBinary({ maxPayloadBytes: 150_000 });

for (const { name, stages, send, detail } of FAULTS) {
  test(`Session closes by ${detail}, and no other session does, when it gets ${name}`, async () => {
    const events: CloseEvent[] = [];
    const received: number[] = [];
    const echoes: Uint8Array[] = [];
    await using pair = await startPair(memoryTransport(), {
      codec: inner(),
      onOpen: (session) => session.switchCodec(staged(inner(), stages("far"))),
      onMessage(session, payload) {
        received.push(session.id);
        session.send(payload);
      },
      onClose: (_session, event) => events.push(event),
    }, {
      codec: inner(),
      onMessage: (session, payload) => session.id === 1 && echoes.push(payload.slice()),
    });
    const bystander = await pair.connect();
    bystander.near.switchCodec(staged(inner(), stages("near")));
    bystander.near.send(bytes("before"));
    const liar = await pair.connect();
    const payloads = send();
    for (const payload of payloads) liar.near.send(payload);
    const { error } = await within(liar.far.closed, "the close");
    await until(() => events.length === 1, "onClose");
    bystander.near.send(bytes("after"));
    await until(() => echoes.length === 2, "the bystander's echoes");

    assertEquals(events.map((event) => [event.reason, event.detail]), [["decode-error", detail]]);
    assertEquals(error instanceof FrameError && String(error.code), detail);
    assertEquals(received.filter((id) => id === liar.far.id).length, payloads.length - 1);
    assertEquals([echoes, bystander.far.state], [[bytes("before"), bytes("after")], "open"]);
    assertEquals(pair.server.stats().closedSessions["decode-error"], 1);
  });
}

test("Session hands out views of the chunk when payloads are summed, or compressed and stored", async () => {
  for (const stages of [[checksum()], [compression()], [checksum(), compression()]]) {
    let chunk: ArrayBufferLike | undefined;
    const payloads: ArrayBufferLike[] = [];
    await using pair = await startPair(memoryTransport(), {
      codec: staged(simpleBinary(), stages),
      onChunk: (_session, received) => chunk = received.buffer,
      onMessage: (_session, payload) => payloads.push(payload.buffer),
    }, { codec: staged(simpleBinary(), stages) });
    const { near } = await pair.connect();
    near.send(pattern(100));
    near.send(pattern(60));
    await until(() => payloads.length === 2, "both messages");
    for (const buffer of payloads) assertStrictEquals(buffer, chunk);
  }
});

test("Session closes by encode-error when a stage fails to encode, and sends nothing of it", async () => {
  const events: CloseEvent[] = [];
  const failing: Stage = {
    ...checksum(),
    createEncoder: () => ({
      encode: () => {
        throw new FrameError("codec-fault", "Cannot encode frame as this is a test: current value is 1");
      },
    }),
  };
  await using pair = await startPair(memoryTransport(), {
    codec: staged(simpleBinary(), [failing]),
    onClose: (_session, event) => events.push(event),
  });
  const { near, far } = await pair.connect();
  far.send(pattern(5));
  await within(near.closed, "the close");
  await until(() => events.length === 1, "onClose");
  assertEquals([events[0].reason, near.stats.receivedBytes], ["encode-error", 0]);
});

/** A stage that refuses payloads of more than 50 bytes. */
const picky: Stage = {
  name: "picky",
  overheadBytes: 0,
  createDecoder: () => ({ decode() {} }),
  createEncoder: () => ({
    encode(payload, offset, length, output, outputOffset) {
      if (length > 50) {
        throw new FrameError("unencodable", "Cannot encode payload as this is a test: current value is 51");
      }
      output.set(payload.subarray(offset, offset + length), outputOffset);
      return length;
    },
  }),
};

test("Session.send() answers unencodable when the first stage refuses, and the next message arrives", async () => {
  const received: Uint8Array[] = [];
  await using pair = await startPair(memoryTransport(), {
    onOpen: (session) => session.switchCodec(staged(simpleBinary(), [picky, ...sealed("far")])),
    onMessage: (_session, payload) => received.push(payload.slice()),
  });
  const { near } = await pair.connect();
  near.switchCodec(staged(simpleBinary(), [picky, ...sealed("near")]));
  assertEquals([near.send(pattern(3)), near.send(pattern(51)), near.send(pattern(4))], [
    "queued",
    "unencodable",
    "queued",
  ]);
  await until(() => received.length === 2, "both messages");
  assertEquals([received, near.state], [[pattern(3), pattern(4)], "open"]);
});

test("Session closes by encode-error when a stage or a codec behind another stage refuses, as that may have numbered the frame", async () => {
  const narrow: Codec = {
    ...simpleBinary(),
    createEncoder() {
      const encoder = simpleBinary().createEncoder();
      return {
        maxPayloadBytes: encoder.maxPayloadBytes,
        frameBytes: (length) => encoder.frameBytes(length),
        encode(payload, offset, length, output, outputOffset) {
          if (length > 75) throw new FrameError("unencodable", "Cannot encode payload as this is a test: it is 76");
          return encoder.encode(payload, offset, length, output, outputOffset);
        },
      };
    },
  };
  const refusing: readonly (readonly [string, (end: End) => Codec])[] = [
    ["the stage behind another", (end) => staged(simpleBinary(), [...sealed(end), picky])],
    ["the codec behind the stages", (end) => staged(narrow, sealed(end))],
  ];
  for (const [who, make] of refusing) {
    const events: CloseEvent[] = [];
    await using pair = await startPair(memoryTransport(), {
      onOpen: (session) => session.switchCodec(make("far")),
      onClose: (_session, event) => events.push(event),
    });
    const { near } = await pair.connect();
    near.switchCodec(make("near"));
    near.send(pattern(3));
    assertEquals(near.send(pattern(60)), "closed", who);
    const { reason, detail, error } = await within(near.closed, "the close");
    assertEquals([reason, detail], ["encode-error", "codec-fault"], who);
    assert(error instanceof FrameError && error.message.includes(who), error?.message);
    await until(() => events.length === 1, "onClose");
    assert(events[0].reason !== "decode-error", `${who}: ${events[0].detail}`);
  }
});

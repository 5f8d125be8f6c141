// Codecs against it-length-prefixed, the maintained package for framing in memory: the frames of a chunk, and a chunk of
// frames. Runs on Deno, Bun and Node.

import { BufferPool } from "../../src/buffer/mod.ts";
import { type Codec, FrameReader, lengthPrefixed, simpleBinary } from "../../src/codec/mod.ts";
import { importPackage, type Subject } from "./subject.ts";

const FRAMES = 64;
const PAYLOAD_BYTES = 64;

interface ByteList {
  readonly byteLength: number;
  get(index: number): number;
}
interface LengthDecoder {
  (data: ByteList): number;
  bytes: number;
}
interface LengthEncoder {
  (value: number): Uint8Array;
  bytes: number;
}
interface ItLengthPrefixed {
  decode(source: Iterable<Uint8Array>, options?: { lengthDecoder: LengthDecoder }): Iterable<ByteList>;
  encode(source: Iterable<Uint8Array>, options?: { lengthEncoder: LengthEncoder }): Iterable<Uint8Array>;
}

/** A framing: our codec, and the same for the package. */
interface Framing {
  readonly title: string;
  readonly codec: Codec;
  readonly decoder?: LengthDecoder;
  readonly encoder?: LengthEncoder;
}

const fixed = (bytes: number, isLittle: boolean): Pick<Framing, "decoder" | "encoder"> => ({
  decoder: Object.assign((data: ByteList) => {
    if (data.byteLength < bytes) throw new RangeError("short");
    let length = 0;
    for (let index = 0; index < bytes; index++) length = length * 256 + data.get(isLittle ? bytes - 1 - index : index);
    return length;
  }, { bytes }),
  encoder: Object.assign((value: number) => {
    const header = new Uint8Array(bytes);
    for (let index = 0; index < bytes; index++) header[isLittle ? index : bytes - 1 - index] = value >>> (8 * index);
    return header;
  }, { bytes }),
});

const FRAMINGS: readonly Framing[] = [
  { title: "simpleBinary", codec: simpleBinary(), ...fixed(4, true) },
  { title: "lengthPrefixed, 2 bytes", codec: lengthPrefixed({ width: 2, byteOrder: "big" }), ...fixed(2, false) },
  { title: "lengthPrefixed, varint", codec: lengthPrefixed({ width: "varint" }) },
];

/** Makes the subjects. */
export async function codecSubjects(): Promise<Subject[]> {
  const theirs = await importPackage<ItLengthPrefixed>("it-length-prefixed");
  const payload = new Uint8Array(PAYLOAD_BYTES).fill(9);
  const payloads = new Array(FRAMES).fill(payload) as Uint8Array[];
  return FRAMINGS.flatMap(({ title, codec, decoder, encoder }) => {
    const chunk = encodeAll(codec, payload);
    const reader = new FrameReader(codec.createDecoder(), new BufferPool());
    const output = new Uint8Array(chunk.length);
    const ourEncoder = codec.createEncoder();
    return [
      {
        title: `decode ${FRAMES} frames of ${PAYLOAD_BYTES} B, ${title}`,
        contenders: [
          {
            name: "ours",
            run() {
              let sum = 0;
              reader.feed(chunk);
              while (reader.next()) sum += reader.frame.length + reader.frame.buffer[reader.frame.offset];
              return sum;
            },
          },
          {
            name: "it-length-prefixed",
            run() {
              let sum = 0;
              const frames = theirs.decode([chunk], decoder && { lengthDecoder: decoder });
              for (const frame of frames) sum += frame.byteLength + frame.get(0);
              return sum;
            },
          },
        ],
      },
      {
        title: `encode ${FRAMES} frames of ${PAYLOAD_BYTES} B, ${title}`,
        contenders: [
          {
            name: "ours",
            run() {
              let at = 0;
              for (const each of payloads) at += ourEncoder.encode(each, 0, each.length, output, at);
              return at;
            },
          },
          {
            name: "it-length-prefixed",
            run() {
              let at = 0;
              for (const part of theirs.encode(payloads, encoder && { lengthEncoder: encoder })) at += part.length;
              return at;
            },
          },
        ],
      },
    ];
  });
}

function encodeAll(codec: Codec, payload: Uint8Array): Uint8Array {
  const encoder = codec.createEncoder();
  const output = new Uint8Array(FRAMES * encoder.frameBytes(payload.length));
  let at = 0;
  for (let count = 0; count < FRAMES; count++) at += encoder.encode(payload, 0, payload.length, output, at);
  return output.slice(0, at);
}

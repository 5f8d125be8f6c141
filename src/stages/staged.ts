// staged(): a codec with stages around its payloads. Knows no stage of its own. Runtime neutral.

import { FrameError, messageOf } from "../errors.ts";
import type { Codec, Frame, FrameDecoder, FrameEncoder } from "../codec/codec.ts";
import type { Stage, StageDecoder, StageEncoder } from "./stage.ts";

/** Size of the arrays between stages: a payload of 64 KiB with overhead. Larger ones are allocated per call. */
const SCRATCH_BYTES = 66_560;

/**
 * Two arrays that all staged encoders share: their contents are not used after a call, and calls do not overlap. A pair per
 * session would cost 130 KB each.
 */
const scratches: readonly [Uint8Array, Uint8Array] = [new Uint8Array(SCRATCH_BYTES), new Uint8Array(SCRATCH_BYTES)];

/**
 * Puts stages around a codec: outgoing payloads go through the stages in order and are then framed; incoming payloads are
 * unframed and go through the stages in reverse. So `[checksum(), compression(), encryption(keys)]` first adds a checksum, then
 * compresses, then encrypts.
 *
 * The codec's limit includes what the stages add: `send` takes payloads of up to the codec's `maxPayloadBytes` less the
 * `overheadBytes` of all stages, or less if a stage has a limit. If the codec and all stages are stateless, a broadcast is
 * encoded once for all sessions.
 *
 * A payload that the codec, or a stage behind the first, refuses as `"unencodable"` ends the session with `"encode-error"`, as
 * a stage before may have numbered the frame. Only the first stage can refuse a payload and no more.
 *
 * @param codec How the payloads are framed.
 * @param stages What is done to them first, in this order.
 * @returns A codec for as many sessions as its codec and stages support: with `encryption`, one. Its `createEncoder()` throws a
 * `RangeError` if the stages add more bytes than the codec's limit allows.
 *
 * @example Compress what is sent
 * ```ts
 * import { TcpService, simpleBinary } from "@laster/net";
 * import { checksum, compression, staged } from "@laster/net/stages";
 * import { memoryTransport } from "@laster/net/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const codec = staged(simpleBinary(), [checksum(), compression()]);
 * const transport = memoryTransport();
 * await using server = new TcpService({
 *   transport,
 *   codec,
 *   listeners: [{ port: 1 }],
 *   onMessage: (session, payload) => session.send(payload),
 * });
 * await server.start();
 * await using client = new TcpService({ transport, codec });
 * await client.start();
 * const session = await client.connect({ hostname: "0.0.0.0", port: 1 });
 * session.send(new Uint8Array(10_000));
 * for await (const payload of session) {
 *   assertEquals(payload.length, 10_000);
 *   break;
 * }
 * ```
 */
export function staged(codec: Codec, stages: readonly Stage[]): Codec {
  const name = [...stages.map((stage) => stage.name), codec.name].join("+");
  let shared: { readonly parts: readonly object[]; readonly encoder: FrameEncoder } | undefined;
  return {
    name,
    ...(codec.ping === undefined ? {} : { ping: codec.ping }), // Control frames go through no stage.
    createDecoder() {
      const decoders = stages.map((stage) => stage.createDecoder()).reverse();
      return new StagedDecoder(codec.createDecoder(), decoders);
    },
    createEncoder() {
      const inner = codec.createEncoder();
      const encoders = stages.map((stage) => stage.createEncoder());
      const parts = [inner, ...encoders];
      // The same parts give the same encoder object: sessions that share an encoder share encoded broadcasts.
      if (shared === undefined || shared.parts.some((part, index) => part !== parts[index])) {
        shared = { parts, encoder: new StagedEncoder(inner, encoders, findLimits(inner, stages)) };
      }
      return shared.encoder;
    },
  };
}

/** What the stages leave of a codec's limit. */
interface Limits {
  readonly maxPayloadBytes: number;
  readonly overheads: readonly number[];
}

function findLimits(encoder: FrameEncoder, stages: readonly Stage[]): Limits {
  let maxPayloadBytes = encoder.maxPayloadBytes;
  for (const { name, overheadBytes, maxPayloadBytes: most = Infinity } of stages.toReversed()) {
    maxPayloadBytes = Math.min(maxPayloadBytes - overheadBytes, most);
    if (maxPayloadBytes >= 0) continue;
    throw new RangeError(
      `Cannot create codec as the stage ${name} adds ${overheadBytes} bytes: current limit is ` +
        `${maxPayloadBytes + overheadBytes}`,
    );
  }
  return { maxPayloadBytes, overheads: stages.map(({ overheadBytes }) => overheadBytes) };
}

class StagedDecoder implements FrameDecoder {
  readonly maxFrameBytes: number;
  readonly #inner: FrameDecoder;
  /** The last stage of the sender first. */
  readonly #stages: readonly StageDecoder[];

  constructor(inner: FrameDecoder, stages: readonly StageDecoder[]) {
    this.maxFrameBytes = inner.maxFrameBytes;
    this.#inner = inner;
    this.#stages = stages;
  }

  decode(input: Uint8Array, start: number, end: number, frame: Frame): number {
    const used = this.#inner.decode(input, start, end, frame);
    if (used <= 0 || frame.isConsumed) return used; // Control frames go through no stage.
    for (const stage of this.#stages) stage.decode(frame);
    if (frame.length > used) frame.expandedBytes += frame.length - used;
    return used;
  }
}

class StagedEncoder implements FrameEncoder {
  readonly maxPayloadBytes: number;
  readonly #inner: FrameEncoder;
  readonly #stages: readonly StageEncoder[];
  readonly #overheads: readonly number[];
  readonly #overheadBytes: number;

  constructor(inner: FrameEncoder, stages: readonly StageEncoder[], { maxPayloadBytes, overheads }: Limits) {
    this.maxPayloadBytes = maxPayloadBytes;
    this.#inner = inner;
    this.#stages = stages;
    this.#overheads = overheads;
    this.#overheadBytes = overheads.reduce((sum, bytes) => sum + bytes, 0);
  }

  frameBytes(length: number): number {
    return this.#inner.frameBytes(length + this.#overheadBytes);
  }

  encode(payload: Uint8Array, offset: number, length: number, output: Uint8Array, outputOffset: number): number {
    let from = payload;
    let at = offset;
    let bytes = length;
    let index = 0;
    try {
      for (; index < this.#stages.length; index++) {
        const roomBytes = bytes + this.#overheads[index];
        const to = roomBytes <= SCRATCH_BYTES ? scratches[index % 2] : new Uint8Array(roomBytes);
        bytes = this.#stages[index].encode(from, at, bytes, to, 0);
        from = to;
        at = 0;
      }
      return this.#inner.encode(from, at, bytes, output, outputOffset);
    } catch (cause) {
      // A stage before may have numbered the frame, so it cannot be skipped: not `"unencodable"`, but a fault that ends the
      // session.
      if (index === 0 || !(cause instanceof FrameError) || cause.code !== "unencodable") throw cause;
      const who = index < this.#stages.length ? "stage behind another" : "codec behind the stages";
      throw new FrameError("codec-fault", `Cannot encode frame as the ${who} refused: ${messageOf(cause)}`, { cause });
    }
  }
}

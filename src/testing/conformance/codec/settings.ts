// The options of codecCases(), and what the suite makes of them. Runtime neutral.

import type { Codec } from "../../../codec/codec.ts";
import type { FrameErrorCode } from "../../../errors.ts";
import { checkKeys, requireInteger } from "../../../options.ts";
import type { CaseList } from "../case_list.ts";
import { DEFAULT_TIMEOUT_MS } from "../waiting.ts";
import type { SeededRandom } from "../../simulation/seeded_random.ts";

/** More than one byte can say, and than one byte of a varint; short enough for thousands of streams. */
const DEFAULT_MAX_PAYLOAD_BYTES = 1_000;
const LARGEST_MAX_PAYLOAD_BYTES = 2 ** 31 - 2;
const DEFAULT_RUNS = 20;
const LARGEST_INTEGER = 2 ** 31 - 1;

/** Options of {@linkcode codecCases}. */
export interface CodecCasesOptions {
  /**
   * Makes the codec under test. Most cases ask for more than one.
   *
   * @param maxPayloadBytes The longest payload that it shall take, in bytes. A codec with a fixed limit ignores
   * it; then the case that goes one past the limit is skipped.
   */
  readonly makeCodec: (maxPayloadBytes: number) => Codec;
  /**
   * Makes the codec of the other end: what the encoder of one makes is read by the decoder of the other.
   *
   * @default {makeCodec}
   */
  readonly makePeerCodec?: ((maxPayloadBytes: number) => Codec) | undefined;
  /**
   * The limit that `makeCodec` is given, in bytes, 1 to 2^31 - 2.
   *
   * @default {1000}
   */
  readonly maxPayloadBytes?: number | undefined;
  /**
   * The shortest payload that a frame can be made of, in bytes.
   *
   * @default {0}
   */
  readonly minPayloadBytes?: number | undefined;
  /**
   * Makes a payload, for codecs that do not accept arbitrary bytes.
   *
   * @param length How long, in bytes.
   * @param random Where its bytes come from.
   * @returns The payload, or undefined if none has that length.
   * @default {random bytes}
   */
  readonly makePayload?: ((length: number, random: SeededRandom) => Uint8Array | undefined) | undefined;
  /**
   * More payloads to test with, such as messages of your protocol.
   *
   * @default {[]}
   */
  readonly payloads?: readonly Uint8Array[] | undefined;
  /**
   * Gives the payload that must arrive for one that is sent, if that is not the same.
   *
   * @default {the payload}
   */
  readonly arrives?: ((payload: Uint8Array) => Uint8Array) | undefined;
  /**
   * What the decoder must refuse.
   *
   * @default {[]}
   */
  readonly refused?: readonly RefusedBytes[] | undefined;
  /**
   * Whether payloads arrive as they were sent, each by itself. Without frames, as with `raw()`, only their bytes are compared.
   *
   * @default {true}
   */
  readonly hasFrames?: boolean | undefined;
  /**
   * Whether a codec serves one session only, as one with keys does.
   *
   * @default {false}
   */
  readonly isPerSession?: boolean | undefined;
  /**
   * The seed of the random payloads and cuts. Messages of failures name it.
   *
   * @default {1}
   */
  readonly seed?: number | undefined;
  /**
   * How many random cuts are tried, 1 to 2^31 - 1.
   *
   * @default {20}
   */
  readonly runs?: number | undefined;
  /**
   * How long a case waits for what must come over a session, in milliseconds, 1 to 2^31 - 1. Only a failure waits so long.
   *
   * @default {30000}
   */
  readonly timeoutMs?: number | undefined;
}

/** Bytes that a decoder must refuse, at the latest once it has all of them. */
export interface RefusedBytes {
  /** What is wrong with them, for the name of the case. */
  readonly name: string;
  /** The bytes, from the start of a stream on. */
  readonly bytes: Uint8Array;
  /** The code of the `FrameError`. */
  readonly code: FrameErrorCode;
}

/** The options, all of them. */
export interface CodecSettings {
  readonly makeCodec: (maxPayloadBytes: number) => Codec;
  readonly makePeerCodec: (maxPayloadBytes: number) => Codec;
  readonly maxPayloadBytes: number;
  readonly minPayloadBytes: number;
  readonly makePayload: (length: number, random: SeededRandom) => Uint8Array | undefined;
  readonly payloads: readonly Uint8Array[];
  readonly arrives: (payload: Uint8Array) => Uint8Array;
  readonly refused: readonly RefusedBytes[];
  readonly hasFrames: boolean;
  readonly isPerSession: boolean;
  readonly seed: number;
  readonly runs: number;
  readonly timeoutMs: number;
}

/** Where the cases of one group are declared, for one codec. */
export type CodecSuite = CaseList<CodecSettings>;

const NAMES: Record<keyof CodecCasesOptions, true> = {
  makeCodec: true,
  makePeerCodec: true,
  maxPayloadBytes: true,
  minPayloadBytes: true,
  makePayload: true,
  payloads: true,
  arrives: true,
  refused: true,
  hasFrames: true,
  isPerSession: true,
  seed: true,
  runs: true,
  timeoutMs: true,
};

/** Fills the options in. */
export function resolveSettings(options: CodecCasesOptions): CodecSettings {
  checkKeys("codec cases", options, NAMES);
  const { makeCodec } = options;
  const settings: CodecSettings = {
    makeCodec,
    makePeerCodec: options.makePeerCodec ?? makeCodec,
    maxPayloadBytes: options.maxPayloadBytes ?? DEFAULT_MAX_PAYLOAD_BYTES,
    minPayloadBytes: options.minPayloadBytes ?? 0,
    makePayload: options.makePayload ?? ((length, random) => random.bytes(length)),
    payloads: options.payloads ?? [],
    arrives: options.arrives ?? ((payload) => payload),
    refused: options.refused ?? [],
    hasFrames: options.hasFrames ?? true,
    isPerSession: options.isPerSession ?? false,
    seed: options.seed ?? 1,
    runs: options.runs ?? DEFAULT_RUNS,
    timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
  };
  const check = (name: "maxPayloadBytes" | "minPayloadBytes" | "runs" | "timeoutMs", least: number, most: number) =>
    requireInteger("create codec cases", name, settings[name], least, most);
  check("maxPayloadBytes", 1, LARGEST_MAX_PAYLOAD_BYTES);
  check("minPayloadBytes", 0, settings.maxPayloadBytes);
  check("runs", 1, LARGEST_INTEGER);
  check("timeoutMs", 1, LARGEST_INTEGER);
  return settings;
}

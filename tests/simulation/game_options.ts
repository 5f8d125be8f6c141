// What differs from seed to seed of the game: codecs, policies, limits. Runtime neutral.

import {
  type AnySession,
  type Codec,
  type FrameEncoder,
  FrameError,
  type FullPolicy,
  lengthPrefixed,
  type SessionLimits,
  simpleBinary,
} from "@laster/net";
import type { SeededRandom } from "@laster/net/testing";

/** What the first byte of a message asks of its receiver. */
export const KIND = {
  plain: 0,
  echo: 1,
  /** As an echo, after a while. */
  slowEcho: 2,
  /** Its handler throws. */
  throws: 3,
  /** Its handler's promise takes longer than it may. */
  hangs: 4,
  /** Its receiver closes. */
  close: 5,
  /** Its encoder throws, which ends the session. */
  cannotBeEncoded: 6,
  /** Its encoder refuses it. */
  isRefused: 7,
} as const;

/** The shortest message, and the longest one. */
const SHORTEST_BYTES = 5;
export const LONGEST_BYTES = 2_000;
/** Pings and answers that are queued at the same time. */
const MOST_CONTROL_FRAMES = 4;
/** How long a handler's promise may take, and a slow one takes. */
export const HANDLER_TIMEOUT_MS = 2_000;

const POLICIES: readonly FullPolicy[] = ["refuse", "drop-oldest", "latest-per-key", "close"];

/** What all sides of one game have in common. */
export interface GameOptions {
  readonly codec: Codec;
  readonly whenFull: FullPolicy;
  /** Whether somebody hears of each message. */
  readonly isObserved: boolean;
  readonly maxConnections: number;
  readonly limits: SessionLimits;
  /** What the pool may give out, of the server. */
  readonly poolBytes: number;
}

/** Draws the options of a game. */
export function drawOptions(random: SeededRandom): GameOptions {
  const hasControlFrames = random.chance(0.5);
  const codec = hasControlFrames
    ? lengthPrefixed({ controlFrames: true, maxPayloadBytes: LONGEST_BYTES })
    : random.pick<() => Codec>([
      () => lengthPrefixed({ maxPayloadBytes: LONGEST_BYTES }),
      () => lengthPrefixed({ width: 2, byteOrder: "big", maxPayloadBytes: LONGEST_BYTES }),
      () => simpleBinary({ maxPayloadBytes: LONGEST_BYTES }),
    ])();
  const whenFull = random.pick(POLICIES);
  // Where there is much room, broadcasts are encoded once for many; where there is little, queues fill.
  const highWaterMarkBytes = random.chance(0.4) ? 532_480 : random.integer(500, 20_000);
  const asks = hasControlFrames && random.chance(0.6);
  return {
    codec: withFaults(codec),
    whenFull,
    isObserved: random.chance(0.5),
    maxConnections: random.integer(4, 20),
    poolBytes: random.chance(0.3) ? random.integer(10_000, 40_000) : 2 ** 30,
    limits: {
      whenFull,
      highWaterMarkBytes,
      maxQueuedBytes: highWaterMarkBytes + random.integer(LONGEST_BYTES + 100, 20_000),
      maxQueuedFrames: random.pick([16, 256, 65_536]),
      pauseWhenFull: random.chance(0.7),
      idleTimeoutMs: random.pick([0, 5_000, 20_000, 400_000]),
      closeTimeoutMs: random.pick([500, 5_000]),
      handlerTimeoutMs: random.pick([0, HANDLER_TIMEOUT_MS]),
      allowHalfOpen: random.chance(0.2),
      framesPerTurn: random.pick([1, 3, 1_024]),
      turnMs: random.pick([0, 4]),
      ...random.pick([{}, {}, { flush: "manual" as const }, { flushIntervalMs: random.integer(1, 100) }]),
      ...(asks ? { heartbeat: { intervalMs: random.pick([0, 3_000]), timeoutMs: 4_000 } } : {}),
      ...(asks && random.chance(0.5) ? { maxInFlightBytes: random.integer(500, 10_000) } : {}),
    },
  };
}

/** The most that a session may have queued: under the policies that drop, a quarter more than its bound. */
export function mostQueuedBytes({ limits: { maxQueuedBytes = 0 } }: GameOptions): number {
  return 1.25 * maxQueuedBytes + LONGEST_BYTES;
}

/** The most messages that a session may have queued; what a codec answers by itself comes on top. */
export function mostQueuedFrames({ limits: { maxQueuedFrames = 0, heartbeat } }: GameOptions): number {
  return maxQueuedFrames + (heartbeat === undefined ? 0 : MOST_CONTROL_FRAMES);
}

/** Makes a message. */
export function drawMessage(random: SeededRandom, kind: number = KIND.plain): Uint8Array {
  const isLong = random.chance(0.1);
  // Long enough that no two are the same.
  const message = random.bytes(
    SHORTEST_BYTES + Math.floor(random.next() * (isLong ? LONGEST_BYTES - SHORTEST_BYTES : 60)),
  );
  message[0] = kind;
  return message;
}

/** A codec that cannot make frames of some messages. Its sessions share an encoder, so that broadcasts are encoded once. */
function withFaults(codec: Codec): Codec {
  const encoder = codec.createEncoder();
  const faulty: FrameEncoder = {
    maxPayloadBytes: encoder.maxPayloadBytes,
    frameBytes: (length) => encoder.frameBytes(length),
    encode(payload, offset, length, output, outputOffset) {
      if (payload[offset] === KIND.cannotBeEncoded && length > 1) throw new Error("as planned");
      if (payload[offset] === KIND.isRefused && length > 1) throw new FrameError("unencodable", "as planned");
      return encoder.encode(payload, offset, length, output, outputOffset);
    },
  };
  return {
    name: codec.name,
    ...(codec.ping === undefined ? {} : { ping: codec.ping }),
    createDecoder: () => codec.createDecoder(),
    createEncoder: () => faulty,
  };
}

/** Whether a session can be sent to. */
export function isOpen(session: AnySession): boolean {
  return session.state === "open";
}

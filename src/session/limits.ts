// The limits of a session: options, defaults, checks. Runtime neutral.

import { FULL_POLICIES, type FullPolicy } from "../outbound/queue_limits.ts";
import { describeValue, LARGEST_TIMER_MS, orDefault } from "../options.ts";
import type { FrameEncoder } from "../codec/codec.ts";
import { LARGEST_BLOCK_BYTES } from "../outbound/outbound_blocks.ts";
import { type HeartbeatOptions, type ResolvedHeartbeat, resolveHeartbeat } from "./heartbeat.ts";

/** Past the answers to the largest chunk that a runtime hands over (Bun: 512 KiB): what is above leaves in the middle of a turn. */
const DEFAULT_HIGH_WATER_MARK_BYTES = LARGEST_BLOCK_BYTES;
/** So many of the codec's longest frames are below the default mark, so that a few of them are no congestion. */
const LONGEST_FRAMES_BELOW = 8;
/** The default of `maxQueuedBytes`, in high-water marks. */
const QUEUE_MARKS = 2;
const DEFAULT_MAX_QUEUED_FRAMES = 65_536;
/** Two minutes: longer than any heartbeat in use, shorter than what a load balancer keeps. */
const DEFAULT_IDLE_TIMEOUT_MS = 120_000;
const DEFAULT_CLOSE_TIMEOUT_MS = 5_000;
/** Bounds a turn to about 100 us of decoding; at 64 bytes a frame this is a chunk of 64 KiB. */
const DEFAULT_FRAMES_PER_TURN = 1_024;
/** A handful of sessions with slow handlers keep the others waiting for less than a frame of a game. */
const DEFAULT_TURN_MS = 4;
const LARGEST_QUEUE_BYTES = 2 ** 31 - 1;

/** When what is sent goes out; see `SessionLimits.flush`. */
export type FlushMode = "turn" | "manual" | "interval";

const FLUSH_MODES: readonly FlushMode[] = ["turn", "manual", "interval"];

/** The limits of each session of a service. */
export interface SessionLimits {
  /**
   * Queued bytes above which `send` answers `"congested"`, 0 to 2^31 - 1.
   *
   * @default {532480, or eight of the codec's longest frames}
   */
  readonly highWaterMarkBytes?: number | undefined;
  /**
   * Queued bytes down to which the queue must shrink before `drained()` resolves, 0 to `highWaterMarkBytes`.
   *
   * @default {half of highWaterMarkBytes}
   */
  readonly lowWaterMarkBytes?: number | undefined;
  /**
   * Queued frames above which `send` answers `"congested"`, 0 to `maxQueuedFrames - 1`.
   *
   * @default {half of maxQueuedFrames}
   */
  readonly highWaterMarkFrames?: number | undefined;
  /**
   * Queued frames down to which the queue must shrink before `drained()` resolves, 0 to `highWaterMarkFrames`.
   *
   * @default {half of highWaterMarkFrames}
   */
  readonly lowWaterMarkFrames?: number | undefined;
  /**
   * Queued bytes above which `send` answers `"full"`; at least one longest frame more than `highWaterMarkBytes`.
   *
   * @default {twice highWaterMarkBytes, or more if one longest frame needs it}
   */
  readonly maxQueuedBytes?: number | undefined;
  /**
   * Queued frames above which `send` answers `"full"`, 1 to 2^31 - 1.
   *
   * @default {65536}
   */
  readonly maxQueuedFrames?: number | undefined;
  /**
   * What happens to a message when the queue is at `maxQueuedBytes` or `maxQueuedFrames`, for the peer does not read:
   * - `"refuse"`: `send` answers `"full"`.
   * - `"drop-oldest"`: the oldest messages that are not on their way yet make room.
   * - `"latest-per-key"`: a message takes the place of the one with the same `key` that still waits, full or not; if there is
   *   none and no room, `send` answers `"full"`. For what is outdated by the next, such as positions.
   * - `"close"`: `send` answers `"full"`, and the session is cut with the reason `"slow-consumer"`.
   *
   * What was dropped is counted in `session.stats.dropped`. Under the two that drop, what waits takes up to a quarter more
   * memory than `maxQueuedBytes`, and what may still be dropped begins behind the write under way; on Deno, where every
   * write is, behind another 16 KiB.
   *
   * @default {"refuse"}
   */
  readonly whenFull?: FullPolicy | undefined;
  /**
   * Whether a peer is not read from while its queue is full, once a handler of its session, or a loop over its messages, was
   * told `"full"`: until the queue has shrunk as for `drained()`. So a peer that asks and does not read costs nothing, whatever
   * its handler does about it. Not under `maxInFlightBytes` and `maxInFlightMs`: what the peer answers to pings must be heard.
   *
   * @default {true}
   */
  readonly pauseWhenFull?: boolean | undefined;
  /**
   * Bytes that the peer may have still to read, framing included, 0 for no bound, at most 2^31 - 1. What is sent beyond that waits
   * here, as if the peer took no more, and what is outdated by then is dropped as `whenFull` says: without it some megabytes lie
   * in the buffers of the two systems before that begins. The peer is asked how far it is by pings: see `heartbeat`. A message
   * that is longer by itself goes out when the peer has read all before it. Pings and their answers do not count.
   *
   * @default {0}
   */
  readonly maxInFlightBytes?: number | undefined;
  /**
   * The same in milliseconds: for how long messages go out to a peer that does not read, 0 for no bound, at most 2^31 - 1. Some
   * round trips at the least, for else the pings keep the messages waiting.
   *
   * @default {0}
   */
  readonly maxInFlightMs?: number | undefined;
  /**
   * Asks the peer for signs of life, so that one that is quiet is told from one that is gone, and that is gone is found before
   * `idleTimeoutMs`; measures `session.stats.roundTripMs`. Needs a codec with control frames on both ends
   * (`lengthPrefixed({ controlFrames: true })`), whose decoder answers by itself, or a `message` of the application's. A peer
   * that gives no sign of life is closed with `"heartbeat-timeout"`.
   *
   * @default {undefined, which is none}
   */
  readonly heartbeat?: HeartbeatOptions | undefined;
  /**
   * Milliseconds without a byte from the peer after which the session is closed, 0 for never, at most 2^31 - 1. It is never
   * early, and on the clock of the machine late by a twentieth, or 30 ms. While the peer is not listened to, as a handler
   * runs or its queue is full, bytes that it takes count instead.
   *
   * @default {120000}
   */
  readonly idleTimeoutMs?: number | undefined;
  /**
   * Milliseconds that an orderly end waits for the queue to empty, the peer to end and a running handler to finish,
   * before the connection is cut; counted from the last byte of the queue that the peer took, at most 12 times over. After a
   * fault of the peer it is 1 s at the most. A peer that ends its side while a handler still runs waits as long for the
   * answer. 0 to 2^31 - 1.
   *
   * @default {5000}
   */
  readonly closeTimeoutMs?: number | undefined;
  /**
   * Whether a session stays open once the peer has ended its side between frames: `onEnd` is called, loops over the messages
   * end, and what is sent still goes out until the session is closed. Bytes that the peer takes then count for the idle
   * timeout. If not, the session closes with `"remote-closing"`, behind the answer of a handler that runs.
   *
   * @default {false}
   */
  readonly allowHalfOpen?: boolean | undefined;
  /**
   * Frames that one session handles before the others get their turn, 1 to 2^31 - 1.
   *
   * @default {1024}
   */
  readonly framesPerTurn?: number | undefined;
  /**
   * Milliseconds that one session handles frames before the others get their turn, 0 for as long as it takes, at most
   * 2^31 - 1. A handler is not interrupted: the turn ends behind the one that is running. Sessions that wait for their next
   * turn share this time in each turn of the event loop.
   *
   * @default {4}
   */
  readonly turnMs?: number | undefined;
  /**
   * Milliseconds that a handler's promise may take until the session closes with `"handler-timeout"`, 0 for ever, at most
   * 2^31 - 1. Recommended wherever handlers wait for anything: one that never ends keeps its session, and what it holds. A loop
   * over the messages inside a handler is part of it, and bounded too.
   *
   * @default {0}
   */
  readonly handlerTimeoutMs?: number | undefined;
  /**
   * When what is sent goes out:
   * - `"turn"`: at the end of the handler that sends it; outside of handlers, at the end of the turn of the event loop.
   * - `"manual"`: what handlers send, at their end as well, so that answers are fast; what is sent outside of them waits for
   *   `service.flush()`. For games: the tick sends, and flushes at its end; see `tick()`.
   * - `"interval"`: `flushIntervalMs` after the first message that waits, answers too. It adds up to that time to each.
   *
   * `flush: "now"` of a `send()`, `session.flush()`, a queue above its high-water mark and a close wait for none of these.
   *
   * @default {"turn", or "interval" if there is a flushIntervalMs}
   */
  readonly flush?: FlushMode | undefined;
  /**
   * Milliseconds from the first message that waits to the flush of all that were sent meanwhile, under `flush: "interval"`, 1 to
   * 2^31 - 1; 0 for none.
   *
   * @default {0}
   */
  readonly flushIntervalMs?: number | undefined;
}

/** Limits with every default filled in. */
export type ResolvedSessionLimits =
  & { readonly [Name in Exclude<keyof SessionLimits, "heartbeat">]-?: NonNullable<SessionLimits[Name]> }
  & {
    /** How peers are asked for signs of life. */
    readonly heartbeat: ResolvedHeartbeat | undefined;
  };

/**
 * Checks limits and fills in the defaults.
 *
 * @param limits The limits.
 * @param encoder The codec's encoder: a queue must take its longest frame.
 * @returns All of them.
 * @throws {RangeError} if one is out of range.
 */
export function resolveSessionLimits(limits: SessionLimits, encoder: FrameEncoder): ResolvedSessionLimits {
  const longestFrameBytes = encoder.frameBytes(encoder.maxPayloadBytes);
  // A bound that is given leaves less room for it.
  const { maxQueuedBytes } = limits;
  const mostMarkBytes = Number.isInteger(maxQueuedBytes)
    ? Number(maxQueuedBytes) - longestFrameBytes
    : LARGEST_QUEUE_BYTES;
  const highWaterMarkBytes = orDefault(
    limits.highWaterMarkBytes,
    Math.max(
      DEFAULT_HIGH_WATER_MARK_BYTES,
      Math.min(mostMarkBytes, LARGEST_QUEUE_BYTES, LONGEST_FRAMES_BELOW * longestFrameBytes),
    ),
  );
  checkRange("highWaterMarkBytes", highWaterMarkBytes, 0, LARGEST_QUEUE_BYTES);
  const maxQueuedFrames = orDefault(limits.maxQueuedFrames, DEFAULT_MAX_QUEUED_FRAMES);
  checkRange("maxQueuedFrames", maxQueuedFrames, 1, LARGEST_QUEUE_BYTES);
  const highWaterMarkFrames = orDefault(limits.highWaterMarkFrames, Math.floor(maxQueuedFrames / 2));
  checkRange("highWaterMarkFrames", highWaterMarkFrames, 0, maxQueuedFrames - 1);
  const leastQueuedBytes = highWaterMarkBytes + longestFrameBytes;
  const resolved: ResolvedSessionLimits = {
    highWaterMarkBytes,
    lowWaterMarkBytes: orDefault(limits.lowWaterMarkBytes, Math.floor(highWaterMarkBytes / 2)),
    maxQueuedBytes: orDefault(limits.maxQueuedBytes, Math.max(QUEUE_MARKS * highWaterMarkBytes, leastQueuedBytes)),
    maxQueuedFrames,
    highWaterMarkFrames,
    lowWaterMarkFrames: orDefault(limits.lowWaterMarkFrames, Math.floor(highWaterMarkFrames / 2)),
    whenFull: orDefault(limits.whenFull, "refuse"),
    pauseWhenFull: orDefault(limits.pauseWhenFull, true),
    maxInFlightBytes: orDefault(limits.maxInFlightBytes, 0),
    maxInFlightMs: orDefault(limits.maxInFlightMs, 0),
    heartbeat: resolveHeartbeat(limits.heartbeat),
    idleTimeoutMs: orDefault(limits.idleTimeoutMs, DEFAULT_IDLE_TIMEOUT_MS),
    closeTimeoutMs: orDefault(limits.closeTimeoutMs, DEFAULT_CLOSE_TIMEOUT_MS),
    allowHalfOpen: orDefault(limits.allowHalfOpen, false),
    framesPerTurn: orDefault(limits.framesPerTurn, DEFAULT_FRAMES_PER_TURN),
    turnMs: orDefault(limits.turnMs, DEFAULT_TURN_MS),
    handlerTimeoutMs: orDefault(limits.handlerTimeoutMs, 0),
    flush: orDefault(limits.flush, orDefault(limits.flushIntervalMs, 0) === 0 ? "turn" : "interval"),
    flushIntervalMs: orDefault(limits.flushIntervalMs, 0),
  };
  checkRange("lowWaterMarkBytes", resolved.lowWaterMarkBytes, 0, highWaterMarkBytes);
  checkRange("maxQueuedBytes", resolved.maxQueuedBytes, leastQueuedBytes, Number.MAX_SAFE_INTEGER);
  checkRange("lowWaterMarkFrames", resolved.lowWaterMarkFrames, 0, highWaterMarkFrames);
  checkOneOf("whenFull", resolved.whenFull, FULL_POLICIES);
  for (const name of ["pauseWhenFull", "allowHalfOpen"] as const) {
    if (typeof resolved[name] === "boolean") continue;
    throw new TypeError(
      `Cannot create service as ${name} must be a boolean: current value is ${describeValue(resolved[name])}`,
    );
  }
  checkRange("maxInFlightBytes", resolved.maxInFlightBytes, 0, LARGEST_QUEUE_BYTES);
  checkRange("maxInFlightMs", resolved.maxInFlightMs, 0, LARGEST_TIMER_MS);
  checkRange("idleTimeoutMs", resolved.idleTimeoutMs, 0, LARGEST_TIMER_MS);
  checkRange("closeTimeoutMs", resolved.closeTimeoutMs, 0, LARGEST_TIMER_MS);
  checkRange("framesPerTurn", resolved.framesPerTurn, 1, LARGEST_QUEUE_BYTES);
  checkRange("turnMs", resolved.turnMs, 0, LARGEST_TIMER_MS);
  checkRange("handlerTimeoutMs", resolved.handlerTimeoutMs, 0, LARGEST_TIMER_MS);
  checkOneOf("flush", resolved.flush, FLUSH_MODES);
  const [least, most] = resolved.flush === "interval" ? [1, LARGEST_TIMER_MS] : [0, 0];
  checkRange("flushIntervalMs", resolved.flushIntervalMs, least, most);
  return resolved;
}

/**
 * Checks that a queue takes the longest frame of an encoder on top of the high-water mark.
 *
 * @param encoder The encoder.
 * @param limits The limits of the queue.
 * @throws {RangeError} if it does not.
 */
export function checkQueueTakes(
  encoder: FrameEncoder,
  { maxQueuedBytes, highWaterMarkBytes }: ResolvedSessionLimits,
): void {
  const longestFrameBytes = encoder.frameBytes(encoder.maxPayloadBytes);
  if (highWaterMarkBytes + longestFrameBytes <= maxQueuedBytes) return;
  throw new RangeError(
    `Cannot switch codec as its longest frame must fit in ${maxQueuedBytes - highWaterMarkBytes} bytes ` +
      `(maxQueuedBytes less highWaterMarkBytes): current value is ${longestFrameBytes}`,
  );
}

function checkOneOf<Value extends string>(name: string, value: Value, known: readonly Value[]): void {
  if (known.includes(value)) return;
  throw new TypeError(
    `Cannot create service as ${name} must be one of ${known.join(", ")}: current value is ${describeValue(value)}`,
  );
}

/**
 * Checks an integer option.
 *
 * @param name The option's name.
 * @param value Its value.
 * @param least The smallest allowed.
 * @param most The largest allowed.
 * @throws {RangeError} if it is not an integer in range.
 */
export function checkRange(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new RangeError(
    `Cannot create service as ${name} must be an integer from ${least} to ${most}: current value is ${
      describeValue(value)
    }`,
  );
}

// The limits of a session: options, defaults, checks. Runtime neutral.

import { FULL_POLICIES, type FullPolicy } from "../outbound/queue_limits.ts";
import { describeValue, LARGEST_TIMER_MS, orDefault } from "../options.ts";
import type { FrameEncoder } from "../codec/codec.ts";
import { LARGEST_BLOCK_BYTES } from "../outbound/outbound_blocks.ts";
import { type HeartbeatOptions, type ResolvedHeartbeat, resolveHeartbeat } from "./heartbeat.ts";

/** More than the echo of the largest chunk of any runtime (Bun: 512 KiB): a queue above the mark is flushed within the turn. */
const DEFAULT_HIGH_WATER_MARK_BYTES = LARGEST_BLOCK_BYTES;
/** The default mark holds at least this many of the codec's longest frames, so that a few of them are no congestion. */
const LONGEST_FRAMES_BELOW = 8;
/** The default of `maxQueuedBytes`, in high-water marks. */
const QUEUE_MARKS = 2;
const DEFAULT_MAX_QUEUED_FRAMES = 65_536;
/** Two minutes: longer than common heartbeats. */
const DEFAULT_IDLE_TIMEOUT_MS = 120_000;
const DEFAULT_CLOSE_TIMEOUT_MS = 5_000;
/** Bounds a turn to about 100 us of decoding; at 64 bytes a frame this is a chunk of 64 KiB. */
const DEFAULT_FRAMES_PER_TURN = 1_024;
/** A few sessions with slow handlers then delay the others by less than a frame of a game (16 ms). */
const DEFAULT_TURN_MS = 4;
const LARGEST_QUEUE_BYTES = 2 ** 31 - 1;

/** When queued messages are written; see `SessionLimits.flush`. */
export type FlushMode = "turn" | "manual" | "interval";

const FLUSH_MODES: readonly FlushMode[] = ["turn", "manual", "interval"];

/** The limits of each session of a service. */
export interface SessionLimits {
  /**
   * Queued bytes above which `send` answers `"congested"`, 0 to 2^31 - 1.
   *
   * @default {532480, or eight of the codec's longest frames if that is more}
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
   * What happens to a message when the queue is at `maxQueuedBytes` or `maxQueuedFrames`, as the peer does not read:
   * - `"refuse"`: `send` answers `"full"`.
   * - `"drop-oldest"`: the oldest messages that are not being written yet are dropped.
   * - `"latest-per-key"`: a message replaces the waiting one with the same `key`, whether or not the queue is full; if there is
   *   none and no room, `send` answers `"full"`. For messages that the next one outdates, such as positions.
   * - `"close"`: `send` answers `"full"`, and the session is aborted with the reason `"slow-consumer"`.
   *
   * Dropped messages are counted in `session.stats.dropped`. Under the two policies that drop, waiting messages take up to a
   * quarter more memory than `maxQueuedBytes`. Only messages behind the pending write can be dropped; on Deno, where every
   * write is pending for a moment, only those behind another 16 KiB.
   *
   * @default {"refuse"}
   */
  readonly whenFull?: FullPolicy | undefined;
  /**
   * Whether to stop reading from a peer when `send` has answered `"full"` to a handler of the session, or to a loop over its
   * messages, until the queue has shrunk as for `drained()`. A peer that asks and does not read then costs no more work. Has no
   * effect under `maxInFlightBytes` and `maxInFlightMs`, as answers to pings must be read.
   *
   * @default {true}
   */
  readonly pauseWhenFull?: boolean | undefined;
  /**
   * Most bytes sent that the peer has not read yet, framing included, 0 for no bound, at most 2^31 - 1. Further messages wait
   * in the queue, where `whenFull` may drop outdated ones; without a bound, megabytes may lie in the buffers of the two systems
   * before that begins. Pings find out how far the peer has read: see `heartbeat`. A message longer than the bound goes out
   * when the peer has read all before it. Pings and their answers do not count.
   *
   * @default {0}
   */
  readonly maxInFlightBytes?: number | undefined;
  /**
   * The same bound in milliseconds: how long messages go out to a peer that does not read, 0 for no bound, at most 2^31 - 1.
   * Allow several round trips: with less, messages wait for the answers to pings.
   *
   * @default {0}
   */
  readonly maxInFlightMs?: number | undefined;
  /**
   * Pings the peer, to tell a quiet peer from a dead one before `idleTimeoutMs`, and to measure `session.stats.roundTripMs`.
   * Needs a codec with control frames on both ends (`lengthPrefixed({ controlFrames: true })`), whose decoder answers pings, or
   * a `message` that the peer's application answers. A session without a byte from the peer after a ping is closed with
   * `"heartbeat-timeout"`.
   *
   * @default {undefined, which is none}
   */
  readonly heartbeat?: HeartbeatOptions | undefined;
  /**
   * Milliseconds without a byte from the peer after which the session is closed, 0 for never, at most 2^31 - 1. Never early;
   * with the system clock, late by up to a twentieth of the timeout, or 30 ms if that is more. While the input is paused, as a handler
   * runs or the queue is full, bytes that the peer takes count as well. The time for which the guard has a message wait does not
   * count.
   *
   * @default {120000}
   */
  readonly idleTimeoutMs?: number | undefined;
  /**
   * Milliseconds that an orderly end waits for the queue to empty, the peer to end and a running handler to finish,
   * before the connection is cut; 0 to 2^31 - 1. It starts anew whenever the peer takes bytes of the queue, up to 12 times this
   * in all. After a fault of the peer the connection is cut after 1 s at most. When a peer ends its side while a handler runs
   * or a loop handles a message, it has this long to answer.
   *
   * @default {5000}
   */
  readonly closeTimeoutMs?: number | undefined;
  /**
   * Whether a session stays open when the peer has ended its side between frames: `onEnd` is called, loops over the messages
   * end, and sending works until the session is closed. The idle timeout then counts bytes that the peer takes. If false, the
   * session closes with `"remote-closing"`, after the answer of a running handler or loop.
   *
   * @default {false}
   */
  readonly allowHalfOpen?: boolean | undefined;
  /**
   * Frames that one session handles before other sessions get a turn, 1 to 2^31 - 1.
   *
   * @default {1024}
   */
  readonly framesPerTurn?: number | undefined;
  /**
   * Milliseconds that one session handles frames before other sessions get a turn, 0 for no limit, at most 2^31 - 1. A handler
   * is not interrupted: the turn ends after the one that runs. In each turn of the event loop, the sessions that wait for a
   * turn share this time.
   *
   * @default {4}
   */
  readonly turnMs?: number | undefined;
  /**
   * Milliseconds that a handler's promise may take until the session closes with `"handler-timeout"`, 0 for no limit, at most
   * 2^31 - 1. Recommended wherever handlers wait for anything: a handler that never ends keeps its session in memory. A loop
   * over the messages inside a handler is part of it, and so is bounded too.
   *
   * @default {0}
   */
  readonly handlerTimeoutMs?: number | undefined;
  /**
   * When queued messages are written:
   * - `"turn"`: at the end of the handler that sends them; outside of handlers, at the end of the turn of the event loop.
   * - `"manual"`: at the end of the handler that sends them, for fast answers; outside of handlers, at `service.flush()`, or with
   *   the answers of a handler that ends before. For games: the tick sends, and flushes at its end; see `tick()`.
   * - `"interval"`: `flushIntervalMs` after the first message that waits, in handlers too. Delays each message by up to that.
   *
   * `send()` with `flush: "now"`, `session.flush()`, a queue above its high-water mark and a close flush at once in any mode.
   *
   * @default {"turn", or "interval" if there is a flushIntervalMs}
   */
  readonly flush?: FlushMode | undefined;
  /**
   * Milliseconds from the first message that waits to the flush, under `flush: "interval"`: 1 to 2^31 - 1. Must be 0 under the
   * other modes.
   *
   * @default {0}
   */
  readonly flushIntervalMs?: number | undefined;
}

/** Limits with every default filled in. */
export type ResolvedSessionLimits =
  & { readonly [Name in Exclude<keyof SessionLimits, "heartbeat">]-?: NonNullable<SessionLimits[Name]> }
  & {
    /** How peers are pinged; undefined for not at all. */
    readonly heartbeat: ResolvedHeartbeat | undefined;
  };

/**
 * Checks limits and fills in the defaults.
 *
 * @param limits The limits.
 * @param encoder The codec's encoder: a queue must take its longest frame.
 * @returns All of them.
 * @throws {RangeError} if a number is out of range.
 * @throws {TypeError} if another option has a value that is not allowed.
 */
export function resolveSessionLimits(limits: SessionLimits, encoder: FrameEncoder): ResolvedSessionLimits {
  checkEncoder(encoder);
  const longestFrameBytes = encoder.frameBytes(encoder.maxPayloadBytes);
  // An explicit `maxQueuedBytes` limits the default of the high-water mark.
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
  checkEncoder(encoder);
  const longestFrameBytes = encoder.frameBytes(encoder.maxPayloadBytes);
  if (highWaterMarkBytes + longestFrameBytes <= maxQueuedBytes) return;
  throw new RangeError(
    `Cannot switch codec as its longest frame must fit in ${maxQueuedBytes - highWaterMarkBytes} bytes ` +
      `(maxQueuedBytes less highWaterMarkBytes): current value is ${longestFrameBytes}`,
  );
}

/**
 * Refuses a value that is not an encoder.
 *
 * @throws {TypeError} if it is not.
 */
export function checkEncoder(encoder: FrameEncoder): FrameEncoder {
  if (typeof encoder?.encode === "function" && typeof encoder.frameBytes === "function") return encoder;
  throw new TypeError(
    `Cannot use codec as createEncoder() must give an object with encode() and frameBytes(): current value is ${
      describeValue(encoder)
    }`,
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

// Heartbeat: asks the peers of a service for signs of life, and finds those that give none. Runtime neutral.

import type { Clock } from "../clock.ts";
import type { Codec } from "../codec/codec.ts";
import { checkKeys, describeValue, LARGEST_TIMER_MS, orDefault, requireInteger } from "../options.ts";
import type { Ping } from "../outbound/in_flight.ts";
import type { SendQueue } from "../outbound/send_queue.ts";
import type { CloseReason } from "./close_reason.ts";
import type { SessionState } from "./session_state.ts";

const DEFAULT_INTERVAL_MS = 15_000;
const DEFAULT_TIMEOUT_MS = 10_000;
/** Looks at all sessions in the shorter of the two times. */
const LOOKS = 4;

/** How a peer is asked for signs of life; see `SessionLimits.heartbeat`. */
export interface HeartbeatOptions {
  /**
   * Milliseconds from one ping to the next, 1 to 2^31 - 1; 0 for none but those that `maxInFlightBytes` and `maxInFlightMs` need.
   *
   * @default {15000}
   */
  readonly intervalMs?: number | undefined;
  /**
   * Milliseconds after a ping without a byte from the peer, after which the session is closed, 1 to 2^31 - 1; late by up to a
   * quarter, or of the interval if that is shorter.
   *
   * @default {10000}
   */
  readonly timeoutMs?: number | undefined;
  /**
   * The message that asks, for codecs without a `ping` of their own. The peer's application answers each with a message of its
   * own, and the handler of that calls `session.acknowledge()`.
   *
   * @default {undefined, which is the ping of the codec}
   */
  readonly message?: Uint8Array | undefined;
}

/** The same with every default filled in. */
export interface ResolvedHeartbeat {
  /** From one ping to the next; 0 for never. */
  readonly intervalMs: number;
  /** From a ping to the end. */
  readonly timeoutMs: number;
  /** The message that asks. */
  readonly message: Uint8Array | undefined;
}

const NAMES: Record<keyof HeartbeatOptions, true> = { intervalMs: true, timeoutMs: true, message: true };

/**
 * Checks options and fills in the defaults.
 *
 * @param options As given.
 * @returns All of them; undefined if there are none.
 * @throws {TypeError | RangeError} if one is wrong.
 */
export function resolveHeartbeat(options: HeartbeatOptions | undefined): ResolvedHeartbeat | undefined {
  if (options === undefined) return undefined;
  checkKeys("heartbeat", options, NAMES);
  const { message } = options;
  const intervalMs = orDefault(options.intervalMs, DEFAULT_INTERVAL_MS);
  const timeoutMs = orDefault(options.timeoutMs, DEFAULT_TIMEOUT_MS);
  requireInteger("create heartbeat", "intervalMs", intervalMs, 0, LARGEST_TIMER_MS);
  requireInteger("create heartbeat", "timeoutMs", timeoutMs, 1, LARGEST_TIMER_MS);
  if (message !== undefined && message?.BYTES_PER_ELEMENT !== 1) {
    throw new TypeError(
      `Cannot create heartbeat as message must be a Uint8Array: current value is ${describeValue(message)}`,
    );
  }
  return { intervalMs, timeoutMs, message };
}

/** The limits for which a peer must be asked. */
export interface AskingLimits {
  /** How often it is asked in any case. */
  readonly heartbeat: ResolvedHeartbeat | undefined;
  /** What it may have still to read, in bytes. */
  readonly maxInFlightBytes: number;
  /** The same in milliseconds. */
  readonly maxInFlightMs: number;
}

/**
 * Finds out how peers are asked.
 *
 * @param codec How they are spoken to.
 * @param limits What they are asked for.
 * @returns The ping; undefined if they are not asked.
 * @throws {TypeError} if they should be and cannot.
 */
export function findPing(
  codec: Codec,
  { heartbeat, maxInFlightBytes, maxInFlightMs }: AskingLimits,
): Ping | undefined {
  if (heartbeat === undefined && maxInFlightBytes === 0 && maxInFlightMs === 0) return undefined;
  const ping = pingOf(codec, heartbeat);
  if (ping === undefined) {
    const name = heartbeat !== undefined ? "heartbeat" : maxInFlightBytes > 0 ? "maxInFlightBytes" : "maxInFlightMs";
    throw new TypeError(
      `Cannot create service as ${name} needs a peer that answers: current codec, ${codec.name}, has no ping. ` +
        "Use lengthPrefixed({ controlFrames: true }), or give heartbeat.message and call session.acknowledge()",
    );
  }
  const mostBytes = codec.createEncoder().maxPayloadBytes;
  if (ping.isEncoded || ping.bytes.length <= mostBytes) return ping;
  throw new RangeError(
    `Cannot create service as heartbeat.message has at most ${mostBytes} bytes: current value has ${ping.bytes.length}`,
  );
}

/** What asks the peers of a codec; undefined if nothing does. */
export function pingOf(codec: Codec, heartbeat: ResolvedHeartbeat | undefined): Ping | undefined {
  if (heartbeat?.message !== undefined) return { bytes: heartbeat.message, isEncoded: false };
  return codec.ping === undefined ? undefined : { bytes: codec.ping, isEncoded: true };
}

/** The peer has answered a ping, of the codec or of the application. */
export function acknowledge(queue: SendQueue): void {
  if (queue.holdback?.handleAnswer() === true) queue.flush();
}

/** A session that is looked at. */
export interface Pulsing {
  /** Where it is in its life. */
  readonly state: SessionState;
  /** Its heartbeat: the sessions of one service may have several. */
  readonly heartbeat: Heartbeat | undefined;
  /** Bytes from the peer so far. */
  readonly receivedBytes: number;
  /** Whether it is not listened to, so that no answer can come. */
  readonly isInputPaused: boolean;
  /** The outgoing side. */
  readonly queue: SendQueue;
  /** Ends it in order. */
  close(reason: CloseReason): void;
}

/** What is known of a peer. */
interface Pulse {
  receivedBytes: number;
  /** Looks since a byte came, or since the ping went out if that was later. */
  looks: number;
  /** When a byte was seen to have come. */
  heardMs: number;
}

/**
 * Looks at all sessions now and then: pings those whose last ping is an interval ago, and closes those that gave no sign of life
 * for the timeout after one. Silence is counted in looks: an event loop that stood still is nobody's silence.
 */
export class Heartbeat {
  readonly #clock: Clock;
  readonly #options: ResolvedHeartbeat;
  readonly #sessions: () => Iterable<Pulsing>;
  readonly #stepMs: number;
  readonly #pulses = new WeakMap<Pulsing, Pulse>();
  #timer: unknown = undefined;

  /** Makes it; it begins with the first session that enters. */
  constructor(clock: Clock, options: ResolvedHeartbeat, sessions: () => Iterable<Pulsing>) {
    this.#clock = clock;
    this.#options = options;
    this.#sessions = sessions;
    this.#stepMs = Math.max(1, Math.floor(Math.min(options.intervalMs, options.timeoutMs) / LOOKS));
  }

  /** A session has opened. */
  enter(session: Pulsing): void {
    if (this.#options.intervalMs === 0) return;
    this.#pulses.set(session, { receivedBytes: 0, looks: 0, heardMs: this.#clock.now() });
    this.#timer ??= this.#clock.setTimer(() => this.#look(), this.#stepMs);
  }

  /** What an end of the peer's is to say if nothing was heard of it for so long that it may have taken this side for dead. */
  silenceOf(session: Pulsing): "after-silence" | undefined {
    const pulse = this.#pulses.get(session);
    const { intervalMs, timeoutMs } = this.#options;
    const isLong = pulse !== undefined && this.#clock.now() - pulse.heardMs >= intervalMs + timeoutMs;
    return isLong ? "after-silence" : undefined;
  }

  #look(): void {
    this.#timer = undefined;
    const nowMs = this.#clock.now();
    let isAnyOpen = false;
    for (const session of this.#sessions()) {
      const pulse = session.heartbeat === this && session.state === "open" ? this.#pulses.get(session) : undefined;
      if (pulse === undefined) continue;
      isAnyOpen = true;
      this.#lookAt(session, pulse, nowMs);
    }
    if (isAnyOpen) this.#timer ??= this.#clock.setTimer(() => this.#look(), this.#stepMs);
  }

  #lookAt(session: Pulsing, pulse: Pulse, nowMs: number): void {
    const inFlight = session.queue.holdback?.inFlight;
    if (inFlight === undefined) return; // It has switched to a codec without a ping.
    const { intervalMs, timeoutMs } = this.#options;
    const isHeard = session.receivedBytes !== pulse.receivedBytes;
    if (isHeard) pulse.heardMs = nowMs;
    pulse.receivedBytes = session.receivedBytes;
    pulse.looks = isHeard || session.isInputPaused || !inFlight.isPinged ? 0 : pulse.looks + 1;
    if (pulse.looks * this.#stepMs >= timeoutMs) session.close("heartbeat-timeout");
    else if (!inFlight.isPinged && nowMs - Math.max(inFlight.pingMs, 0) >= intervalMs) sendPing(session.queue);
  }
}

/** Asks a peer for a sign of life, behind all that was sent. */
function sendPing(queue: SendQueue): void {
  queue.takeBroadcasts();
  queue.holdback?.ping();
  queue.flush();
}

// Heartbeat: pings the peers of a service, and closes the sessions of those that do not answer. Runtime neutral.

import type { Clock } from "../clock.ts";
import type { Codec } from "../codec/codec.ts";
import { checkKeys, describeValue, LARGEST_TIMER_MS, orDefault, requireInteger } from "../options.ts";
import type { Ping } from "../outbound/in_flight.ts";
import type { SendQueue } from "../outbound/send_queue.ts";
import type { CloseReason } from "./close_reason.ts";
import type { SessionState } from "./session_state.ts";

const DEFAULT_INTERVAL_MS = 15_000;
const DEFAULT_TIMEOUT_MS = 10_000;
/** Checks of all sessions within the interval or the timeout, whichever is shorter. */
const LOOKS = 4;

/** How peers are pinged; see `SessionLimits.heartbeat`. */
export interface HeartbeatOptions {
  /**
   * Milliseconds from the opening to the first ping, and from one ping to the next, 1 to 2^31 - 1; 0 for no pings other than
   * those of `maxInFlightBytes` and `maxInFlightMs`, and then `timeoutMs` has no effect.
   *
   * @default {15000}
   */
  readonly intervalMs?: number | undefined;
  /**
   * Milliseconds after a ping within which a byte must come from the peer, or the session is closed; 1 to 2^31 - 1. May be late
   * by a quarter of `timeoutMs`, or of `intervalMs` if that is shorter. A ping goes out behind all
   * that was sent before, which the peer has to read first: give more than the default to peers that read much, and slowly.
   *
   * @default {10000}
   */
  readonly timeoutMs?: number | undefined;
  /**
   * The message to ping with, for codecs without a `ping`. The peer's application answers each one with a message, and the
   * handler of that answer calls `session.acknowledge()`.
   *
   * @default {undefined, which is the ping of the codec}
   */
  readonly message?: Uint8Array | undefined;
}

/** `HeartbeatOptions` with every default filled in. */
export interface ResolvedHeartbeat {
  /** From one ping to the next; 0 for no regular pings. */
  readonly intervalMs: number;
  /** From a ping to the close. */
  readonly timeoutMs: number;
  /** The message to ping with; undefined for the ping of the codec. */
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

/** The limits that need pings. */
export interface AskingLimits {
  /** The regular pings; undefined for none. */
  readonly heartbeat: ResolvedHeartbeat | undefined;
  /** Bytes that the peer may still have to read; 0 for no bound. */
  readonly maxInFlightBytes: number;
  /** The same bound in milliseconds; 0 for none. */
  readonly maxInFlightMs: number;
}

/**
 * Finds the ping for the peers of a service.
 *
 * @param codec The codec of the service.
 * @param limits The limits that may need a ping.
 * @returns The ping; undefined if no limit needs one.
 * @throws {TypeError} if a limit needs one, and neither the codec nor the options have one.
 * @throws {RangeError} if `heartbeat.message` is too long for the codec.
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
  checkPing("create service", ping, codec.createEncoder().maxPayloadBytes);
  return ping;
}

/** Refuses a message of the application's that is too long for the codec. */
export function checkPing(what: string, { bytes, isEncoded }: Ping, mostBytes: number): void {
  if (isEncoded || bytes.length <= mostBytes) return;
  throw new RangeError(
    `Cannot ${what} as heartbeat.message has at most ${mostBytes} bytes: current value has ${bytes.length}`,
  );
}

/** The ping of the options or else of the codec; undefined if neither has one. */
export function pingOf(codec: Codec, heartbeat: ResolvedHeartbeat | undefined): Ping | undefined {
  if (heartbeat?.message !== undefined) return { bytes: heartbeat.message, isEncoded: false };
  return codec.ping === undefined ? undefined : { bytes: codec.ping, isEncoded: true };
}

/** The peer has answered a ping: frames that waited for that go out. */
export function acknowledge(queue: SendQueue): void {
  if (queue.holdback?.handleAnswer() === true) queue.flush();
}

/** A session with a heartbeat. */
export interface Pulsing {
  /** Where it is in its life. */
  readonly state: SessionState;
  /** Its heartbeat: sessions of one service may have different ones. */
  readonly heartbeat: Heartbeat | undefined;
  /** Bytes from the peer so far. */
  readonly receivedBytes: number;
  /** Whether the peer is not read from, so that no answer can be seen. */
  readonly isInputPaused: boolean;
  /** The outgoing side. */
  readonly queue: SendQueue;
  /** Ends it in order. */
  close(reason: CloseReason): void;
}

/** The state of one peer. */
interface Pulse {
  receivedBytes: number;
  /** Checks since the last byte from the peer, or since the ping if that was later. */
  looks: number;
  /** Time of the last check that found new bytes. */
  heardMs: number;
  /** When the session opened: the first ping comes an interval later. */
  readonly openedMs: number;
}

/**
 * Checks all sessions periodically: pings those whose last ping is `intervalMs` ago, and closes those that received nothing
 * for `timeoutMs` after a ping. Silence is counted in checks, not in time: a blocked event loop must not count as silence.
 */
export class Heartbeat {
  readonly #clock: Clock;
  readonly #options: ResolvedHeartbeat;
  readonly #sessions: () => Iterable<Pulsing>;
  readonly #stepMs: number;
  readonly #pulses = new WeakMap<Pulsing, Pulse>();
  #count = 0;
  #timer: unknown = undefined;

  /** Makes a heartbeat, which begins with the first session that enters. */
  constructor(clock: Clock, options: ResolvedHeartbeat, sessions: () => Iterable<Pulsing>) {
    this.#clock = clock;
    this.#options = options;
    this.#sessions = sessions;
    this.#stepMs = Math.max(1, Math.floor(Math.min(options.intervalMs, options.timeoutMs) / LOOKS));
  }

  /** A session has opened. */
  enter(session: Pulsing): void {
    if (this.#options.intervalMs === 0) return;
    const nowMs = this.#clock.now();
    this.#count++;
    this.#pulses.set(session, { receivedBytes: 0, looks: 0, heardMs: nowMs, openedMs: nowMs });
    this.#timer ??= this.#clock.setTimer(() => this.#look(), this.#stepMs);
  }

  /** A session closes; does nothing if it has left. */
  leave(session: Pulsing): void {
    if (!this.#pulses.delete(session) || --this.#count > 0) return;
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  /** The close detail if the peer ends now, after a silence so long that it may have taken this side for dead. */
  silenceOf(session: Pulsing): "after-silence" | undefined {
    const pulse = this.#pulses.get(session);
    const { intervalMs, timeoutMs } = this.#options;
    const isLong = pulse !== undefined && this.#clock.now() - pulse.heardMs >= intervalMs + timeoutMs;
    return isLong ? "after-silence" : undefined;
  }

  #look(): void {
    this.#timer = undefined;
    const nowMs = this.#clock.now();
    for (const session of this.#sessions()) {
      const pulse = session.heartbeat === this ? this.#pulses.get(session) : undefined;
      if (pulse !== undefined) this.#lookAt(session, pulse, nowMs);
    }
    if (this.#count > 0) this.#timer ??= this.#clock.setTimer(() => this.#look(), this.#stepMs);
  }

  #lookAt(session: Pulsing, pulse: Pulse, nowMs: number): void {
    const inFlight = session.queue.holdback?.inFlight;
    if (inFlight === undefined) return; // The session has switched to a codec without a ping.
    const { intervalMs, timeoutMs } = this.#options;
    const isHeard = session.receivedBytes !== pulse.receivedBytes;
    if (isHeard) pulse.heardMs = nowMs;
    pulse.receivedBytes = session.receivedBytes;
    // A ping that a bound in flight has sent may have gone out just before.
    const isWaiting = inFlight.isPinged && nowMs - inFlight.pingMs >= this.#stepMs;
    pulse.looks = isHeard || session.isInputPaused || !isWaiting ? 0 : pulse.looks + 1;
    const quietMs = nowMs - Math.max(inFlight.pingMs, pulse.openedMs);
    if (pulse.looks * this.#stepMs >= timeoutMs) session.close("heartbeat-timeout");
    else if (!inFlight.isPinged && quietMs >= intervalMs) sendPing(session.queue);
  }
}

/** Pings a peer, behind all frames that were sent before. */
function sendPing(queue: SendQueue): void {
  queue.takeBroadcasts();
  queue.holdback?.ping();
  queue.flush();
}

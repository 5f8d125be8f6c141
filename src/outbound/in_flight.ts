// InFlight: what a peer was sent and is not known to have read. It is asked by a ping, behind what was sent, and answers once it
// has read all before it; no clock or window of TCP tells that. Runtime neutral.

import type { Clock } from "../clock.ts";

/** Pings go out once so large a part of a bound is used up: what is sent before the next answer fits into the rest. */
const PING_PARTS = 4;

/** What asks a peer for a sign of life. */
export interface Ping {
  /** A whole frame, or a payload. */
  readonly bytes: Uint8Array;
  /** Whether it is a frame. */
  readonly isEncoded: boolean;
}

/** How much may be in flight; 0 is no bound. */
export interface InFlightLimits {
  /** Bytes, framing included. */
  readonly maxInFlightBytes: number;
  /** Milliseconds between the oldest of it and now. */
  readonly maxInFlightMs: number;
}

/**
 * The pings of one session, one at a time. Places are counted in bytes of all messages that the session has sent, and queued as frames.
 *
 * Invariant: `#readTo` is no more than `#pingedTo`: what is read is what was sent before an answered ping, and that ping.
 */
export class InFlight {
  /** From the last answered ping to its answer, in milliseconds; undefined before the first. */
  roundTripMs: number | undefined = undefined;
  /** Whether a ping is out. */
  isPinged = false;
  readonly #clock: Clock;
  #maxBytes: number;
  #maxMs: number;
  #readTo = 0;
  #pingedTo = 0;
  #pingMs = -Infinity;

  /** Makes it for a session that has sent nothing. */
  constructor(clock: Clock, { maxInFlightBytes, maxInFlightMs }: InFlightLimits) {
    this.#clock = clock;
    this.#maxBytes = maxInFlightBytes === 0 ? Infinity : maxInFlightBytes;
    this.#maxMs = maxInFlightMs === 0 ? Infinity : maxInFlightMs;
  }

  /** Whether there is a bound at all. */
  get isBounded(): boolean {
    return Math.min(this.#maxBytes, this.#maxMs) < Infinity;
  }

  /** When the last ping was sent, by the clock. */
  get pingMs(): number {
    return this.#pingMs;
  }

  /** Whether a frame may be sent behind `place`: any, if nothing is in flight. */
  admits(place: number, frameBytes: number): boolean {
    return place <= this.#readTo || frameBytes <= this.roomAt(place);
  }

  /** How many bytes may still be sent behind `place`. */
  roomAt(place: number): number {
    const isLate = this.#maxMs < Infinity && this.isPinged &&
      this.#clock.now() - this.#pingMs >= this.#maxMs - this.#maxMs / PING_PARTS;
    return isLate ? 0 : this.#maxBytes - (place - this.#readTo);
  }

  /** Whether a ping is to go out behind `place`. */
  isPingDue(place: number): boolean {
    const unasked = place - this.#pingedTo;
    if (this.isPinged || unasked <= 0) return false;
    return unasked >= this.#maxBytes / PING_PARTS ||
      (this.#maxMs < Infinity && this.#clock.now() - this.#pingMs >= this.#maxMs / PING_PARTS);
  }

  /** A ping was queued that ends at `place`. */
  ping(place: number): void {
    this.isPinged = true;
    this.#pingedTo = place;
    this.#pingMs = this.#clock.now();
  }

  /** The peer has answered; says whether it was asked. */
  handleAnswer(): boolean {
    if (!this.isPinged) return false;
    this.isPinged = false;
    this.#readTo = this.#pingedTo;
    this.roundTripMs = this.#clock.now() - this.#pingMs;
    return true;
  }

  /** From now on there is no bound. */
  release(): void {
    this.#maxBytes = this.#maxMs = Infinity;
    this.isPinged = false;
  }
}

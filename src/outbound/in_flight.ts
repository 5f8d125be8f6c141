// InFlight: the bytes that a peer was sent and is not known to have read. The peer answers a ping once it has read all bytes
// before it; TCP itself does not tell what the peer's application has read. Runtime neutral.

import type { Clock } from "../clock.ts";

/** A ping goes out after each such fraction (1/4) of a bound, so the rest covers what is sent before the answer. */
const PING_PARTS = 4;

/** A message or frame that the peer answers. */
export interface Ping {
  /** A whole frame, or a payload. */
  readonly bytes: Uint8Array;
  /** Whether `bytes` is a whole frame. */
  readonly isEncoded: boolean;
}

/** How much may be in flight; 0 is no bound. */
export interface InFlightLimits {
  /** Bytes, framing included. */
  readonly maxInFlightBytes: number;
  /** Milliseconds since the oldest unread byte was sent. */
  readonly maxInFlightMs: number;
}

/**
 * The pings of one session, one at a time. A place is a count of bytes: all messages encoded so far, without control frames.
 *
 * Invariant: `#readTo <= #pingedTo`: the peer has read up to the place of the last answered ping.
 */
export class InFlight {
  /** From the last answered ping to its answer, in milliseconds; undefined before the first answer. */
  roundTripMs: number | undefined = undefined;
  /** Whether a ping is unanswered. */
  isPinged = false;
  readonly #clock: Clock;
  #maxBytes: number;
  #maxMs: number;
  #readTo = 0;
  #pingedTo = 0;
  #pingMs = -Infinity;

  /** Makes the count of a session that has sent nothing. */
  constructor(clock: Clock, { maxInFlightBytes, maxInFlightMs }: InFlightLimits) {
    this.#clock = clock;
    this.#maxBytes = maxInFlightBytes === 0 ? Infinity : maxInFlightBytes;
    this.#maxMs = maxInFlightMs === 0 ? Infinity : maxInFlightMs;
  }

  /** Whether there is a bound at all. */
  get isBounded(): boolean {
    return Math.min(this.#maxBytes, this.#maxMs) < Infinity;
  }

  /** When the last ping was queued; -Infinity before the first. */
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

  /** The peer has answered; false if no ping was outstanding. */
  handleAnswer(): boolean {
    if (!this.isPinged) return false;
    this.isPinged = false;
    this.#readTo = this.#pingedTo;
    this.roundTripMs = this.#clock.now() - this.#pingMs;
    return true;
  }

  /** Lifts the bounds. */
  release(): void {
    this.#maxBytes = this.#maxMs = Infinity;
    this.isPinged = false;
  }
}

// DiscardPacer: slows down the reading of what is dropped while sessions end. Runtime neutral.

import type { Clock } from "../clock.ts";
import type { Connection } from "../transport/transport.ts";

/** How often the quotas begin anew. */
const PERIOD_MS = 10;
/** What one connection may send and have dropped in a period: 25 MB/s, so that the end of a peer with full buffers is near. */
const CONNECTION_BYTES = 262_144;
/** What all may: 200 MB/s, a twentieth of what a core reads. */
const TOTAL_BYTES = 2_097_152;

/** Pauses connections that are sent more than their quota, until the next period begins. One for all sessions of a service. */
export class DiscardPacer {
  readonly #clock: Clock;
  /** What each has had dropped in this period. */
  readonly #bytes = new Map<Connection, number>();
  readonly #paused: Connection[] = [];
  #totalBytes = 0;
  #timer: unknown = undefined;

  /** Makes a pacer whose timer runs only while something is dropped. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Bytes of a connection were dropped. */
  count(connection: Connection, bytes: number): void {
    this.#timer ??= this.#clock.setTimer(() => this.#beginPeriod(), PERIOD_MS);
    this.#totalBytes += bytes;
    const sum = (this.#bytes.get(connection) ?? 0) + bytes;
    this.#bytes.set(connection, sum);
    if (sum < CONNECTION_BYTES && this.#totalBytes < TOTAL_BYTES) return;
    connection.pause();
    this.#paused.push(connection);
  }

  #beginPeriod(): void {
    this.#timer = undefined;
    this.#totalBytes = 0;
    this.#bytes.clear();
    for (const connection of this.#paused.splice(0)) connection.resume();
  }
}

// DiscardPacer: limits the rate at which closing sessions read bytes that they drop. Runtime neutral.

import type { Clock } from "../clock.ts";
import type { Connection } from "../transport/transport.ts";

/** The quotas are reset this often. */
const PERIOD_MS = 10;
/** Quota of one connection for a period: 25 MiB/s, enough to drain a peer's full buffers soon. */
const CONNECTION_BYTES = 262_144;
/** Quota of all connections together: 200 MiB/s, about a twentieth of what one core reads. */
const TOTAL_BYTES = 2_097_152;

/** Pauses connections that receive more than the quota, until the next period. One for all sessions of a service. */
export class DiscardPacer {
  readonly #clock: Clock;
  /** Bytes dropped in this period, by connection. */
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

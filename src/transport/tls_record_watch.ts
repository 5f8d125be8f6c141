// RecordWatch: has the TLS connections of a listener look at their records four times a second. Runtime neutral.

import type { Clock } from "../clock.ts";

const INTERVAL_MS = 250;

/** A connection that knows what its records carry. */
export interface ChecksRecords {
  /** Fails if the peer sends too many records without data. */
  checkRecords(): void;
}

/** One timer for all connections of a listener: a record without data calls nobody. */
export class RecordWatch {
  readonly #connections = new Set<ChecksRecords>();
  readonly #clock: Clock;
  #timer: unknown = undefined;
  readonly #run = () => this.#handleTimer();

  /** Makes one without connections. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A connection came. */
  add(connection: ChecksRecords): void {
    this.#connections.add(connection);
    this.#timer ??= this.#clock.setTimer(this.#run, INTERVAL_MS);
  }

  /** A connection has gone. */
  remove(connection: ChecksRecords): void {
    this.#connections.delete(connection);
    if (this.#connections.size > 0 || this.#timer === undefined) return;
    this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  #handleTimer(): void {
    this.#timer = undefined;
    for (const connection of this.#connections) connection.checkRecords();
    if (this.#connections.size > 0) this.#timer ??= this.#clock.setTimer(this.#run, INTERVAL_MS);
  }
}

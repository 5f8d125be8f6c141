// BunReadPacer: bounds how many heavy talkers Bun reads from in a turn of the event loop. Bun only.

import { deferTurn } from "../defer.ts";
import { type TurnTaker, WaitingLine } from "../waiting_line.ts";
import type { BunCollector } from "./bun_collector.ts";

/** A chunk of this size or more is a heavy read: it takes Bun 20 us or more. */
const HEAVY_BYTES = 65_536;
/** Heavy reads in a turn. One may take half a millisecond: Bun reads up to 512 KiB at a time into fresh memory. */
const MOST_AT_ONCE = 8;

/**
 * Bun reads from all sockets that are ready before it does anything else: with hundreds of heavy reads a turn of the event loop
 * takes most of a second. After the first few in a turn, further connections with heavy reads wait for one of the next turns.
 */
export class BunReadPacer {
  readonly #collector: Pick<BunCollector, "count">;
  #heavy = 0;
  #heavyBytes = 0;
  #isDue = false;
  readonly #waiting = new WaitingLine();
  readonly #turn = () => this.#handleTurn();

  /** Makes a pacer; `collector` is told what the heavy talkers of each turn sent. */
  constructor(collector: Pick<BunCollector, "count">) {
    this.#collector = collector;
  }

  /** A chunk came: says whether the next has to wait; if so, `reader` is told when it may be read. */
  holds(bytes: number, reader: TurnTaker): boolean {
    if (bytes < HEAVY_BYTES) return false;
    if (!this.#isDue) {
      this.#isDue = true;
      deferTurn(this.#turn);
    }
    this.#heavyBytes += bytes;
    if (++this.#heavy <= MOST_AT_ONCE && this.#waiting.count === 0) return false;
    this.#waiting.add(reader);
    return true;
  }

  #handleTurn(): void {
    this.#isDue = false;
    this.#heavy = 0;
    this.#collector.count(this.#heavyBytes);
    this.#heavyBytes = 0;
    for (let left = Math.min(MOST_AT_ONCE, this.#waiting.count); left > 0; left--) this.#waiting.callFirst();
    if (this.#waiting.count === 0) return;
    this.#isDue = true;
    deferTurn(this.#turn);
  }
}

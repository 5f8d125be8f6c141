// BulkPacer: makes connections with heavy reads pause under Deno, so that others are read from. Deno only.

import { deferTurn } from "../defer.ts";
import { type TurnTaker, WaitingLine } from "../waiting_line.ts";

/** Bytes from which on a read is heavy: more data may be waiting behind it. */
const BULK_BYTES = 32_768;
/** Bytes that heavy reads may bring in all until they pause: a fifth of a millisecond's work. */
const BYTES_A_TURN = 524_288;
/** The same for a connection that is alone: only new connections and timers wait for it. */
const BYTES_ALONE = 16_777_216;
/** Turns that a pause takes: while something is always ready, Deno polls the other sockets every 61 turns. One takes 1 us. */
const TURNS = 64;
/**
 * Connections that read on after a pause; the others wait for the next pause. Deno completes 128 operations in a turn, and
 * begins the next turn with those it put off last: with too many heavy reads at once the light ones wait for seconds.
 */
const MOST_AT_ONCE = 32;

/**
 * A read for which data waits completes without a trip through the event loop, so a connection that is sent more than it can
 * take would never let Deno poll the other sockets. After so many bytes all connections with heavy reads wait until Deno has
 * polled, and then go on a few at a time.
 */
export class BulkPacer {
  #bytes = 0;
  #turnsLeft = 0;
  readonly #waiting = new WaitingLine();
  readonly #turn = () => this.#handleTurn();

  /** A read brought `bytes`: says whether the next has to wait; if so, `taker` is told when it may begin. */
  holds(bytes: number, isAlone: boolean, taker: TurnTaker): boolean {
    if (bytes < BULK_BYTES) return false;
    this.#bytes += bytes;
    if (this.#waiting.count === 0 && this.#bytes < (isAlone ? BYTES_ALONE : BYTES_A_TURN)) return false;
    this.#waiting.add(taker);
    if (this.#turnsLeft > 0) return true;
    this.#turnsLeft = TURNS;
    deferTurn(this.#turn);
    return true;
  }

  #handleTurn(): void {
    if (--this.#turnsLeft > 0) return deferTurn(this.#turn);
    this.#bytes = 0;
    for (let left = Math.min(MOST_AT_ONCE, this.#waiting.count); left > 0; left--) this.#waiting.callFirst();
    if (this.#waiting.count === 0) return;
    this.#turnsLeft = TURNS;
    deferTurn(this.#turn);
  }
}

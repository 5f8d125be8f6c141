// WaitingLine: a first-in, first-out queue for code that hands out turns. Runtime neutral.

/** Something that waits for a turn. */
export interface TurnTaker {
  /** It is its turn. Must not throw. */
  handleTurn(): void;
}

/** A queue with O(1) operations on average: the array is cut once half of it has been taken. */
export class WaitingLine {
  #takers: TurnTaker[] = [];
  #next = 0;

  /** How many wait. */
  get count(): number {
    return this.#takers.length - this.#next;
  }

  /** Adds a taker behind all others. */
  add(taker: TurnTaker): void {
    this.#takers.push(taker);
  }

  /** Takes the first one and calls it. The queue must not be empty. */
  callFirst(): void {
    const taker = this.#takers[this.#next++];
    if (this.#next >= this.#takers.length / 2) {
      this.#takers = this.#takers.slice(this.#next);
      this.#next = 0;
    }
    taker.handleTurn();
  }
}

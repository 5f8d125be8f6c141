// WaitingLine: who waits for a turn, the longest first. What all that hand out turns have in common. Runtime neutral.

/** Who waits for a turn. */
export interface TurnTaker {
  /** It is its turn. Must not throw. */
  handleTurn(): void;
}

/** A queue whose ends are both O(1), on average: what has left is forgotten by halves. */
export class WaitingLine {
  #takers: TurnTaker[] = [];
  #next = 0;

  /** How many wait. */
  get count(): number {
    return this.#takers.length - this.#next;
  }

  /** Puts somebody behind all that wait. */
  add(taker: TurnTaker): void {
    this.#takers.push(taker);
  }

  /** Lets the first go, of at least one. */
  callFirst(): void {
    const taker = this.#takers[this.#next++];
    if (this.#next >= this.#takers.length / 2) {
      this.#takers = this.#takers.slice(this.#next);
      this.#next = 0;
    }
    taker.handleTurn();
  }
}

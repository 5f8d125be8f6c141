// InputWatch: has sessions that do not listen to their peer look whether it is still there. Runtime neutral.

import type { Clock } from "../clock.ts";

/** How often: a peer that is gone is found at the second look at the latest. */
const PERIOD_MS = 2_000;

/** A session that may be paused. */
export interface InputWatched {
  /** Whether its input is paused, and it is open. */
  readonly isInputPaused: boolean;
  /** It is paused, and was so for up to the time between two looks. */
  handleInputLook(): void;
}

/** Looks at all sessions while any of them is paused. A runtime tells nothing of the peer of a connection that is paused. */
export class InputWatch {
  readonly #clock: Clock;
  readonly #candidates: () => Iterable<InputWatched>;
  #timer: unknown = undefined;
  readonly #onTimer = () => this.#look();

  /**
   * Makes a watch that sleeps.
   *
   * @param clock Whose time counts.
   * @param candidates All sessions.
   */
  constructor(clock: Clock, candidates: () => Iterable<InputWatched>) {
    this.#clock = clock;
    this.#candidates = candidates;
  }

  /** A session was paused. */
  wake(): void {
    this.#timer ??= this.#clock.setTimer(this.#onTimer, PERIOD_MS);
  }

  #look(): void {
    this.#timer = undefined;
    let isAnyPaused = false;
    for (const watched of this.#candidates()) {
      if (!watched.isInputPaused) continue;
      watched.handleInputLook();
      isAnyPaused = true;
    }
    if (isAnyPaused) this.wake();
  }

  /** There are no sessions any more. */
  stop(): void {
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }
}

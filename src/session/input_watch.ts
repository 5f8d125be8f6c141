// InputWatch: has sessions whose input is paused check whether their peer is still there. Runtime neutral.

import type { Clock } from "../clock.ts";

/** Time between two checks: a peer that is gone is found at the second one at the latest. */
const PERIOD_MS = 2_000;

/** A session that may be paused. */
export interface InputWatched {
  /** Its pauses, to look after the peer about every 2 s; undefined before the first. */
  readonly pause: { readonly isPaused: boolean; look(): void } | undefined;
}

/** Checks all paused sessions. Needed as runtimes report neither end nor reset of a connection that is paused. */
export class InputWatch {
  readonly #clock: Clock;
  readonly #candidates: () => Iterable<InputWatched>;
  #timer: unknown = undefined;
  readonly #onTimer = () => this.#look();

  /**
   * Makes a watch whose timer runs only while a session is paused.
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
    for (const { pause } of this.#candidates()) {
      if (pause?.isPaused !== true) continue;
      pause.look();
      isAnyPaused = true;
    }
    if (isAnyPaused) this.wake();
  }

  /** Stops the timer: the service has no sessions left. */
  stop(): void {
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }
}

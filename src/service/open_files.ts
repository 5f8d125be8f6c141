// OpenFilesBound: how many sessions the process has file descriptors for. Runtime neutral.

import type { Clock } from "../clock.ts";
import type { Admission, AdmissionRequest } from "./admission.ts";

/** Descriptors that are kept for all else: those of the runtime, listeners, logs, what the application opens. */
const LEAST_RESERVE = 64;
const RESERVE_PART = 1 / 16;
/** How far the bound is set below the number of sessions at which descriptors ran out. */
const LEARNED_RESERVE = 32;
/** How long the bound that was learned from a failed accept holds. */
const LEARNED_MS = 60_000;

/** Bounds the sessions of a service by what the runtime says, or by how many there were when an accept failed. */
export class OpenFilesBound implements Admission {
  /** What the runtime says that the process may open; undefined if it does not. */
  readonly maxOpenFiles: number | undefined;
  readonly #clock: Clock;
  readonly #knownSessions: number;
  #learnedSessions = Infinity;
  #learnedUntilMs = 0;

  /** Makes a bound. */
  constructor(clock: Clock, maxOpenFiles: number | undefined) {
    this.#clock = clock;
    this.maxOpenFiles = maxOpenFiles;
    this.#knownSessions = maxOpenFiles === undefined
      ? Infinity
      : Math.max(1, maxOpenFiles - Math.max(LEAST_RESERVE, Math.ceil(maxOpenFiles * RESERVE_PART)));
  }

  /** Sessions that there are descriptors for. */
  get sessions(): number {
    if (this.#learnedSessions !== Infinity && this.#clock.now() >= this.#learnedUntilMs) {
      this.#learnedSessions = Infinity;
    }
    return Math.min(this.#knownSessions, this.#learnedSessions);
  }

  admit({ sessions }: AdmissionRequest): string | undefined {
    return sessions >= this.sessions ? "open-files" : undefined;
  }

  /** An accept failed for want of a descriptor while there were `sessions` sessions. */
  handleExhausted(sessions: number): void {
    // With so few sessions, something else in the process holds the descriptors.
    if (this.sessions <= sessions || sessions < 2 * LEARNED_RESERVE) return;
    this.#learnedSessions = sessions - LEARNED_RESERVE;
    this.#learnedUntilMs = this.#clock.now() + LEARNED_MS;
  }
}

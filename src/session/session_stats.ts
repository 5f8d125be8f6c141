// The counters of one session. Runtime neutral.

import type { SendResult } from "./send_queue.ts";

/** A snapshot of a session's counters, all since it opened. */
export interface SessionStats {
  /** Frames received and handed over. */
  readonly receivedFrames: number;
  /** Bytes received, framing included. */
  readonly receivedBytes: number;
  /** Frames that the system took whole. */
  readonly sentFrames: number;
  /** Bytes that the system took, framing included. */
  readonly sentBytes: number;
  /** Frames accepted by `send` that the system has not taken yet. */
  readonly queuedFrames: number;
  /** Bytes of those. */
  readonly queuedBytes: number;
  /** Sends refused, by their answer. */
  readonly refused: { readonly "closed": number; readonly "too-large": number; readonly "full": number };
}

/** Counts the sends that were refused. */
export class RefusalCounters {
  #closed = 0;
  #tooLarge = 0;
  #full = 0;

  /** Counts one. */
  count(result: SendResult): void {
    if (result === "closed") this.#closed++;
    else if (result === "too-large") this.#tooLarge++;
    else if (result === "full") this.#full++;
  }

  /** Gives the counts. */
  snapshot(): SessionStats["refused"] {
    return { "closed": this.#closed, "too-large": this.#tooLarge, "full": this.#full };
  }
}

// The counters of one session. Runtime neutral.

import type { DropCounts } from "../outbound/backlog.ts";
import type { SendResult } from "../outbound/send_result.ts";

/** A snapshot of a session's counters, all since it opened. */
export interface SessionStats {
  /** Frames received, including control frames. */
  readonly receivedFrames: number;
  /** Control frames among those: pings, and answers to pings. */
  readonly receivedControlFrames: number;
  /** Bytes received, framing included. */
  readonly receivedBytes: number;
  /** Frames that the system took whole, including control frames. */
  readonly sentFrames: number;
  /** Bytes that the system took, framing included. */
  readonly sentBytes: number;
  /** Frames accepted by `send` that the system has not taken yet. All frames of a pending write count. */
  readonly queuedFrames: number;
  /** Bytes of those. A pending write counts as a whole. */
  readonly queuedBytes: number;
  /**
   * Milliseconds from the last answered ping to its answer, including the time the peer took to read what was queued before it;
   * undefined before the first answer. See `SessionLimits.heartbeat`.
   */
  readonly roundTripMs: number | undefined;
  /** Messages that were accepted and then dropped, by `whenFull` policy. */
  readonly dropped: DropCounts;
  /** Sends refused, by their answer. */
  readonly refused: Readonly<Record<Refusal, number>>;
}

/** A `SendResult` that means that the payload was refused. */
export type Refusal = Exclude<SendResult, "sent" | "queued" | "congested">;

/** Counts the sends that were refused. */
export class RefusalCounters {
  readonly #counts: Record<Refusal, number> = {
    "closed": 0,
    "too-large": 0,
    "unencodable": 0,
    "full": 0,
  };

  /** Counts one. */
  count(refusal: Refusal): void {
    this.#counts[refusal]++;
  }

  /** Gives the counts. */
  snapshot(): SessionStats["refused"] {
    return { ...this.#counts };
  }
}

/** The counts of a session that refused nothing: one shared object, as most sessions refuse nothing. */
const NO_REFUSALS: SessionStats["refused"] = Object.freeze(new RefusalCounters().snapshot());

/** The counts of a session that dropped nothing. */
const NO_DROPS: DropCounts = Object.freeze({ oldest: 0, superseded: 0 });

/** Whether a result means that the payload was refused. */
export function isRefusal(result: SendResult): result is Refusal {
  return result !== "queued" && result !== "sent" && result !== "congested";
}

/** A session that counts refusals. */
export interface Counting {
  /** Sends that were refused; undefined before the first. */
  refusals: RefusalCounters | undefined;
}

/** Counts a message if it was refused; gives the result back. */
export function countResult(counting: Counting, result: SendResult): SendResult {
  if (isRefusal(result)) (counting.refusals ??= new RefusalCounters()).count(result);
  return result;
}

/** Where the counters of a session are. */
export interface Counted {
  /** Bytes received, framing included. */
  readonly receivedBytes: number;
  /** Sends that were refused. */
  readonly refusals: RefusalCounters | undefined;
  /** Counts the frames that came. */
  readonly inbox: { readonly frames: number; readonly controlFrames: number };
  /** Counts what went out and waits; what was dropped, and how long the peer takes to answer. */
  readonly queue: Pick<SessionStats, "sentFrames" | "sentBytes" | "queuedFrames" | "queuedBytes"> & {
    readonly holdback:
      | { readonly drops: DropCounts; readonly inFlight: { readonly roundTripMs: number | undefined } | undefined }
      | undefined;
  };
}

/** Takes a snapshot of a session's counters. */
export function takeStats({ receivedBytes, refusals, inbox, queue }: Counted): SessionStats {
  const { holdback } = queue;
  return {
    receivedFrames: inbox.frames,
    receivedControlFrames: inbox.controlFrames,
    receivedBytes,
    sentFrames: queue.sentFrames,
    sentBytes: queue.sentBytes,
    queuedFrames: queue.queuedFrames,
    queuedBytes: queue.queuedBytes,
    roundTripMs: holdback?.inFlight?.roundTripMs,
    dropped: holdback === undefined ? NO_DROPS : { ...holdback.drops },
    refused: refusals?.snapshot() ?? NO_REFUSALS,
  };
}

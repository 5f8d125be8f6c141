// SessionRegistry: the sessions of a service, by id, and the sums of the counters of closed ones. Runtime neutral.

import { checkObject } from "../options.ts";
import type { CloseEvent, CloseReason } from "./close_reason.ts";
import { type SessionStats, takeStats } from "./session_stats.ts";
import type { Session } from "./session.ts";
import type { SessionCore } from "./session_core.ts";

/** Sums over sessions. */
export interface SessionTotals {
  /** Frames received. */
  readonly receivedFrames: number;
  /** Bytes received, framing included. */
  readonly receivedBytes: number;
  /** Frames that the system took. */
  readonly sentFrames: number;
  /** Bytes that the system took. */
  readonly sentBytes: number;
  /** Messages that were accepted and then dropped, by the policy of `whenFull`. */
  readonly droppedSends: number;
  /** Sends that were refused, for any reason. */
  readonly refusedSends: number;
  /** Sends among those that were refused as the queue was full. */
  readonly fullSends: number;
}

/** What waits in the queues of all sessions: accepted by `send`, and not taken by the system yet. */
export interface QueueDepths {
  /** Frames in all queues. */
  readonly queuedFrames: number;
  /** Bytes of those. */
  readonly queuedBytes: number;
  /** Frames in the queue with the most frames. */
  readonly longestQueueFrames: number;
  /** Bytes in the queue with the most bytes, which may be another queue. */
  readonly longestQueueBytes: number;
}

/** Told of sessions that open and close. */
export interface RegistryListener<Data> {
  /** One begins. */
  handleOpened(session: Session<Data>): void;
  /** One is over. */
  handleClosed(session: Session<Data>, event: CloseEvent): void;
}

/** The sessions of a service that are not over. */
export class SessionRegistry<Data> {
  /** Told of sessions that open and close; undefined for none. */
  listener: RegistryListener<Data> | undefined = undefined;
  /** Sessions opened so far. */
  opened = 0;
  readonly #cores = new Map<number, SessionCore<Data>>();
  readonly #closed = new Map<CloseReason, number>();
  #totals: SessionTotals = {
    receivedFrames: 0,
    receivedBytes: 0,
    sentFrames: 0,
    sentBytes: 0,
    droppedSends: 0,
    refusedSends: 0,
    fullSends: 0,
  };

  /** How many sessions there are. */
  get count(): number {
    return this.#cores.size;
  }

  /** How many sessions are over, by close reason. */
  get closed(): Readonly<Partial<Record<CloseReason, number>>> {
    return Object.fromEntries(this.#closed);
  }

  /** Adds a session. */
  add(core: SessionCore<Data>): void {
    this.opened++;
    this.#cores.set(core.id, core);
    this.listener?.handleOpened(core.session);
  }

  /** Finds a session. */
  get(id: number): SessionCore<Data> | undefined {
    return this.#cores.get(id);
  }

  /** The core of a session, if it is one of these. */
  coreOf(session: Session<Data>): SessionCore<Data> | undefined {
    checkObject("find session", "session", session);
    const core = this.get(session.id);
    return core?.session === session ? core : undefined;
  }

  /** Throws a `TypeError` unless the session is closed; call it for one that is none of these: it is another service's. */
  refuseForeign(what: string, { id, state }: Session<Data>): void {
    if (state === "closed") return;
    throw new TypeError(`Cannot ${what} as a session must be of the same service: current value is session ${id}`);
  }

  /** Removes a session that is over, and adds its counters to the totals. */
  remove(core: SessionCore<Data>, event: CloseEvent): void {
    const { reason } = event;
    this.#cores.delete(core.id);
    this.#closed.set(reason, (this.#closed.get(reason) ?? 0) + 1);
    this.#totals = addUp(this.#totals, takeStats(core));
    this.listener?.handleClosed(core.session, event);
  }

  /** Whether a session is one of them. */
  has(core: object): boolean {
    return this.#cores.get((core as SessionCore<Data>).id) === core; // Any other object is not in the map.
  }

  /** All sessions, in the order of their ids. */
  values(): MapIterator<SessionCore<Data>> {
    return this.#cores.values();
  }

  /** Sums over all sessions, including closed ones, and the depths of the open queues. O(open sessions). */
  totals(): SessionTotals & QueueDepths {
    let totals = this.#totals;
    let [queuedFrames, queuedBytes, longestQueueFrames, longestQueueBytes] = [0, 0, 0, 0];
    for (const core of this.#cores.values()) {
      const stats = takeStats(core);
      totals = addUp(totals, stats);
      queuedFrames += stats.queuedFrames;
      queuedBytes += stats.queuedBytes;
      longestQueueFrames = Math.max(longestQueueFrames, stats.queuedFrames);
      longestQueueBytes = Math.max(longestQueueBytes, stats.queuedBytes);
    }
    return { ...totals, queuedFrames, queuedBytes, longestQueueFrames, longestQueueBytes };
  }
}

/** All refusals of a session, whatever the reason. */
function sumOf(refused: SessionStats["refused"]): number {
  return refused.closed + refused.full + refused["too-large"] + refused.unencodable;
}

function addUp(totals: SessionTotals, stats: SessionStats): SessionTotals {
  const { refused, dropped } = stats;
  return {
    receivedFrames: totals.receivedFrames + stats.receivedFrames,
    receivedBytes: totals.receivedBytes + stats.receivedBytes,
    sentFrames: totals.sentFrames + stats.sentFrames,
    sentBytes: totals.sentBytes + stats.sentBytes,
    droppedSends: totals.droppedSends + dropped.oldest + dropped.superseded,
    refusedSends: totals.refusedSends + sumOf(refused),
    fullSends: totals.fullSends + refused.full,
  };
}

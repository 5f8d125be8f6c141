// What a service tells of itself: a snapshot for programs, a dump for people. Runtime neutral.

import type { BufferPoolStats } from "../buffer/pool_stats.ts";
import type { CloseReason } from "../session/close_reason.ts";
import type { QueueDepths, SessionRegistry, SessionTotals } from "../session/session_registry.ts";
import { type Address, formatAddress } from "../transport/address.ts";

/** Where a service is in its life. */
export type ServiceState = "stopped" | "starting" | "running" | "stopping";

/** A snapshot of a service; sums count from when it was made, and include sessions that are over. */
export interface ServiceStats extends SessionTotals, QueueDepths {
  /** Where the service is in its life. */
  readonly state: ServiceState;
  /** Where it listens. */
  readonly listeners: readonly Address[];
  /** Dials under way. */
  readonly dials: number;
  /** Dials that failed for good. */
  readonly failedDials: number;
  /** Attempts that failed, also of dials that go on. */
  readonly failedDialAttempts: number;
  /** Sessions there are. */
  readonly sessions: number;
  /** Sessions opened. */
  readonly openedSessions: number;
  /** Sessions that are over, by reason; a reason that has not occurred is absent. */
  readonly closedSessions: Readonly<Partial<Record<CloseReason, number>>>;
  /** Connections that were refused, for any reason. */
  readonly refusedConnections: number;
  /** The same by reason; see `RefusedEvent.reason`. Past 64 reasons the others are counted as `"other"`. */
  readonly refusals: Readonly<Record<string, number>>;
  /** Accepts that failed. Node drops connections for want of file descriptors without a word: those are not counted. */
  readonly acceptErrors: number;
  /** Writes to connections, each of one or more frames or a part of a large one: `sentBytes / writes` is their mean length. */
  readonly writes: number;
  /** The buffer pool. */
  readonly pool: BufferPoolStats;
}

/** Where the figures of a service are. */
export interface Counted {
  /** Where it is in its life. */
  readonly state: ServiceState;
  /** The open listeners. */
  readonly listeners: Iterable<{ readonly address: Address }>;
  /** The dials. */
  readonly dialler: { readonly count: number; readonly failed: number; readonly failedAttempts: number };
  /** The sessions. */
  readonly registry: Pick<SessionRegistry<unknown>, "count" | "opened" | "closed" | "totals">;
  /** What came in. */
  readonly acceptor: {
    readonly errors: number;
    readonly refusals: { readonly count: number; readonly byReason: Readonly<Record<string, number>> };
  };
  /** The memory, and what counts writes: those of queues, and those of broadcasts. */
  readonly context: {
    readonly pool: { stats(): BufferPoolStats };
    readonly blocks: { readonly writes: number };
    readonly broadcasts: { readonly writes: number };
  };
}

/** Takes the figures of a service. */
export function takeServiceStats({ state, listeners, dialler, registry, acceptor, context }: Counted): ServiceStats {
  return {
    state,
    listeners: Array.from(listeners, ({ address }) => address),
    dials: dialler.count,
    failedDials: dialler.failed,
    failedDialAttempts: dialler.failedAttempts,
    sessions: registry.count,
    openedSessions: registry.opened,
    closedSessions: registry.closed,
    refusedConnections: acceptor.refusals.count,
    refusals: acceptor.refusals.byReason,
    acceptErrors: acceptor.errors,
    writes: context.blocks.writes + context.broadcasts.writes,
    pool: context.pool.stats(),
    ...registry.totals(),
  };
}

/**
 * Writes a snapshot as a few lines of text.
 *
 * @param stats The snapshot.
 * @param poolDump The pool's own dump.
 * @returns The text, without a line break at its end.
 */
export function formatServiceStats(stats: ServiceStats, poolDump: string): string {
  const closed = Object.entries(stats.closedSessions).map(([reason, count]) => `${reason} ${count}`).join(", ");
  const listeners = stats.listeners.map(formatAddress).join(", ");
  return [
    `service   ${stats.state}`,
    `listeners ${listeners || "none"}`,
    `sessions  ${stats.sessions} (opened ${stats.openedSessions}, refused ${stats.refusedConnections})`,
    `closed    ${closed || "none"}`,
    `dials     ${stats.dials} (failed ${stats.failedDials}, attempts ${stats.failedDialAttempts})`,
    `received  ${stats.receivedFrames} frames, ${stats.receivedBytes} bytes`,
    `sent      ${stats.sentFrames} frames, ${stats.sentBytes} bytes, refused ${stats.refusedSends}, ` +
    `dropped ${stats.droppedSends}, writes ${stats.writes}`,
    `queued    ${stats.queuedFrames} frames, ${stats.queuedBytes} bytes, longest ${stats.longestQueueFrames} frames, ` +
    `${stats.longestQueueBytes} bytes`,
    `accept errors ${stats.acceptErrors}`,
    "pool",
    ...poolDump.split("\n").map((line) => `  ${line}`),
  ].join("\n");
}

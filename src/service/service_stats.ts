// What a service tells of itself: a snapshot for programs, a dump for people. Runtime neutral.

import type { BufferPoolStats } from "../buffer/pool_stats.ts";
import type { CloseReason } from "../session/close_reason.ts";
import type { SessionTotals } from "../session/session_registry.ts";
import { type Address, formatAddress } from "../transport/address.ts";

/** Where a service is in its life. */
export type ServiceState = "stopped" | "starting" | "running" | "stopping";

/** A snapshot of a service; sums are since it was made, over sessions that are over too. */
export interface ServiceStats extends SessionTotals {
  /** Where the service is in its life. */
  readonly state: ServiceState;
  /** Where it listens. */
  readonly listeners: readonly Address[];
  /** Dials under way. */
  readonly dials: number;
  /** Dials that failed for good. */
  readonly failedDials: number;
  /** Attempts of dials that failed, also of those that go on. */
  readonly failedDialAttempts: number;
  /** Sessions there are. */
  readonly sessions: number;
  /** Sessions opened. */
  readonly openedSessions: number;
  /** Sessions that are over, by reason; a reason that has not occurred is absent. */
  readonly closedSessions: Readonly<Partial<Record<CloseReason, number>>>;
  /** Connections closed at once, as there were enough. */
  readonly refusedConnections: number;
  /** The same by reason; see `RefusedEvent.reason`. Past 64 reasons the others are counted as `"other"`. */
  readonly refusals: Readonly<Record<string, number>>;
  /** Accepts that failed. Node drops connections for want of file descriptors without a word: those are not counted. */
  readonly acceptErrors: number;
  /** The buffer pool. */
  readonly pool: BufferPoolStats;
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
    `dropped ${stats.droppedSends}`,
    `accept errors ${stats.acceptErrors}`,
    "pool",
    ...poolDump.split("\n").map((line) => `  ${line}`),
  ].join("\n");
}

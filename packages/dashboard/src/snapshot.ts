// What the page is told once a second. Runtime neutral.

import process from "node:process";
import { type Address, formatAddress } from "@laster/net/transport";
import type { AnySession, ServiceStats } from "@laster/net";

/** Sessions in a snapshot: those with the longest queues. */
const MOST_SESSIONS = 500;
const MOST_GROUPS = 100;
/** Groups of a session, and characters of a group's name, in a snapshot. Names may be long, as players may have chosen them. */
const MOST_GROUPS_OF_SESSION = 8;
const LONGEST_NAME = 32;
/** Characters of a reason and its detail: what an application says there has no bound. */
const LONGEST_REASON = 200;

/** What is shown: a `TcpService`. */
export interface ShownService {
  /** Its figures. */
  stats(): ServiceStats;
  /** Its sessions. */
  sessions(): Iterable<AnySession>;
  /** One of them. */
  session(id: number): AnySession | undefined;
  /** The groups that have members. */
  groupNames(): Iterable<string>;
  /** One of them. */
  group(name: string): { readonly size: number };
}

/** A session that ended, or a connection that was refused. */
export interface RecentEvent {
  /** When, in milliseconds since 1970. */
  readonly atMs: number;
  /** The peer. */
  readonly address: string;
  /** Why. */
  readonly reason: string;
}

/** A session, as the page shows it. */
export interface SessionRow {
  readonly id: number;
  readonly address: string;
  readonly ageMs: number;
  readonly state: string;
  readonly queuedBytes: number;
  readonly received: number;
  readonly sent: number;
  readonly roundTripMs: number | undefined;
  /** Names of its groups, eight at the most, and then `"…"`. */
  readonly groups: readonly string[];
}

/** All that the page is told. */
export interface Snapshot {
  /** When, in milliseconds since 1970. */
  readonly atMs: number;
  /** Milliseconds of a clock that nobody sets: for rates. */
  readonly elapsedMs: number;
  readonly state: string;
  readonly listeners: readonly string[];
  readonly sessions: number;
  readonly received: number;
  readonly sent: number;
  readonly queuedBytes: number;
  readonly roundTripMs: number | undefined;
  readonly memoryBytes: number;
  readonly delayMs: number;
  readonly poolBytes: number;
  readonly rows: readonly SessionRow[];
  readonly groups: readonly (readonly [name: string, size: number])[];
  readonly closed: Readonly<Record<string, number>>;
  readonly refused: Readonly<Record<string, number>>;
  readonly recentClosed: readonly RecentEvent[];
  readonly recentRefused: readonly RecentEvent[];
  readonly actions: boolean;
}

/** What a snapshot needs besides the service. */
export interface SnapshotParts {
  /** When a session was opened, by `performance.now()`. */
  readonly openedMs: (session: AnySession) => number | undefined;
  readonly delayMs: number;
  readonly recentClosed: readonly RecentEvent[];
  readonly recentRefused: readonly RecentEvent[];
  readonly actions: boolean;
}

/** Takes a snapshot; walks over the sessions. */
export function takeSnapshot(service: ShownService, { openedMs, ...parts }: SnapshotParts): Snapshot {
  const stats = service.stats();
  const nowMs = performance.now();
  const rows: Omit<SessionRow, "groups">[] = [];
  const roundTrips: number[] = [];
  let queuedBytes = 0;
  for (const session of service.sessions()) {
    const { stats: own } = session;
    queuedBytes += own.queuedBytes;
    if (own.roundTripMs !== undefined) roundTrips.push(own.roundTripMs);
    rows.push({
      id: session.id,
      address: formatAddress(session.remoteAddress as Address),
      ageMs: nowMs - (openedMs(session) ?? nowMs),
      state: session.state,
      queuedBytes: own.queuedBytes,
      received: own.receivedFrames,
      sent: own.sentFrames,
      roundTripMs: own.roundTripMs,
    });
  }
  rows.sort((one, other) => other.queuedBytes - one.queuedBytes || one.id - other.id);
  roundTrips.sort((one, other) => one - other);
  const names = [...service.groupNames()].slice(0, MOST_GROUPS);
  return {
    atMs: Date.now(),
    elapsedMs: nowMs,
    state: stats.state,
    listeners: stats.listeners.map((address) => formatAddress(address)),
    sessions: stats.sessions,
    received: stats.receivedFrames,
    sent: stats.sentFrames,
    queuedBytes,
    roundTripMs: roundTrips[roundTrips.length >> 1],
    memoryBytes: process.memoryUsage().rss,
    poolBytes: stats.pool.outstandingBytes,
    rows: rows.slice(0, MOST_SESSIONS).map((row) => ({ ...row, groups: groupsOf(service.session(row.id)) })),
    groups: names.map((name) => [shorten(name, LONGEST_NAME), service.group(name).size] as const),
    closed: stats.closedSessions,
    refused: Object.fromEntries(
      Object.entries(stats.refusals).map(([reason, count]) => [shortenReason(reason), count]),
    ),
    ...parts,
  };
}

function groupsOf(session: AnySession | undefined): string[] {
  const names: string[] = [];
  for (const name of session?.groupNames() ?? []) {
    if (names.length === MOST_GROUPS_OF_SESSION) return [...names, "…"];
    names.push(shorten(name, LONGEST_NAME));
  }
  return names;
}

/** Cuts a reason. */
export function shortenReason(reason: string): string {
  return shorten(reason, LONGEST_REASON);
}

function shorten(text: string, longest: number): string {
  return text.length > longest ? `${text.slice(0, longest - 1)}…` : text;
}

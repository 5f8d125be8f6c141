// The options of QueryQueue and of a query, their checks, and what a queue tells of itself. Runtime neutral.

import type { Clock } from "@laster/net";
import type { DatabaseDriver } from "./driver.ts";

/** The longest time of a timer. */
const LARGEST = 2 ** 31 - 1;

/** Options of {@linkcode QueryQueue}. */
export interface QueryQueueOptions<Connection> {
  /** The database. */
  readonly driver: DatabaseDriver<Connection>;
  /**
   * How many connections, 1 to 2^31 - 1, each of which runs one query at a time.
   *
   * @default {what the driver says; otherwise 4}
   */
  readonly connections?: number | undefined;
  /**
   * Queries that may wait, 1 to 2^31 - 1; one more rejects with `"full"`.
   *
   * @default {10000}
   */
  readonly maxWaiting?: number | undefined;
  /**
   * Milliseconds from the call to the answer, 1 to 2^31 - 1, or `Infinity` for any time, for queries without a `timeoutMs` of
   * their own; then a query rejects with `"timeout"`.
   *
   * @default {10000}
   */
  readonly timeoutMs?: number | undefined;
  /**
   * Milliseconds without a query after which a connection is tested with `select 1`, up to 2^31 - 1; 0 for never.
   *
   * @default {30000}
   */
  readonly keepAliveMs?: number | undefined;
  /**
   * Hears of connections that could not be made, or were lost; of the same fault at most once a second. What it throws, or rejects
   * with, is ignored.
   *
   * @default {nobody}
   */
  readonly onConnectionFault?: ((error: unknown) => unknown) | undefined;
  /**
   * Where time comes from.
   *
   * @default {systemClock()}
   */
  readonly clock?: Clock | undefined;
}

/** Options of a query. */
export interface QueryOptions {
  /**
   * Queries of the same key run one behind the other, in the order of their calls: those of one player, say. If a query is given
   * up while it runs, the next begins once the connection is closed and the driver has ended the query, or seven seconds later.
   */
  readonly key?: string | number | undefined;
  /**
   * Whether it does no harm to run it twice: then it is run again if its connection is lost. A `select` is repeatable, and so
   * is an `update` to a fixed value.
   *
   * @default {false}
   */
  readonly isRepeatable?: boolean | undefined;
  /**
   * Milliseconds from the call to the answer, 1 to 2^31 - 1, or `Infinity` for any time; then it rejects with `"timeout"`.
   *
   * @default {that of the queue}
   */
  readonly timeoutMs?: number | undefined;
  /** Gives the query up, with `"aborted"`: if it still waits, it is never run. */
  readonly signal?: AbortSignal | undefined;
}

/** A snapshot of a queue. */
export interface QueryQueueStats {
  /** Queries that wait. */
  readonly waiting: number;
  /** Queries under way. */
  readonly running: number;
  /** Connections that can be used. */
  readonly connections: number;
  /** Queries that were answered. */
  readonly answered: number;
  /** Queries that were not. */
  readonly rejected: number;
  /** Queries that were run again. */
  readonly repeated: number;
  /** Connections that were lost. */
  readonly lostConnections: number;
}

/** The names of the options of a queue. */
export const QUEUE_NAMES: Record<keyof QueryQueueOptions<unknown>, true> = {
  driver: true,
  connections: true,
  maxWaiting: true,
  timeoutMs: true,
  keepAliveMs: true,
  onConnectionFault: true,
  clock: true,
};
/** The names of the options of a query. */
export const QUERY_NAMES: Record<keyof QueryOptions, true> = {
  key: true,
  isRepeatable: true,
  timeoutMs: true,
  signal: true,
};

/** Refuses unknown names: one that is misspelt would be left at its default without a word. */
export function checkNames(action: string, options: object, known: Readonly<Record<string, true>>): void {
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(known, name)) continue;
    throw new TypeError(
      `Cannot ${action} as it has no option of that name: current value is "${name}", known are ${
        Object.keys(known).join(", ")
      }`,
    );
  }
}

/** Refuses a number that is no integer from `least` to the longest time of a timer. */
export function checkInteger(action: string, name: string, value: number, least: number): number {
  if (Number.isInteger(value) && value >= least && value <= LARGEST) return value;
  throw new RangeError(
    `Cannot ${action} as ${name} must be an integer from ${least} to ${LARGEST}: current value is ${value}`,
  );
}

/** Refuses a `timeoutMs` that is neither an integer from 1 to the longest time of a timer nor `Infinity`. */
export function checkTimeout(action: string, value: number): number {
  return value === Infinity ? value : checkInteger(action, "timeoutMs", value, 1);
}

/** Refuses what a driver could not send, and what could not be listened to, at the call: later, nobody would catch it. */
export function checkQuery(text: string, signal: AbortSignal | undefined): void {
  if (typeof text !== "string") {
    throw new TypeError(`Cannot run query as it must be a text: current value is ${typeof text}`);
  }
  if (signal === undefined || typeof signal?.addEventListener === "function") return;
  throw new TypeError(`Cannot run query as signal must be an AbortSignal: current value is ${typeof signal}`);
}

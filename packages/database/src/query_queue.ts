// QueryQueue: queries over some connections, those of one key in their order. Runtime neutral.

import { type Clock, systemClock } from "@laster/net";
import type { Row } from "./driver.ts";
import { ABANDONED, Job } from "./job.ts";
import { Lanes } from "./lanes.ts";
import { QueryError } from "./query_error.ts";
import {
  checkInteger,
  checkNames,
  checkQuery,
  checkTimeout,
  QUERY_NAMES,
  type QueryOptions,
  type QueryQueueOptions,
  type QueryQueueStats,
  QUEUE_NAMES,
} from "./query_queue_options.ts";

/**
 * The wait before a connection is made after one that failed, or was lost sooner than `LONGEST_RETRY_MS` without an answer:
 * doubled each time, and shortened by up to a half at random.
 */
const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 5_000;
const KEEP_ALIVE = "select 1";
/** How long a connection may take to answer that, at most: the default `timeoutMs`. */
const LONGEST_KEEP_ALIVE_MS = 10_000;
/** The same fault is told of once in this time. */
const FAULT_INTERVAL_MS = 1_000;
/** How long a connection may take to be made. */
const LONGEST_CONNECT_MS = 30_000;
/** How long a connection may take to close, longer than the drivers of this package need at most. */
const LONGEST_CLOSE_MS = 7_000;

/** A connection that is not used any more. */
interface UsedConnection {
  /** Why. */
  readonly end: "stopped" | "lost" | "given-up";
  /** To be called once it is closed, if it was running a query: only then may the next one of the same key run. */
  readonly onClosed?: (() => void) | undefined;
}

/** A query that was run, or is still running where it was given up. */
interface RunQuery {
  readonly end: "answered" | "lost" | "given-up";
  readonly running: Promise<unknown> | undefined;
}

/**
 * Runs queries. Each call is answered by a promise that settles, come what may: with rows, or a {@linkcode QueryError}.
 *
 * @example The order of a player
 * ```ts
 * import { type DatabaseDriver, QueryQueue } from "@laster/database";
 * import { assertEquals } from "@std/assert";
 *
 * const seen: string[] = [];
 * const driver: DatabaseDriver<null> = {
 *   connect: () => Promise.resolve(null),
 *   query: async (_connection, text) => {
 *     await new Promise((resolve) => setTimeout(resolve, 10 * Math.random()));
 *     seen.push(text);
 *     return [];
 *   },
 *   close: () => Promise.resolve(),
 *   isLost: () => false,
 * };
 * const queries = new QueryQueue({ driver });
 * await Promise.all(["a", "b", "c"].map((text) => queries.query(text, [], { key: "ann" })));
 * assertEquals(seen, ["a", "b", "c"]);
 * await queries.close();
 * ```
 */
export class QueryQueue<Connection = unknown> {
  readonly #options: QueryQueueOptions<Connection>;
  readonly #clock: Clock;
  readonly #maxWaiting: number;
  readonly #timeoutMs: number;
  readonly #keepAliveMs: number;
  readonly #lanes = new Lanes();
  readonly #workers: Promise<void>[];
  readonly #stopped = Promise.withResolvers<void>();
  readonly #stats = { running: 0, connections: 0, answered: 0, rejected: 0, repeated: 0, lostConnections: 0 };
  /** Why no connection can be made; undefined once one was made. */
  #connectFault: unknown = undefined;
  /** The fault that was last told of. */
  #told = { message: "", atMs: -Infinity };
  #closed: Promise<void> | undefined = undefined;
  #onEmpty: (() => void) | undefined = undefined;

  /**
   * Makes a queue, and begins to connect.
   *
   * @param options The database, and the bounds.
   * @throws {TypeError | RangeError} if there is no option of a name, or a number is out of range.
   */
  constructor(options: QueryQueueOptions<Connection>) {
    checkNames("create query queue", options, QUEUE_NAMES);
    const read = (name: "connections" | "maxWaiting" | "keepAliveMs", otherwise: number, least: number) =>
      checkInteger("create query queue", name, options[name] ?? otherwise, least);
    this.#options = options;
    this.#clock = options.clock ?? systemClock();
    this.#maxWaiting = read("maxWaiting", 10_000, 1);
    this.#timeoutMs = checkTimeout("create query queue", options.timeoutMs ?? 10_000);
    this.#keepAliveMs = read("keepAliveMs", 30_000, 0);
    this.#workers = Array.from({ length: read("connections", options.driver.connections ?? 4, 1) }, () => this.#work());
  }

  /** A snapshot of what waits, runs and was done. */
  get stats(): QueryQueueStats {
    return { waiting: this.#lanes.waiting, ...this.#stats };
  }

  /**
   * Asks the database.
   *
   * @param text The query.
   * @param parameters What stands for its placeholders: copied at the call, and so are the byte arrays in it. Other objects must
   * stay as they are until the answer.
   * @param options Its key, its deadline, and whether it may be repeated.
   * @returns The rows.
   * @throws {QueryError} if there is no answer: an unhandled rejection, if the caller drops the promise.
   * @throws {TypeError | RangeError} if there is no option of a name, `timeoutMs` is out of range, `text` is no text, or
   * `signal` is no signal.
   */
  query(text: string, parameters: readonly unknown[] = [], options: QueryOptions = {}): Promise<readonly Row[]> {
    const { key, isRepeatable = false, timeoutMs = this.#timeoutMs, signal } = options;
    let copied: unknown[];
    try {
      checkNames("run query", options, QUERY_NAMES);
      checkTimeout("run query", timeoutMs);
      checkQuery(text, signal);
      copied = parameters.map((value) => value instanceof Uint8Array ? new Uint8Array(value) : value);
    } catch (error) {
      return Promise.reject(error);
    }
    const onAbort = () => job.reject("aborted", signal?.reason);
    const job: Job = new Job(text, copied, isRepeatable, (isAnswered) => {
      this.#stats[isAnswered ? "answered" : "rejected"]++;
      stopTimer();
      signal?.removeEventListener("abort", onAbort);
      this.#lanes.remove(job);
      if (this.#onEmpty !== undefined) queueMicrotask(() => this.#look());
    });
    const onTimeout = () => job.reject("timeout", job.state === "waiting" ? this.#connectFault : undefined);
    const stopTimer = this.#startTimer(onTimeout, timeoutMs);
    signal?.addEventListener("abort", onAbort, { once: true });
    if (this.#closed !== undefined) job.reject("closed");
    else if (this.#lanes.waiting >= this.#maxWaiting) job.reject("full");
    else if (signal?.aborted) onAbort();
    else this.#lanes.add(job, key);
    return job.answer;
  }

  /**
   * Takes no more queries, waits for the answers of those that there are, and closes the connections. A second call waits for
   * the same end.
   *
   * @param options `timeoutMs`: milliseconds after which the queries that are left reject with `"closed"`, 1 to 2^31 - 1, or
   * `Infinity` for any time; by default that of the queue. Connections then have seven seconds to close.
   * @throws {RangeError} if `timeoutMs` is out of range; the queue is not closed then.
   */
  async close({ timeoutMs = this.#timeoutMs }: { readonly timeoutMs?: number | undefined } = {}): Promise<void> {
    checkTimeout("close query queue", timeoutMs);
    await (this.#closed ??= this.#end(timeoutMs));
  }

  async #end(timeoutMs: number): Promise<void> {
    const empty = Promise.withResolvers<void>();
    this.#onEmpty = empty.resolve;
    this.#look();
    const stopTimer = this.#startTimer(() => {
      for (const job of [...this.#lanes.jobs.keys()]) job.reject("closed");
      empty.resolve();
    }, timeoutMs);
    await empty.promise;
    stopTimer();
    this.#stopped.resolve();
    this.#lanes.stop();
    await this.#inTime(Promise.all(this.#workers), LONGEST_CLOSE_MS).catch(() => {});
  }

  /** Calls back after a time, which may be `Infinity`; gives what stops it. */
  #startTimer(callback: () => void, delayMs: number): () => void {
    if (delayMs === Infinity) return () => {};
    const timer = this.#clock.setTimer(callback, delayMs);
    return () => this.#clock.clearTimer(timer);
  }

  #look(): void {
    if (this.#lanes.jobs.size === 0) this.#onEmpty?.();
  }

  /** Keeps one connection: makes it, uses it, and makes it again if it is lost, until the queue is closed. */
  async #work(): Promise<void> {
    /** Connections in a row that could not be made, or were soon lost without an answer. */
    let failures = 0;
    for (;;) {
      if (failures > 0) await this.#pause(failures);
      if (this.#lanes.isStopped) return;
      const connection = await this.#connect();
      failures++;
      if (connection === undefined) continue;
      this.#stats.connections++;
      const madeMs = this.#clock.now();
      const { end, onClosed } = await this.#use(connection.value, () => failures = 0);
      this.#stats.connections--;
      await this.#close(connection.value);
      onClosed?.();
      if (end === "stopped") return;
      if (end === "given-up" || this.#clock.now() - madeMs >= LONGEST_RETRY_MS) failures = 0;
      this.#stats.lostConnections++;
    }
  }

  /** Makes a connection; gives undefined if that fails, or takes too long. */
  async #connect(): Promise<{ readonly value: Connection } | undefined> {
    try {
      const connecting = this.#options.driver.connect();
      let isLate = false;
      connecting.then((value) => isLate ? this.#close(value) : undefined, () => {});
      try {
        const value = await this.#inTime(connecting, LONGEST_CONNECT_MS);
        this.#connectFault = undefined;
        return { value };
      } finally {
        isLate = true;
      }
    } catch (error) {
      this.#connectFault = error;
      this.#report(error);
      return undefined;
    }
  }

  /** Closes a connection, but waits for it no longer than `LONGEST_CLOSE_MS`. */
  async #close(connection: Connection): Promise<void> {
    try {
      await this.#inTime(this.#options.driver.close(connection), LONGEST_CLOSE_MS);
    } catch {
      // It is not used any more.
    }
  }

  /** Tells of a fault of a connection; all of them have the same one while the database cannot be reached. */
  #report(error: unknown): void {
    try {
      const message = error instanceof Error ? error.message : String(error);
      const nowMs = this.#clock.now();
      if (message === this.#told.message && nowMs - this.#told.atMs < FAULT_INTERVAL_MS) return;
      this.#told = { message, atMs: nowMs };
      Promise.resolve(this.#options.onConnectionFault?.(error)).catch(() => {});
    } catch {
      // A listener that throws must not keep the queue from making the connection again.
    }
  }

  /**
   * Runs queries until the queue is closed, or the connection cannot be used further: it is lost, or still runs a query that
   * was given up. `onAnswer` is called whenever the database has answered.
   */
  async #use(connection: Connection, onAnswer: () => void): Promise<UsedConnection> {
    for (;;) {
      const taken = await this.#lanes.take(this.#keepAliveMs, this.#clock);
      if (taken === "stopped") return { end: "stopped" };
      if (taken === "idle") {
        if (!await this.#isAlive(connection)) return { end: "lost" };
      } else {
        const { job, done } = taken;
        if (job.state === "settled") { // Given up between the call and this turn: it must not run.
          done(false);
          continue;
        }
        const { end, running } = await this.#run(connection, job);
        if (end !== "answered") {
          // A driver may say that the connection is closed while the query goes on.
          const over = this.#inTime(Promise.race([running, this.#stopped.promise]), LONGEST_CLOSE_MS).catch(() => {});
          return { end, onClosed: () => void over.then(() => done(job.state === "waiting")) };
        }
        done(false);
      }
      onAnswer();
    }
  }

  /** Runs one query; says what it means for the connection, and gives the driver's promise, which may not have settled. */
  async #run(connection: Connection, job: Job): Promise<RunQuery> {
    job.state = "running";
    this.#stats.running++;
    let running: Promise<readonly Row[]> | undefined;
    try {
      running = this.#options.driver.query(connection, job.text, job.parameters);
      running.catch(() => {}); // If it was given up, nobody handles its rejection.
      const rows = await Promise.race([running, job.abandoned]);
      if (rows === ABANDONED) return { end: "given-up", running };
      job.resolve(rows ?? []);
      return { end: "answered", running };
    } catch (error) {
      const isLost = this.#isLost(error);
      const isUnsent = error instanceof QueryError && !error.mayBeDone;
      job.wasLost ||= isLost && !isUnsent;
      if (isLost) this.#report(error);
      if (isLost && (job.isRepeatable || isUnsent) && this.#isRunning(job)) {
        this.#stats.repeated++;
        job.state = "waiting";
      } else job.reject(isLost ? "lost" : "failed", error);
      return { end: isLost ? "lost" : "answered", running };
    } finally {
      this.#stats.running--;
    }
  }

  /** What the driver says of an error; a connection that it cannot judge is taken for lost. */
  #isLost(error: unknown): boolean {
    try {
      return this.#options.driver.isLost(error);
    } catch {
      return true;
    }
  }

  /** Whether a job still runs: it may have been given up meanwhile. */
  #isRunning(job: Job): boolean {
    return job.state === "running";
  }

  async #isAlive(connection: Connection): Promise<boolean> {
    try {
      const answer = this.#options.driver.query(connection, KEEP_ALIVE, []);
      await this.#inTime(answer, Math.min(this.#timeoutMs, LONGEST_KEEP_ALIVE_MS));
      return true;
    } catch (error) {
      this.#report(error);
      return false;
    }
  }

  /** Waits for what a driver does, and rejects if that takes too long. */
  async #inTime<Result>(work: Promise<Result>, longestMs: number): Promise<Result> {
    const late = Promise.withResolvers<never>();
    const stopTimer = this.#startTimer(() => late.reject(new QueryError("timeout", false)), longestMs);
    try {
      return await Promise.race([work, late.promise]);
    } finally {
      stopTimer();
    }
  }

  /** Waits before the next connection, the longer the more have failed in a row; not once the queue is closed. */
  async #pause(failures: number): Promise<void> {
    const longestMs = Math.min(FIRST_RETRY_MS * 2 ** (failures - 1), LONGEST_RETRY_MS);
    const elapsed = Promise.withResolvers<void>();
    const timer = this.#clock.setTimer(elapsed.resolve, longestMs * (0.5 + 0.5 * Math.random()));
    await Promise.race([elapsed.promise, this.#stopped.promise]);
    this.#clock.clearTimer(timer);
  }
}

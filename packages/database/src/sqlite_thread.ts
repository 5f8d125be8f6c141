// SqliteThread: starts the thread that has a file of SQLite open, and sends queries to it. Those that come while it is busy
// wait, and are sent as one batch. Runs on Node, Bun and Deno.

import { setImmediate } from "node:timers";
import { Worker } from "node:worker_threads";
import type { Row } from "./driver.ts";
import { SqliteError } from "./sqlite_error.ts";
import type { Question, SqliteFileOptions } from "./sqlite_file.ts";
import type { FromWorker, ToWorker } from "./sqlite_worker.ts";

/** How long the thread may take to finish its batch at its end: the default `busyTimeoutMs`, and a second. */
const END_TIMEOUT_MS = 6_000;

/** A thread is gone: whether its queries were done is not known. */
export class ThreadLostError extends Error {
  override readonly name = "ThreadLostError";
}

/** A query that was asked. */
export interface Asked extends Question {
  /** Its rows. */
  readonly answer: Promise<readonly Row[]>;
  readonly resolve: (rows: readonly Row[]) => void;
  readonly reject: (error: Error) => void;
}

/**
 * A thread.
 *
 * Invariant: `#sent` is the batch that the worker has, and empty if it has none; a query is in `#waiting`, in `#sent`, or
 * settled.
 */
export class SqliteThread {
  /** The worker, for tests that end it. */
  readonly worker: Worker;
  /** Whether it takes no more queries: it has ended, or ends. */
  isOver = false;
  readonly #path: string;
  readonly #waiting = new Set<Asked>();
  readonly #closed = Promise.withResolvers<void>();
  #sent: readonly Asked[] = [];
  #isFlushDue = false;

  /** Starts one, which opens the file. */
  constructor(options: SqliteFileOptions) {
    this.#path = options.path;
    this.worker = new Worker(workerUrl(), { workerData: options });
    this.worker.on("message", (message: FromWorker) => this.#handle(message));
    this.worker.on("error", (error: Error) => this.#fail(new ThreadLostError(this.#lost(error.message))));
    this.worker.on("exit", (code: number) => {
      this.#fail(new ThreadLostError(this.#lost(`exit code ${code}`)));
      this.#closed.resolve();
    });
  }

  /** Adds a query behind those that wait. */
  ask(text: string, parameters: Question["parameters"]): Asked {
    const { promise, resolve, reject } = Promise.withResolvers<readonly Row[]>();
    const asked = { text, parameters, answer: promise, resolve, reject };
    this.#waiting.add(asked);
    this.#flushSoon();
    return asked;
  }

  /** Gives a query up: if it waits it is rejected, and never run. */
  drop(asked: Asked): void {
    if (this.#waiting.delete(asked)) asked.reject(new Error("Cannot run query as it was given up"));
  }

  /** Ends it behind the batch that it has; waits for that, but not for ever. */
  async end(): Promise<void> {
    if (!this.isOver) this.#post("close");
    else this.#closed.resolve(); // It has no file open.
    this.isOver = true;
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, END_TIMEOUT_MS);
    await Promise.race([this.#closed.promise, late.promise]);
    clearTimeout(timer);
    this.worker.unref(); // Not awaited: Node does not stop a thread before SQLite returns.
    void this.worker.terminate();
  }

  /** Sends what waits at the end of this turn of the event loop, so that all queries of the turn are one batch. */
  #flushSoon(): void {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    setImmediate(() => {
      this.#isFlushDue = false;
      if (this.#sent.length > 0 || this.#waiting.size === 0) return;
      this.#sent = [...this.#waiting];
      this.#waiting.clear();
      this.#post(this.#sent.map(({ text, parameters }) => ({ text, parameters })));
    });
  }

  #post(message: ToWorker): void {
    this.worker.postMessage(message);
  }

  #handle(message: FromWorker): void {
    if (message === "closed") return this.#closed.resolve();
    if ("message" in message) {
      this.#fail(new SqliteError(this.#refused(message.message), message.resultCode));
      return void this.worker.terminate();
    }
    const sent = this.#sent;
    this.#sent = [];
    for (const [index, answer] of message.entries()) {
      if ("rows" in answer) sent[index].resolve(answer.rows);
      else sent[index].reject(new SqliteError(answer.message, answer.resultCode));
    }
    if (this.#waiting.size > 0) this.#flushSoon();
  }

  /** Rejects all that were asked. */
  #fail(error: Error): void {
    this.isOver = true;
    const all = [...this.#sent, ...this.#waiting];
    this.#sent = [];
    this.#waiting.clear();
    for (const { reject } of all) reject(error);
  }

  #lost(reason: string): string {
    return `Cannot use ${this.#path} as its thread must run: current value is ${reason}`;
  }

  #refused(reason: string): string {
    return `Cannot open ${this.#path} as it must be a database of SQLite: current value is ${reason}`;
  }
}

/** A data URL that imports the worker's module, `.ts` or `.js` as this one: Deno starts no worker from a URL of the network. */
function workerUrl(): URL {
  const { url } = import.meta;
  const worker = new URL(url.endsWith(".ts") ? "./sqlite_worker.ts" : "./sqlite_worker.js", url);
  return new URL(`data:text/javascript,import ${encodeURIComponent(JSON.stringify(worker.href))};`);
}

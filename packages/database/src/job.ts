// Job: one query, from the call to its answer. Runtime neutral.

import type { Row } from "./driver.ts";
import { QueryError, type QueryErrorCode } from "./query_error.ts";

/** What nothing but a given-up job answers: a driver may answer with anything. */
export const ABANDONED = Symbol("abandoned");

/** Where a job is. */
type JobState = "waiting" | "running" | "settled";

/** One query. */
export class Job {
  readonly text: string;
  readonly parameters: readonly unknown[];
  /** Whether it may be run again if it is not known whether the database has done it. */
  readonly isRepeatable: boolean;
  /** What the caller waits for. */
  readonly answer: Promise<readonly Row[]>;
  /** Resolves once the job is rejected: nothing waits for the connection that runs it then. */
  readonly abandoned: Promise<typeof ABANDONED>;
  state: JobState = "waiting";
  /** Whether its connection was lost while it ran: it waits to run again, but may have been done already. */
  wasLost = false;
  readonly #onSettled: (isAnswered: boolean) => void;
  readonly #settle = Promise.withResolvers<readonly Row[]>();
  readonly #abandon = Promise.withResolvers<typeof ABANDONED>();

  /** Makes one that waits; `onSettled` is called once. */
  constructor(
    text: string,
    parameters: readonly unknown[],
    isRepeatable: boolean,
    onSettled: (isAnswered: boolean) => void,
  ) {
    this.text = text;
    this.parameters = parameters;
    this.isRepeatable = isRepeatable;
    this.answer = this.#settle.promise;
    this.abandoned = this.#abandon.promise;
    this.#onSettled = onSettled;
  }

  /** The database has answered. */
  resolve(rows: readonly Row[]): void {
    if (this.#end(true)) this.#settle.resolve(rows);
  }

  /** There is no answer. */
  reject(code: QueryErrorCode, cause?: unknown): void {
    const wasRunning = this.state === "running";
    if (!this.#end(false)) return;
    const mayBeDone = this.wasLost || (wasRunning && code !== "failed");
    this.#settle.reject(new QueryError(code, mayBeDone, cause, this.isRepeatable || !mayBeDone));
    this.#abandon.resolve(ABANDONED);
  }

  #end(isAnswered: boolean): boolean {
    if (this.state === "settled") return false;
    this.state = "settled";
    this.#onSettled(isAnswered);
    return true;
  }
}

// SqliteFile: a file of SQLite in the thread that waits for it: runs batches of queries, each batch in one transaction. Runs
// on Node, Bun and Deno.

import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { Row } from "./driver.ts";
import { isBlank, readStatement, type Statement } from "./sql_text.ts";

/** SQLITE_BUSY: another process has held the file's lock for longer than `busyTimeoutMs`. */
const BUSY = 5;
/** SQLITE_BUSY_SNAPSHOT: another process has written since this transaction first read; waiting does not help. */
const BUSY_SNAPSHOT = 517;

/** What a parameter may be. */
export type SqliteValue = null | number | bigint | string | Uint8Array;

/** How a file is opened. */
export interface SqliteFileOptions {
  readonly path: string;
  readonly synchronous: "full" | "normal";
  readonly busyTimeoutMs: number;
  readonly maxStatements: number;
}

/** A query. */
export interface Question {
  readonly text: string;
  readonly parameters: readonly SqliteValue[];
}

/** What became of a query: its rows, or what SQLite said. */
export type Answer = { readonly rows: readonly Row[] } | Refusal;

/** What SQLite, or this file, said. */
export interface Refusal {
  readonly message: string;
  readonly resultCode: number | undefined;
}

/** A statement that SQLite has prepared. */
interface Prepared extends Statement {
  readonly statement: StatementSync;
}

/** An open file. */
export class SqliteFile {
  readonly #database: DatabaseSync;
  readonly #busyTimeoutMs: number;
  readonly #maxStatements: number;
  /** The statements that are kept, the least recently used first. */
  readonly #prepared = new Map<string, Prepared>();
  readonly #schemaVersion: StatementSync;
  /** The version of the schema that `#prepared` is of. */
  #preparedVersion: unknown = undefined;
  /** Whether a query of this batch has waited for another process, in vain: the rest of the batch does not wait again. */
  #hasWaited = false;

  /** Opens a file, or makes it. */
  constructor({ path, synchronous, busyTimeoutMs, maxStatements }: SqliteFileOptions) {
    this.#database = new DatabaseSync(path);
    this.#busyTimeoutMs = busyTimeoutMs;
    this.#maxStatements = maxStatements;
    this.#setBusyTimeout(busyTimeoutMs);
    this.#database.exec("pragma journal_mode = wal");
    this.#database.exec(`pragma synchronous = ${synchronous}`);
    this.#database.exec("pragma foreign_keys = on");
    this.#schemaVersion = this.#database.prepare("pragma schema_version");
  }

  /** Runs queries in their order, and answers in it: once what they did is in the file. */
  run(batch: readonly Question[]): Answer[] {
    this.#forgetIfAltered();
    const answers: Answer[] = [];
    let group: Question[] = [];
    for (const question of batch) {
      if (isAlone(question)) {
        answers.push(...this.#runGroup(group), this.#answer(question));
        group = [];
        this.#prepared.clear(); // On Deno a statement prepared before would return the table's old columns.
      } else group.push(question);
    }
    answers.push(...this.#runGroup(group));
    if (this.#hasWaited) this.#setBusyTimeout(this.#busyTimeoutMs);
    this.#hasWaited = false;
    return answers;
  }

  /** Closes the file. */
  close(): void {
    this.#prepared.clear();
    this.#database.close();
  }

  /**
   * Runs queries in one transaction. A query that fails undoes nothing of the others, as SQLite undoes that statement alone. If
   * SQLite undoes the whole transaction, or another process has written meanwhile, all is rolled back and each query runs again
   * by itself: none has been answered yet.
   */
  #runGroup(group: readonly Question[]): Answer[] {
    if (group.length < 2) return group.map((question) => this.#answer(question));
    const answers: Answer[] = [];
    this.#database.exec("begin");
    for (const question of group) {
      const answer = this.#answer(question);
      answers.push(answer);
      if (!this.#database.isTransaction || isOutdated(answer)) return this.#runAgain(group);
    }
    try {
      this.#database.exec("commit");
      return answers;
    } catch {
      return this.#runAgain(group); // Each query gets its own error.
    }
  }

  #runAgain(group: readonly Question[]): Answer[] {
    if (this.#database.isTransaction) this.#database.exec("rollback");
    return group.map((question) => this.#answer(question));
  }

  #answer({ text, parameters }: Question): Answer {
    try {
      const prepared = this.#prepare(text);
      if (parameters.length !== prepared.parameters) {
        throw new TypeError(
          `Cannot run query as it takes ${prepared.parameters} parameters: current value is ${parameters.length}`,
        );
      }
      return { rows: prepared.statement.all(...parameters.map(toStored)).map(toRow) };
    } catch (error) {
      const { message, errcode } = error as { readonly message: string; readonly errcode?: number };
      if (errcode === BUSY && !this.#hasWaited) {
        this.#hasWaited = true;
        this.#setBusyTimeout(0);
      }
      return { message, resultCode: errcode };
    }
  }

  /**
   * Drops what is prepared if another process has altered a table: on Deno a statement names the columns that its table had
   * when it was prepared. A select has SQLite read the schema again, which preparing alone does not.
   */
  #forgetIfAltered(): void {
    try {
      const version = this.#schemaVersion.get()?.schema_version;
      if (version === this.#preparedVersion) return;
      this.#prepared.clear();
      this.#database.exec("select 1 from sqlite_schema limit 1");
      this.#preparedVersion = version;
    } catch {
      // Whatever is wrong with the file: the queries of the batch say it, too.
    }
  }

  #setBusyTimeout(timeoutMs: number): void {
    this.#database.exec(`pragma busy_timeout = ${timeoutMs}`);
  }

  #prepare(given: string): Prepared {
    const kept = this.#prepared.get(given);
    const prepared = kept ?? this.#prepareAnew(given);
    this.#prepared.delete(given);
    this.#prepared.set(given, prepared); // Moves it to the end, as the most recently used.
    if (this.#prepared.size > this.#maxStatements) {
      const [oldest] = this.#prepared.keys();
      this.#prepared.delete(oldest);
    }
    return prepared;
  }

  #prepareAnew(given: string): Prepared {
    const read = readStatement(given);
    if (isBlank(read.text)) throw new TypeError("Cannot run query as it must be a statement: current value is empty");
    const statement = this.#database.prepare(read.text);
    const rest = read.text.slice(statement.sourceSQL.length);
    if (!isBlank(rest)) {
      throw new TypeError(`Cannot run query as it must be one statement: current value has ${rest.trim()} behind it`);
    }
    statement.setReadBigInts(true);
    return { ...read, statement };
  }
}

function isAlone({ text }: Question): boolean {
  try {
    return readStatement(text).isAlone;
  } catch {
    return false; // It is refused when its turn comes.
  }
}

function isOutdated(answer: Answer): boolean {
  return "message" in answer && answer.resultCode === BUSY_SNAPSHOT;
}

/** Stores whole numbers as integers: `node:sqlite` would store a number as a float. */
function toStored(value: SqliteValue): SqliteValue {
  return typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : value;
}

/** Whole numbers are read as numbers, and as bigints where a number is not exact. */
function toRow(read: Record<string, unknown>): Row {
  // Not by assignment, which would lose a column named `__proto__`.
  return Object.fromEntries(
    Object.entries(read).map(([name, value]) => [
      name,
      typeof value === "bigint" && Number.isSafeInteger(Number(value)) ? Number(value) : value,
    ]),
  );
}

// Probe: a handler that records what its connection does, and checks at every call what the contract in
// src/transport/transport.ts promises. Tests drive the connection through it. Runtime neutral.

import { equals, holds } from "../check.ts";
import { DEFAULT_TIMEOUT_MS, Waiting } from "../waiting.ts";
import { findWrong } from "./pattern.ts";
import type { Connection, ConnectionEnd, ConnectionHandler } from "../../../transport/transport.ts";

/** A case fails after this many looks, if they have also taken this long. */
const MOST_LOOKS = 20;
const LEAST_LOOKING_MS = 5_000;

/** What a case does inside a handler call, after the probe has recorded it. */
export interface ProbeHooks {
  onData?(chunk: Uint8Array): void;
  onDiscard?(length: number): void;
  onEnd?(): void;
  onDrain?(): void;
  onClose?(): void;
}

/** Records and checks one connection. */
export class Probe implements ConnectionHandler {
  readonly connection: Connection;
  /** What broke the contract; must be empty at the end of the case. */
  readonly violations: string[] = [];
  hooks: ProbeHooks = {};
  /** Whether what comes must be the pattern. */
  checksPattern = true;
  receivedBytes = 0;
  discardedBytes = 0;
  ends = 0;
  drains = 0;
  closes = 0;
  end: ConnectionEnd | undefined = undefined;
  isStarted = false;
  readonly #timeoutMs: number;
  readonly #waiting: Waiting;
  /** The method of the connection that runs now, which may not call the handler. */
  #running = "";
  #isPaused = false;
  #isDiscarding = false;
  #isWriting = false;
  #isOver = false;

  constructor(connection: Connection, timeoutMs: number = DEFAULT_TIMEOUT_MS) {
    this.connection = connection;
    this.#timeoutMs = timeoutMs;
    this.#waiting = new Waiting(timeoutMs);
  }

  start(): this {
    this.isStarted = true;
    this.#run("start", () => this.connection.start(this));
    return this;
  }

  write(bytes: Uint8Array, offset: number = 0, length: number = bytes.length): boolean {
    const isTaken = this.#run("write", () => this.connection.write(bytes, offset, length));
    if (!isTaken) this.#isWriting = true;
    return isTaken;
  }

  /** Writes, and waits until the bytes are taken. */
  async send(bytes: Uint8Array): Promise<void> {
    const before = this.drains;
    if (!this.write(bytes)) await this.until("drain", () => this.drains > before);
  }

  pause(): void {
    this.#isPaused = true;
    this.#run("pause", () => this.connection.pause());
  }

  resume(): void {
    this.#isPaused = false;
    this.#run("resume", () => this.connection.resume());
  }

  /** Looks for the peer. */
  probe(mayRead: boolean): boolean {
    return this.#run("probe", () => this.connection.probe(mayRead));
  }

  /** Calls `probe()` until a condition holds, with a call of `between` after each. */
  async probeUntil(
    isTrue: (isAtEnd: boolean) => boolean,
    mayRead: boolean,
    between: () => Promise<void>,
  ): Promise<void> {
    // A busy system may be late to reset the connections of a dead process.
    const endMs = performance.now() + Math.min(LEAST_LOOKING_MS, this.#timeoutMs);
    for (let looks = 0; !isTrue(this.probe(mayRead)); looks++) {
      holds(
        looks < MOST_LOOKS || performance.now() < endMs,
        `${looks} looks at the peer; state is ${this.describe()}`,
      );
      await between();
    }
  }

  /** Discards the input; `onData` must not be called from here on. */
  discardInput(): void {
    this.#isDiscarding = true;
    this.#isPaused = false;
    this.#run("discardInput", () => this.connection.discardInput());
  }

  shutdown(): void {
    this.#run("shutdown", () => this.connection.shutdown());
  }

  close(): void {
    this.#isOver = true;
    this.#run("close", () => this.connection.close());
  }

  abort(): void {
    this.#isOver = true;
    this.#run("abort", () => this.connection.abort());
  }

  onData(buffer: Uint8Array, length: number): void {
    const chunk = buffer.subarray(0, length);
    if (chunk.length !== length) this.#blame(`onData said ${length} bytes of ${buffer.length}`);
    this.#check("onData");
    if (this.#isPaused) this.#blame("onData came while paused");
    if (this.#isDiscarding) this.#blame("onData came after discardInput()");
    if (this.ends > 0) this.#blame("onData came after onEnd");
    if (this.#isOver) this.#blame("onData came after close() or abort()");
    if (chunk.length === 0) this.#blame("onData brought no bytes");
    if (this.checksPattern) this.#compare(chunk);
    this.receivedBytes += chunk.length;
    this.hooks.onData?.(chunk);
    this.#waiting.look();
  }

  onDiscard(length: number): void {
    this.#check("onDiscard");
    if (this.#isPaused) this.#blame("onDiscard came while paused");
    if (!this.#isDiscarding) this.#blame("onDiscard came without discardInput()");
    if (this.ends > 0) this.#blame("onDiscard came after onEnd");
    if (this.#isOver) this.#blame("onDiscard came after close() or abort()");
    if (length <= 0) this.#blame(`onDiscard said ${length} bytes`);
    this.discardedBytes += length;
    this.hooks.onDiscard?.(length);
    this.#waiting.look();
  }

  onEnd(): void {
    this.#check("onEnd");
    if (this.#isPaused) this.#blame("onEnd came while paused");
    if (this.#isOver) this.#blame("onEnd came after close() or abort()");
    if (++this.ends > 1) this.#blame("onEnd came twice");
    this.hooks.onEnd?.();
    this.#waiting.look();
  }

  onDrain(): void {
    this.#check("onDrain");
    if (this.#isOver) this.#blame("onDrain came after close() or abort()");
    if (!this.#isWriting) this.#blame("onDrain came without a write that answered false");
    this.#isWriting = false;
    this.drains++;
    this.hooks.onDrain?.();
    this.#waiting.look();
  }

  onClose(end: ConnectionEnd): void {
    this.#check("onClose");
    if (!this.isStarted) this.#blame("onClose came without start()");
    this.closes++;
    this.end = end;
    this.hooks.onClose?.();
    this.#waiting.look();
  }

  /** Waits for a state; fails if the connection closes first. */
  async until(what: string, isTrue: () => boolean): Promise<void> {
    await this.#waiting.until(`${what}; state is ${this.describe()}`, () => isTrue() || this.closes > 0);
    holds(isTrue(), `connection closed instead of: ${what}; state is ${this.describe()}`);
  }

  /** Waits until `bytes` bytes have come in all, and no more. */
  async received(bytes: number): Promise<void> {
    await this.until(`${bytes} bytes`, () => this.receivedBytes >= bytes);
    equals(this.receivedBytes, bytes, "bytes received");
  }

  /** Waits for the peer's end. */
  ended(): Promise<void> {
    return this.until("the peer's end", () => this.ends > 0);
  }

  /** Waits for `onClose`, and says what it brought. */
  async closed(): Promise<ConnectionEnd> {
    await this.#waiting.until(`onClose; state is ${this.describe()}`, () => this.closes > 0);
    return this.end ?? {};
  }

  /** Says where it is, for messages. */
  describe(): string {
    const { receivedBytes, ends, drains, closes } = this;
    return `${receivedBytes} bytes, ${ends} ends, ${drains} drains, ${closes} closes, error ${this.end?.error?.code}`;
  }

  #run<Result>(method: string, body: () => Result): Result {
    const before = this.#running;
    this.#running = method;
    try {
      return body();
    } finally {
      this.#running = before;
    }
  }

  #check(call: string): void {
    if (this.#running !== "") this.#blame(`${call} came from inside ${this.#running}()`);
    if (this.closes > 0) this.#blame(`${call} came after onClose`);
  }

  /** Compares what came with the pattern that the peer sends. */
  #compare(chunk: Uint8Array): void {
    const place = findWrong(chunk, this.receivedBytes);
    if (place !== undefined) this.#blame(`a byte is wrong from ${place} on`);
  }

  #blame(violation: string): void {
    this.violations.push(`${violation} (${this.describe()})`);
  }
}

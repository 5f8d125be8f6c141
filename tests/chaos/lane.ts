// Lane: one direction of a connection through the chaos proxy. Runtime neutral.

import type { Socket } from "node:net";
import type { SeededRandom } from "@laster/net/testing";
import type { Ending } from "./chaos_proxy.ts";

/** A chunk is split into so many pieces at most, of so many bytes at most; what is left goes in one. */
const MOST_PIECES = 12;
const LONGEST_PIECE_BYTES = 7;
const LONGEST_DELAY_MS = 4;
const LONGEST_STALL_MS = 150;
/** One direction in so many stands still at first: the system's buffers stay small then, and what is sent queues at the sender. */
const STALLED_AT_FIRST = 3;
const LONGEST_FIRST_STALL_MS = 300;
/** So long it gathers chunks to send them as one. */
const MERGE_MS = 5;

/** What a lane is made of. */
export interface LaneOptions {
  readonly from: Socket;
  readonly to: Socket;
  readonly random: SeededRandom;
  readonly ending: Ending | undefined;
  /** Where the ending comes. */
  readonly endsAtByte: number;
  readonly onBytes: (count: number) => void;
  readonly onEnding: (ending: Ending) => void;
}

/** Passes bytes on, as badly as its random numbers say. */
export class Lane {
  readonly #options: LaneOptions;
  #chunks: Uint8Array[] = [];
  #forwardedBytes = 0;
  #isPumping = false;
  /** Whether the sender has ended in order. */
  #hasEnded = false;
  /** Whether nothing more is passed on. */
  #isOver = false;

  constructor(options: LaneOptions) {
    this.#options = options;
    const { from, to } = options;
    from.on("data", (chunk: Uint8Array) => {
      if (this.#isOver) return;
      this.#chunks.push(chunk);
      void this.#pump();
    });
    from.on("end", () => {
      this.#hasEnded = true;
      void this.#pump();
    });
    from.on("error", () => this.#breakOff());
    from.on("close", () => {
      if (!this.#hasEnded) this.#breakOff();
    });
    to.on("close", () => this.#isOver = true);
  }

  /** Its state, for people. */
  describe(): string {
    const { from, to } = this.#options;
    const state = [
      this.#isOver ? "over" : "open",
      this.#hasEnded ? "ended" : "",
      this.#isPumping ? `passing on ${this.#chunks.length} chunks` : "idle",
      from.destroyed ? "from is gone" : from.isPaused() ? "from is paused" : "",
      to.destroyed ? "to is gone" : `${to.writableLength} bytes wait for to`,
    ];
    return `${this.#forwardedBytes} bytes, ${state.filter((part) => part !== "").join(", ")}`;
  }

  /** The sender was reset, and so is the receiver. */
  #breakOff(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    reset(this.#options.to);
  }

  async #pump(): Promise<void> {
    if (this.#isPumping) return;
    this.#isPumping = true;
    const { from, to } = this.#options;
    while (this.#chunks.length > 0 && !this.#isOver) {
      from.pause();
      await this.#passOn();
      from.resume(); // What comes once all is over is thrown away.
    }
    this.#isPumping = false;
    if (this.#hasEnded && !this.#isOver) {
      this.#isOver = true;
      to.end();
    }
  }

  async #passOn(): Promise<void> {
    const { from, random } = this.#options;
    if (this.#forwardedBytes === 0 && random.integer(1, STALLED_AT_FIRST) === 1) {
      await sleep(random.integer(1, LONGEST_FIRST_STALL_MS));
    }
    const way = random.integer(0, 99);
    if (way < 10) await sleep(random.integer(1, LONGEST_DELAY_MS));
    else if (way < 11) await sleep(random.integer(20, LONGEST_STALL_MS));
    else if (way < 30) {
      from.resume();
      await sleep(MERGE_MS);
      from.pause();
    }
    const chunks = this.#chunks;
    this.#chunks = [];
    let bytes = concat(chunks);
    if (way >= 70) {
      for (let pieces = random.integer(1, MOST_PIECES); pieces > 0 && bytes.length > 1 && !this.#isOver; pieces--) {
        const length = random.integer(1, Math.min(LONGEST_PIECE_BYTES, bytes.length - 1));
        await this.#write(bytes.subarray(0, length));
        await sleep(0); // Else the system puts them together again.
        bytes = bytes.subarray(length);
      }
    }
    await this.#write(bytes);
  }

  async #write(bytes: Uint8Array): Promise<void> {
    const { ending, endsAtByte, onBytes } = this.#options;
    if (this.#isOver) return;
    const isEnding = ending !== undefined && this.#forwardedBytes + bytes.length >= endsAtByte;
    const length = isEnding ? Math.max(0, endsAtByte - this.#forwardedBytes) : bytes.length;
    this.#forwardedBytes += length;
    onBytes(length);
    if (length > 0) await this.#send(bytes.subarray(0, length));
    if (isEnding && !this.#isOver) this.#end(ending);
  }

  #send(bytes: Uint8Array): Promise<void> {
    const { to } = this.#options;
    return new Promise((resolve) => {
      // A socket that is destroyed may call back with an error, or not at all.
      to.once("close", resolve);
      to.write(bytes, () => {
        to.off("close", resolve);
        resolve();
      });
    });
  }

  #end(ending: Ending): void {
    const { from, to, onEnding } = this.#options;
    this.#isOver = true;
    onEnding(ending);
    if (ending === "reset") {
      reset(to);
      reset(from);
      return;
    }
    // The sender is reset first: it must not take the receiver's answer to this end for one to its own.
    reset(from);
    to.end();
    to.on("end", () => to.destroy());
    to.resume();
  }
}

/** Resets a connection, behind an end that is on its way. */
export function reset(socket: Socket): void {
  if (socket.destroyed) return;
  // Node can send no reset while its end is on the way to the system (EINVAL), and never closes the socket then.
  const isEnding = socket.writableEnded && socket.writableLength === 0 && !socket.writableFinished;
  if (isEnding) socket.once("finish", () => reset(socket));
  else socket.resetAndDestroy();
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function concat(chunks: readonly Uint8Array[]): Uint8Array {
  if (chunks.length === 1) return chunks[0];
  const all = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    all.set(chunk, offset);
    offset += chunk.length;
  }
  return all;
}

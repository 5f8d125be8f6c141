// BroadcastBatch: the broadcasts of a turn, encoded one behind the other, that queues have still to take. The broadcaster adds
// to it; each queue takes its part before anything else goes out behind it, at the end of the turn at the latest. So a
// broadcast costs the same for five receivers and five thousand, and each receiver one write. Runtime neutral.

import { FanOut } from "./fan_out.ts";
import { OutboundBlock } from "./outbound_blocks.ts";

/** Who gets a broadcast. */
export interface Audience {
  /** Whether a session's core is among them. */
  has(core: object): boolean;
}

const NOBODY: Audience = { has: () => false };

/**
 * The broadcasts that not everybody has taken yet. Each has a number, counted up for ever; a queue remembers the last one it
 * has taken.
 *
 * Invariant: the frames numbered `firstSerial + 1` to `serial` lie one behind the other in `block`, up to its end, and
 * `#starts` says where each begins; all are for the same audience.
 */
export class BroadcastBatch {
  /** What the frames lie in. */
  block: OutboundBlock = new OutboundBlock();
  /** The number of the last broadcast. */
  serial = 0;
  /** Whose the broadcasts are. */
  audience: Audience = NOBODY;
  /** Who takes the broadcasts without being asked; means something while `isCurrent`, and for those that the batch holds. */
  subscribers: FanOut = new FanOut();
  /** Whether the subscribers are known; see `invalidate`. */
  isCurrent = false;
  /** What it holds at the most: up to that broadcasts are taken without a look at each queue's limits. */
  readonly limits: { readonly bytes: number; readonly frames: number } = { bytes: 65_536, frames: 1_024 };
  /** Writes to the connections of subscribers so far. */
  writes = 0;
  /** The number of the last broadcast that everybody has taken. */
  #firstSerial = 0;
  readonly #starts: number[] = [];

  /** How many broadcasts it holds. */
  get count(): number {
    return this.serial - this.#firstSerial;
  }

  /** Where the first of them begins. */
  get start(): number {
    return this.count > 0 ? this.#starts[0] : this.block.end;
  }

  /** How many it holds that come after number `taken`. */
  countAfter(taken: number): number {
    return this.serial - Math.max(taken, this.#firstSerial);
  }

  /** Where the first frame lies that comes after number `taken`. */
  findStart(taken: number): number {
    return taken >= this.serial ? this.block.end : this.#starts[Math.max(0, taken - this.#firstSerial)];
  }

  /** Adds the frame from `start` to the end of the block. */
  add(start: number): void {
    this.#starts[this.serial++ - this.#firstSerial] = start;
  }

  /** A session came, went, or was sent something else: who takes the next broadcast is to be found out again. */
  invalidate(): void {
    this.isCurrent = false;
    if (this.count === 0 && this.subscribers.count > 0) this.subscribers = new FanOut();
  }

  /** Everybody has taken everything. */
  finish(): void {
    this.#firstSerial = this.serial;
  }

  /** Has the subscribers take everything and write it; says whether nobody of them holds anything any more. */
  flush(): boolean {
    const { block, count, start, subscribers } = this;
    if (count === 0) return true;
    const areSinglesSent = subscribers.flushSingly();
    this.finish(); // Whoever leaves the fan-out now leaves it with all of that taken.
    const writesBefore = subscribers.writes;
    const areOthersSent = subscribers.write(block, start, block.end, count);
    this.writes += subscribers.writes - writesBefore;
    return areOthersSent && areSinglesSent;
  }

  /** For tests: throws if the invariant does not hold. */
  checkInvariants(): void {
    const starts = this.#starts.slice(0, this.count);
    const isSound = starts.every((start, index) => start >= (starts[index - 1] ?? 0) && start <= this.block.end);
    if (!isSound || this.count < 0) throw new Error(`BroadcastBatch: ${starts.join(", ")} up to ${this.block.end}`);
  }
}

// BroadcastBatch: the broadcasts of a turn, encoded one behind the other. The broadcaster adds to it; each queue takes its part
// before anything else is queued, at the end of the turn at the latest. The cost of a broadcast thus does not depend on the
// number of receivers, except for one write per receiver and turn. Runtime neutral.

import { FanOut } from "./fan_out.ts";
import { OutboundBlock } from "./outbound_blocks.ts";

/** The sessions that get a broadcast. */
export interface Audience {
  /** Whether a session is among them, by its core. */
  has(core: object): boolean;
}

const NOBODY: Audience = { has: () => false };

/**
 * The broadcasts that some receivers have not taken yet. Broadcasts are numbered from 1 on; a queue remembers the number of the
 * last one it has taken.
 *
 * Invariant: the frames numbered `firstSerial + 1` to `serial` lie one behind the other in `block`, up to its end, and
 * `#starts` says where each begins; all are for the same audience.
 */
export class BroadcastBatch {
  /** The block with the frames. */
  block: OutboundBlock = new OutboundBlock();
  /** The number of the last broadcast. */
  serial = 0;
  /** The receivers of the broadcasts in the batch. */
  audience: Audience = NOBODY;
  /** The queues that take broadcasts without a check. Valid while `isCurrent`, and for the broadcasts in the batch. */
  subscribers: FanOut = new FanOut();
  /** Whether the subscribers are up to date; see `invalidate`. */
  isCurrent = false;
  /** The most that it holds: a queue with this much room takes broadcasts without a check of its limits. */
  readonly limits: { readonly bytes: number; readonly frames: number } = { bytes: 65_536, frames: 1_024 };
  /** Writes to the connections of subscribers so far. */
  writes = 0;
  /** The number of the last broadcast that all receivers have taken. */
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

  /** A session opened, closed or was sent something else: the subscribers must be determined again. */
  invalidate(): void {
    this.isCurrent = false;
    if (this.count === 0 && this.subscribers.count > 0) this.subscribers = new FanOut();
  }

  /** All receivers have taken all broadcasts. */
  finish(): void {
    this.#firstSerial = this.serial;
  }

  /** Has the subscribers take and write all broadcasts; says whether their queues are empty then. */
  flush(): boolean {
    const { block, count, start, subscribers } = this;
    if (count === 0) return true;
    const areSinglesSent = subscribers.flushSingly();
    this.finish(); // A queue that leaves the fan-out from here on counts these broadcasts as taken.
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

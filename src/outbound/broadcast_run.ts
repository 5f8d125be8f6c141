// BroadcastRun: the broadcasts of a turn, encoded one behind the other, that queues have still to take. The broadcaster adds
// to it; each queue takes its part before anything else goes out behind it, at the end of the turn at the latest. So a
// broadcast costs the same for five receivers and five thousand, and each receiver one write. Runtime neutral.

import { OutboundBlock } from "./outbound_blocks.ts";
import { RunTakers } from "./run_takers.ts";

/** Who gets a broadcast. */
export interface Audience {
  /** Whether a session's core is among them. */
  has(core: object): boolean;
}

/** Up to so many broadcasts are taken without a look at each queue's limits: a block of them. */
const RUN_LIMITS = { bytes: 65_536, frames: 1_024 } as const;

const NOBODY: Audience = { has: () => false };

/**
 * The broadcasts that not everybody has taken yet. Each has a number, counted up for ever; a queue remembers the last one it
 * has seen.
 *
 * Invariant: the frames numbered `startSerial + 1` to `serial` lie one behind the other in `block`, up to its end, and
 * `#starts` says where each begins; all are for the same audience.
 */
export class BroadcastRun {
  /** What the frames lie in. */
  block: OutboundBlock = new OutboundBlock();
  /** The number of the last broadcast. */
  serial = 0;
  /** The number of the last broadcast that everybody has taken. */
  startSerial = 0;
  /** Whose the broadcasts are. */
  audience: Audience = NOBODY;
  /** Who takes broadcasts; means something while `isCounted`, and for those that the run holds. */
  takers: RunTakers = new RunTakers();
  /** Whether the broadcaster knows who takes broadcasts; see `uncount`. */
  isCounted = false;
  /** What a run holds at the most, in bytes and frames. */
  readonly limits: { readonly bytes: number; readonly frames: number } = RUN_LIMITS;
  readonly #starts: number[] = [];

  /** How many broadcasts it holds. */
  get frames(): number {
    return this.serial - this.startSerial;
  }

  /** Adds the frame from `start` to the end of the block. */
  add(start: number): void {
    this.#starts[this.serial++ - this.startSerial] = start;
  }

  /** Where its first frame lies. */
  get start(): number {
    return this.#starts[0];
  }

  /** A session came, went, or was sent something else: who takes the next broadcast is to be found out again. */
  uncount(): void {
    this.isCounted = false;
    if (this.frames === 0 && this.takers.count > 0) this.takers = new RunTakers();
  }

  /** Where the first frame lies that comes after number `seen`. */
  findStart(seen: number): number {
    return seen >= this.serial ? this.block.end : this.#starts[Math.max(0, seen - this.startSerial)];
  }

  /** Everybody has taken everything; `isCounted` says whether the same take the next one. */
  clear(isCounted: boolean): void {
    this.startSerial = this.serial;
    if (!isCounted) this.uncount();
  }
}

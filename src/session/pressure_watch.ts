// PressureWatch: tells a listener when a session's peer does not keep up. Runtime neutral.

import type { DropCounts } from "../outbound/backlog.ts";
import type { SendResult } from "../outbound/send_result.ts";
import type { Session } from "./session.ts";
import type { Refusal } from "./session_stats.ts";

/** Why a message did not reach its peer. */
export type DropReason = Refusal | "oldest" | "superseded";

/** What the listener was last told of a session. */
export interface Pressure {
  /** Whether its queue is above a high-water mark. */
  isCongested: boolean;
  /** Messages dropped under `"drop-oldest"`. */
  oldest: number;
  /** Messages replaced under `"latest-per-key"`. */
  superseded: number;
}

/** A session that is watched. */
export interface Pressed<Data> {
  /** What the listener was last told; undefined before the first report. A field of the session, as each write reads it. */
  pressure: Pressure | undefined;
  /** What the application knows it as. */
  readonly session: Session<Data>;
  /** The outgoing side. */
  readonly queue: { readonly holdback: { readonly drops: DropCounts } | undefined; readonly isDrained: boolean };
}

/** The listener; may be called inside of a send. */
export interface PressureListener<Data> {
  /** A queue has risen above a high-water mark, or has shrunk to its low-water marks again. */
  handlePressure(core: Pressed<Data>, isCongested: boolean): void;
  /** `count` messages were refused or dropped. */
  handleDropped(core: Pressed<Data>, reason: DropReason, count: number): void;
}

/** Compares a session's queue with what the listener was told last. Made only if there is a listener. */
export class PressureWatch<Data> {
  readonly #listener: PressureListener<Data>;

  /** Makes the watch of a service. */
  constructor(listener: PressureListener<Data>) {
    this.#listener = listener;
  }

  /** A send was answered with `result`. */
  handleResult(core: Pressed<Data>, result: SendResult): void {
    if (result === "congested") {
      const known = pressureOf(core);
      if (known.isCongested) return;
      known.isCongested = true;
      this.#listener.handlePressure(core, true);
    } else if (result !== "queued" && result !== "sent") this.#listener.handleDropped(core, result, 1);
  }

  /** The connection took something. */
  handleProgress(core: Pressed<Data>): void {
    const drops = core.queue.holdback?.drops;
    if (drops === undefined && core.pressure === undefined) return;
    const known = pressureOf(core);
    if (known.isCongested && core.queue.isDrained) {
      known.isCongested = false;
      this.#listener.handlePressure(core, false);
    }
    this.tellDrops(core);
  }

  /** Tells what was dropped since it was told last: with each progress, and once the session takes no more messages. */
  tellDrops(core: Pressed<Data>): void {
    const drops = core.queue.holdback?.drops;
    if (drops === undefined) return;
    const known = pressureOf(core);
    const [oldest, superseded] = [drops.oldest - known.oldest, drops.superseded - known.superseded];
    known.oldest = drops.oldest;
    known.superseded = drops.superseded;
    if (oldest > 0) this.#listener.handleDropped(core, "oldest", oldest);
    if (superseded > 0) this.#listener.handleDropped(core, "superseded", superseded);
  }
}

function pressureOf<Data>(core: Pressed<Data>): Pressure {
  return core.pressure ??= { isCongested: false, oldest: 0, superseded: 0 };
}

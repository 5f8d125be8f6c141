// PressureWatch: tells those who want to hear of it when a session's peer does not keep up. Runtime neutral.

import type { DropCounts } from "../outbound/backlog.ts";
import type { SendResult } from "../outbound/send_result.ts";
import type { Session } from "./session.ts";
import type { Refusal } from "./session_stats.ts";

/** Why a message did not reach its peer. */
export type DropReason = Refusal | "oldest" | "superseded";

/** What was told of a session. */
export interface Pressure {
  /** Whether its queue is above a high-water mark. */
  isCongested: boolean;
  /** Messages that made way as the oldest. */
  oldest: number;
  /** Messages that made way for a newer one of their key. */
  superseded: number;
}

/** A session that is watched. */
export interface Pressed<Data> {
  /** What was told of it; undefined before the first. A field, for each write looks at it. */
  pressure: Pressure | undefined;
  /** What the application knows it as. */
  readonly session: Session<Data>;
  /** What its peer has still to take. */
  readonly queue: { readonly holdback: { readonly drops: DropCounts } | undefined; readonly isDrained: boolean };
}

/** Who is told; inside of a send at times. */
export interface PressureListener<Data> {
  /** A queue is above a high-water mark, or down at the low-water marks again. */
  handlePressure(core: Pressed<Data>, isCongested: boolean): void;
  /** So many messages were refused or dropped. */
  handleDropped(core: Pressed<Data>, reason: DropReason, count: number): void;
}

/** There is one only if somebody wants to hear of it. */
export class PressureWatch<Data> {
  readonly #listener: PressureListener<Data>;

  /** Makes it. */
  constructor(listener: PressureListener<Data>) {
    this.#listener = listener;
  }

  /** A send was answered so. */
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
    if (drops === undefined) return;
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

// PressureWatch: tells those who want to hear of it when a session's peer does not keep up. Runtime neutral.

import type { DropCounts } from "../outbound/backlog.ts";
import type { SendResult } from "../outbound/send_result.ts";
import type { Session } from "./session.ts";
import type { Refusal } from "./session_stats.ts";

/** Why a message did not reach its peer. */
export type DropReason = Refusal | "oldest" | "superseded";

/** What is known of a session. */
interface Known {
  isCongested: boolean;
  oldest: number;
  superseded: number;
}

/** A session that is watched. */
export interface Pressed<Data> {
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
  readonly #known = new WeakMap<Pressed<Data>, Known>();

  /** Makes it. */
  constructor(listener: PressureListener<Data>) {
    this.#listener = listener;
  }

  /** A send was answered so. */
  handleResult(core: Pressed<Data>, result: SendResult): void {
    if (result === "congested") {
      const known = this.#of(core);
      if (known.isCongested) return;
      known.isCongested = true;
      this.#listener.handlePressure(core, true);
    } else if (result !== "queued" && result !== "sent") this.#listener.handleDropped(core, result, 1);
  }

  /** The connection took something. */
  handleProgress(core: Pressed<Data>): void {
    const { holdback, isDrained } = core.queue;
    const drops = holdback?.drops;
    const known = drops === undefined ? this.#known.get(core) : this.#of(core);
    if (known === undefined) return;
    if (known.isCongested && isDrained) {
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

  #of(core: Pressed<Data>): Known {
    let known = this.#known.get(core);
    if (known === undefined) this.#known.set(core, known = { isCongested: false, oldest: 0, superseded: 0 });
    return known;
  }
}

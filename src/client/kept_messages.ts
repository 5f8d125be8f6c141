// KeptMessages: what was sent while a link had no session, up to a bound, until it has one. Runtime neutral.

import type { Clock } from "../clock.ts";
import { LARGEST_TIMER_MS, orDefault, requireInteger } from "../options.ts";
import type { SendResult } from "../outbound/send_result.ts";
import type { SendOptions } from "../session/session_options.ts";
import type { AnySession } from "../session/session.ts";
import { sleep } from "../sleep.ts";

const DEFAULT_BYTES = 1_048_576;
/** From a `"full"` to the next try: with the budget of the pool used up, nothing tells when there is memory again. */
const RETRY_MS = 50;

/** How much is kept for the next session: see `keepConnected()`. */
export interface KeepOptions {
  /** Messages at the most, 1 to 2^31 - 1. */
  readonly messages: number;
  /**
   * Bytes at the most, 1 to 2^31 - 1.
   *
   * @default {1 MiB}
   */
  readonly bytes?: number | undefined;
}

/** A message that waits. */
interface Kept {
  readonly payload: Uint8Array;
  readonly options: SendOptions | undefined;
}

/**
 * Keeps messages in their order. O(1) on average for each: the array is cut once half of it has been sent.
 *
 * Invariant: the messages before `#next` are sent, and `#bytes` is the sum of the others.
 */
export class KeptMessages {
  readonly #most: number;
  readonly #mostBytes: number;
  #kept: (Kept | undefined)[] = [];
  #next = 0;
  #bytes = 0;

  /** Makes it; without options it keeps nothing. */
  constructor(options: KeepOptions | undefined) {
    this.#most = options?.messages ?? 0;
    this.#mostBytes = orDefault(options?.bytes, DEFAULT_BYTES);
    if (options === undefined) return;
    requireInteger("create link", "keep.messages", this.#most, 1, LARGEST_TIMER_MS);
    requireInteger("create link", "keep.bytes", this.#mostBytes, 1, LARGEST_TIMER_MS);
  }

  /** How many wait. */
  get count(): number {
    return this.#kept.length - this.#next;
  }

  /** Keeps a message and its options, copied; says whether there was room. */
  add(payload: Uint8Array, options: SendOptions | undefined): boolean {
    if (this.count >= this.#most || this.#bytes + payload.length > this.#mostBytes) return false;
    // Not `slice()`, which does not copy a Buffer.
    this.#kept.push({ payload: new Uint8Array(payload), options: options && { ...options } });
    this.#bytes += payload.length;
    return true;
  }

  /**
   * Sends what waits, as fast as the peer reads; what is left when the session ends stays for the next one.
   *
   * @param session The session.
   * @param clock Whose time counts between two tries of a message that finds no room.
   * @param onRefused Is told of a message that can never be sent.
   */
  async sendTo(session: AnySession, clock: Clock, onRefused: (result: SendResult) => void): Promise<void> {
    while (session.state === "open") {
      const kept = this.#kept[this.#next];
      if (kept === undefined) return;
      const result = session.send(kept.payload, kept.options);
      if (result === "closed") return;
      if (result !== "full") this.#remove(kept);
      if (result === "too-large" || result === "unencodable") onRefused(result);
      if (result === "full" || result === "congested") await session.drained();
      if (result === "full") await sleep(clock, RETRY_MS, session.signal);
    }
  }

  /** Removes the oldest. */
  #remove({ payload }: Kept): void {
    this.#bytes -= payload.length;
    this.#kept[this.#next++] = undefined;
    if (this.#next < this.#kept.length / 2) return;
    this.#kept = this.#kept.slice(this.#next);
    this.#next = 0;
  }
}

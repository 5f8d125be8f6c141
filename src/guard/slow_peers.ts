// SlowPeers: closes whom nothing whole comes of: connections that say nothing, and messages that never end. Runtime neutral.

import { type Clock, systemClock } from "../clock.ts";
import { checkKeys, LARGEST_TIMER_MS, orDefault, requireInteger } from "../options.ts";
import type { ServiceObserver } from "../service/observers.ts";
import type { Session } from "../session/session.ts";

/** How often sessions are looked at, unless a deadline is shorter. */
const LOOK_MS = 500;
/** What a session that is closed has to take its last words. */
const CLOSE_MS = 1_000;

/** Options of {@linkcode SlowPeers}. */
export interface SlowPeersOptions {
  /**
   * Milliseconds until the first whole message must be there, 0 for ever, at most 2^31 - 1; late by up to half a second.
   *
   * @default {10000}
   */
  readonly firstMessageMs?: number | undefined;
  /**
   * Milliseconds that a message may take from its first byte to its last, unless it comes at `minBytesPerSecond`, 0 for ever, at
   * most 2^31 - 1.
   *
   * @default {30000}
   */
  readonly messageMs?: number | undefined;
  /**
   * Bytes a second at which a message may take longer.
   *
   * @default {1024}
   */
  readonly minBytesPerSecond?: number | undefined;
  /**
   * Whose time counts.
   *
   * @default {systemClock()}
   */
  readonly clock?: Clock | undefined;
}

const NAMES: Record<keyof SlowPeersOptions, true> = {
  firstMessageMs: true,
  messageMs: true,
  minBytesPerSecond: true,
  clock: true,
};

/** What is known of a session. */
interface Known {
  readonly openedMs: number;
  hasSpoken: boolean;
  /** The message that has begun: how many came before it, when it was first seen unfinished, and what had come by then. */
  frames: number;
  sinceMs: number;
  sinceBytes: number;
}

/**
 * Closes accepted sessions that sent no whole message in time, with the detail `"first-message-timeout"`, and those whose message
 * does not end, with `"slow-message"`. Give it to `observers`. A session that is not read from, as its handler runs, is let be.
 *
 * @example Who says nothing for two seconds
 * ```ts
 * import { serve } from "@laster/net";
 * import { SlowPeers } from "@laster/net/guard";
 *
 * await using service = await serve({
 *   hostname: "127.0.0.1",
 *   port: 0,
 *   observers: [new SlowPeers({ firstMessageMs: 2_000 })],
 * });
 * ```
 */
export class SlowPeers implements ServiceObserver {
  readonly #clock: Clock;
  readonly #firstMessageMs: number;
  readonly #messageMs: number;
  readonly #minBytesPerSecond: number;
  readonly #lookMs: number;
  readonly #sessions = new Map<Session<unknown>, Known>();
  #timer: unknown = undefined;

  /**
   * Makes one that watches nobody.
   *
   * @param options The deadlines.
   * @throws {RangeError | TypeError} if an option is wrong.
   */
  constructor(options: SlowPeersOptions = {}) {
    checkKeys("slow peers", options, NAMES);
    this.#firstMessageMs = orDefault(options.firstMessageMs, 10_000);
    this.#messageMs = orDefault(options.messageMs, 30_000);
    this.#minBytesPerSecond = orDefault(options.minBytesPerSecond, 1_024);
    requireInteger("create slow peers", "firstMessageMs", this.#firstMessageMs, 0, LARGEST_TIMER_MS);
    requireInteger("create slow peers", "messageMs", this.#messageMs, 0, LARGEST_TIMER_MS);
    requireInteger("create slow peers", "minBytesPerSecond", this.#minBytesPerSecond, 0, LARGEST_TIMER_MS);
    this.#clock = options.clock ?? systemClock();
    const shortest = Math.min(this.#firstMessageMs || LOOK_MS, this.#messageMs || LOOK_MS);
    this.#lookMs = Math.max(10, Math.min(LOOK_MS, Math.floor(shortest / 4)));
  }

  onOpened(session: Session<unknown>): void {
    if (session.origin.kind !== "accepted") return;
    const openedMs = this.#clock.now();
    this.#sessions.set(session, { openedMs, hasSpoken: false, frames: -1, sinceMs: openedMs, sinceBytes: 0 });
    this.#timer ??= this.#clock.setTimer(() => this.#look(), this.#lookMs);
  }

  onClosed(session: Session<unknown>): void {
    this.#sessions.delete(session);
  }

  #look(): void {
    const nowMs = this.#clock.now();
    for (const [session, known] of this.#sessions) {
      const detail = this.#findFault(session, known, nowMs);
      if (detail === undefined) continue;
      this.#sessions.delete(session);
      void session.close({ detail, timeoutMs: CLOSE_MS });
    }
    this.#timer = this.#sessions.size > 0 ? this.#clock.setTimer(() => this.#look(), this.#lookMs) : undefined;
  }

  #findFault(session: Session<unknown>, known: Known, nowMs: number): string | undefined {
    const { unfinishedBytes } = session;
    if (known.hasSpoken && unfinishedBytes === 0) {
      known.frames = -1;
      return undefined;
    }
    const { receivedFrames, receivedBytes } = session.stats;
    known.hasSpoken ||= receivedFrames > 0;
    if (!known.hasSpoken && this.#firstMessageMs > 0 && nowMs - known.openedMs >= this.#firstMessageMs) {
      return "first-message-timeout";
    }
    if (unfinishedBytes === 0 || known.frames !== receivedFrames) {
      known.frames = unfinishedBytes === 0 ? -1 : receivedFrames;
      known.sinceMs = nowMs;
      known.sinceBytes = receivedBytes;
      return undefined;
    }
    const tookMs = nowMs - known.sinceMs;
    if (this.#messageMs === 0 || tookMs < this.#messageMs) return undefined;
    const isSlow = receivedBytes - known.sinceBytes < (tookMs / 1_000) * this.#minBytesPerSecond;
    return isSlow ? "slow-message" : undefined;
  }
}

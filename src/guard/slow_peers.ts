// SlowPeers: closes whom nothing whole comes of: connections that say nothing, and messages that never end; and refuses whom many
// silent ones are of already. Runtime neutral.

import { type Clock, systemClock } from "../clock.ts";
import { checkKeys, LARGEST_TIMER_MS, orDefault, requireInteger } from "../options.ts";
import type { Admission, AdmissionRequest } from "../service/admission.ts";
import type { ServiceObserver } from "../service/observers.ts";
import type { AnySession, Session } from "../session/session.ts";
import { AddressTable, DEFAULT_MAX_ADDRESSES, peerOf } from "./address_table.ts";

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
   * Connections of an address, a /64 of IPv6, that have sent no whole message yet, those in a handshake too, 1 to 2^31 - 1. Counts
   * if the part is given to `admission` as well.
   *
   * @default {64}
   */
  readonly maxSilentPerAddress?: number | undefined;
  /**
   * Addresses that are remembered; whom nothing was heard of for longest is forgotten first. 1 to 2^31 - 1.
   *
   * @default {65536}
   */
  readonly maxAddresses?: number | undefined;
  /**
   * Whether the silent connections of this machine's own addresses are bounded.
   *
   * @default {false}
   */
  readonly countLoopback?: boolean | undefined;
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
  maxSilentPerAddress: true,
  maxAddresses: true,
  countLoopback: true,
  clock: true,
};

/** What is known of a session. */
interface Known {
  readonly openedMs: number;
  hasSpoken: boolean;
  isClosing: boolean;
  /** The message that has begun: how many came before it, when it was first seen unfinished, and what had come by then. */
  frames: number;
  sinceMs: number;
  sinceBytes: number;
  /** Whose it is; undefined if those are not counted. */
  readonly owner: Owner | undefined;
}

/** An address: the connections of it that were let in, and those that have not spoken, as far as it is known. */
interface Owner {
  held: number;
  spoken: number;
  readonly silent: Set<AnySession>;
}

/**
 * Closes accepted sessions that sent no whole message in time, with the detail `"first-message-timeout"`, and those whose message
 * does not end, with `"slow-message"`. Give it to `observers`. A session that is not read from, as its handler runs, is let be.
 *
 * Given to `admission` too, it refuses an address that has many silent connections, with `"too-many-silent"`: so nobody alone
 * takes all places for handshakes and sessions.
 *
 * @example Who says nothing for two seconds
 * ```ts
 * import { serve } from "@laster/net";
 * import { SlowPeers } from "@laster/net/guard";
 *
 * const slowPeers = new SlowPeers({ firstMessageMs: 2_000 });
 * await using service = await serve({
 *   hostname: "127.0.0.1",
 *   port: 0,
 *   admission: [slowPeers],
 *   observers: [slowPeers],
 * });
 * ```
 */
export class SlowPeers implements Admission, ServiceObserver {
  readonly #clock: Clock;
  readonly #firstMessageMs: number;
  readonly #messageMs: number;
  readonly #minBytesPerSecond: number;
  readonly #lookMs: number;
  readonly #maxSilent: number;
  readonly #countLoopback: boolean;
  readonly #owners: AddressTable<Owner>;
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
    this.#maxSilent = orDefault(options.maxSilentPerAddress, 64);
    requireInteger("create slow peers", "maxSilentPerAddress", this.#maxSilent, 1, LARGEST_TIMER_MS);
    this.#countLoopback = orDefault(options.countLoopback, false);
    const maxAddresses = orDefault(options.maxAddresses, DEFAULT_MAX_ADDRESSES);
    requireInteger("create slow peers", "maxAddresses", maxAddresses, 1, LARGEST_TIMER_MS);
    this.#owners = new AddressTable<Owner>(maxAddresses, () => ({ held: 0, spoken: 0, silent: new Set() }));
    this.#clock = options.clock ?? systemClock();
    const shortest = Math.min(this.#firstMessageMs || LOOK_MS, this.#messageMs || LOOK_MS);
    this.#lookMs = Math.max(10, Math.min(LOOK_MS, Math.floor(shortest / 4)));
  }

  /** Addresses that are remembered. */
  get addresses(): number {
    return this.#owners.size;
  }

  admit({ remoteAddress }: Pick<AdmissionRequest, "remoteAddress">): string | undefined {
    const peer = peerOf(remoteAddress);
    if (peer.isLocal && !this.#countLoopback) return undefined;
    const owner = this.#owners.use(peer.owner);
    if (owner.held - owner.spoken >= this.#maxSilent) this.#listen(owner);
    if (owner.held - owner.spoken >= this.#maxSilent) return "too-many-silent";
    owner.held++;
    return undefined;
  }

  release({ remoteAddress }: Pick<AdmissionRequest, "remoteAddress">): void {
    const peer = peerOf(remoteAddress);
    const owner = this.#owners.peek(peer.owner);
    if (owner !== undefined && (!peer.isLocal || this.#countLoopback)) owner.held--;
  }

  onOpened(session: Session<unknown>): void {
    if (session.origin.kind !== "accepted") return;
    const openedMs = this.#clock.now();
    const owner = this.#owners.peek(peerOf(session.remoteAddress).owner);
    owner?.silent.add(session);
    this.#sessions.set(session, {
      openedMs,
      hasSpoken: false,
      isClosing: false,
      frames: -1,
      sinceMs: openedMs,
      sinceBytes: 0,
      owner,
    });
    this.#timer ??= this.#clock.setTimer(() => this.#look(), this.#lookMs);
  }

  onClosed(session: Session<unknown>): void {
    const known = this.#sessions.get(session);
    this.#sessions.delete(session);
    if (known?.owner === undefined) return;
    if (known.hasSpoken) known.owner.spoken--;
    else known.owner.silent.delete(session);
  }

  /** Looks which sessions of an address have spoken meanwhile. */
  #listen({ silent }: Owner): void {
    for (const session of silent) {
      const known = this.#sessions.get(session);
      if (known !== undefined && session.stats.receivedFrames > 0) this.#handleSpoken(session, known);
    }
  }

  #handleSpoken(session: AnySession, known: Known): void {
    known.hasSpoken = true;
    const { owner } = known;
    if (owner?.silent.delete(session)) owner.spoken++;
  }

  #look(): void {
    const nowMs = this.#clock.now();
    for (const [session, known] of this.#sessions) {
      const detail = known.isClosing ? undefined : this.#findFault(session, known, nowMs);
      if (detail === undefined) continue;
      known.isClosing = true;
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
    if (receivedFrames > 0 && !known.hasSpoken) this.#handleSpoken(session, known);
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

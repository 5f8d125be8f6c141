// SlowPeers: closes sessions that send no whole message in time, and refuses addresses that have many silent connections.
// Runtime neutral.

import { type Clock, clockOf } from "../clock.ts";
import { checkKeys, LARGEST_TIMER_MS, orDefault, requireBoolean, requireInteger } from "../options.ts";
import type { Admission, AdmissionRequest } from "../service/admission.ts";
import type { ServiceObserver } from "../service/observers.ts";
import { type AnySession, coreOf, type Session } from "../session/session.ts";
import type { SessionStats } from "../session/session_stats.ts";
import type { Address } from "../transport/address.ts";
import { AddressTable, DEFAULT_MAX_ADDRESSES, peerOf } from "./address_table.ts";

/** How often sessions are looked at, unless a deadline is shorter. */
const LOOK_MS = 500;
/** How long a session that is closed may take to receive what is queued for it. */
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
   * Milliseconds that a message may take from its first byte to its last, unless it comes at `minBytesPerSecond`, 0 for ever,
   * at most 2^31 - 1.
   *
   * @default {30000}
   */
  readonly messageMs?: number | undefined;
  /**
   * Bytes a second at which a message may take longer than `messageMs`, 0 to 2^31 - 1.
   *
   * @default {1024}
   */
  readonly minBytesPerSecond?: number | undefined;
  /**
   * Connections of an address (for IPv6, of a /64) that have sent no whole message yet, those in a handshake too, from 1
   * to 2^31 - 1. Takes effect only if the part is given to `admission` as well.
   *
   * @default {64}
   */
  readonly maxSilentPerAddress?: number | undefined;
  /**
   * Addresses that are remembered, 1 to 2^31 - 1; the one that has not been connected for longest is forgotten first. Those
   * with connections are always remembered, even if they are more.
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
   * Where time comes from.
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

/** The deadlines, with every default filled in. */
interface Rules {
  readonly firstMessageMs: number;
  readonly messageMs: number;
  readonly minBytesPerSecond: number;
  readonly maxSilent: number;
  readonly countLoopback: boolean;
  /** Milliseconds between two looks. */
  readonly lookMs: number;
}

/** What is known of a session. */
interface Known {
  /** Since when its first message is awaited. */
  awaitedSinceMs: number;
  hasSpoken: boolean;
  isClosing: boolean;
  /** The message that has begun: how many came before it, when it was first seen unfinished, and what had come by then. */
  frames: number;
  sinceMs: number;
  sinceBytes: number;
  /** The address that it comes from; undefined if it was let in without this part. */
  readonly owner: Owner | undefined;
}

/**
 * An address: its connections that were let in, and its sessions that have sent a whole message, or none so far. This machine's
 * own addresses are counted as well, as `countLoopback` may change while they are there.
 */
interface Owner {
  held: number;
  spoken: number;
  readonly silent: Set<AnySession>;
}

/**
 * Closes accepted sessions that sent no whole message in time, with the detail `"first-message-timeout"`, and those whose
 * message does not end, with `"slow-message"`. Give it to `observers`. A session that is not read from while its handler runs
 * is left alone, unless it has sent no message yet and does not read either.
 *
 * Given to `admission` too, it refuses an address that has many silent connections, with `"too-many-silent"`: so no address
 * takes all places for handshakes and sessions.
 *
 * @example Close a session that says nothing for two seconds
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
  readonly #owners: AddressTable<Owner>;
  readonly #sessions = new Map<Session<unknown>, Known>();
  /** The listeners whose connections this part is asked about: only their sessions count for an address. */
  readonly #listeners = new WeakSet<Address>();
  #rules: Rules;
  /** When a deadline changed last: sessions and messages from before have their whole time from then on. */
  #changedMs = -Infinity;
  #timer: unknown = undefined;

  /**
   * Makes one that watches nobody.
   *
   * @param options The deadlines.
   * @throws {RangeError | TypeError} if an option is wrong.
   */
  constructor(options: SlowPeersOptions = {}) {
    this.#rules = resolveRules(options);
    const maxAddresses = orDefault(options.maxAddresses, DEFAULT_MAX_ADDRESSES);
    requireInteger("create slow peers", "maxAddresses", maxAddresses, 1, LARGEST_TIMER_MS);
    this.#owners = new AddressTable<Owner>(maxAddresses, () => ({ held: 0, spoken: 0, silent: new Set() }));
    this.#clock = clockOf("slow peers", options.clock);
  }

  /**
   * Replaces the deadlines, for the sessions that are there too; an option that is left out has its default. Clock and
   * `maxAddresses` stay. If a deadline changes, sessions and messages under way have their whole time from now on: none is
   * closed for what was in time before.
   *
   * @param options The deadlines.
   * @throws {RangeError | TypeError} if an option is wrong; nothing has changed then.
   */
  change(options: SlowPeersOptions): void {
    const { firstMessageMs, messageMs, minBytesPerSecond } = this.#rules;
    const rules = this.#rules = resolveRules(options);
    const isSame = rules.firstMessageMs === firstMessageMs && rules.messageMs === messageMs &&
      rules.minBytesPerSecond === minBytesPerSecond;
    if (!isSame) this.#changedMs = this.#clock.now();
  }

  /** Addresses that are remembered. */
  get addresses(): number {
    return this.#owners.size;
  }

  admit(
    { remoteAddress, listener }: Pick<AdmissionRequest, "remoteAddress"> & Partial<AdmissionRequest>,
  ): string | undefined {
    if (listener !== undefined) this.#listeners.add(listener);
    const { maxSilent, countLoopback } = this.#rules;
    const peer = peerOf(remoteAddress);
    const owner = this.#owners.use(peer.owner);
    if (countLoopback || !peer.isLocal) {
      if (owner.held - owner.spoken >= maxSilent) this.#listen(owner);
      if (owner.held - owner.spoken >= maxSilent) return "too-many-silent";
    }
    this.#owners.hold(peer.owner);
    return undefined;
  }

  release({ remoteAddress }: Pick<AdmissionRequest, "remoteAddress">): void {
    this.#owners.release(peerOf(remoteAddress).owner);
  }

  onOpened(session: Session<unknown>): void {
    if (session.origin.kind !== "accepted") return;
    const nowMs = this.#clock.now();
    const isCounted = this.#listeners.has(session.origin.listener.address);
    const owner = isCounted ? this.#owners.peek(peerOf(session.remoteAddress).owner) : undefined;
    owner?.silent.add(session);
    this.#sessions.set(session, {
      awaitedSinceMs: nowMs,
      hasSpoken: false,
      isClosing: false,
      frames: -1,
      sinceMs: nowMs,
      sinceBytes: 0,
      owner,
    });
    this.#timer ??= this.#clock.setTimer(() => this.#look(), this.#rules.lookMs);
  }

  onClosed(session: Session<unknown>): void {
    const known = this.#sessions.get(session);
    if (this.#sessions.delete(session) && this.#sessions.size === 0) this.#stopTimer();
    if (known?.owner === undefined) return;
    if (known.hasSpoken) known.owner.spoken--;
    else known.owner.silent.delete(session);
  }

  /** Finds the sessions of an address that have sent a whole message meanwhile. */
  #listen({ silent }: Owner): void {
    for (const session of silent) {
      const known = this.#sessions.get(session);
      if (known !== undefined && hasSpoken(session.stats)) this.#handleSpoken(session, known);
    }
  }

  #handleSpoken(session: AnySession, known: Known): void {
    known.hasSpoken = true;
    const { owner } = known;
    if (owner?.silent.delete(session)) owner.spoken++;
  }

  /** No timer outlives the last session, and with it the service. */
  #stopTimer(): void {
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    const nowMs = this.#clock.now();
    for (const [session, known] of this.#sessions) {
      const detail = known.isClosing ? undefined : this.#findFault(session, known, nowMs);
      if (detail === undefined) continue;
      known.isClosing = true;
      void session.close({ detail, timeoutMs: CLOSE_MS });
    }
    this.#timer = this.#sessions.size > 0 ? this.#clock.setTimer(() => this.#look(), this.#rules.lookMs) : undefined;
  }

  #findFault(session: Session<unknown>, known: Known, nowMs: number): string | undefined {
    const { firstMessageMs, messageMs, minBytesPerSecond } = this.#rules;
    const { unfinishedBytes } = session;
    if (known.hasSpoken && unfinishedBytes === 0) {
      known.frames = -1;
      return undefined;
    }
    const { stats } = session;
    const { receivedFrames, receivedBytes } = stats;
    if (!known.hasSpoken && hasSpoken(stats)) this.#handleSpoken(session, known);
    if (!known.hasSpoken && isHeldByHandler(session)) known.awaitedSinceMs = nowMs;
    const silentMs = nowMs - Math.max(known.awaitedSinceMs, this.#changedMs);
    if (!known.hasSpoken && firstMessageMs > 0 && silentMs >= firstMessageMs) return "first-message-timeout";
    if (unfinishedBytes === 0 || known.frames !== receivedFrames || known.sinceMs < this.#changedMs) {
      known.frames = unfinishedBytes === 0 ? -1 : receivedFrames;
      known.sinceMs = nowMs;
      known.sinceBytes = receivedBytes;
      return undefined;
    }
    const tookMs = nowMs - known.sinceMs;
    if (messageMs === 0 || tookMs < messageMs) return undefined;
    const isSlow = receivedBytes - known.sinceBytes < (tookMs / 1_000) * minBytesPerSecond;
    return isSlow ? "slow-message" : undefined;
  }
}

/** Whether a whole message of the peer's came in: its codec answers pings by itself, even if it says nothing. */
function hasSpoken({ receivedFrames, receivedControlFrames }: SessionStats): boolean {
  return receivedFrames > receivedControlFrames;
}

/** Whether a session is not read from because its handler runs, and the handler cannot be waiting for the peer to read. */
function isHeldByHandler(session: Session<unknown>): boolean {
  const { inbox, isInputPaused, queue } = coreOf(session);
  return inbox.isBusy && isInputPaused && queue.isDrained;
}

function resolveRules(options: SlowPeersOptions): Rules {
  checkKeys("slow peers", options, NAMES);
  const countLoopback = orDefault(options.countLoopback, false);
  requireBoolean("create slow peers", "countLoopback", countLoopback);
  const read = (name: keyof SlowPeersOptions, value: number | undefined, otherwise: number, least = 0) => {
    const number = orDefault(value, otherwise);
    requireInteger("create slow peers", name, number, least, LARGEST_TIMER_MS);
    return number;
  };
  const firstMessageMs = read("firstMessageMs", options.firstMessageMs, 10_000);
  const messageMs = read("messageMs", options.messageMs, 30_000);
  const shortest = Math.min(firstMessageMs || LOOK_MS, messageMs || LOOK_MS);
  return {
    firstMessageMs,
    messageMs,
    minBytesPerSecond: read("minBytesPerSecond", options.minBytesPerSecond, 1_024),
    maxSilent: read("maxSilentPerAddress", options.maxSilentPerAddress, 64, 1),
    countLoopback,
    lookMs: Math.max(10, Math.min(LOOK_MS, Math.floor(shortest / 4))),
  };
}

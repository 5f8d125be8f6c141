// MessageLimits: how many messages and bytes a session, and an address, may send. Runtime neutral.

import { type Clock, systemClock } from "../clock.ts";
import { checkKeys, describeValue, orDefault, requireInteger } from "../options.ts";
import type { Session } from "../session/session.ts";
import { AddressTable, DEFAULT_MAX_ADDRESSES, peerOf } from "./address_table.ts";
import { type Rate, TokenBucket } from "./token_bucket.ts";

const MOST = 2 ** 31 - 1;
const CLOSE_MS = 1_000;
/** In bursts, so many seconds' worth. */
const BURST_SECONDS = 2;

/** Options of {@linkcode MessageLimits}. Bursts are two seconds' worth. */
export interface MessageLimitsOptions {
  /**
   * Messages of a session in a second, 1 to 2^31 - 1; 0 for any number.
   *
   * @default {200}
   */
  readonly messagesPerSecond?: number | undefined;
  /**
   * Bytes of payloads of a session in a second, 1 to 2^31 - 1; 0 for any number. At least one longest message, or that one waits
   * for some seconds.
   *
   * @default {1048576}
   */
  readonly bytesPerSecond?: number | undefined;
  /**
   * Messages of all sessions of an address in a second, 1 to 2^31 - 1; 0 for any number. This machine's own addresses are not
   * counted.
   *
   * @default {0}
   */
  readonly addressMessagesPerSecond?: number | undefined;
  /**
   * What becomes of a message beyond: `"wait"` handles it later, and does not read from its peer until then; `"drop"` leaves it
   * out, and counts it; `"close"` closes the session with the detail `"too-many-messages"`.
   *
   * @default {"wait"}
   */
  readonly whenExceeded?: "wait" | "drop" | "close" | undefined;
  /**
   * Addresses that are remembered.
   *
   * @default {65536}
   */
  readonly maxAddresses?: number | undefined;
  /**
   * Whose time counts.
   *
   * @default {systemClock()}
   */
  readonly clock?: Clock | undefined;
}

const NAMES: Record<keyof MessageLimitsOptions, true> = {
  messagesPerSecond: true,
  bytesPerSecond: true,
  addressMessagesPerSecond: true,
  whenExceeded: true,
  maxAddresses: true,
  clock: true,
};
/** So much of a burst is taken out of a bucket at a time, and so many messages at most. */
const SHARE_AT_A_TIME = 16;
const MOST_AT_A_TIME = 64;
const EXCEEDED = ["wait", "drop", "close"];

/** Handles one message. */
export type MessageHandler<Data> = (session: Session<Data>, payload: Uint8Array) => unknown;

/** What the limits have done so far. */
export interface MessageLimitsStats {
  /** Messages that waited. */
  readonly waited: number;
  /** Messages that were left out. */
  readonly dropped: number;
  /** Sessions that were closed. */
  readonly closed: number;
}

/** The limits, with every default filled in. */
interface Rates {
  readonly messages: Rate;
  readonly bytes: Rate;
  /** Of all sessions of an address together; undefined for no limit. */
  readonly ofAddress: Rate | undefined;
  readonly whenExceeded: "wait" | "drop" | "close";
  /** How many tokens are taken out of a bucket at a time. */
  readonly messagesAtATime: number;
  readonly bytesAtATime: number;
  /** Whether a session's own tokens are all that is looked at. */
  readonly isQuick: boolean;
}

/**
 * What a session may take. Tokens are taken out of its buckets some at a time, so that not every message has the time looked at.
 */
interface Account {
  /** Messages and bytes that are taken out already, and not used. */
  messagesLeft: number;
  bytesLeft: number;
  readonly messages: TokenBucket;
  readonly bytes: TokenBucket;
}

interface Owner {
  readonly held: 0;
  readonly messages: TokenBucket;
}

/**
 * Keeps sessions to a pace: wrap the message handler in it.
 *
 * @example Twenty messages a second
 * ```ts
 * import { connect, serve } from "@laster/net";
 * import { MessageLimits } from "@laster/net/guard";
 * import { assertEquals } from "@std/assert";
 *
 * const limits = new MessageLimits({ messagesPerSecond: 20, whenExceeded: "drop" });
 * await using service = await serve({
 *   hostname: "127.0.0.1",
 *   port: 0,
 *   onMessage: limits.wrap((session, payload) => session.send(payload)),
 * });
 * await using session = await connect({ port: service.port });
 * for (let count = 0; count < 100; count++) session.send(new Uint8Array([count]));
 * let last = -1;
 * while (last < 39) last = (await session.receive())?.[0] ?? 0; // The burst: two seconds' worth.
 * assertEquals(limits.stats.dropped > 50, true);
 * ```
 */
export class MessageLimits {
  readonly #clock: Clock;
  readonly #owners: AddressTable<Owner>;
  readonly #stats = { waited: 0, dropped: 0, closed: 0 };
  #rates: Rates;
  #accounts = new WeakMap<object, Account>();
  /** Who was asked about last, as messages of a session come in rows. */
  #lastSession: object | undefined = undefined;
  #lastAccount: Account | undefined = undefined;

  /**
   * Makes limits that nobody has used up.
   *
   * @param options How many, and what becomes of the others.
   * @throws {RangeError | TypeError} if an option is wrong.
   */
  constructor(options: MessageLimitsOptions = {}) {
    this.#rates = resolveRates(options);
    const maxAddresses = orDefault(options.maxAddresses, DEFAULT_MAX_ADDRESSES);
    requireInteger("create message limits", "maxAddresses", maxAddresses, 1, MOST);
    const clock = this.#clock = options.clock ?? systemClock();
    this.#owners = new AddressTable<Owner>(maxAddresses, () => ({
      held: 0,
      messages: new TokenBucket(this.#rates.ofAddress ?? UNBOUNDED, clock.now()),
    }));
  }

  /**
   * Puts other limits in the place of those that there are; what an option does not say is its default. Clock and `maxAddresses`
   * stay. Each session has a whole burst again.
   *
   * @param options How many, and what becomes of the others.
   * @throws {RangeError | TypeError} if an option is wrong; nothing has changed then.
   */
  change(options: MessageLimitsOptions): void {
    this.#rates = resolveRates(options);
    this.#accounts = new WeakMap();
    this.#lastSession = undefined;
    this.#lastAccount = undefined;
  }

  /** A snapshot of what they have done. */
  get stats(): MessageLimitsStats {
    return { ...this.#stats };
  }

  /**
   * Gives a handler that keeps to the limits.
   *
   * @param handler Handles the messages that are within them. Its payload is valid as long as the promise that it returns.
   */
  wrap<Data>(handler: MessageHandler<Data>): MessageHandler<Data> {
    return (session, payload) => {
      const { length } = payload;
      const account = session === this.#lastSession ? this.#lastAccount : this.#find(session);
      if (this.#rates.isQuick && account !== undefined && account.messagesLeft > 0 && account.bytesLeft >= length) {
        account.messagesLeft--;
        account.bytesLeft -= length;
        return handler(session, payload);
      }
      const lateMs = this.#lateness(session, length);
      if (lateMs === 0) return handler(session, payload);
      if (this.#rates.whenExceeded === "wait") {
        this.#stats.waited++;
        return this.#handleLater(handler, session, payload, lateMs);
      }
      if (this.#rates.whenExceeded === "drop") this.#stats.dropped++;
      else {
        this.#stats.closed++;
        void session.close({ detail: "too-many-messages", timeoutMs: CLOSE_MS });
      }
    };
  }

  #find(session: object): Account | undefined {
    this.#lastSession = session;
    return this.#lastAccount = this.#accounts.get(session);
  }

  #open(session: object, nowMs: number): Account {
    const account = {
      messagesLeft: this.#rates.messages === UNBOUNDED ? Infinity : 0,
      bytesLeft: this.#rates.bytes === UNBOUNDED ? Infinity : 0,
      messages: new TokenBucket(this.#rates.messages, nowMs),
      bytes: new TokenBucket(this.#rates.bytes, nowMs),
    };
    this.#accounts.set(session, account);
    return this.#lastAccount = account;
  }

  /** Milliseconds until there are tokens for a message; 0 if there are. */
  #lateness(session: object, bytes: number): number {
    const nowMs = this.#clock.now();
    const account = this.#lastAccount ?? this.#open(session, nowMs);
    const { messages, bytes: bytesBucket } = account;
    const wantedMessages = this.#rates.messagesAtATime - account.messagesLeft;
    const wantedBytes = Math.max(bytes, this.#rates.bytesAtATime) - account.bytesLeft;
    if (wantedMessages > 0) account.messagesLeft += messages.takeUpTo(this.#rates.messages, wantedMessages, nowMs);
    if (wantedBytes > 0) account.bytesLeft += bytesBucket.takeUpTo(this.#rates.bytes, wantedBytes, nowMs);
    const isWaiting = this.#rates.whenExceeded === "wait";
    const ofAddressMs = this.#latenessOfAddress(session, nowMs);
    if (account.messagesLeft > 0 && account.bytesLeft >= bytes) {
      if (ofAddressMs > 0 && !isWaiting) return 1;
      account.messagesLeft--;
      account.bytesLeft -= bytes;
      return ofAddressMs;
    }
    if (!isWaiting) return 1;
    const hasMessage = account.messagesLeft > 0;
    const messagesMs = hasMessage ? 0 : messages.borrow(this.#rates.messages, 1, nowMs);
    const bytesMs = bytesBucket.borrow(this.#rates.bytes, Math.max(0, bytes - account.bytesLeft), nowMs);
    if (hasMessage) account.messagesLeft--;
    account.bytesLeft = Math.max(0, account.bytesLeft - bytes);
    return Math.max(messagesMs, bytesMs, ofAddressMs);
  }

  #latenessOfAddress(session: object, nowMs: number): number {
    if (this.#rates.ofAddress === undefined) return 0;
    const { owner, isLocal } = peerOf((session as Session<unknown>).remoteAddress);
    if (isLocal) return 0;
    const { messages } = this.#owners.use(owner);
    if (this.#rates.whenExceeded === "wait") return messages.borrow(this.#rates.ofAddress, 1, nowMs);
    return messages.take(this.#rates.ofAddress, 1, nowMs) ? 0 : 1;
  }

  async #handleLater<Data>(
    handler: MessageHandler<Data>,
    session: Session<Data>,
    payload: Uint8Array,
    delayMs: number,
  ): Promise<void> {
    await new Promise<void>((resolve) => {
      const { signal } = session;
      const onTime = () => {
        signal.removeEventListener("abort", onAbort);
        resolve();
      };
      const timer = this.#clock.setTimer(onTime, delayMs);
      const onAbort = () => {
        this.#clock.clearTimer(timer);
        resolve();
      };
      if (signal.aborted) onAbort();
      else signal.addEventListener("abort", onAbort, { once: true });
    });
    if (session.state === "open") await handler(session, payload);
  }
}

/** As good as no limit. */
const UNBOUNDED: Rate = { perSecond: Infinity, burst: Infinity };

function resolveRates(options: MessageLimitsOptions): Rates {
  checkKeys("message limits", options, NAMES);
  const read = (name: keyof MessageLimitsOptions, value: number | undefined, otherwise: number): Rate => {
    const perSecond = orDefault(value, otherwise);
    requireInteger("create message limits", name, perSecond, 0, MOST);
    return perSecond === 0 ? UNBOUNDED : { perSecond, burst: BURST_SECONDS * perSecond };
  };
  const messages = read("messagesPerSecond", options.messagesPerSecond, 200);
  const bytes = read("bytesPerSecond", options.bytesPerSecond, 1_048_576);
  const ofAddress = read("addressMessagesPerSecond", options.addressMessagesPerSecond, 0);
  const whenExceeded = orDefault(options.whenExceeded, "wait");
  if (!EXCEEDED.includes(whenExceeded)) {
    throw new TypeError(
      `Cannot create message limits as whenExceeded must be one of ${EXCEEDED.join(", ")}: current value is ${
        describeValue(whenExceeded)
      }`,
    );
  }
  return {
    messages,
    bytes,
    ofAddress: ofAddress === UNBOUNDED ? undefined : ofAddress,
    whenExceeded,
    messagesAtATime: Math.max(1, Math.floor(Math.min(MOST_AT_A_TIME, messages.burst / SHARE_AT_A_TIME))),
    bytesAtATime: bytes === UNBOUNDED ? 0 : Math.floor(bytes.burst / SHARE_AT_A_TIME),
    isQuick: ofAddress === UNBOUNDED,
  };
}

// MessageLimits: how many messages and bytes a session, and an address, may send. Runtime neutral.

import { type Clock, clockOf } from "../clock.ts";
import { checkKeys, describeValue, orDefault, requireFunction, requireInteger } from "../options.ts";
import { coreOf, Session } from "../session/session.ts";
import { sleep } from "../sleep.ts";
import { AddressTable, DEFAULT_MAX_ADDRESSES, peerOf } from "./address_table.ts";
import { payloadOf } from "./payload_of.ts";
import { type Rate, TokenBucket } from "./token_bucket.ts";

const MOST = 2 ** 31 - 1;
const CLOSE_MS = 1_000;
/** What may be sent at once, in seconds of the rate. */
const BURST_SECONDS = 2;

/** Options of {@linkcode MessageLimits}. Bursts are two seconds' worth, after a pause up to a sixteenth more. */
export interface MessageLimitsOptions {
  /**
   * Messages of a session in a second, 1 to 2^31 - 1; 0 for any number.
   *
   * @default {200}
   */
  readonly messagesPerSecond?: number | undefined;
  /**
   * Bytes of payloads of a session in a second, 1 to 2^31 - 1; 0 for any number. Choose it no lower than the longest
   * message, which otherwise waits for seconds; with `"drop"` or `"close"` a message of more than two seconds' worth never
   * gets through.
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
   * What becomes of a message above a limit: `"wait"` handles it later, and does not read from its peer until then; `"drop"`
   * drops and counts it; `"close"` closes the session with the detail `"too-many-messages"`. A wait counts as time of the
   * handler: with a `handlerTimeoutMs` below the longest wait the session closes with `"handler-timeout"`. It is no silence of
   * the peer: `idleTimeoutMs` counts from its end.
   *
   * @default {"wait"}
   */
  readonly whenExceeded?: "wait" | "drop" | "close" | undefined;
  /**
   * Addresses that are remembered, 1 to 2^31 - 1; the one that has had no session for longest is forgotten first. Those with
   * sessions are always remembered, even if they are more.
   *
   * @default {65536}
   */
  readonly maxAddresses?: number | undefined;
  /**
   * Where time comes from.
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
/** Tokens are taken out of a bucket a sixteenth of a burst at a time: until they are used up, no message reads the clock. */
const SHARE_AT_A_TIME = 16;
const EXCEEDED = ["wait", "drop", "close"];
/** A power of two. With thousands of sessions that send a message each, a look into a WeakMap costs several cache misses. */
const RECENT_SLOTS = 4_096;

/** Handles one message. */
export type MessageHandler<Data> = (session: Session<Data>, payload: Uint8Array) => unknown;

/** What the limits have done so far. */
export interface MessageLimitsStats {
  /** Messages that waited. */
  readonly waited: number;
  /** Messages that were dropped. */
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
  readonly ofAddressAtATime: number;
}

/**
 * What a session may send. Tokens are taken out of its buckets some at a time, and so are those of its address: a message
 * looks at neither the time nor a table as long as there are some left.
 */
interface Account {
  /** Whose it is. */
  readonly session: object;
  /** Tokens that are taken out already, and not used. */
  messagesLeft: number;
  bytesLeft: number;
  /** What its address may send; undefined for any number. */
  readonly owner: Owner | undefined;
  readonly messages: TokenBucket;
  readonly bytes: TokenBucket;
}

/** What an address may send. */
interface Owner {
  /** Sessions of it. */
  held: number;
  messagesLeft: number;
  readonly messages: TokenBucket;
}

/**
 * Keeps sessions to a pace: wrap the message handler in it. What a loop over the messages, or `receive()`, takes reaches no
 * handler: give each such message to `take()`. Control frames, such as pings, are no messages, and not counted.
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
  readonly #maxAddresses: number;
  readonly #stats = { waited: 0, dropped: 0, closed: 0 };
  #rates: Rates;
  #owners: AddressTable<Owner>;
  #accounts = new WeakMap<object, Account>();
  /** The accounts used last, by the last bits of their sessions' ids. Those of closed sessions are taken out. */
  readonly #recent = new Array<Account | undefined>(RECENT_SLOTS).fill(undefined);

  /**
   * Makes limits that nobody has used up.
   *
   * @param options How many, and what becomes of the others.
   * @throws {RangeError | TypeError} if an option is wrong.
   */
  constructor(options: MessageLimitsOptions = {}) {
    this.#rates = resolveRates(options);
    this.#maxAddresses = orDefault(options.maxAddresses, DEFAULT_MAX_ADDRESSES);
    requireInteger("create message limits", "maxAddresses", this.#maxAddresses, 1, MOST);
    this.#clock = clockOf("message limits", options.clock);
    this.#owners = this.#makeOwners();
  }

  /**
   * Replaces the limits; an option that is left out has its default. Clock and `maxAddresses` stay. If a limit differs from
   * before, each session and address has a whole burst again.
   *
   * @param options How many, and what becomes of the others.
   * @throws {RangeError | TypeError} if an option is wrong; nothing has changed then.
   */
  change(options: MessageLimitsOptions): void {
    const rates = resolveRates(options);
    if (JSON.stringify(rates) === JSON.stringify(this.#rates)) return;
    this.#rates = rates;
    this.#owners = this.#makeOwners();
    this.#accounts = new WeakMap();
    this.#recent.fill(undefined);
  }

  /** A snapshot of what they have done. */
  get stats(): MessageLimitsStats {
    return { ...this.#stats };
  }

  /**
   * Gives a handler that keeps to the limits, for `onMessage` or `onMessageRange`; `handler` gets a view of the range.
   *
   * @param handler Handles the messages that are within them. Its payload is valid until the promise that it returns settles.
   * Messages that it takes by a loop or `receive()` are its own to give to `take()`.
   */
  wrap<Data>(handler: MessageHandler<Data>): MessageHandler<Data> {
    requireFunction("wrap handler", "handler", handler);
    return (session: Session<Data>, bytes: Uint8Array, offset?: number, length?: number) => {
      const payload = payloadOf(bytes, offset, length);
      const isTaken = this.take(session, payload);
      if (isTaken === true) return handler(session, payload);
      return isTaken === false ? undefined : handleLater(isTaken, handler, session, payload);
    };
  }

  /**
   * Charges a message that a loop or `receive()` has taken, as `wrap()` does those of a handler. Await the answer before the next
   * message is asked for: with `"wait"` it comes late, and the peer is not read from until then.
   *
   * @param session Whose message it is.
   * @param payload The message.
   * @returns Whether to handle it: false if it is dropped, or the session is not open any more.
   */
  take<Data>(session: Session<Data>, payload: Uint8Array): boolean | Promise<boolean> {
    const { length } = payload;
    const recent = this.#recent[session.id & (RECENT_SLOTS - 1)];
    const account = recent !== undefined && recent.session === session ? recent : this.#find(session);
    const { owner } = account;
    if (account.messagesLeft > 0 && account.bytesLeft >= length && (owner === undefined || owner.messagesLeft > 0)) {
      account.messagesLeft--;
      account.bytesLeft -= length;
      if (owner !== undefined) owner.messagesLeft--;
      return true;
    }
    return this.#takeScarce(session, length, account);
  }

  #find<Data>(session: Session<Data>): Account {
    const account = this.#accounts.get(session) ?? this.#open(session);
    if (session.state === "open") this.#recent[session.id & (RECENT_SLOTS - 1)] = account;
    return account;
  }

  #open<Data>(session: Session<Data>): Account {
    const nowMs = this.#clock.now();
    const account = {
      session,
      messagesLeft: this.#rates.messages === UNBOUNDED ? Infinity : 0,
      bytesLeft: this.#rates.bytes === UNBOUNDED ? Infinity : 0,
      owner: this.#findOwner(session),
      messages: new TokenBucket(this.#rates.messages, nowMs),
      bytes: new TokenBucket(this.#rates.bytes, nowMs),
    };
    this.#accounts.set(session, account);
    void session.closed.then(() => {
      const slot = session.id & (RECENT_SLOTS - 1);
      if (this.#recent[slot] === account) this.#recent[slot] = undefined;
    });
    return account;
  }

  #findOwner<Data>(session: Session<Data>): Owner | undefined {
    if (this.#rates.ofAddress === undefined) return undefined;
    const peer = peerOf(session.remoteAddress);
    if (peer.isLocal) return undefined;
    const owners = this.#owners; // `change()` makes others.
    const owner = owners.use(peer.owner);
    owners.hold(peer.owner);
    void session.closed.then(() => owners.release(peer.owner));
    return owner;
  }

  #makeOwners(): AddressTable<Owner> {
    const rate = this.#rates.ofAddress ?? UNBOUNDED;
    return new AddressTable(this.#maxAddresses, () => ({
      held: 0,
      messagesLeft: 0,
      messages: new TokenBucket(rate, this.#clock.now()),
    }));
  }

  /** Takes a message of `bytes` for which the tokens that were taken out do not suffice. */
  #takeScarce<Data>(session: Session<Data>, bytes: number, account: Account): boolean | Promise<boolean> {
    const lateMs = this.#lateness(account, bytes);
    if (lateMs === 0) return true;
    if (this.#rates.whenExceeded === "wait") {
      this.#stats.waited++;
      return this.#wait(session, account, lateMs);
    }
    if (this.#rates.whenExceeded === "drop") this.#stats.dropped++;
    else {
      this.#stats.closed++;
      void session.close({ detail: "too-many-messages", timeoutMs: CLOSE_MS });
    }
    return false;
  }

  /** Waits for the tokens of a message; if the session ends meanwhile, its address gets its one back. */
  async #wait<Data>(session: Session<Data>, { owner }: Account, lateMs: number): Promise<boolean> {
    const { ofAddress = UNBOUNDED } = this.#rates;
    const wait = sleep(this.#clock, lateMs, session.signal);
    const core = session instanceof Session ? coreOf(session) : undefined; // Tests of handlers may have fakes.
    await (core?.idleWatch.excuse(core, wait) ?? wait);
    if (session.state === "open") return true;
    owner?.messages.giveBack(ofAddress, 1);
    return false;
  }

  /** Takes the tokens of a message; gives the milliseconds until all are there. If it may not wait, takes none and gives 1. */
  #lateness(account: Account, bytes: number): number {
    const { owner } = account;
    const nowMs = this.#clock.now();
    this.#refill(account, bytes, nowMs);
    const isThere = account.messagesLeft > 0 && account.bytesLeft >= bytes &&
      (owner === undefined || owner.messagesLeft > 0);
    const { messages, bytes: bytesRate, ofAddress = UNBOUNDED, bytesAtATime } = this.#rates;
    if (!isThere && this.#rates.whenExceeded !== "wait") {
      // Gives back what was taken out for this message only: kept while the bucket fills again, it would be a second burst.
      const unused = bytesRate === UNBOUNDED ? 0 : account.bytesLeft - bytesAtATime;
      if (unused > 0) {
        account.bytes.giveBack(bytesRate, unused);
        account.bytesLeft = bytesAtATime;
      }
      return 1;
    }
    let lateMs = 0;
    if (account.messagesLeft > 0) account.messagesLeft--;
    else lateMs = account.messages.borrow(messages, 1, nowMs);
    if (account.bytesLeft < bytes) {
      lateMs = Math.max(lateMs, account.bytes.borrow(bytesRate, bytes - account.bytesLeft, nowMs));
    }
    account.bytesLeft = Math.max(0, account.bytesLeft - bytes);
    if (owner === undefined) return lateMs;
    if (owner.messagesLeft > 0) owner.messagesLeft--;
    else lateMs = Math.max(lateMs, owner.messages.borrow(ofAddress, 1, nowMs));
    return lateMs;
  }

  /** Takes tokens out of the buckets for this message and the next ones, as far as there are any. */
  #refill(account: Account, bytes: number, nowMs: number): void {
    const { messages, bytes: bytesRate, ofAddress = UNBOUNDED } = this.#rates;
    const { messagesAtATime, bytesAtATime, ofAddressAtATime } = this.#rates;
    const { owner } = account;
    const wantedMessages = messagesAtATime - account.messagesLeft;
    const wantedBytes = Math.max(bytes, bytesAtATime) - account.bytesLeft;
    if (wantedMessages > 0) account.messagesLeft += account.messages.takeUpTo(messages, wantedMessages, nowMs);
    if (wantedBytes > 0) account.bytesLeft += account.bytes.takeUpTo(bytesRate, wantedBytes, nowMs);
    const wantedOfAddress = owner === undefined ? 0 : ofAddressAtATime - owner.messagesLeft;
    if (owner !== undefined && wantedOfAddress > 0) {
      owner.messagesLeft += owner.messages.takeUpTo(ofAddress, wantedOfAddress, nowMs);
    }
  }
}

async function handleLater<Data>(
  isTaken: Promise<boolean>,
  handler: MessageHandler<Data>,
  session: Session<Data>,
  payload: Uint8Array,
): Promise<void> {
  if (await isTaken) await handler(session, payload);
}

/** The rate of what has no limit. */
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
    messagesAtATime: shareOf(messages),
    bytesAtATime: bytes === UNBOUNDED ? 0 : shareOf(bytes),
    ofAddressAtATime: shareOf(ofAddress),
  };
}

/** Tokens that are taken out at a time. */
function shareOf({ burst }: Rate): number {
  return Math.max(1, Math.floor(burst / SHARE_AT_A_TIME));
}

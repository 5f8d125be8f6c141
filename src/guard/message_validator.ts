// MessageValidator: threat levels for messages, and a score for the addresses they come from. Runtime neutral.

import { type Clock, clockOf } from "../clock.ts";
import {
  checkKeys,
  describeValue,
  LARGEST_TIMER_MS,
  orDefault,
  requireBoolean,
  requireFunction,
  requireInteger,
} from "../options.ts";
import type { Admission, AdmissionRequest } from "../service/admission.ts";
import type { ServiceObserver } from "../service/observers.ts";
import { ReasonCounts } from "../service/reason_counts.ts";
import { isThenable, whenSettled } from "../session/handler_result.ts";
import type { AnySession, Session } from "../session/session.ts";
import { AddressTable, DEFAULT_MAX_ADDRESSES, type Peer, peerOf } from "./address_table.ts";
import type { MessageHandler } from "./message_limits.ts";
import { payloadOf } from "./payload_of.ts";

const MOST = 2 ** 31 - 1;
const CLOSE_MS = 1_000;
/** Why an address is refused, and its sessions are closed. */
const BANNED = "banned";

/** How bad a message is. From `"high"` on its session is closed. */
export type ThreatLevel = "low" | "medium" | "high" | "critical";

/** What is wrong with a message. */
export interface Threat {
  /** How bad it is. */
  readonly level: ThreatLevel;
  /** What it is, in a word, for the counters and the close event. */
  readonly reason: string;
}

/** Looks at a message, at once: it may not be async. Returns undefined if it is sound. */
export type Validate<Data> = (session: Session<Data>, payload: Uint8Array) => Threat | undefined;

/** Options of {@linkcode MessageValidator}. */
export interface MessageValidatorOptions {
  /**
   * What a message of each level adds to the score of its address: whole numbers, 0 to 2^31 - 1.
   *
   * @default {{ low: 1, medium: 5, high: 25, critical: 100 }}
   */
  readonly scores?: Readonly<Partial<Record<ThreatLevel, number>>> | undefined;
  /**
   * The score at which an address is banned, 1 to 2^31 - 1.
   *
   * @default {100}
   */
  readonly banScore?: number | undefined;
  /**
   * Milliseconds in which half of a score is forgotten, 1 to 2^31 - 1.
   *
   * @default {60000}
   */
  readonly halfLifeMs?: number | undefined;
  /**
   * Milliseconds for which an address is banned, 0 to 2^31 - 1.
   *
   * @default {600000}
   */
  readonly banMs?: number | undefined;
  /**
   * Whether this machine's own addresses have a score and can be banned.
   *
   * @default {false}
   */
  readonly countLoopback?: boolean | undefined;
  /**
   * Addresses that are remembered, 1 to 2^31 - 1; the one whose last bad message is the longest ago is forgotten first.
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

const NAMES: Record<keyof MessageValidatorOptions, true> = {
  scores: true,
  banScore: true,
  halfLifeMs: true,
  banMs: true,
  countLoopback: true,
  maxAddresses: true,
  clock: true,
};
const SCORES: Readonly<Record<ThreatLevel, number>> = { low: 1, medium: 5, high: 25, critical: 100 };

/** Scores and bans, with every default filled in. */
interface Rules {
  readonly scores: Readonly<Record<ThreatLevel, number>>;
  readonly banScore: number;
  readonly halfLifeMs: number;
  readonly banMs: number;
  readonly countLoopback: boolean;
}

interface Suspect {
  held: number;
  score: number;
  scoredMs: number;
  banEndMs: number;
}

/**
 * Has messages looked at before they are handled. A `"low"` or `"medium"` threat is left out and counted, a worse one closes
 * its session, with the reason as the detail. Each adds to a score of its address, which is forgotten by halves; at `banScore`
 * the address is banned for a time: all its accepted sessions are closed with the detail `"banned"`, and `admission` refuses it
 * by the same word. Give it to `observers` too: it hears there which sessions an address has.
 *
 * @example Messages of two bytes or more
 * ```ts
 * import { serve } from "@laster/net";
 * import { MessageValidator, tooShort } from "@laster/net/guard";
 *
 * const validator = new MessageValidator();
 * await using service = await serve({
 *   hostname: "127.0.0.1",
 *   port: 0,
 *   admission: [validator],
 *   observers: [validator],
 *   onMessage: validator.wrap(tooShort(2), (session, payload) => session.send(payload)),
 * });
 * ```
 */
export class MessageValidator implements Admission, ServiceObserver {
  readonly #clock: Clock;
  #rules: Rules;
  readonly #suspects: AddressTable<Suspect>;
  readonly #counts = new ReasonCounts();
  /** The accepted sessions that are there, by the address that they count for. */
  readonly #sessions = new Map<Peer["owner"], Set<AnySession>>();

  /**
   * Makes one that suspects nobody.
   *
   * @param options Scores and bans.
   * @throws {RangeError | TypeError} if an option is wrong.
   */
  constructor(options: MessageValidatorOptions = {}) {
    this.#rules = resolveRules(options);
    const maxAddresses = orDefault(options.maxAddresses, DEFAULT_MAX_ADDRESSES);
    requireInteger("create message validator", "maxAddresses", maxAddresses, 1, MOST);
    const clock = this.#clock = clockOf("message validator", options.clock);
    this.#suspects = new AddressTable<Suspect>(maxAddresses, () => ({
      held: 0,
      score: 0,
      scoredMs: clock.now(),
      banEndMs: -Infinity,
    }));
  }

  /**
   * Replaces the rules of scores and bans, from the next message on; an option that is left out has its default. The scores that
   * addresses have stay, and bans end when they would have. Clock and `maxAddresses` stay.
   *
   * @param options Scores and bans.
   * @throws {RangeError | TypeError} if an option is wrong; nothing has changed then.
   */
  change(options: MessageValidatorOptions): void {
    this.#rules = resolveRules(options);
  }

  /** Messages that were found bad, by reason. Past 64 reasons the others are counted as `"other"`. */
  get counts(): Readonly<Record<string, number>> {
    return this.#counts.snapshot();
  }

  /** The score of an address. */
  scoreOf(address: AdmissionRequest["remoteAddress"]): number {
    const suspect = this.#suspects.peek(peerOf(address).owner);
    return suspect === undefined ? 0 : this.#decayed(suspect);
  }

  admit({ remoteAddress }: Pick<AdmissionRequest, "remoteAddress">): string | undefined {
    const suspect = this.#suspects.peek(peerOf(remoteAddress).owner);
    return suspect !== undefined && this.#clock.now() < suspect.banEndMs ? BANNED : undefined;
  }

  onOpened(session: Session<unknown>): void {
    if (session.origin.kind !== "accepted") return;
    const { owner } = peerOf(session.remoteAddress);
    const sessions = this.#sessions.get(owner);
    if (sessions === undefined) this.#sessions.set(owner, new Set([session]));
    else sessions.add(session);
    // Its address may have been banned since its admission: a handshake takes its time. It cannot be closed while it opens.
    if (this.admit(session) !== undefined) queueMicrotask(() => close(session, BANNED));
  }

  onClosed(session: Session<unknown>): void {
    const { owner } = peerOf(session.remoteAddress);
    const sessions = this.#sessions.get(owner);
    if (sessions?.delete(session) && sessions.size === 0) this.#sessions.delete(owner);
  }

  /**
   * Gives a handler whose messages are looked at first, for `onMessage` or `onMessageRange`; `handler` gets a view of the range.
   * Messages that it takes by a loop or `receive()` are its own to give to `take()`.
   *
   * @param validate Looks at a message. An error that it throws ends the session, as one of the handler does.
   * @param handler Handles those that are sound.
   * @throws {TypeError} if one is no function.
   */
  wrap<Data>(validate: Validate<Data>, handler: MessageHandler<Data>): MessageHandler<Data> {
    requireFunction("wrap handler", "validate", validate);
    requireFunction("wrap handler", "handler", handler);
    return (session: Session<Data>, bytes: Uint8Array, offset?: number, length?: number) => {
      const payload = payloadOf(bytes, offset, length);
      return this.take(session, payload, validate) ? handler(session, payload) : undefined;
    };
  }

  /**
   * Looks at a message that a loop or `receive()` has taken, as `wrap()` does at those of a handler.
   *
   * @param session Whose message it is.
   * @param payload The message.
   * @param validate Looks at it; what it throws is thrown.
   * @returns Whether to handle it: false if it is bad, and was counted.
   */
  take<Data>(session: Session<Data>, payload: Uint8Array, validate: Validate<Data>): boolean {
    const threat = validate(session, payload);
    if (threat !== undefined) this.#punish(session, threat);
    return threat === undefined;
  }

  #punish<Data>(session: Session<Data>, threat: Threat): void {
    const { scores } = this.#rules;
    const { level, reason }: Partial<Threat> = threat ?? {};
    if (typeof level !== "string" || !Object.hasOwn(scores, level) || typeof reason !== "string") {
      if (isThenable(threat)) whenSettled(threat, () => {}, () => {}); // Reported below, whatever it settles with.
      const value = describeValue(threat === null ? threat : level);
      throw new TypeError(`Cannot judge message as a threat must have a level and a reason: current value is ${value}`);
    }
    this.#counts.count(reason);
    const isBanned = this.#score(session.remoteAddress, scores[level]) || this.admit(session) !== undefined;
    const isSevere = level === "high" || level === "critical";
    if (isSevere || isBanned) close(session, isSevere ? reason : BANNED);
    if (!isBanned) return;
    const others = this.#sessions.get(peerOf(session.remoteAddress).owner) ?? [];
    for (const other of others) if (other !== session) close(other, BANNED);
  }

  /** Adds to the score of an address; says whether it is banned now. */
  #score(address: AdmissionRequest["remoteAddress"], added: number): boolean {
    const { owner, isLocal } = peerOf(address);
    const { banScore, banMs, countLoopback } = this.#rules;
    if (isLocal && !countLoopback) return false;
    const suspect = this.#suspects.use(owner);
    suspect.score = this.#decayed(suspect) + added;
    suspect.scoredMs = this.#clock.now();
    if (suspect.score < banScore) return false;
    suspect.score = 0;
    suspect.banEndMs = suspect.scoredMs + banMs;
    return true;
  }

  #decayed({ score, scoredMs }: Suspect): number {
    return score * 0.5 ** ((this.#clock.now() - scoredMs) / this.#rules.halfLifeMs);
  }
}

function close(session: AnySession, detail: string): void {
  void session.close({ detail, timeoutMs: CLOSE_MS });
}

function resolveRules(options: MessageValidatorOptions): Rules {
  checkKeys("message validator", options, NAMES);
  if (options.scores !== undefined) checkKeys("message validator", options.scores, SCORES);
  const given = Object.entries(options.scores ?? {}).filter(([, score]) => score !== undefined);
  const rules = {
    scores: { ...SCORES, ...Object.fromEntries(given) },
    banScore: orDefault(options.banScore, 100),
    halfLifeMs: orDefault(options.halfLifeMs, 60_000),
    banMs: orDefault(options.banMs, 600_000),
    countLoopback: orDefault(options.countLoopback, false),
  };
  for (const [level, score] of Object.entries(rules.scores)) {
    requireInteger("create message validator", `scores.${level}`, score, 0, MOST);
  }
  requireBoolean("create message validator", "countLoopback", rules.countLoopback);
  requireInteger("create message validator", "banScore", rules.banScore, 1, MOST);
  requireInteger("create message validator", "halfLifeMs", rules.halfLifeMs, 1, LARGEST_TIMER_MS);
  requireInteger("create message validator", "banMs", rules.banMs, 0, LARGEST_TIMER_MS);
  return rules;
}

/** Finds messages shorter than `leastBytes`: a `"medium"` threat, `"too-short"`. */
export function tooShort(leastBytes: number): (session: AnySession, payload: Uint8Array) => Threat | undefined {
  requireInteger("find short messages", "leastBytes", leastBytes, 0, MOST);
  return (_session, { length }) => length < leastBytes ? { level: "medium", reason: "too-short" } : undefined;
}

/** Finds messages longer than `mostBytes`: a `"high"` threat, `"too-long"`. */
export function tooLong(mostBytes: number): (session: AnySession, payload: Uint8Array) => Threat | undefined {
  requireInteger("find long messages", "mostBytes", mostBytes, 0, MOST);
  return (_session, { length }) => length > mostBytes ? { level: "high", reason: "too-long" } : undefined;
}

/** Finds messages of `leastBytes` or more that repeat a single byte: a `"medium"` threat, `"one-pattern"`. */
export function onePattern(leastBytes = 64): (session: AnySession, payload: Uint8Array) => Threat | undefined {
  requireInteger("find messages of one pattern", "leastBytes", leastBytes, 0, MOST);
  return (_session, payload) => {
    if (payload.length < leastBytes) return undefined;
    for (let index = 1; index < payload.length; index++) if (payload[index] !== payload[0]) return undefined;
    return { level: "medium", reason: "one-pattern" };
  };
}

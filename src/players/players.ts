// Players: one player, one session. Runtime neutral.

import { checkKeys, checkObject, describeValue } from "../options.ts";
import type { SendResult } from "../outbound/send_result.ts";
import type { Session } from "../session/session.ts";
import { checkCloseOptions, type CloseOptions, type SendOptions } from "../session/session_options.ts";

/** Options of {@linkcode Players}. */
export interface PlayersOptions {
  /**
   * What becomes of a claim while another session has the key: `"displace"` closes that one, `"refuse"` leaves it be.
   *
   * @default {"displace"}
   */
  readonly whenTaken?: "displace" | "refuse" | undefined;
  /**
   * How a displaced session is closed.
   *
   * @default {{ detail: "displaced", timeoutMs: 1000 }}
   */
  readonly close?: CloseOptions | undefined;
}

/**
 * What became of a claim: the key is the session's (`"claimed"`), another session has it (`"refused"`), or the session had
 * ended or was closing when its turn came (`"closed"`).
 */
export type ClaimResult = "claimed" | "refused" | "closed";

const NAMES: Record<keyof PlayersOptions, true> = { whenTaken: true, close: true };
const DISPLACED: CloseOptions = { detail: "displaced", timeoutMs: 1_000 };

/** What is known of a key. */
interface Claim<Member> {
  /** The session that has the key; undefined while the first claim is under way. */
  holder: Member | undefined;
  /** Settles with the last claim so far: the next one waits for it. */
  last: Promise<unknown>;
  /** Claims under way. */
  count: number;
}

/**
 * Which session is whose: at most one for each key, such as an account's name. A second login displaces the first, or is
 * refused. If it displaces, it goes on only once the first session's `onClose` has run, so that the new one can load what that saved.
 * Claims of one key are dealt with one after the other. A key is free again once its session has ended.
 *
 * It knows the sessions of this process only.
 *
 * @example A login that displaces the one before
 * ```ts
 * import { connect, serve } from "@laster/net";
 * import { Players } from "@laster/net/players";
 * import { assertEquals } from "@std/assert";
 *
 * const players = new Players();
 * await using service = await serve({
 *   hostname: "127.0.0.1",
 *   port: 0,
 *   async onMessage(session, name) {
 *     if (await players.claim(new TextDecoder().decode(name), session) === "claimed") session.send(name);
 *   },
 * });
 * const first = await connect({ port: service.port });
 * first.send(new TextEncoder().encode("ann"));
 * await first.receive();
 *
 * await using second = await connect({ port: service.port });
 * second.send(new TextEncoder().encode("ann"));
 * await second.receive();
 * assertEquals((await first.closed).reason, "remote-closing");
 * assertEquals(players.sendTo("ann", new Uint8Array(1)), "queued");
 * ```
 */
export class Players<Key = string, Data = undefined> {
  readonly #options: PlayersOptions;
  readonly #claims = new Map<Key, Claim<Session<Data>>>();
  readonly #keys = new Map<Session<Data>, Key>();

  /**
   * Makes a table without players.
   *
   * @param options What becomes of a second login.
   * @throws {TypeError | RangeError} if an option is wrong.
   */
  constructor(options: PlayersOptions = {}) {
    checkKeys("players", options, NAMES);
    const { whenTaken } = options;
    if (whenTaken !== undefined && whenTaken !== "displace" && whenTaken !== "refuse") {
      throw new TypeError(
        `Cannot create players as whenTaken must be one of displace, refuse: current value is ${
          describeValue(whenTaken)
        }`,
      );
    }
    if (options.close !== undefined) checkCloseOptions(options.close);
    this.#options = options;
  }

  /** How many keys have a session. */
  get size(): number {
    return this.#keys.size;
  }

  /**
   * Makes a key the session's, for as long as the session lives.
   *
   * @param key Whose session it is, such as an account's name.
   * @param session The session.
   * @returns What became of it, once a session that it displaces has ended and its `onClose` has run.
   * @throws {TypeError} if the session has another key, or is not an object.
   */
  async claim(key: Key, session: Session<Data>): Promise<ClaimResult> {
    checkObject("claim key", "session", session);
    this.#checkKey(key, session);
    const claim = this.#claims.get(key) ?? { holder: undefined, last: Promise.resolve(), count: 0 };
    this.#claims.set(key, claim);
    claim.count++;
    const result = claim.last.then(() => this.#claimNext(key, claim, session));
    claim.last = result.catch(() => {}); // Only the caller of this claim gets the error.
    try {
      return await result;
    } finally {
      claim.count--;
      this.#forget(key, claim);
    }
  }

  /** Gives the session of a key; undefined if there is none. */
  get(key: Key): Session<Data> | undefined {
    return this.#claims.get(key)?.holder;
  }

  /** Gives the key of a session; undefined if it has none. */
  keyOf(session: Session<Data>): Key | undefined {
    return this.#keys.get(session);
  }

  /** Goes through the keys and their sessions. */
  *entries(): Generator<[Key, Session<Data>], void, undefined> {
    for (const [session, key] of this.#keys) yield [key, session];
  }

  /**
   * Sends a message to the session of a key.
   *
   * @returns What became of it, as `Session.send` says; `"closed"` if there is no such session.
   */
  sendTo(key: Key, payload: Uint8Array, options?: SendOptions): SendResult {
    return this.get(key)?.send(payload, options) ?? "closed";
  }

  async #claimNext(key: Key, claim: Claim<Session<Data>>, session: Session<Data>): Promise<ClaimResult> {
    const { holder } = claim;
    if (holder === session) return session.state === "open" ? "claimed" : "closed";
    if (session.state !== "open") return "closed";
    this.#checkKey(key, session); // Nobody is displaced for a session that has claimed another key meanwhile.
    if (holder !== undefined) {
      if (holder.state === "open") {
        if (this.#options.whenTaken === "refuse") return "refused";
        void holder.close(this.#options.close ?? DISPLACED);
      }
      await holder.finished;
      this.#release(key, claim, holder);
    }
    if (session.state !== "open") return "closed";
    this.#checkKey(key, session);
    claim.holder = session;
    this.#keys.set(session, key);
    void session.finished.then(() => this.#release(key, claim, session));
    return "claimed";
  }

  /** Refuses a second key of a session. */
  #checkKey(key: Key, session: Session<Data>): void {
    if (!this.#keys.has(session) || this.#claims.get(key)?.holder === session) return;
    const own = describeValue(this.#keys.get(session));
    throw new TypeError(`Cannot claim key as a session has one: current value is ${own}`);
  }

  #release(key: Key, claim: Claim<Session<Data>>, session: Session<Data>): void {
    this.#keys.delete(session);
    if (claim.holder !== session) return;
    claim.holder = undefined;
    this.#forget(key, claim);
  }

  #forget(key: Key, claim: Claim<Session<Data>>): void {
    if (claim.holder === undefined && claim.count === 0) this.#claims.delete(key);
  }
}

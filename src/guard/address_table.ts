// AddressTable: what is remembered of addresses, bounded, as an attacker may have many of them. Runtime neutral.

import type { Address } from "../transport/address.ts";
import { isIpv4, isLoopback, parseIp, parseIpv4 } from "../transport/ip_address.ts";

/** The default of `maxAddresses`. */
export const DEFAULT_MAX_ADDRESSES = 65_536;

/** The key of peers without an IP address, on Unix sockets, which the system guards. */
const NO_KEY = "";
/** The first byte of an IPv4 address of this machine itself. */
const LOOPBACK = 127;

/** The address and the prefix that a connection counts for. */
export interface Peer {
  /** One IPv4 address, or the /64 that a household gets of IPv6. */
  readonly owner: string | number;
  /** The neighbourhood: the /24 of IPv4, the /48 of IPv6. */
  readonly prefix: string | number;
  /** Whether it is this machine's own, or has no address: such peers are not counted. */
  readonly isLocal: boolean;
}

const NOBODY: Peer = { owner: NO_KEY, prefix: NO_KEY, isLocal: true };

/** Finds the address and the prefix that a connection counts for. */
export function peerOf(address: Address): Peer {
  if (address.kind !== "tcp") return NOBODY;
  const word = parseIpv4(address.hostname);
  if (word !== undefined) return { owner: word, prefix: word >>> 8, isLocal: word >>> 24 === LOOPBACK };
  const words = parseIp(address.hostname);
  if (words === undefined) return { owner: address.hostname, prefix: address.hostname, isLocal: false };
  if (isIpv4(words)) return { owner: words[3], prefix: words[3] >>> 8, isLocal: words[3] >>> 24 === LOOPBACK };
  return { owner: `${words[0]}:${words[1]}`, prefix: `${words[0]}:${words[1] >>> 16}`, isLocal: isLoopback(words) };
}

/** An address of a table: in its list while it is not held, and may be forgotten. */
interface Entry<State> {
  readonly key: string | number;
  readonly state: State;
  /** The next one in the list that was used longer ago, and more recently. */
  older: Entry<State> | undefined;
  newer: Entry<State> | undefined;
}

/**
 * A map that forgets its least recently used entries once it is full, but none that is held, by a connection or a session of
 * its address. Each call takes the same time, however many entries there are.
 *
 * Invariant: the list has the entries whose state has `held` 0, in the order of their last use. There are no more entries than
 * `most`, or than those that are held and one.
 */
export class AddressTable<State extends { held: number }> {
  readonly #entries = new Map<string | number, Entry<State>>();
  readonly #most: number;
  readonly #make: () => State;
  #oldest: Entry<State> | undefined = undefined;
  #newest: Entry<State> | undefined = undefined;

  /** Makes an empty table; `make` gives states with `held` 0, which the table counts from then on. */
  constructor(most: number, make: () => State) {
    this.#most = most;
    this.#make = make;
  }

  /** How many are remembered. */
  get size(): number {
    return this.#entries.size;
  }

  /** Gives the state of a key, if there is one; does not count as use. */
  peek(key: string | number): State | undefined {
    return this.#entries.get(key)?.state;
  }

  /** Gives the state of a key, made if there is none; counts as use. */
  use(key: string | number): State {
    const known = this.#entries.get(key);
    if (known !== undefined) {
      if (known.state.held > 0 || known === this.#newest) return known.state;
      this.#unlink(known);
      this.#append(known);
      return known.state;
    }
    if (this.#entries.size >= this.#most) this.#forgetOldest();
    const entry: Entry<State> = { key, state: this.#make(), older: undefined, newer: undefined };
    this.#entries.set(key, entry);
    this.#append(entry);
    return entry.state;
  }

  /** Keeps a key that is there from being forgotten, until it is released as often. */
  hold(key: string | number): void {
    const entry = this.#entries.get(key);
    if (entry !== undefined && entry.state.held++ === 0) this.#unlink(entry);
  }

  /** Takes a `hold()` back, and counts as use; says whether the key was held. */
  release(key: string | number): boolean {
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.state.held === 0) return false;
    if (--entry.state.held > 0) return true;
    this.#append(entry);
    if (this.#entries.size > this.#most) this.#forgetOldest();
    return true;
  }

  #forgetOldest(): void {
    const oldest = this.#oldest;
    if (oldest === undefined) return; // All are held.
    this.#unlink(oldest);
    this.#entries.delete(oldest.key);
  }

  #append(entry: Entry<State>): void {
    entry.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = entry;
    else this.#newest.newer = entry;
    this.#newest = entry;
  }

  #unlink(entry: Entry<State>): void {
    const { older, newer } = entry;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    entry.older = entry.newer = undefined;
  }
}

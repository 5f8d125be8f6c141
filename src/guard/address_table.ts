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

/**
 * A map that forgets its least recently used entries once it is full, but none that is `held`.
 *
 * Invariant: keys are in the order of their last use.
 */
export class AddressTable<State extends { readonly held: number }> {
  readonly #states = new Map<string | number, State>();
  readonly #most: number;
  readonly #make: () => State;

  /** Makes an empty table. */
  constructor(most: number, make: () => State) {
    this.#most = most;
    this.#make = make;
  }

  /** How many are remembered. */
  get size(): number {
    return this.#states.size;
  }

  /** Gives the entry of a key, if there is one; does not count as use. */
  peek(key: string | number): State | undefined {
    return this.#states.get(key);
  }

  /** Gives the entry of a key, made if there is none; counts as use. */
  use(key: string | number): State {
    let state = this.#states.get(key);
    if (state === undefined) {
      state = this.#make();
      if (this.#states.size >= this.#most) this.#forgetOne();
    } else this.#states.delete(key);
    this.#states.set(key, state);
    return state;
  }

  /** Forgets the least recently used entry that is not held. Looks at `MOST_LOOKS` entries at the most, to be quick. */
  #forgetOne(): void {
    let looks = 0;
    for (const [key, state] of this.#states) {
      this.#states.delete(key);
      if (state.held === 0) return;
      this.#states.set(key, state); // Held: goes behind all others, out of the way of the next look.
      if (++looks >= MOST_LOOKS) return;
    }
  }
}

/** Entries that are looked at for one that is not held. */
const MOST_LOOKS = 32;

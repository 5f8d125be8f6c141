// AddressTable: what is remembered of addresses, bounded, so that an attacker with many of them costs no memory. Runtime neutral.

import type { Address } from "../transport/address.ts";
import { isIpv4, isLoopback, parseIp, parseIpv4 } from "../transport/ip_address.ts";

/** The default of `maxAddresses`. */
export const DEFAULT_MAX_ADDRESSES = 65_536;

/** What has no IP address: Unix sockets, which the system guards. */
const NO_KEY = "";
/** The first byte of an IPv4 address of this machine itself. */
const LOOPBACK = 127;

/** Whom a connection is counted for. */
export interface Peer {
  /** One IPv4 address, or the /64 that a household gets of IPv6. */
  readonly owner: string | number;
  /** The neighbourhood: the /24 of IPv4, the /48 of IPv6. */
  readonly prefix: string | number;
  /** Whether it is this machine's own, or has no address: such peers are not counted. */
  readonly isLocal: boolean;
}

const NOBODY: Peer = { owner: NO_KEY, prefix: NO_KEY, isLocal: true };

/** Finds out whom a connection is counted for. */
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
 * A map that forgets whom nothing was heard of for longest, once it is full; but nobody who is `held`.
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

  /** Gives what is known of somebody, if anything is; it counts as no use. */
  peek(key: string | number): State | undefined {
    return this.#states.get(key);
  }

  /** Gives what is known of somebody, and remembers them. */
  use(key: string | number): State {
    let state = this.#states.get(key);
    if (state === undefined) {
      state = this.#make();
      if (this.#states.size >= this.#most) this.#forgetOne();
    } else this.#states.delete(key);
    this.#states.set(key, state);
    return state;
  }

  /** Forgets the one that was used longest ago, of those that are not held; a few are looked at, so that it is never slow. */
  #forgetOne(): void {
    let looks = 0;
    for (const [key, state] of this.#states) {
      this.#states.delete(key);
      if (state.held === 0) return;
      this.#states.set(key, state); // Held: behind all others, for the time being.
      if (++looks >= MOST_LOOKS) return;
    }
  }
}

/** So many that are held may be in front of one that is not. */
const MOST_LOOKS = 32;

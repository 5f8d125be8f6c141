// AddressTable: what is remembered of addresses, bounded, so that an attacker with many of them costs no memory. Runtime neutral.

import type { Address } from "../transport/address.ts";
import { isIpv4, isLoopback, parseIp } from "./ip_address.ts";

/** The default of `maxAddresses`. */
export const DEFAULT_MAX_ADDRESSES = 65_536;

/** What has no IP address: Unix sockets, which the system guards. */
const NO_KEY = "";

/** Who an address belongs to, as far as that can be told: one IPv4 address, or the /64 that a household gets of IPv6. */
export function ownerOf(address: Address): string {
  if (address.kind !== "tcp") return NO_KEY;
  const words = parseIp(address.hostname);
  if (words === undefined) return address.hostname;
  return isIpv4(words) ? `${words[3]}` : `${words[0]}:${words[1]}`;
}

/** The neighbourhood of an address: the /24 of IPv4, the /48 of IPv6. */
export function prefixOf(address: Address): string {
  if (address.kind !== "tcp") return NO_KEY;
  const words = parseIp(address.hostname);
  if (words === undefined) return address.hostname;
  return isIpv4(words) ? `${words[3] >>> 8}` : `${words[0]}:${words[1] >>> 16}`;
}

/** Whether an address is this machine's own, or none at all: such peers are not counted. */
export function isLocal(address: Address): boolean {
  if (address.kind !== "tcp") return true;
  const words = parseIp(address.hostname);
  return words !== undefined && isLoopback(words);
}

/**
 * A map that forgets whom nothing was heard of for longest, once it is full; but nobody who is `held`.
 *
 * Invariant: keys are in the order of their last use.
 */
export class AddressTable<State extends { readonly held: number }> {
  readonly #states = new Map<string, State>();
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
  peek(key: string): State | undefined {
    return this.#states.get(key);
  }

  /** Gives what is known of somebody, and remembers them. */
  use(key: string): State {
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

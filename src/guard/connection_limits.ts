// ConnectionLimits: how many connections an address may have, and how fast it may open them. Runtime neutral.

import { type Clock, clockOf } from "../clock.ts";
import { checkKeys, orDefault, requireBoolean, requireInteger } from "../options.ts";
import type { Admission, AdmissionRequest } from "../service/admission.ts";
import { AddressTable, DEFAULT_MAX_ADDRESSES, peerOf } from "./address_table.ts";
import { type Rate, TokenBucket } from "./token_bucket.ts";

const MOST = 2 ** 31 - 1;

/** Options of {@linkcode ConnectionLimits}. Of IPv6 a /64 counts as one address, and a /48 as a prefix; of IPv4 a /24. */
export interface ConnectionLimitsOptions {
  /**
   * Connections of an address at the same time, 1 to 2^31 - 1.
   *
   * @default {256}
   */
  readonly maxPerAddress?: number | undefined;
  /**
   * Connections of a prefix at the same time, 1 to 2^31 - 1.
   *
   * @default {4096}
   */
  readonly maxPerPrefix?: number | undefined;
  /**
   * New connections of an address in a second, 1 to 2^31 - 1; four times as many at once.
   *
   * @default {50}
   */
  readonly perAddressPerSecond?: number | undefined;
  /**
   * New connections in all in a second, 1 to 2^31 - 1; as many at once.
   *
   * @default {2000}
   */
  readonly perSecond?: number | undefined;
  /**
   * Milliseconds for which an address that opens connections too fast is refused, 0 to 2^31 - 1.
   *
   * @default {1000}
   */
  readonly cooldownMs?: number | undefined;
  /**
   * Addresses that are remembered, 1 to 2^31 - 1; the one that has not been connected for longest is forgotten first. Those
   * with connections are always remembered, even if they are more.
   *
   * @default {65536}
   */
  readonly maxAddresses?: number | undefined;
  /**
   * Whether this machine's own addresses are counted. A proxy on this machine would count as one address for all players.
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

const NAMES: Record<keyof ConnectionLimitsOptions, true> = {
  maxPerAddress: true,
  maxPerPrefix: true,
  perAddressPerSecond: true,
  perSecond: true,
  cooldownMs: true,
  maxAddresses: true,
  countLoopback: true,
  clock: true,
};

/** What an address may do at once, in seconds of its rate. */
const BURST_SECONDS = 4;

/** The limits, with every default filled in. */
interface Bounds {
  readonly maxPerAddress: number;
  readonly maxPerPrefix: number;
  readonly addressRate: Rate;
  readonly rate: Rate;
  readonly cooldownMs: number;
  readonly countLoopback: boolean;
}

interface Owner {
  held: number;
  readonly bucket: TokenBucket;
  cooldownEndMs: number;
}

/**
 * Refuses connections of an address that has too many, or opens them too fast: `"too-many-from-address"`,
 * `"too-many-from-prefix"`, `"too-fast-from-address"`, `"too-fast"`.
 *
 * @example Eight players behind one address
 * ```ts
 * import { TcpService } from "@laster/net";
 * import { ConnectionLimits } from "@laster/net/guard";
 *
 * new TcpService({ listeners: [{ port: 11110 }], admission: [new ConnectionLimits({ maxPerAddress: 8 })] });
 * ```
 */
export class ConnectionLimits implements Admission {
  readonly #clock: Clock;
  readonly #owners: AddressTable<Owner>;
  readonly #prefixes = new Map<string | number, number>();
  readonly #bucket: TokenBucket;
  #bounds: Bounds;

  /**
   * Makes limits that nobody has used up.
   *
   * @param options How many, and how fast.
   * @throws {RangeError | TypeError} if an option is wrong.
   */
  constructor(options: ConnectionLimitsOptions = {}) {
    this.#bounds = resolveBounds(options);
    this.#clock = clockOf("connection limits", options.clock);
    this.#bucket = new TokenBucket(this.#bounds.rate, this.#clock.now());
    const maxAddresses = orDefault(options.maxAddresses, DEFAULT_MAX_ADDRESSES);
    requireInteger("create connection limits", "maxAddresses", maxAddresses, 1, MOST);
    this.#owners = new AddressTable(maxAddresses, () => ({
      held: 0,
      bucket: new TokenBucket(this.#bounds.addressRate, this.#clock.now()),
      cooldownEndMs: -Infinity,
    }));
  }

  /**
   * Replaces the limits, from the next connection on; an option that is left out has its default. Clock and `maxAddresses` stay.
   *
   * @param options How many, and how fast.
   * @throws {RangeError | TypeError} if an option is wrong; nothing has changed then.
   */
  change(options: ConnectionLimitsOptions): void {
    this.#bounds = resolveBounds(options);
  }

  /** Addresses that are remembered. */
  get addresses(): number {
    return this.#owners.size;
  }

  /** Connections that an address has. */
  countOf(address: AdmissionRequest["remoteAddress"]): number {
    return this.#owners.peek(peerOf(address).owner)?.held ?? 0;
  }

  admit({ remoteAddress }: Pick<AdmissionRequest, "remoteAddress">): string | undefined {
    const peer = peerOf(remoteAddress);
    const owner = this.#owners.use(peer.owner);
    const neighbours = this.#prefixes.get(peer.prefix) ?? 0;
    const isBounded = !peer.isLocal || this.#bounds.countLoopback;
    const refusal = isBounded ? this.#refuse(owner, neighbours) : undefined;
    if (refusal !== undefined) return refusal;
    // Those of this machine too: `countLoopback` may change while they are there.
    this.#owners.hold(peer.owner);
    this.#prefixes.set(peer.prefix, neighbours + 1);
    return undefined;
  }

  /** Why one more connection of an address may not come in; undefined if it may. */
  #refuse(owner: Owner, neighbours: number): string | undefined {
    const { maxPerAddress, maxPerPrefix, addressRate, rate, cooldownMs } = this.#bounds;
    const nowMs = this.#clock.now();
    if (nowMs < owner.cooldownEndMs) return "too-fast-from-address";
    if (owner.held >= maxPerAddress) return "too-many-from-address";
    if (neighbours >= maxPerPrefix) return "too-many-from-prefix";
    if (!owner.bucket.take(addressRate, 1, nowMs)) {
      owner.cooldownEndMs = nowMs + cooldownMs;
      return "too-fast-from-address";
    }
    return this.#bucket.take(rate, 1, nowMs) ? undefined : "too-fast";
  }

  release({ remoteAddress }: Pick<AdmissionRequest, "remoteAddress">): void {
    const { owner, prefix } = peerOf(remoteAddress);
    if (!this.#owners.release(owner)) return; // It was not counted.
    const neighbours = (this.#prefixes.get(prefix) ?? 1) - 1;
    if (neighbours > 0) this.#prefixes.set(prefix, neighbours);
    else this.#prefixes.delete(prefix);
  }
}

function resolveBounds(options: ConnectionLimitsOptions): Bounds {
  checkKeys("connection limits", options, NAMES);
  const countLoopback = orDefault(options.countLoopback, false);
  requireBoolean("create connection limits", "countLoopback", countLoopback);
  const read = (name: keyof ConnectionLimitsOptions, value: number | undefined, otherwise: number, least = 1) => {
    const number = orDefault(value, otherwise);
    requireInteger("create connection limits", name, number, least, MOST);
    return number;
  };
  const perAddress = read("perAddressPerSecond", options.perAddressPerSecond, 50);
  const perSecond = read("perSecond", options.perSecond, 2_000);
  return {
    maxPerAddress: read("maxPerAddress", options.maxPerAddress, 256),
    maxPerPrefix: read("maxPerPrefix", options.maxPerPrefix, 4_096),
    addressRate: { perSecond: perAddress, burst: BURST_SECONDS * perAddress },
    rate: { perSecond, burst: perSecond },
    cooldownMs: read("cooldownMs", options.cooldownMs, 1_000, 0),
    countLoopback,
  };
}

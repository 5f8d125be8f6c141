// AddressFilter: which addresses may come in. A set for each length of a block: a look costs as many hashes as there are lengths
// in use, however many rules there are. Runtime neutral.

import type { Admission, AdmissionRequest } from "../service/admission.ts";
import { type IpWords, maskWords, parseBlock, parseIp } from "./ip_address.ts";

/** The rules of an {@linkcode AddressFilter}: addresses, or blocks such as `"192.0.2.0/24"` and `"2001:db8::/32"`. */
export interface AddressRules {
  /**
   * Who alone may come in; an empty list is nobody.
   *
   * @default {undefined, which is everybody}
   */
  readonly allow?: Iterable<string> | undefined;
  /**
   * Who may not, even if allowed.
   *
   * @default {[]}
   */
  readonly deny?: Iterable<string> | undefined;
}

/**
 * Lets addresses in, or not. IPv4 addresses that come over a dual-stack socket are the same as plain ones. Unix sockets have no
 * address and are let in. Rules can be changed while the service runs; sessions that are there stay.
 *
 * @example Two ranges shut out, and one address a minute later
 * ```ts
 * import { TcpService } from "@laster/net";
 * import { AddressFilter } from "@laster/net/guard";
 * import { assertEquals } from "@std/assert";
 *
 * const filter = new AddressFilter({ deny: ["192.0.2.0/24", "2001:db8::/32"] });
 * new TcpService({ listeners: [{ port: 11110 }], admission: [filter] });
 * filter.deny("198.51.100.7");
 * assertEquals([filter.isAllowed("192.0.2.9"), filter.isAllowed("198.51.100.7")], [false, false]);
 * assertEquals(filter.isAllowed("203.0.113.1"), true);
 * ```
 */
export class AddressFilter implements Admission {
  readonly #allowed: BlockSet | undefined;
  readonly #denied = new BlockSet();

  /**
   * Makes a filter.
   *
   * @param rules Who may come in, and who may not.
   * @throws {TypeError} if a rule is no address and no block.
   */
  constructor(rules: AddressRules = {}) {
    if (rules.allow !== undefined) {
      this.#allowed = new BlockSet();
      for (const rule of rules.allow) this.#allowed.add(rule);
    }
    for (const rule of rules.deny ?? []) this.#denied.add(rule);
  }

  /** Shuts an address or a block out. */
  deny(rule: string): void {
    this.#denied.add(rule);
  }

  /** Takes back what was denied; says whether it was, in just these words of it. */
  undeny(rule: string): boolean {
    return this.#denied.delete(rule);
  }

  /** Whether an address may come in; one that is none may not. */
  isAllowed(address: string): boolean {
    const words = parseIp(address);
    if (words === undefined) return false;
    return !this.#denied.has(words) && this.#allowed?.has(words) !== false;
  }

  admit({ remoteAddress }: Pick<AdmissionRequest, "remoteAddress">): string | undefined {
    if (remoteAddress.kind !== "tcp" || this.isAllowed(remoteAddress.hostname)) return undefined;
    return "address-denied";
  }
}

/** Blocks, by their length. */
class BlockSet {
  /** From the longest to the shortest; few of 129 lengths are in use. */
  #lengths: { readonly bits: number; readonly keys: Set<number | string> }[] = [];

  add(rule: string): void {
    const { words, bits } = parseBlock(rule);
    let length = this.#lengths.find((one) => one.bits === bits);
    if (length === undefined) {
      length = { bits, keys: new Set() };
      this.#lengths.push(length);
      this.#lengths.sort((left, right) => right.bits - left.bits);
    }
    length.keys.add(keyOf(words, bits));
  }

  delete(rule: string): boolean {
    const { words, bits } = parseBlock(rule);
    const index = this.#lengths.findIndex((one) => one.bits === bits);
    if (index < 0 || !this.#lengths[index].keys.delete(keyOf(words, bits))) return false;
    if (this.#lengths[index].keys.size === 0) this.#lengths.splice(index, 1);
    return true;
  }

  has(words: IpWords): boolean {
    for (const { bits, keys } of this.#lengths) if (keys.has(keyOf(words, bits))) return true;
    return false;
  }
}

/** The first bits of an address as one value: a number for IPv4, which is quick, a text for IPv6. */
function keyOf(words: IpWords, bits: number): number | string {
  const masked = maskWords(words, bits);
  // Blocks of IPv4 share the first 96 bits, so the last word says all; a block of IPv6 of that length may hold all of IPv4.
  if (masked[0] === 0 && masked[1] === 0 && masked[2] === 0xffff && bits >= 96) return masked[3];
  return `${masked[0]},${masked[1]},${masked[2]},${masked[3]}`;
}

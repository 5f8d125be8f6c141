// AddressFilter: which addresses may come in. A set for each length of a block: a look costs as many hashes as there are lengths
// in use, however many rules there are. Runtime neutral.

import type { Admission, AdmissionRequest } from "../service/admission.ts";
import { type IpWords, isIpv4, maskWord, maskWords, parseBlock, parseIp, parseIpv4 } from "./ip_address.ts";

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
    const word = parseIpv4(address);
    if (word !== undefined) return !this.#denied.hasIpv4(word) && this.#allowed?.hasIpv4(word) !== false;
    const words = parseIp(address);
    return words !== undefined && !this.#denied.has(words) && this.#allowed?.has(words) !== false;
  }

  admit({ remoteAddress }: Pick<AdmissionRequest, "remoteAddress">): string | undefined {
    if (remoteAddress.kind !== "tcp" || this.isAllowed(remoteAddress.hostname)) return undefined;
    return "address-denied";
  }
}

/** Blocks of one length. */
interface BlocksOfLength<Key> {
  readonly bits: number;
  readonly keys: Set<Key>;
}

/** Blocks, by their length: those of IPv4 as numbers, which is quick, others as texts. */
class BlockSet {
  readonly #v4: BlocksOfLength<number>[] = [];
  readonly #others: BlocksOfLength<string>[] = [];

  add(rule: string): void {
    const { words, bits } = parseBlock(rule);
    if (isOfIpv4(words, bits)) lengthOf(this.#v4, bits).keys.add(words[3]);
    else lengthOf(this.#others, bits).keys.add(words.join());
  }

  delete(rule: string): boolean {
    const { words, bits } = parseBlock(rule);
    return isOfIpv4(words, bits) ? remove(this.#v4, bits, words[3]) : remove(this.#others, bits, words.join());
  }

  hasIpv4(word: number): boolean {
    for (const { bits, keys } of this.#v4) if (keys.has(maskWord(word, bits - V4_BITS))) return true;
    // A block of IPv6 may hold all of IPv4, as `::/0` does.
    return this.#others.length > 0 && this.#hasOther([0, 0, MAPPED_WORD, word]);
  }

  has(words: IpWords): boolean {
    return isIpv4(words) ? this.hasIpv4(words[3]) : this.#hasOther(words);
  }

  #hasOther(words: IpWords): boolean {
    return this.#others.some(({ bits, keys }) => keys.has(maskWords(words, bits).join()));
  }
}

/** What is in front of an IPv4 address that is written as one of IPv6. */
const V4_BITS = 96;
const MAPPED_WORD = 0xffff;

function isOfIpv4(words: IpWords, bits: number): boolean {
  return bits >= V4_BITS && isIpv4(words);
}

function lengthOf<Key>(lengths: BlocksOfLength<Key>[], bits: number): BlocksOfLength<Key> {
  let length = lengths.find((one) => one.bits === bits);
  if (length === undefined) lengths.push(length = { bits, keys: new Set() });
  return length;
}

/** Takes a block out; a length without any is looked at no more. */
function remove<Key>(lengths: BlocksOfLength<Key>[], bits: number, key: Key): boolean {
  const index = lengths.findIndex((one) => one.bits === bits);
  if (index < 0 || !lengths[index].keys.delete(key)) return false;
  if (lengths[index].keys.size === 0) lengths.splice(index, 1);
  return true;
}
